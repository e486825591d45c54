"""Model server and gateway against a bare echo application under the same HTTP server, in the same run.

Requests/s and latency of V2 infer (one window of the tiny test model, so the server's own work shows), JSON and binary,
directly and through the gateway, at one client and at eight. The load comes from this process over raw keep-alive
connections; server and load share the machine, so the ratios say more than the numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httptools
import uvloop
from tests.tiny_model import tiny_windows, write_tiny_model

from setpoint.core.serving.messages import HEADER_LENGTH, encode_request
from setpoint.core.serving.tensors import make_tensor
from setpoint.modelserver.loading import load_servable
from setpoint.server.gateway.routes import RouteFile

_SECONDS = 1.5
_WARM_UP = 0.3
_DEADLINE_SECONDS = 30.0
_ROUNDS = 5  # of log on against log off, in turn, so that both meet the same weather


@dataclass(frozen=True)
class _Target:
    port: int
    request: bytes

    def at(self, port: int) -> _Target:
        """The same request to another port."""
        return _Target(port, self.request)


def run() -> dict[str, object]:
    """All measurements, as rates (1/s), milliseconds and ratios to the echo application."""
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as scratch, _servers(Path(scratch)) as ports:
        window = make_tensor("window", tiny_windows(1))
        plain, binary = encode_request([window]), encode_request([window], binary=True)
        infer = "/v2/models/reactor/infer"
        extra = f"{HEADER_LENGTH}: {binary.json_length}\r\n"
        targets = {
            "echo": _Target(ports["echo"], _request(infer, plain.content)),
            "model_server_json": _Target(ports["model"], _request(infer, plain.content)),
            "model_server_binary": _Target(ports["model"], _request(infer, binary.content, extra)),
            "gateway_to_echo": _Target(ports["gateway"], _request(f"/serving/bench/echo{infer}", plain.content)),
            "gateway_to_model_json": _Target(ports["gateway"], _request(f"/serving/bench/model{infer}", plain.content)),
        }
        results: dict[str, object] = {"predict_alone_ms": _predict_alone(Path(scratch) / "model")}
        for clients in (1, 8):
            measured = {name: uvloop.run(_measure(target, clients)) for name, target in targets.items()}
            floor = measured["echo"]["requests_per_second"]
            for name, figures in measured.items():
                ratio = round(figures["requests_per_second"] / floor, 3)
                results[f"{name}, {clients} clients"] = figures | {"ratio_to_echo": ratio}
            on, off = targets["gateway_to_model_json"], targets["gateway_to_model_json"].at(ports["gateway_off"])
            results[f"prediction_log_on_against_off, {clients} clients"] = _against(on, off, clients)
        return results


def _against(on: _Target, off: _Target, clients: int) -> dict[str, float]:
    """Medians over rounds of the ratios on/off, and of the times themselves."""
    rounds = [(uvloop.run(_measure(on, clients)), uvloop.run(_measure(off, clients))) for _ in range(_ROUNDS)]
    names = ("requests_per_second", "p50_ms", "p99_ms")
    found = {f"{name}_ratio": round(statistics.median(a[name] / b[name] for a, b in rounds), 3) for name in names}
    for name in names[1:]:
        found[f"{name}_on"] = round(statistics.median(a[name] for a, _ in rounds), 3)
        found[f"{name}_off"] = round(statistics.median(b[name] for _, b in rounds), 3)
    return found


def _predict_alone(model: Path) -> float:
    """Median milliseconds of the model's own computation, which every infer request contains."""
    servable = load_servable(model)
    inputs = {"window": tiny_windows(1)}
    times = []
    for _ in range(500):
        started = time.perf_counter()
        servable.infer(inputs)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1000, 3)


def _request(path: str, body: bytes, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@contextlib.contextmanager
def _servers(scratch: Path) -> Iterator[dict[str, int]]:
    model = write_tiny_model(scratch / "model")
    home = scratch / "home"
    home_off = scratch / "home-off"
    home.mkdir()
    home_off.mkdir()
    port = scratch / "model.port"
    commands = {
        "echo": ["-m", "benchmarks._echo", str(scratch / "echo.port")],
        "model": ["-m", "setpoint.modelserver", "--model-name=reactor", f"--model-dir={model}", f"--port-file={port}"],
        "gateway": ["-m", "setpoint.server.gateway", "--home", str(home)],
        "gateway_off": ["-m", "setpoint.server.gateway", "--home", str(home_off), "--prediction-log-mb=0"],
    }
    files = {"echo": scratch / "echo.port", "model": port, "gateway": home / "gateway" / "port"}
    files["gateway_off"] = home_off / "gateway" / "port"
    with contextlib.ExitStack() as stack:
        for name, command in commands.items():
            log = stack.enter_context((scratch / f"{name}.log").open("wb"))
            process = subprocess.Popen([sys.executable, *command], stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        ports = {name: _port(file) for name, file in files.items()}
        for routes in (RouteFile(home), RouteFile(home_off)):
            routes.set("bench/echo", port=ports["echo"])
            routes.set("bench/model", port=ports["model"])
        uvloop.run(_until_ready(ports["model"]))
        yield ports


def _port(file: Path) -> int:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not (file.exists() and file.read_text().strip()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no port in {file}")
        time.sleep(0.02)
    return int(file.read_text())


async def _until_ready(port: int) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    request = b"GET /v2/health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n"
    while time.monotonic() < deadline:
        client = await _connect(port)
        client.send(request)
        status = await client.answered()
        client.close()
        if status == 200:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the model server did not become ready")


class _Client(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def send(self, request: bytes) -> None:
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)  # type: ignore[attr-defined]

    async def answered(self) -> int:
        return await self._done

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._done.set_result(self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(ConnectionError("the server closed the connection"))


async def _connect(port: int) -> _Client:
    _, client = await asyncio.get_running_loop().create_connection(_Client, "127.0.0.1", port)
    return client


async def _measure(target: _Target, clients: int) -> dict[str, float]:
    """Rate and latency with so many clients, each waiting for its answer before it asks again."""
    latencies: list[float] = []
    begin = time.perf_counter() + _WARM_UP
    end = begin + _SECONDS

    async def one() -> None:
        client = await _connect(target.port)
        while (started := time.perf_counter()) < end:
            client.send(target.request)
            status = await client.answered()
            if status != 200:
                raise RuntimeError(f"port {target.port} answered {status}")
            if started >= begin:
                latencies.append(time.perf_counter() - started)
        client.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "requests_per_second": round(len(latencies) / _SECONDS, 1),
        "p50_ms": round(cuts[49] * 1000, 3),
        "p99_ms": round(cuts[98] * 1000, 3),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
