"""What an exchange means: the row of a prediction log, read from the bytes of request and answer.

Decides which verb a path is, why a request failed, and what is taken out of the bodies. Invariant: any bytes give a
row; what cannot be understood is null in it, never an error.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from setpoint.apis.errors import InvalidSpec
from setpoint.core.predictions.exchange import Exchange
from setpoint.core.serving.messages import (
    InferRequest,
    InferResponse,
    decode_request,
    decode_response,
    parse_json_length,
)
from setpoint.core.serving.tensors import BYTES, Tensor

ERROR_CHARACTERS = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_BY_STATUS = {
    404: "not-found",
    405: "method",
    408: "timeout",
    413: "too-large",
    415: "malformed",
    421: "not-found",
    429: "overloaded",
    499: "client-gone",
    500: "internal",
    502: "upstream",
    503: "not-ready",
    504: "timeout",
}
_OF_THE_BODY = (400, 422, 501)
# In this order, by what the answer says; the words are those of core.serving, of the model server and of KServe's.
_BY_WORDS = (
    ("malformed", r"malformed|Expected `array`|true or false|negative size"),
    ("datatype", r"datatype|the model takes [A-Z]|FP16"),
    ("value", r"infinite|infinity|NaN|not finite|out of range|Expected `(float|int|bool|str)`"),
    ("tensor", r"missing input|has no input|has no output|named twice"),
    ("shape", r"shape|unequal length|binary bytes|elements|rank"),
)
_WORDS = tuple((reason, re.compile(pattern)) for reason, pattern in _BY_WORDS)


class _Instances(msgspec.Struct):
    instances: list[Any]


class _Predictions(msgspec.Struct):
    predictions: list[Any]


def row_of(exchange: Exchange) -> dict[str, Any]:
    """The row, by the names of PREDICTION_COLUMNS."""
    verb = verb_of(exchange.method, exchange.path)
    row: dict[str, Any] = {
        "id": "",
        "time": _EPOCH + timedelta(microseconds=exchange.time),
        "revision": exchange.revision,
        "version": "",
        "client": exchange.client,
        "verb": verb,
        "status": exchange.status,
        "reason": "",
        "error": "",
        "seconds": exchange.seconds,
        "request_bytes": exchange.request_bytes,
        "response_bytes": exchange.response_bytes,
        "rows": None,
        "asset": "",
        "event_time": None,
        "shape": None,
        "inputs": None,
        "labels": None,
        "probabilities": None,
    }
    _read_request(row, verb, exchange)
    if 200 <= exchange.status < 300:
        _read_answer(row, verb, exchange)
    else:
        row["error"] = _error_text(exchange.response)[:ERROR_CHARACTERS]
        row["reason"] = reason_of(exchange.status, row["error"])
    if exchange.keep == "response":
        row["inputs"] = None
    if exchange.keep == "request":
        row["labels"] = row["probabilities"] = None
    return row


def verb_of(method: str, path: str) -> str:
    """infer, predict, metadata, ready, live or other."""
    parts = path.partition("?")[0].strip("/").split("/")
    match parts:
        case ["v2", "models", _, "infer"] | ["v2", "models", _, "versions", _, "infer"]:
            return "infer"
        case ["v1", "models", name] if name.endswith((":predict", "%3Apredict", "%3apredict")):
            return "predict"
        case ["v2", "health", "live"]:
            return "live"
        case ["v2", "health", "ready"] | ["v2", "models", _, "ready"] | ["v2", "models", _, "versions", _, "ready"]:
            return "ready"
        case ["v2"] | ["v2" | "v1", "models"] | ["v2" | "v1", "models", _] | ["v2", "models", _, "versions", _] if (
            method in ("GET", "HEAD")
        ):
            return "metadata"
        case _:
            return "other"


def reason_of(status: int, error: str) -> str:
    """Why a request failed, one of REASONS; empty for what did not."""
    if status < 400:
        return "" if status < 300 else "other"
    if status == 503 and "wait already" in error:
        return "overloaded"
    if status in _OF_THE_BODY:
        return next((reason for reason, words in _WORDS if words.search(error)), "other")
    return _BY_STATUS.get(status, "internal" if status > 504 else "other")


def parse_event_time(value: object) -> datetime | None:
    """An ISO 8601 text (UTC if it names no zone) or seconds since 1970; None if it is neither."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(seconds=value)
    except (ValueError, OverflowError):
        pass
    return None


def _read_request(row: dict[str, Any], verb: str, exchange: Exchange) -> None:
    if exchange.request is None:
        return
    try:
        if verb == "infer":
            length = parse_json_length(exchange.request_json, len(exchange.request))
            _take_request(row, decode_request(exchange.request, length))
        elif verb == "predict":
            instances = msgspec.json.decode(exchange.request, type=_Instances).instances
            _take_values(row, np.array(instances, dtype=np.float64))
    except (InvalidSpec, msgspec.MsgspecError, ValueError, TypeError, OverflowError):
        return


def _take_request(row: dict[str, Any], request: InferRequest) -> None:
    row["id"] = request.id or ""
    asset = request.parameters.get("asset", "")
    row["asset"] = asset if isinstance(asset, str) else str(asset)
    row["event_time"] = parse_event_time(request.parameters.get("event_time"))
    if request.inputs:
        tensor = request.inputs[0]
        if tensor.datatype == BYTES:
            row["shape"], row["rows"] = list(tensor.shape), tensor.shape[0] if tensor.shape else 1
        else:
            _take_values(row, tensor.array.astype(np.float64))


def _take_values(row: dict[str, Any], values: np.ndarray[Any, Any]) -> None:
    row["shape"] = list(values.shape)
    row["rows"] = values.shape[0] if values.shape else 1
    row["inputs"] = values.ravel().tolist()


def _read_answer(row: dict[str, Any], verb: str, exchange: Exchange) -> None:
    if exchange.response is None:
        return
    try:
        if verb == "infer":
            length = parse_json_length(exchange.response_json, len(exchange.response))
            _take_answer(row, decode_response(exchange.response, length))
        elif verb == "predict":
            found = msgspec.json.decode(exchange.response, type=_Predictions).predictions
            if found and all(isinstance(item, str) for item in found):
                row["labels"] = found
    except (InvalidSpec, msgspec.MsgspecError, ValueError):
        return


def _take_answer(row: dict[str, Any], response: InferResponse) -> None:
    row["id"] = response.id or row["id"]
    row["version"] = response.model_version or ""
    labels = next((item for item in response.outputs if item.datatype == BYTES), None)
    if labels is not None:
        row["labels"] = [item.decode("utf-8", "replace") for item in labels.array.ravel().tolist()]
    shares = next((item for item in response.outputs if _is_probability(item)), None)
    if shares is not None:
        row["probabilities"] = shares.array.astype(np.float64).ravel().tolist()


def _is_probability(tensor: Tensor) -> bool:
    return tensor.datatype in ("FP64", "FP32") and tensor.array.ndim == 2


def _error_text(body: bytes | None) -> str:
    if not body:
        return ""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body[: 4 * ERROR_CHARACTERS].decode("utf-8", "replace")
    return str(found.get("error", "")) if isinstance(found, dict) else ""
