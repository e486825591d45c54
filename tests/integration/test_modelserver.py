"""The model server as a process, over sockets: protocol V2 as a table of requests and answers."""

from __future__ import annotations

import json
import signal
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.clients.inference import InferenceClient, wait_ready
from setpoint.core.models import Golden, load, parse_golden
from setpoint.core.serving.messages import HEADER_LENGTH
from setpoint.core.serving.tensors import make_tensor
from setpoint.modelserver.loading import read_files
from tests.processes import running, wait_until
from tests.tiny_model import CLASSES, COLUMNS, WINDOW, tiny_windows, write_tiny_model


@dataclass(frozen=True)
class Served:
    url: str
    golden: Golden
    directory: Path

    def infer(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"{self.url}/v2/models/reactor/infer", content=content, headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    model = write_tiny_model(directory / "model")
    port_file = directory / "port"
    flags = ["--model_name", "reactor", "--model_dir", str(model), "--version", "7", "--http_port", "0"]
    flags += ["--port-file", str(port_file), "--max-body-bytes", "100000"]
    with running(directory / "log", "setpoint.modelserver", *flags) as server:
        url = f"http://127.0.0.1:{server.port(port_file)}"
        wait_until(lambda: _ready(url) or server.process.poll() is not None, "readiness")
        assert server.process.poll() is None, server.output()
        yield Served(url=url, golden=parse_golden((model / "golden.json").read_bytes()), directory=directory)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/ready", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _window(count: int = 1) -> dict[str, Any]:
    data = tiny_windows(count)
    return {"name": "window", "shape": list(data.shape), "datatype": "FP64", "data": data.ravel().tolist()}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True, "live": True}),
        ("/v2/models", {"models": ["reactor"]}),
        ("/v2/models/reactor/ready", {"name": "reactor", "ready": True}),
        ("/v2/models/reactor/versions/7/ready", {"name": "reactor", "ready": True}),
        ("/v1/models", {"models": ["reactor"]}),
        ("/v1/models/reactor", {"name": "reactor", "ready": True}),
    ],
)
def test_fixed_answers(served: Served, path: str, expected: dict[str, Any]) -> None:
    response = httpx.get(served.url + path, trust_env=False)
    assert (response.status_code, response.json()) == (200, expected)


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_metadata(served: Served, path: str) -> None:
    body = httpx.get(served.url + path, trust_env=False).json()
    assert body["name"] == "setpoint"
    assert body["version"]
    assert "binary_tensor_data" in body["extensions"]


@pytest.mark.parametrize("path", ["/v2/models/reactor", "/v2/models/reactor/versions/7"])
def test_model_metadata(served: Served, path: str) -> None:
    assert httpx.get(served.url + path, trust_env=False).json() == {
        "name": "reactor",
        "versions": ["7"],
        "platform": "setpoint_linear",
        "inputs": [{"name": "window", "datatype": "FP64", "shape": [-1, WINDOW, 2]}],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probability", "datatype": "FP64", "shape": [-1, len(CLASSES)]},
        ],
        "parameters": {"columns": list(COLUMNS), "classes": list(CLASSES), "sample_period_seconds": 180.0},
    }


@pytest.mark.parametrize("version", ["", "/versions/7"])
@pytest.mark.parametrize("nested", [False, True])
def test_infer_json(served: Served, version: str, nested: bool) -> None:
    data = tiny_windows(5)
    tensor = _window(5) | ({"data": data.tolist()} if nested else {})
    url = f"{served.url}/v2/models/reactor{version}/infer"
    response = httpx.post(url, json={"id": "a-1", "inputs": [tensor]}, trust_env=False)
    labels, probabilities = load(read_files(served.directory / "model")).predict(data)
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("reactor", "7", "a-1")
    assert body["outputs"][0] == {"name": "label", "shape": [5], "datatype": "BYTES", "data": labels}
    assert body["outputs"][1]["shape"] == [5, 3]
    assert body["outputs"][1]["data"] == probabilities.ravel().tolist()


