"""The Kubernetes API of a running control plane: creates, watch delivery, lists, each beside its floor in the same run.

The control plane is a process of its own (`setpoint up`, engines and all), every write waits for the disk
(`durability = "power"`), fields are validated strictly and workflows are linted. The floors are what the parts cost
without an API server: the same HTTP server that stores the same bytes in SQLite in batches, a bare broadcast over the
same number of sockets, a read of the same rows.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from setpoint.wiring.endpoint import read_endpoint

CLIENTS = 8
CREATES = 1600
WARM_UP = 100
WATCHERS = 200
EVENTS_PER_SECOND = 20
EVENTS = 200
LISTED = 10_000
LISTS = 3
_PATIENCE_SECONDS = 60.0
_WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/default/workflows"
_MAPS = "/api/v1/namespaces/default/configmaps"


def run() -> dict[str, object]:
    """Rates (1/s), milliseconds, and ratios to the floors."""
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        home = Path(folder) / "home"
        with control_plane(home) as port, floor(Path(folder)) as floor_port:
            creates = _creates(port, floor_port)
            watches = asyncio.run(_watches(port))
        return {"creates": creates, "watch": watches, "list": _lists(Path(folder) / "lists")}


@contextmanager
def control_plane(home: Path) -> Iterator[int]:
    """The port of `setpoint up` on a fresh state directory."""
    environment = os.environ | {"SETPOINT_DURABILITY": "power", "SETPOINT_REQUESTS_PER_SECOND": "100000"}
    log = home.parent / "up.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "setpoint", "up", "--home", str(home)]
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        try:
            yield _port_of(home, process, log)
        finally:
            process.terminate()
            process.wait()


def _port_of(home: Path, process: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        endpoint = read_endpoint(home)
        if endpoint is not None and endpoint.pid == process.pid:
            port = urlsplit(endpoint.url).port
            assert port is not None
            try:
                if _request(http.client.HTTPConnection("127.0.0.1", port), "GET", "/readyz", b"")[0] == 200:
                    return port
            except OSError:
                pass
        time.sleep(0.05)
    raise RuntimeError(f"the control plane did not start: {log.read_text()[-2000:]}")


@contextmanager
def floor(folder: Path) -> Iterator[int]:
    """The port of a server that stores what it is sent, and nothing else."""
    command = [sys.executable, "-m", "benchmarks._floor", str(folder / "floor.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield port
        finally:
            process.terminate()


def workflow(name: str, number: int) -> dict[str, Any]:
    """A Workflow of 5 KB that waits to be resumed."""
    steps = [
        {
            "name": f"step-{index}",
            "inputs": {"parameters": [{"name": "message", "default": f"{number}-{index}"}]},
            "container": {
                "image": "busybox",
                "command": ["sh", "-c"],
                "args": ["echo {{inputs.parameters.message}}; " + "x" * 60],
                "env": [{"name": "STEP", "value": str(index)}],
            },
        }
        for index in range(15)
    ]
    tasks = [
        {"name": f"t-{index}", "template": f"step-{index}", **({"depends": f"t-{index - 1}"} if index else {})}
        for index in range(15)
    ]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {"bench": "creates"}},
        "spec": {
            "entrypoint": "main",
            "suspend": True,
            "templates": [{"name": "main", "dag": {"tasks": tasks}}, *steps],
        },
    }


def _creates(port: int, floor_port: int) -> dict[str, object]:
    made = [json.dumps(workflow(f"w-{number}", number)).encode() for number in range(WARM_UP + CREATES)]
    bodies = made[WARM_UP:]
    path = f"{_WORKFLOWS}?fieldValidation=Strict&fieldManager=bench"
    for warmed, where in ((port, path), (floor_port, "/")):
        _load(warmed, where, made[:WARM_UP])
    rate, latencies = _load(port, path, bodies)
    floor_rate, _ = _load(floor_port, "/", bodies)
    return {
        "bytes": len(bodies[0]),
        "clients": CLIENTS,
        "per_second": round(rate, 1),
        "p50_ms": round(statistics.median(latencies) * 1000, 2),
        "p99_ms": round(_quantile(latencies, 0.99) * 1000, 2),
        "floor_per_second": round(floor_rate, 1),
        "ratio": round(rate / floor_rate, 3),
    }


def _load(port: int, path: str, bodies: list[bytes]) -> tuple[float, list[float]]:
    """Requests per second of all clients together, and how long each request took."""
    latencies: list[float] = []
    left = iter(bodies)
    lock = threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                body = next(left, None)
            if body is None:
                return
            began = time.perf_counter()
            status, answer = _request(connection, "POST", path, body)
            latencies.append(time.perf_counter() - began)
            assert status == 201, (status, answer[:500])

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(latencies) / (time.perf_counter() - began), latencies


def _request(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    connection.request(method, path, body or None, {"content-type": "application/json"} if body else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


async def _watches(port: int) -> dict[str, object]:
    """How long an event takes from its write to each of the watchers, and what a bare broadcast takes."""
    measured = await _delivery(port, _MAPS, _patches(port))
    server = _Broadcast()
    async with await asyncio.start_server(server.join, "127.0.0.1", 0) as bare:
        floor_port = bare.sockets[0].getsockname()[1]
        floor_ms = await _delivery(floor_port, "/", server.tell)
    return {
        "watchers": WATCHERS,
        "events_per_second": EVENTS_PER_SECOND,
        "p50_ms": round(_quantile(measured, 0.5), 2),
        "p99_ms": round(_quantile(measured, 0.99), 2),
        "floor_p99_ms": round(_quantile(floor_ms, 0.99), 2),
        "ratio_p99": round(_quantile(measured, 0.99) / _quantile(floor_ms, 0.99), 2),
    }


async def _delivery(port: int, path: str, write: Callable[[str], Any]) -> list[float]:
    delays: list[float] = []
    expected = asyncio.Event()
    missing = WATCHERS * EVENTS

    async def watch(ready: asyncio.Event) -> None:
        nonlocal missing
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        query = "?watch=1&fieldSelector=metadata.name%3Dticks" if path != "/" else ""
        writer.write(f"GET {path}{query} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        ready.set()
        left = b""
        while True:
            piece = await reader.read(65536)
            now = time.time()
            if not piece:
                return
            left += piece
            *whole, left = left.split(b'"sent":"')
            if whole and len(left) < 20:
                left = b'"sent":"' + left
                whole = whole[:-1] if len(whole) > 1 else whole
            for stamp in [*whole[1:], left] if whole else []:
                moment = float(stamp[:17])
                if moment:
                    delays.append((now - moment) * 1000)
                    missing -= 1
            if missing <= 0:
                expected.set()
            left = b""

    ready = [asyncio.Event() for _ in range(WATCHERS)]
    tasks = [asyncio.create_task(watch(one)) for one in ready]
    await asyncio.gather(*(one.wait() for one in ready))
    await asyncio.sleep(0.5)
    for number in range(EVENTS):
        began = time.perf_counter()
        await write(f"{time.time():.6f}")
        await asyncio.sleep(max(0.0, (1 / EVENTS_PER_SECOND) - (time.perf_counter() - began)))
        del number
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await expected.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return delays


def _patches(port: int) -> Callable[[str], Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"metadata": {"name": "ticks"}, "data": {"sent": "0000000000.000000"}}).encode()
    assert _request(connection, "POST", _MAPS, body)[0] == 201

    def patch(stamp: str) -> None:
        content = json.dumps({"data": {"sent": stamp}}).encode()
        connection.request("PATCH", f"{_MAPS}/ticks", content, {"content-type": "application/merge-patch+json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200

    async def write(stamp: str) -> None:
        await asyncio.to_thread(patch, stamp)

    return write


class _Broadcast:
    """The floor of delivery: the same number of sockets, a piece of the same size to each."""

    def __init__(self) -> None:
        self._writers: list[asyncio.StreamWriter] = []

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        self._writers.append(writer)

    async def tell(self, stamp: str) -> None:
        piece = b'{"type":"MODIFIED","object":{"data":{"sent":"%b"},"x":"%b"}}\n' % (stamp.encode(), b"x" * 500)
        for writer in self._writers:
            writer.write(piece)


def _lists(folder: Path) -> dict[str, object]:
    """A list of many workflows that have ended, whole, and what reading the same rows takes."""
    from benchmarks._listed import fill

    home = folder / "home"
    home.mkdir(parents=True, mode=0o700)
    fill(home, [workflow(f"w-{number:05d}", number) for number in range(LISTED)])
    with control_plane(home) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        seconds, size = [], 0
        for _ in range(LISTS):
            began = time.perf_counter()
            status, answer = _request(connection, "GET", _WORKFLOWS, b"")
            seconds.append(time.perf_counter() - began)
            size = len(answer)
            assert status == 200 and answer.count(b'"step-14"') >= LISTED
    rows = sqlite3.connect(home / "store" / "store.db")
    floor_seconds = []
    for _ in range(LISTS):
        began = time.perf_counter()
        found = rows.execute(
            "SELECT o.metadata, b.json, o.status FROM object o JOIN body b ON b.id = o.body"
        ).fetchall()
        b"".join(part or b"" for row in found for part in row)
        floor_seconds.append(time.perf_counter() - began)
    rows.close()
    return {
        "objects": LISTED,
        "megabytes": round(size / 1e6, 1),
        "seconds": round(min(seconds), 3),
        "floor_seconds": round(min(floor_seconds), 3),
        "ratio": round(min(seconds) / min(floor_seconds), 2),
    }


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
