"""The prediction log as gateway, converter and reader make it together, in front of a real model server."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from setpoint.adapters.labels import FileLabels
from setpoint.adapters.prediction_log import DirectoryPredictionLog
from setpoint.adapters.prediction_segments import SCHEMA, convert_all
from setpoint.apis.errors import InvalidSpec
from setpoint.core.predictions.exchange import Exchange
from setpoint.core.serving.messages import HEADER_LENGTH, encode_request
from setpoint.core.serving.tensors import make_tensor
from setpoint.server.gateway.metrics import GatewayMetrics
from setpoint.server.gateway.spool import Spool
from tests.integration.test_gateway import Fronted, Upstream, gateway
from tests.processes import running, wait_until
from tests.tiny_model import CLASSES, WINDOW, tiny_windows, write_tiny_model


@dataclass(frozen=True)
class Served:
    gateway: Fronted
    url: str
    log: DirectoryPredictionLog

    def rows(self, count: int, service: str = "reactor") -> list[dict[str, Any]]:
        """The log's rows, once there are so many."""
        wait_until(lambda: self.log.read("plant", service).height >= count, f"{count} rows of {service}")
        return self.log.read("plant", service).to_dicts()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("model")
    write_tiny_model(directory / "model")
    flags = [f"--model-dir={directory / 'model'}", f"--port-file={directory / 'port'}", "--version=7"]
    with running(directory / "log", "setpoint.modelserver", "--model-name=reactor", *flags) as process:
        port = process.port(directory / "port")

        def ready() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"http://127.0.0.1:{port}/v2/health/ready", trust_env=False).status_code == 200
            return False

        wait_until(ready, "the model")
        yield port


@contextlib.contextmanager
def serving(home: Path, port: int, *flags: str) -> Iterator[Served]:
    with gateway(home, "--max-body-bytes", "3000000", *flags) as fronted:
        fronted.routes.set("plant/reactor", port=port, revision="reactor-00001")
        log = DirectoryPredictionLog(home / "predictions")
        yield Served(gateway=fronted, url=f"{fronted.url}/serving/plant/reactor/v2/models/reactor", log=log)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, model: int) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home"), model) as made:
        yield made


def _body(data: Any, **more: Any) -> dict[str, Any]:
    tensor = {"name": "window", "shape": list(data.shape), "datatype": "FP64", "data": data.ravel().tolist()}
    return {"inputs": [tensor], **more}