def test_every_answer_has_an_id_and_parameters_are_taken(served: Served) -> None:
    parameters = {"asset": "line 3", "event_time": "2026-01-01T00:00:00Z"}
    body = {"inputs": [_window()], "parameters": parameters}
    ids = [served.infer(body).json()["id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(ids)


def test_only_the_outputs_asked_for(served: Served) -> None:
    body = {"inputs": [_window()], "outputs": [{"name": "probability"}]}
    assert [item["name"] for item in served.infer(body).json()["outputs"]] == ["probability"]


def test_binary_both_ways_by_hand(served: Served) -> None:
    data = tiny_windows(2)
    raw = data.astype("<f8").tobytes()
    head = json.dumps(
        {
            "inputs": [
                {"name": "window", "shape": [2, 4, 2], "datatype": "FP64", "parameters": {"binary_data_size": len(raw)}}
            ],
            "outputs": [{"name": "label", "parameters": {"binary_data": True}}, {"name": "probability"}],
        }
    ).encode()
    response = served.infer(head + raw, **{HEADER_LENGTH: str(len(head)), "content-type": "application/octet-stream"})
    assert response.status_code == 200, response.text
    length = int(response.headers[HEADER_LENGTH])
    body, rest = json.loads(response.content[:length]), response.content[length:]
    labels, probabilities = load(read_files(served.directory / "model")).predict(data)
    expected = b"".join(struct.pack("<I", len(label)) + label.encode() for label in labels)
    assert rest == expected
    assert body["outputs"][0]["parameters"] == {"binary_data_size": len(expected)}
    assert body["outputs"][1]["data"] == probabilities.ravel().tolist()


async def test_client_gets_the_golden_answers(served: Served) -> None:
    async with InferenceClient(served.url, "reactor") as client:
        response = await client.infer([make_tensor("window", served.golden.array())], request_id="g")
    assert [item.decode() for item in response.output("label").array] == list(served.golden.labels)
    np.testing.assert_allclose(response.output("probability").array, served.golden.probabilities, atol=1e-12)
    assert response.id == "g"


async def test_client_raises_errors_of_the_tree(served: Served) -> None:
    async with InferenceClient(served.url, "reactor", version="8") as client:
        with pytest.raises(NotFound, match="8"):
            await client.infer([make_tensor("window", tiny_windows(1))])
        assert not await client.ready()
    async with InferenceClient(served.url, "reactor") as client:
        with pytest.raises(InvalidSpec, match="FP32"):
            await client.infer([make_tensor("window", tiny_windows(1).astype(np.float32))])


def _tensor(**changes: Any) -> dict[str, Any]:
    return {"inputs": [_window() | changes]}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b"\xff\xfe", 400, "malformed"),
        ({}, 400, "inputs"),
        ({"inputs": []}, 400, "missing input 'window'"),
        ({"inputs": 3}, 400, "inputs"),
        ({"inputs": [_window(), _window()]}, 400, "twice"),
        (_tensor(name="x"), 400, "no input 'x'"),
        (_tensor(datatype="FP32"), 400, "model takes FP64"),
        (_tensor(datatype="FP65"), 400, "unknown datatype"),
        (_tensor(datatype="FP16"), 501, "binary"),
        (_tensor(shape=[1, 4, 3]), 400, "8 values where shape"),
        (_tensor(shape=[1, 2, 4]), 400, "model takes [-1, 4, 2]"),
        (_tensor(shape=[-1, 4, 2]), 400, "negative"),
        (_tensor(shape=[10**9, 10**9, 10**9]), 400, "8 values"),
        (_tensor(shape=[8]), 400, "model takes"),
        (_tensor(shape="8"), 400, "shape"),
        (_tensor(data=["a"] * 8), 400, "Expected `float`"),
        (_tensor(data=[None] * 8), 400, "Expected `float`"),
        (_tensor(data=[True] * 8), 400, "Expected `float`"),
        (_tensor(data=[[1.0, 2.0]]), 400, "rank"),
        (_tensor(data=[[[1.0, 2.0], [1.0]]]), 400, "unequal"),
        (_tensor(data={"a": 1}), 400, "Expected `array`"),
        (_tensor(parameters={"binary_data_size": 64}), 400, "alone"),
        ({"inputs": [_window()], "outputs": [{"name": "y"}]}, 400, "no output 'y'"),
        ({"inputs": [_window()], "parameters": {"binary_data_output": 1}}, 400, "true or false"),
    ],
)
def test_bad_requests(served: Served, body: Any, status: int, words: str) -> None:
    response = served.infer(body)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    assert words in response.json()["error"]


@pytest.mark.parametrize(
    ("size", "length", "tail", "words"),
    [
        (64, None, b"\0" * 63, "64 binary bytes announced, 63 left"),
        (64, None, b"\0" * 65, "belong to no tensor"),
        (56, None, b"\0" * 56, "56 bytes where shape"),
        (64, "x", b"\0" * 64, "not a length"),
        (64, "1000000", b"\0" * 64, "not a length"),
    ],
)
def test_bad_binary(served: Served, size: int, length: str | None, tail: bytes, words: str) -> None:
    tensor = {"name": "window", "shape": [1, 4, 2], "datatype": "FP64", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    response = served.infer(head + tail, **{HEADER_LENGTH: length or str(len(head))})
    assert response.status_code == 400, response.text
    assert words in response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/other/ready", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/reactor/versions/8/infer", 404),
        ("GET", "/v2/models/reactor/versions/8", 404),
        ("GET", "/v2/models/reactor/nothing", 404),
        ("GET", "/v2/models/reactor/infer", 405),
        ("POST", "/v2/health/live", 405),
        ("GET", "/nothing", 404),
        ("POST", "/v2/repository/models/reactor/load", 501),
        ("POST", "/v2/models/reactor/generate", 501),
        ("POST", "/v1/models/reactor:explain", 501),
        ("POST", "/v1/models/other:predict", 404),
    ],
)
def test_every_other_path_answers_an_error(served: Served, method: str, path: str, status: int) -> None:
    response = httpx.request(method, served.url + path, trust_env=False)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}


