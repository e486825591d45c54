"""The model server's queue and its supervision of one request, with a model that blocks or breaks on demand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

import httpx
import numpy as np
import pytest

from setpoint.apis.errors import InvalidSpec, Throttled, Unavailable
from setpoint.core.serving.messages import InferRequest, encode_request
from setpoint.core.serving.tensors import Array, Tensor, TensorSpec, make_tensor
from setpoint.modelserver.app import ModelServerApp
from setpoint.modelserver.metrics import ServerMetrics
from setpoint.modelserver.service import ModelService


class Doubling:
    """Gives back twice its input, when `gate` is open."""

    platform = "test"
    parameters: Mapping[str, object] = {}
    inputs = (TensorSpec(name="x", datatype="FP64", shape=(-1,)),)
    outputs = (TensorSpec(name="y", datatype="FP64", shape=(-1,)),)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.threads: list[str] = []
        self.error: Exception | None = None

    def infer(self, inputs: Mapping[str, Array]) -> tuple[Tensor, ...]:
        self.threads.append(threading.current_thread().name)
        assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        return (make_tensor("y", inputs["x"] * 2),)


def _service(model: Doubling | None, *, max_queue: int = 2) -> ModelService:
    service = ModelService(name="m", version="1", max_queue=max_queue, metrics=ServerMetrics("m"))
    if model is not None:
        service.put(model)
    return service


def _request(value: float) -> InferRequest:
    return InferRequest(inputs=(make_tensor("x", np.array([value])),))


async def test_a_full_queue_sheds_and_what_is_inside_is_answered() -> None:
    model = Doubling()
    service = _service(model)
    model.gate.clear()
    inside = [asyncio.create_task(service.infer(_request(value))) for value in (1.0, 2.0)]
    for _ in inside:
        await asyncio.sleep(0)  # each runs up to its place in the thread
    assert service.depth == 2
    with pytest.raises(Throttled):
        await service.infer(_request(3.0))
    assert b'model_infer_request_shed_total{model_name="m"} 1.0' in service.metrics.render()
    service.drain()
    assert not service.ready
    model.gate.set()
    answers = await asyncio.gather(*inside)
    assert [answer.output("y").array.tolist() for answer in answers] == [[2.0], [4.0]]
    assert service.depth == 0
    assert (await service.infer(_request(4.0))).output("y").array.tolist() == [8.0]  # draining loses nothing
    service.close()


async def test_short_answers_are_computed_on_the_loop_once_they_are_known_to_be_short() -> None:
    model = Doubling()
    service = _service(model)
    for value in range(30):
        await service.infer(_request(float(value)))
    assert model.threads[0].startswith("predict")
    assert model.threads[-1] == threading.current_thread().name
    service.close()


async def test_no_model_no_answer() -> None:
    service = _service(None)
    assert not service.ready
    with pytest.raises(Unavailable, match="loading"):
        await service.infer(_request(1.0))
    service.close()


async def test_what_breaks_inside_is_one_500_and_the_next_request_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    model = Doubling()
    service = _service(model)
    app = ModelServerApp(service, max_body_bytes=10_000)
    body = encode_request([make_tensor("x", np.array([1.0]))]).content
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        model.error = ZeroDivisionError("secret detail")
        response = await http.post("/v2/models/m/infer", content=body)
        assert (response.status_code, response.json()) == (500, {"error": "internal error: ZeroDivisionError"})
        assert "ZeroDivisionError" in caplog.text
        model.error = InvalidSpec("infinite value")
        assert (await http.post("/v2/models/m/infer", content=body)).status_code == 400
        model.error = None
        assert (await http.post("/v2/models/m/infer", content=body)).json()["outputs"][0]["data"] == [2.0]
    assert service.depth == 0
    service.close()


async def test_a_nan_answer_is_an_error_in_json_and_a_value_in_binary() -> None:
    service = _service(Doubling())
    app = ModelServerApp(service, max_body_bytes=10_000)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        body = encode_request([make_tensor("x", np.array([np.nan]))], binary=True)
        headers = {"inference-header-content-length": str(body.json_length)}
        response = await http.post("/v2/models/m/infer", content=body.content, headers=headers)
        assert response.status_code == 200
        asked = body.content.replace(b'"binary_data_output":true', b'"binary_data_output":false')
        headers = {"inference-header-content-length": str((body.json_length or 0) + 1)}
        response = await http.post("/v2/models/m/infer", content=asked, headers=headers)
        assert (response.status_code, "NaN" in response.json()["error"]) == (500, True)
    service.close()