def _post(served: Served, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{served.url}/infer", json=body, headers=headers, trust_env=False)


def test_every_request_of_a_known_service_is_one_row(served: Served) -> None:
    data = tiny_windows(2)
    before = datetime.now(UTC)
    parameters = {"asset": "line-3", "event_time": "2026-03-01T12:00:00+02:00"}
    good = _post(served, _body(data, id="a-1", parameters=parameters), **{"x-client-id": "shift-pc"})
    own = _post(served, _body(data))
    wrong = _post(served, _body(tiny_windows(1)[:, :2]))
    binary = encode_request([make_tensor("window", data)], binary=True, parameters={"event_time": 1772366400})
    headers = {HEADER_LENGTH: str(binary.json_length)}
    raw = httpx.post(f"{served.url}/infer", content=binary.content, headers=headers, trust_env=False)
    v1 = httpx.post(served.url.replace("/v2/", "/v1/") + ":predict", json={"instances": data.tolist()}, trust_env=False)
    malformed = httpx.post(f"{served.url}/infer", content=b'{"inputs": [', trust_env=False)
    large = httpx.post(f"{served.url}/infer", content=b"x" * 3_000_001, trust_env=False)
    streamed = httpx.post(f"{served.url}/infer", content=b" " * 1_500_000, trust_env=False)
    other = httpx.get(f"{served.url}s/nothing", trust_env=False)
    method = httpx.get(f"{served.url}/infer", trust_env=False)
    assert httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200
    unknown = httpx.get(f"{served.gateway.url}/serving/plant/nobody/v2", trust_env=False)
    assert unknown.status_code == 404
    answers = [good, own, wrong, raw, v1, malformed, large, streamed, other, method]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 200, 200, 400, 413, 400, 404, 405]

    rows = served.rows(11)
    assert len(rows) == 11
    assert rows[0].keys() == SCHEMA.keys()
    assert [row["status"] for row in rows] == [*(answer.status_code for answer in answers), 200]
    reasons = ["", "", "shape", "", "", "malformed", "too-large", "malformed", "not-found", "method", ""]
    assert [row["reason"] for row in rows] == reasons
    verbs = ["infer", "infer", "infer", "infer", "predict", "infer", "infer", "infer", "other", "infer", "ready"]
    assert [row["verb"] for row in rows] == verbs
    first = rows[0]
    assert (first["id"], first["asset"], first["client"]) == ("a-1", "line-3", "shift-pc")
    assert (first["revision"], first["version"], first["rows"]) == ("reactor-00001", "7", 2)
    assert first["event_time"] == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert before - timedelta(seconds=1) <= first["time"] <= datetime.now(UTC)
    assert first["shape"] == [2, WINDOW, 2]
    assert first["inputs"] == data.ravel().tolist()
    outputs = {item["name"]: item["data"] for item in good.json()["outputs"]}
    assert first["labels"] == outputs["label"]
    assert first["probabilities"] == outputs["probability"]
    assert len(first["probabilities"]) == 2 * len(CLASSES)
    assert first["request_bytes"] == len(good.request.content)
    assert first["response_bytes"] == len(good.content)
    assert 0 < first["seconds"] < 20
    assert rows[1]["id"] == own.json()["id"] != ""
    assert rows[1]["client"].startswith("python-httpx")
    assert (rows[2]["shape"], rows[2]["labels"], rows[2]["version"]) == ([1, 2, 2], None, "")
    assert "shape" in rows[2]["error"]
    assert rows[3]["inputs"] == data.ravel().tolist()
    assert rows[3]["labels"] == first["labels"]
    assert rows[3]["event_time"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert rows[4]["labels"] == first["labels"]
    assert rows[4]["shape"] == [2, WINDOW, 2]
    assert (rows[6]["request_bytes"], rows[6]["inputs"]) == (3_000_001, None)
    assert (rows[7]["request_bytes"], rows[7]["inputs"]) == (1_500_000, None)

    some = served.log.read("plant", "reactor", since=rows[3]["time"], until=rows[5]["time"], columns=["id", "verb"])
    assert some.columns == ["id", "verb"]
    assert some["verb"].to_list() == ["infer", "predict"]
    assert served.log.read("plant", "nobody").is_empty()
    assert not (served.gateway.home / "predictions" / "plant" / "nobody").exists()


def test_a_service_without_revision_and_one_that_wants_less(served: Served, model: int) -> None:
    served.gateway.routes.set("plant/idle", port=None, message="loading")
    url = served.url.replace("/reactor/v2", "/idle/v2")
    assert httpx.post(f"{url}/infer", json={}, trust_env=False).status_code == 503
    (row,) = served.rows(1, "idle")
    assert (row["reason"], row["revision"]) == ("not-ready", "")
    for keep in ("request", "response"):
        served.gateway.routes.set(f"plant/{keep}", port=model, keep=keep)
        url = served.url.replace("/reactor/v2", f"/{keep}/v2")
        assert httpx.post(f"{url}/infer", json=_body(tiny_windows(1)), trust_env=False).status_code == 200
        (row,) = served.rows(1, keep)
        assert (row["inputs"] is None, row["labels"] is None) == (keep == "response", keep == "request")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "x"}, "tensor"),
        ({"datatype": "FP32"}, "datatype"),
        ({"datatype": "FP65"}, "datatype"),
        ({"shape": [1, 4, 3]}, "shape"),
        ({"shape": [1, 2, 4]}, "shape"),
        ({"data": ["a"] * 8}, "value"),
        ({"data": [1e308 * 10] * 8}, "malformed"),
        ({"data": {"a": 1}}, "malformed"),
    ],
)
def test_why_a_request_failed(served: Served, model: int, changes: dict[str, Any], reason: str) -> None:
    served.gateway.routes.set("plant/wrong", port=model)
    known = served.log.read("plant", "wrong").height
    body = _body(tiny_windows(1))
    body["inputs"][0] |= changes
    content = json.dumps(body).encode()
    url = served.url.replace("/reactor/v2", "/wrong/v2")
    answer = httpx.post(f"{url}/infer", content=content, trust_env=False)
    assert answer.status_code == 400
    row = served.rows(known + 1, "wrong")[-1]
    assert row["reason"] == reason, answer.text
    assert answer.json()["error"].startswith(row["error"])