def test_body_limit_with_and_without_declared_length(served: Served) -> None:
    declared = served.infer(b"x" * 200_000)
    assert declared.status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    url = f"{served.url}/v2/models/reactor/infer"
    streamed = httpx.post(url, content=chunks(), trust_env=False)
    assert streamed.status_code == 413
    assert "100000 bytes" in streamed.json()["error"]


def test_compressed_bodies_are_refused(served: Served) -> None:
    assert served.infer(_tensor(), **{"content-encoding": "gzip"}).status_code == 415


def test_v1_predict(served: Served) -> None:
    data = tiny_windows(3)
    url = f"{served.url}/v1/models/reactor:predict"
    response = httpx.post(url, json={"instances": data.tolist()}, trust_env=False)
    labels, _ = load(read_files(served.directory / "model")).predict(data)
    assert response.json() == {"predictions": labels}
    for bad in ({"instances": [[1.0]]}, {"instances": "x"}, {}, {"instances": [[[1.0, 2.0]]]}):
        assert httpx.post(url, json=bad, trust_env=False).status_code == 400


def test_repository_index(served: Served) -> None:
    response = httpx.post(f"{served.url}/v2/repository/index", trust_env=False)
    assert response.json() == [{"name": "reactor", "state": "READY", "reason": "", "version": "7"}]


def test_metrics_count_successes_failures_and_rows(served: Served) -> None:
    def value(series: str) -> float:
        text = httpx.get(f"{served.url}/metrics", trust_env=False).text
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(series)), 0.0)

    success = 'model_infer_request_success_total{model_name="reactor"}'
    failure = 'model_infer_request_failure_total{code="400",model_name="reactor"}'
    rows = 'model_infer_rows_total{model_name="reactor"}'
    predicts = 'request_predict_seconds_count{model_name="reactor"}'
    before = [value(name) for name in (success, failure, rows, predicts)]
    assert served.infer({"inputs": [_window(6)]}).status_code == 200
    assert served.infer(b"{").status_code == 400
    after = [value(name) for name in (success, failure, rows, predicts)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 6, 1]


def test_it_listens_on_loopback_only(served: Served) -> None:
    port = int(served.url.rpartition(":")[2])
    with socket.create_server(("127.0.0.2", port)):  # free there, so the server is not bound to all addresses
        pass


def test_wrong_golden_rows_end_it_with_one_line(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model", broken_golden=True)
    with running(tmp_path / "log", "setpoint.modelserver", "--model-name", "m", "--model-dir", str(model)) as server:
        assert server.wait() == 1
    assert "golden row 0" in server.output()
    assert "Traceback" not in server.output()


@pytest.mark.parametrize("missing", ["golden.json", "model.json", "weights.json", ""])
def test_an_incomplete_model_ends_it_with_one_line(tmp_path: Path, missing: str) -> None:
    model = write_tiny_model(tmp_path / "model")
    directory = model if missing else tmp_path / "nothing"
    if missing:
        (model / missing).unlink()
    with running(
        tmp_path / "log", "setpoint.modelserver", "--model-name", "m", "--model-dir", str(directory)
    ) as server:
        assert server.wait() == 1
    assert (missing or "nothing") in server.output()
    assert "Traceback" not in server.output()


async def test_a_lightgbm_model_gives_its_golden_answers(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model", boosted=True)
    golden = parse_golden((model / "golden.json").read_bytes())
    port_file = tmp_path / "port"
    flags = ["--model-name", "m", "--model-dir", str(model), "--port-file", str(port_file)]
    with running(tmp_path / "log", "setpoint.modelserver", *flags) as server:
        url = f"http://127.0.0.1:{server.port(port_file)}"
        await wait_ready(url, "m", timeout_seconds=20)
        async with InferenceClient(url, "m") as client:
            assert (await client.metadata())["platform"] == "setpoint_lightgbm"
            response = await client.infer([make_tensor("window", golden.array())])
        found = response.output("probability").array
        np.testing.assert_allclose(found, golden.probabilities, rtol=0, atol=golden.tolerance)
        assert _threads(server.process.pid) <= 4  # no pool of a numeric library


def test_a_taken_port_is_one_clear_error(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = ["--model-name", "m", "--model-dir", str(model), "--http-port", port]
        with running(tmp_path / "log", "setpoint.modelserver", *flags) as server:
            assert server.wait() == 1
    assert f"127.0.0.1:{port}" in server.output()
    assert "Traceback" not in server.output()


def test_sigterm_answers_what_is_inside_and_ends_with_0(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    port_file = tmp_path / "port"
    flags = ["--model-name", "m", "--model-dir", str(model), "--port-file", str(port_file)]
    with running(tmp_path / "log", "setpoint.modelserver", *flags) as server:
        port = server.port(port_file)
        wait_until(lambda: _ready(f"http://127.0.0.1:{port}"), "readiness")
        body = json.dumps({"inputs": [_window()]}).encode()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(10)
            head = f"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body[:10])  # the request is inside, half read
            assert httpx.get(f"http://127.0.0.1:{port}/v2/health/live", trust_env=False).status_code == 200
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _accepts(port), "the listening socket's end")
            client.sendall(body[10:])
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert server.wait() == 0
    assert "Traceback" not in server.output()


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
