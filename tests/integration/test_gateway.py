"""The gateway as a process in front of servers that behave, and of servers that do not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest

from setpoint.server.gateway.routes import ADDRESS_FILE, Address, RouteFile
from tests.ports import owns_port
from tests.processes import Running, running, wait_until


@dataclass(frozen=True)
class Fronted:
    url: str
    home: Path
    routes: RouteFile
    process: Running


@contextlib.contextmanager
def gateway(home: Path, *flags: str) -> Iterator[Fronted]:
    address = home / "gateway" / ADDRESS_FILE
    address.unlink(missing_ok=True)
    home.mkdir(exist_ok=True)
    with running(home / "log", "setpoint.server.gateway", "--home", str(home), *flags) as process:
        wait_until(lambda: address.exists() or process.process.poll() is not None, "the gateway's address")
        assert address.exists(), process.output()
        url = msgspec.json.decode(address.read_bytes(), type=Address).url
        yield Fronted(url=url, home=home, routes=RouteFile(home), process=process)


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    with gateway(tmp_path_factory.mktemp("gateway"), "--max-body-bytes", "3000000") as started:
        yield started


class Upstream:
    """A server of raw bytes in a thread: it records each request's head and answers as told."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        self.hold = False
        self.close_after = False  # closes without an answer
        self.drop_next = False  # the same, once
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._started.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                if self.close_after or self.drop_next:
                    self.drop_next = False
                    break
                self.bodies.append(await _body(reader, head.lower()))
                if self.hold:
                    await asyncio.sleep(3600)
                writer.write(self.answer)
                await writer.drain()
                if b"connection: close" in self.answer:
                    break
        writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return await reader.readexactly(int(line.split(b":")[1]))
        if line.startswith(b"transfer-encoding:"):
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
            return body
    return b""


@pytest.fixture
def upstream(fronted: Fronted) -> Iterator[Upstream]:
    server = Upstream()
    fronted.routes.set("plant/reactor", port=server.port)
    yield server
    fronted.routes.remove("plant/reactor")
    server.stop()


@pytest.fixture
def client(fronted: Fronted) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{fronted.url}/serving/plant/reactor", trust_env=False, timeout=20) as made:
        yield made