def test_a_client_that_leaves_first_and_a_server_that_is_late(served: Served) -> None:
    upstream = Upstream()
    upstream.hold = True
    served.gateway.routes.set("plant/late", port=upstream.port, timeout_seconds=0.4)
    url = served.url.replace("/reactor/v2", "/late/v2")
    try:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/infer", json={}, trust_env=False, timeout=0.1)
        served.rows(1, "late")
        assert httpx.post(f"{url}/infer", json={}, trust_env=False, timeout=20).status_code == 504
        rows = served.rows(2, "late")
    finally:
        upstream.stop()
    assert [(row["status"], row["reason"]) for row in rows] == [(499, "client-gone"), (504, "timeout")]


def test_a_killed_gateway_leaves_what_it_wrote_and_the_next_one_goes_on(tmp_path: Path, model: int) -> None:
    with serving(tmp_path / "home", model) as first:
        for number in range(20):
            assert _post(first, _body(tiny_windows(1), id=str(number))).status_code == 200
        first.rows(20)
        os.kill(first.gateway.process.process.pid, signal.SIGKILL)
        first.gateway.process.wait()
    directory = tmp_path / "home" / "predictions" / "plant" / "reactor"
    (spool,) = directory.glob("*.open")
    with spool.open("ab") as file:
        file.write(spool.read_bytes()[:100])  # killed in the middle of a frame
    with serving(tmp_path / "home", model) as second:
        assert _post(second, _body(tiny_windows(1), id="20")).status_code == 200
        assert [row["id"] for row in second.rows(21)] == [str(number) for number in range(21)]
        wait_until(lambda: len(list(directory.glob("*.parquet"))) == 1, "the conversion of the former spool")
        wait_until(lambda: not list(directory.glob("*.spool")), "its end")
        assert [row["id"] for row in second.rows(21)] == [str(number) for number in range(21)]


def test_off_means_nothing_is_written(tmp_path: Path, model: int) -> None:
    with serving(tmp_path / "home", model, "--prediction-log-mb", "0") as off:
        assert _post(off, _body(tiny_windows(1))).status_code == 200
    assert not (tmp_path / "home" / "predictions").exists()


def _exchange(number: int, size: int = 1000) -> Exchange:
    return Exchange(
        time=1_700_000_000_000_000 + number,
        seconds=0.001,
        method="POST",
        path="/v2/models/m/infer",
        status=200,
        client=str(number),
        revision="r",
        request_bytes=size,
        response_bytes=0,
        request=np.random.default_rng(number).bytes(size),
    )


def test_full_files_are_converted_and_the_oldest_go(tmp_path: Path) -> None:
    log = DirectoryPredictionLog(tmp_path)
    spool = Spool(tmp_path, cap_bytes=400_000, converter=("true",))
    for number in range(1000):
        spool.put("plant/reactor", _exchange(number))
        if number % 50 == 0:
            wait_until(lambda: spool._taken_bytes == spool._put_bytes, "the thread")
    spool.close()
    files = list((tmp_path / "plant" / "reactor").iterdir())
    assert sum(file.stat().st_size for file in files) <= 400_000
    kept = [int(client) for client in log.read("plant", "reactor")["client"]]
    assert kept == list(range(kept[0], 1000))
    assert len(kept) > 100
    convert_all(tmp_path)
    assert {file.suffix for file in (tmp_path / "plant" / "reactor").iterdir()} <= {".parquet", ".open"}
    assert [int(client) for client in log.read("plant", "reactor")["client"]] == kept


