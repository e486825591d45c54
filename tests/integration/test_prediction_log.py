"""What passes through a real gateway is in the log, whatever becomes of the gateway; what does not fit is counted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

from setpoint.adapters.prediction_log import DirectoryPredictionLog
from setpoint.apis.errors import InvalidSpec
from setpoint.clients.inference import InferenceClient
from setpoint.core.predictions.exchange import Exchange, pack
from setpoint.core.serving.tensors import make_tensor
from setpoint.server.gateway.compaction import compact
from setpoint.server.gateway.prediction_log import PredictionLogger
from tests.integration.test_gateway import Fronted, gateway
from tests.processes import running, wait_until
from tests.tiny_model import tiny_windows, write_tiny_model

LOGGED = ("--prediction-log-mb", "64", "--max-body-bytes", "3000000")


@pytest.fixture(scope="module")
def model_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("served")
    model, port_file = write_tiny_model(directory / "model"), directory / "port"
    flags = ["--model_name", "reactor", "--model_dir", str(model), "--version", "7", "--http_port", "0"]
    with running(directory / "log", "setpoint.modelserver", *flags, "--port-file", str(port_file)) as server:
        port = server.port(port_file)
        url = f"http://127.0.0.1:{port}/v2/health/ready"
        wait_until(lambda: httpx.get(url, trust_env=False).status_code == 200, "readiness")
        yield port


@contextlib.contextmanager
def _serving(home: Path, port: int) -> Iterator[tuple[Fronted, str]]:
    with gateway(home, *LOGGED) as fronted:
        fronted.routes.set("plant/reactor", port=port, revision="reactor-00001")
        yield fronted, f"{fronted.url}/serving/plant/reactor"


def _announce(url: str, size: int) -> bytes:
    """The answer to a body that is announced and not sent: it is refused before it is read."""
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    head = f"POST /{path}/v2/models/reactor/infer HTTP/1.1\r\nhost: {address}\r\ncontent-length: {size}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        raw.sendall(head.encode())
        return raw.recv(1000)


def _read(home: Path, count: int) -> pl.DataFrame:
    log = DirectoryPredictionLog(home)
    wait_until(lambda: log.read("plant", "reactor").height >= count, f"{count} requests in the log")
    return log.read("plant", "reactor")


async def test_answers_and_refusals_are_logged_as_they_were(tmp_path: Path, model_port: int) -> None:
    windows = tiny_windows(2)
    began = datetime.now(UTC) - timedelta(seconds=1)
    with _serving(tmp_path, model_port) as (fronted, url):
        async with InferenceClient(url, "reactor", client="historian") as client:
            parameters = {"asset": "r1", "event_time": "2026-03-01T00:00:00Z"}
            answer = await client.infer([make_tensor("window", windows)], parameters=parameters)
            named = await client.infer([make_tensor("window", windows)], request_id="mine", binary=False)
            with pytest.raises(InvalidSpec):
                await client.infer([make_tensor("window", windows[:, :3])])
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.get(f"{url}/v2/models/reactor/ready")
            assert b" 413 " in await asyncio.to_thread(_announce, url, 3_100_000)
            fronted.routes.set("plant/reactor", port=None, message="on its way")
            await http.get(f"{url}/v2/models/reactor")
            await http.get(f"{fronted.url}/serving/plant/nobody/v2")
        table = _read(tmp_path, 6)
    assert answer.id is not None
    assert re.fullmatch(r"[0-9a-f]{16}", answer.id)
    assert named.id == "mine"
    rows = table.to_dicts()
    assert [(row["verb"], row["status"], row["reason"], row["id"]) for row in rows] == [
        ("infer", 200, "", answer.id),
        ("infer", 200, "", "mine"),
        ("infer", 400, "shape", ""),
        ("ready", 200, "", ""),
        ("infer", 413, "too-large", ""),
        ("metadata", 503, "not-ready", ""),
    ]
    first = rows[0]
    np.testing.assert_array_equal(np.reshape(first["inputs"], windows.shape), windows)
    assert first["labels"] == [text.decode() for text in answer.output("label").array.tolist()]
    np.testing.assert_array_equal(np.reshape(first["probabilities"], (2, 3)), answer.output("probability").array)
    assert (first["asset"], first["event_time"]) == ("r1", datetime(2026, 3, 1, tzinfo=UTC))
    assert (first["client"], first["revision"], first["version"]) == ("historian", "reactor-00001", "7")
    assert rows[3]["client"].startswith("python-httpx")
    assert rows[4]["request_bytes"] == 3_100_000
    assert all(began <= row["time"] <= datetime.now(UTC) for row in rows)
    assert all(0 < row["seconds"] < 10 for row in rows)
    assert not (tmp_path / "predictions" / "plant" / "nobody").exists()


def test_a_killed_gateway_loses_nothing_that_was_written(tmp_path: Path, model_port: int) -> None:
    for turn in range(2):
        with _serving(tmp_path, model_port) as (fronted, url):
            for _ in range(3):
                httpx.get(f"{url}/v2/models/reactor/ready", trust_env=False)
            _read(tmp_path, 3 * turn + 3)
            os.kill(fronted.process.process.pid, signal.SIGKILL)
    folder = tmp_path / "predictions" / "plant" / "reactor"
    with gateway(tmp_path, *LOGGED):
        wait_until(lambda: len(list(folder.glob("*.parquet"))) == 2, "Parquet files")
    assert not list(folder.glob("*.open")) + list(folder.glob("*.closed"))
    assert DirectoryPredictionLog(tmp_path).read("plant", "reactor").height == 6
    assert folder.stat().st_mode & 0o077 == 0


def test_without_a_size_nothing_is_logged(tmp_path: Path, model_port: int) -> None:
    with gateway(tmp_path) as fronted:
        fronted.routes.set("plant/reactor", port=model_port)
        httpx.get(f"{fronted.url}/serving/plant/reactor/v2/models/reactor/ready", trust_env=False)
    assert not (tmp_path / "predictions").exists()


def _exchange(number: int, size: int = 0) -> Exchange:
    return Exchange(
        time_us=1_772_323_200_000_000 + number,
        revision="",
        client=f"c{number}",
        method="GET",
        path="/v2/models/m/ready",
        status=200,
        seconds=0.1,
        request_bytes=size,
        response_bytes=0,
        request=os.urandom(size) if size else None,
    )


def test_files_are_closed_turned_into_parquet_and_the_oldest_go(tmp_path: Path) -> None:
    logger = PredictionLogger(tmp_path, most_bytes=10_000, file_bytes=30_000)
    logger.start()
    for number in range(200):
        logger.note("plant/reactor", _exchange(number, 1000))
    logger.close()
    compact(tmp_path / "predictions", 10_000)
    folder = tmp_path / "predictions" / "plant" / "reactor"
    kept = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    assert kept <= 10_000
    table = DirectoryPredictionLog(tmp_path).read("plant", "reactor", columns=["client"])
    clients = table["client"].to_list()
    assert clients == [f"c{number}" for number in range(200 - len(clients), 200)]
    assert 0 < len(clients) < 200


def test_a_full_queue_and_a_disk_that_refuses_are_counted(tmp_path: Path) -> None:
    logger = PredictionLogger(tmp_path, most_bytes=10_000, queue_bytes=5_000)
    for number in range(10):
        logger.note("plant/reactor", _exchange(number, 1000))  # nobody writes yet
    assert logger.dropped() == {"plant/reactor": 7}
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "other").write_text("a file where a directory should be")
    logger.note("other/reactor", _exchange(1))
    logger.start()
    logger.close()
    assert logger.dropped() == {"plant/reactor": 7, "other/reactor": 1}
    log = DirectoryPredictionLog(tmp_path)
    assert log.dropped("plant", "reactor") == 7
    assert log.read("plant", "reactor").height == 3


def test_the_log_is_read_by_time_and_column_and_past_damage(tmp_path: Path) -> None:
    folder = tmp_path / "predictions" / "plant" / "reactor"
    folder.mkdir(parents=True)
    (folder / "1.closed").write_bytes(b"".join(pack(_exchange(number)) for number in range(4)))
    compact(tmp_path / "predictions", 10**9)
    (folder / "2.open").write_bytes(b"".join(pack(_exchange(number)) for number in range(4, 8))[:-1])
    (folder / "3.parquet").write_bytes(b"PAR1 and no more")
    log = DirectoryPredictionLog(tmp_path)
    assert log.read("plant", "reactor")["client"].to_list() == [f"c{number}" for number in range(7)]
    start = datetime(2026, 3, 1, tzinfo=UTC)
    part = log.read(
        "plant",
        "reactor",
        since=start + timedelta(microseconds=2),
        until=start + timedelta(microseconds=5),
        columns=["client", "verb"],
    )
    assert part.rows() == [("c2", "ready"), ("c3", "ready"), ("c4", "ready")]
    assert log.read("plant", "nobody").height == 0
    with pytest.raises(InvalidSpec, match="no column 'klient'"):
        log.read("plant", "reactor", columns=["klient"])
    with pytest.raises(InvalidSpec, match="no name of a service"):
        log.read("..", "reactor")