def test_a_request_goes_through_with_its_path_query_and_headers(upstream: Upstream, client: httpx.Client) -> None:
    upstream.answer = b"HTTP/1.1 201 Created\r\ncontent-length: 3\r\nx-answer: yes\r\nkeep-alive: timeout=5\r\n\r\nabc"
    headers = {"x-question": "why", "connection": "x-private", "x-private": "1", "te": "trailers"}
    response = client.post("/v2/models/a%20b/infer?x=1&y=%2F", content=b"body", headers=headers)
    assert (response.status_code, response.content, response.headers["x-answer"]) == (201, b"abc", "yes")
    assert "keep-alive" not in response.headers
    head = upstream.heads[0].decode()
    assert head.startswith("POST /v2/models/a%20b/infer?x=1&y=%2F HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{upstream.port}\r\n" in head
    assert "x-question: why\r\n" in head
    assert "x-private" not in head
    assert "\r\nte:" not in head
    assert upstream.bodies == [b"body"]


def test_by_host_name(upstream: Upstream, fronted: Fronted) -> None:
    port = fronted.url.rpartition(":")[2]
    headers = {"host": f"reactor.plant.localhost:{port}"}
    response = httpx.get(f"{fronted.url}/v2/health/live", headers=headers, trust_env=False)
    assert response.text == "ok"
    assert upstream.heads[0].startswith(b"GET /v2/health/live HTTP/1.1\r\n")


def test_connections_to_the_server_are_kept(upstream: Upstream, client: httpx.Client) -> None:
    for _ in range(5):
        assert client.get("/x").text == "ok"
    assert upstream.connections == 1


def test_a_large_body_is_streamed_whole(upstream: Upstream, client: httpx.Client) -> None:
    body = os.urandom(2_500_000)
    assert client.post("/x", content=body).text == "ok"

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    assert client.post("/x", content=chunks()).text == "ok"
    assert upstream.bodies == [body, body]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_answer_is_streamed_whole(upstream: Upstream, client: httpx.Client, chunked: bool) -> None:
    body = os.urandom(3_000_000)
    if chunked:
        upstream.answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        upstream.answer += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        upstream.answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    assert client.get("/x").content == body
    assert client.get("/x").content == body
    assert upstream.connections == 1


def test_an_answer_without_length_ends_with_its_connection(upstream: Upstream, client: httpx.Client) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nto the end"
    assert client.get("/x").text == "to the end"


def test_head_has_no_body(upstream: Upstream, client: httpx.Client) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"
    response = client.head("/x")
    assert (response.status_code, response.content) == (200, b"")


def test_an_idle_connection_that_the_server_closed_loses_no_request(upstream: Upstream, client: httpx.Client) -> None:
    assert client.get("/x").text == "ok"
    upstream.drop_next = True  # the kept connection ends, without an answer, when the next request comes
    assert client.get("/x").text == "ok"
    assert (len(upstream.heads), upstream.connections) == (3, 2)


def test_a_fresh_connection_closed_without_answer_is_502(upstream: Upstream, client: httpx.Client) -> None:
    upstream.close_after = True
    response = client.post("/x", content=b"poison")
    assert response.status_code == 502
    assert "plant/reactor" in response.json()["error"]
    assert len(upstream.heads) == 1  # not sent again: it might be what broke the server


def test_no_http_is_502(upstream: Upstream, client: httpx.Client) -> None:
    upstream.answer = b"nonsense\r\n\r\n"
    assert client.get("/x").status_code == 502


def test_nothing_listening_is_502(fronted: Fronted, client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fronted.routes.set("plant/reactor", port=port)
    response = client.get("/x")
    assert response.status_code == 502
    assert "error" in response.json()


def test_too_slow_is_504(fronted: Fronted, upstream: Upstream, client: httpx.Client) -> None:
    upstream.hold = True
    fronted.routes.set("plant/reactor", port=upstream.port, timeout_seconds=0.2)
    response = client.get("/x")
    assert response.status_code == 504
    assert "0.2 s" in response.json()["error"]


def test_unknown_and_unready_services(fronted: Fronted, client: httpx.Client) -> None:
    fronted.routes.remove("plant/reactor")  # an earlier test may have left its own
    response = client.get("/x")
    assert (response.status_code, "plant/reactor" in response.json()["error"]) == (404, True)
    fronted.routes.set("plant/reactor", port=None, message="model.json is missing")
    response = client.get("/x")
    assert response.status_code == 503
    assert "model.json is missing" in response.json()["error"]
    assert response.headers["retry-after"] == "1"
    fronted.routes.remove("plant/reactor")
    assert client.get("/x").status_code == 404


def test_limits_and_refusals(upstream: Upstream, fronted: Fronted, client: httpx.Client) -> None:
    assert client.post("/x", content=b"x" * 3_000_001).status_code == 413
    assert httpx.get(f"{fronted.url}/nothing", trust_env=False).status_code == 404
    assert httpx.post(f"{fronted.url}/metrics", trust_env=False).status_code == 405
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", ""):
        assert httpx.get(f"{fronted.url}/healthz", headers={"host": host}, trust_env=False).status_code == 421
    port = int(fronted.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"GET /serving/plant/reactor/%2e%2E/x HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")
    assert upstream.heads == []


def test_metrics_count_by_service_and_code(upstream: Upstream, fronted: Fronted, client: httpx.Client) -> None:
    def value() -> float:
        text = httpx.get(f"{fronted.url}/metrics", trust_env=False).text
        series = 'setpoint_gateway_requests_total{code="200",inferenceservice="reactor",namespace="plant"}'
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(series)), 0.0)

    before = value()
    client.get("/x")
    wait_until(lambda: value() == before + 1, "the count")


async def test_a_stream_comes_as_it_is_sent(fronted: Fronted) -> None:
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go_on.wait()
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        fronted.routes.set("plant/stream", port=server.sockets[0].getsockname()[1])
        async with (
            httpx.AsyncClient(trust_env=False) as http,
            http.stream("GET", f"{fronted.url}/serving/plant/stream/x") as response,
        ):
            parts: AsyncIterator[bytes] = response.aiter_raw()
            assert await anext(parts) == b"first"  # while the server still waits
            go_on.set()
            assert await anext(parts) == b"second"
    fronted.routes.remove("plant/stream")


def test_the_port_stays_over_restarts_and_moves_if_it_is_taken(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with gateway(home) as first:
        port = int(first.url.rpartition(":")[2])
        assert owns_port(port, first.process.process.pid)
        first.process.process.send_signal(signal.SIGTERM)
        assert first.process.wait() == 0
    with gateway(home) as second:
        assert second.url == first.url
        second.process.process.kill()
    wait_until(lambda: not _listening(port), "the port's release")
    with socket.create_server(("127.0.0.1", port)), gateway(home) as third:
        assert third.url != first.url
        assert "taken by another program" in third.process.output()
        assert RouteFile(home).url("a/b") == f"{third.url}/serving/a/b"


def test_a_second_gateway_of_one_home_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with gateway(home), running(tmp_path / "second", "setpoint.server.gateway", "--home", str(home)) as second:
        assert second.wait() == 1
        assert "already exists" in second.output()
        assert "Traceback" not in second.output()


def test_a_broken_route_file_cuts_no_service_off(upstream: Upstream, fronted: Fronted, client: httpx.Client) -> None:
    assert client.get("/x").text == "ok"
    file = fronted.home / "gateway" / "routes.json"
    good = file.read_bytes()
    file.write_bytes(b"{broken")
    assert client.get("/x").text == "ok"
    file.write_bytes(json.dumps({"routes": {}}).encode())
    assert client.get("/x").status_code == 404
    file.write_bytes(good)
    assert client.get("/x").text == "ok"


def _listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