def test_what_finds_no_room_is_counted(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    metrics = GatewayMetrics()

    def tell(key: str, count: int) -> None:
        told.append((key, count))
        metrics.dropped(key, count)

    log = DirectoryPredictionLog(tmp_path)
    for lap in (1, 2):
        spool = Spool(
            tmp_path,
            cap_bytes=2**20,
            on_drop=tell,
            queue_bytes=0,
            converter=("true",),
        )
        for number in range(5):
            spool.put("plant/reactor", _exchange(number))
        spool.close()
        assert log.dropped("plant", "reactor") == 5 * lap == len(told)
    assert log.dropped("plant", "other") == 0
    series = 'setpoint_gateway_prediction_log_dropped_total{inferenceservice="reactor",namespace="plant"} 10.0'
    assert series in metrics.render().decode()


def test_a_disk_that_refuses_costs_no_answer_and_is_counted(tmp_path: Path) -> None:
    (tmp_path / "plant").write_text("a file where a directory should be")
    told: list[int] = []
    spool = Spool(tmp_path, cap_bytes=2**20, on_drop=lambda _, count: told.append(count), converter=("true",))
    spool.put("plant/reactor", _exchange(1))
    spool.put("../outside", _exchange(1))
    spool.close()
    assert sum(told) >= 1
    assert not (tmp_path.parent / "outside").exists()


def test_a_log_that_was_removed_begins_again(tmp_path: Path) -> None:
    log, spool = DirectoryPredictionLog(tmp_path), Spool(tmp_path, cap_bytes=2**20, converter=("true",))
    spool.put("plant/reactor", _exchange(1))
    wait_until(lambda: log.read("plant", "reactor").height == 1, "the first")
    shutil.rmtree(tmp_path / "plant")
    spool.put("plant/reactor", _exchange(2))
    spool.close()
    assert log.read("plant", "reactor")["client"].to_list() == ["2"]


def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    log, labels = DirectoryPredictionLog(tmp_path / "log"), FileLabels(tmp_path / "labels")
    for namespace, service in (("..", "x"), ("a", "../x"), ("a/b", "c"), ("", "c"), ("a", "/etc"), ("a", "b..c")):
        for read in (log.read, log.dropped, labels.read):
            with pytest.raises(InvalidSpec):
                read(namespace, service)


def test_damaged_segments_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path, cap_bytes=2**20, converter=("true",))
    spool.put("plant/reactor", _exchange(1))
    spool.close()
    (tmp_path / "plant" / "reactor" / "0000000000000001.parquet").write_bytes(b"PAR1 no more")
    assert DirectoryPredictionLog(tmp_path).read("plant", "reactor")["client"].to_list() == ["1"]
    assert "damaged" in caplog.text


def test_readers_see_every_row_once_while_files_turn(tmp_path: Path) -> None:
    spool = Spool(tmp_path, cap_bytes=400_000_000, converter=("true",))
    spool._spool_bytes = 20_000
    log, stop, seen = DirectoryPredictionLog(tmp_path), threading.Event(), 0

    def turn() -> None:
        while not stop.is_set():
            convert_all(tmp_path)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        for number in range(300):
            spool.put("plant/reactor", _exchange(number))
            if number % 30 == 29:
                clients = log.read("plant", "reactor", columns=["client"])["client"].cast(pl.Int64).to_list()
                assert clients == list(range(len(clients)))
                assert len(clients) >= seen
                seen = len(clients)
    finally:
        spool.close()
        stop.set()
        thread.join()
    assert log.read("plant", "reactor").height == 300
