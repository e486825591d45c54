"""What was sent and answered, as the columns that monitors read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from setpoint.core.predictions.exchange import Exchange
from setpoint.core.predictions.table import SCHEMA, event_time_of, reason_of, to_table, verb_of
from setpoint.core.serving.messages import InferRequest, InferResponse, encode_request, encode_response
from setpoint.core.serving.tensors import make_tensor
from setpoint.ports.predictions import PREDICTION_COLUMNS, REASONS
from tests import predictions

WINDOWS = np.array([[[1.0, np.nan], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
INFER = "/v2/models/reactor/infer"


def _exchange(**changes: Any) -> Exchange:
    given: dict[str, Any] = {
        "time_us": 1_772_323_200_000_000,
        "revision": "reactor-00002",
        "client": "historian",
        "method": "POST",
        "path": INFER,
        "status": 200,
        "seconds": 0.004,
        "request_bytes": 10,
        "response_bytes": 20,
    }
    return Exchange(**(given | changes))


def _infer(*, binary: bool) -> Exchange:
    window = make_tensor("window", WINDOWS)
    parameters = {"asset": "r1", "event_time": "2026-02-28T23:57:00+00:00"}
    body = encode_request([window], request_id="q1", binary=binary, parameters=parameters)
    outputs = (
        make_tensor("label", np.array(["normal", "4"])),
        make_tensor("probability", np.array([[0.9, 0.1], [0.2, 0.8]])),
    )
    response = InferResponse(model_name="reactor", model_version="7", id="q1", outputs=outputs)
    answer = encode_response(response, InferRequest(inputs=(window,), binary_default=binary))
    lengths = [None if one.json_length is None else str(one.json_length) for one in (body, answer)]
    return _exchange(
        request=body.content,
        request_json_length=lengths[0],
        response=answer.content,
        response_json_length=lengths[1],
    )


def test_the_columns_are_those_of_the_port_and_of_the_tests() -> None:
    assert list(SCHEMA) == list(PREDICTION_COLUMNS)
    assert pl.Schema(SCHEMA) == pl.Schema(predictions.SCHEMA)
    assert to_table([]).schema == pl.Schema(SCHEMA)


def test_a_binary_inference_is_understood() -> None:
    (row,) = to_table([_infer(binary=True)]).to_dicts()
    np.testing.assert_array_equal(np.reshape(row.pop("inputs"), (2, 2, 2)), WINDOWS)
    assert row == {
        "id": "q1",
        "time": datetime(2026, 3, 1, tzinfo=UTC),
        "revision": "reactor-00002",
        "version": "7",
        "client": "historian",
        "verb": "infer",
        "status": 200,
        "reason": "",
        "error": "",
        "seconds": 0.004,
        "request_bytes": 10,
        "response_bytes": 20,
        "rows": 2,
        "asset": "r1",
        "event_time": datetime(2026, 2, 28, 23, 57, tzinfo=UTC),
        "shape": [2, 2, 2],
        "labels": ["normal", "4"],
        "probabilities": [0.9, 0.1, 0.2, 0.8],
    }


def test_json_and_bodies_that_are_missing_or_nonsense() -> None:
    text = b'{"id": "j", "inputs": [{"name": "w", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}'
    torn = _infer(binary=True)
    rows = to_table(
        [
            _exchange(request=text, response=b'{"model_name": "m", "outputs": [], "id": "j"}'),
            _exchange(request=None, response=None),
            _exchange(request=b"\xff\x00", response=b"\xff"),
            _exchange(request=torn.request[:-3], request_json_length=torn.request_json_length),  # type: ignore[index]  # it has a body
            _exchange(
                request=text, status=400, response=b'{"error": "input \'w\' has shape [1, 2], the model takes [-1, 4]"}'
            ),
        ]
    ).to_dicts()
    assert [row["id"] for row in rows] == ["j", "", "", "q1", "j"]
    assert [row["inputs"] for row in rows] == [[1.0, 2.0], None, None, None, [1.0, 2.0]]
    assert [row["rows"] for row in rows] == [1, None, None, None, 1]
    assert [row["labels"] for row in rows] == [None] * 5
    assert [row["reason"] for row in rows] == ["", "", "", "", "shape"]
    assert rows[4]["error"].startswith("input 'w' has shape")


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (200, "", ""),
        (400, "inputs[0].shape: input 'w' has shape [1], the model takes [-1, 40, 52]", "shape"),
        (400, "inputs[0].datatype: input 'w' is FP32, the model takes FP64", "datatype"),
        (400, "inputs[0].name: the model has no input 'x'; allowed: window", "tensor"),
        (400, "inputs: missing input 'window'", "tensor"),
        (400, "window: a window holds an infinite value", "value"),
        (400, "malformed inference request: Object missing required field `inputs`", "malformed"),
        (400, "the moon is wrong", "other"),
        (404, "no InferenceService a/b", "not-found"),
        (413, "", "too-large"),
        (429, "", "overloaded"),
        (499, "", "client-gone"),
        (500, "", "internal"),
        (502, "", "upstream"),
        (503, "64 requests wait already", "overloaded"),
        (503, "InferenceService a/b has no ready revision", "not-ready"),
        (504, "", "timeout"),
    ],
)
def test_errors_have_a_reason(status: int, error: str, reason: str) -> None:
    assert reason_of(status, error) == reason
    assert reason in ("", *REASONS)


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        (INFER, "infer"),
        ("/v2/models/a/versions/3/infer", "infer"),
        ("/v1/models/a:predict", "predict"),
        ("/v1/models/a:explain", "other"),
        ("/v2/models/a", "metadata"),
        ("/v2/models/a/versions/3", "metadata"),
        ("/v2/models/a/ready", "ready"),
        ("/v2/health/live", "live"),
        ("/", "other"),
    ],
)
def test_paths_have_a_verb(path: str, verb: str) -> None:
    assert verb_of(path) == verb


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2026-03-01T08:00:00+02:00", datetime(2026, 3, 1, 6, tzinfo=UTC)),
        ("2026-03-01 08:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        (86_400.5, datetime(1970, 1, 2, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("yesterday", None),
        (True, None),
        (1e300, None),
        (float("nan"), None),
        (None, None),
    ],
)
def test_event_times(value: object, wanted: datetime | None) -> None:
    assert event_time_of(value) == wanted
