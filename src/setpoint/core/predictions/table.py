"""Exchanges as the table that monitors read: bodies understood, errors given a reason.

Invariant: an exchange is one row whatever its bodies hold; what is not understood is null, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import polars as pl

from setpoint.apis.errors import SetpointError
from setpoint.core.predictions.exchange import Exchange
from setpoint.core.serving.messages import decode_request, decode_response, parse_json_length
from setpoint.core.serving.tensors import BYTES, Tensor

SCHEMA: dict[str, Any] = {
    "id": pl.String,
    "time": pl.Datetime("us", "UTC"),
    "revision": pl.String,
    "version": pl.String,
    "client": pl.String,
    "verb": pl.String,
    "status": pl.Int16,
    "reason": pl.String,
    "error": pl.String,
    "seconds": pl.Float64,
    "request_bytes": pl.Int64,
    "response_bytes": pl.Int64,
    "rows": pl.Int32,
    "asset": pl.String,
    "event_time": pl.Datetime("us", "UTC"),
    "shape": pl.List(pl.Int32),
    "inputs": pl.List(pl.Float64),
    "labels": pl.List(pl.String),
    "probabilities": pl.List(pl.Float64),
}
"""Columns of `ports.predictions.PREDICTION_COLUMNS`."""

ASSET, EVENT_TIME = "asset", "event_time"
_ERROR_CHARACTERS = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERBS = {"infer": "infer", "ready": "ready", "live": "live"}
_BY_STATUS = {
    404: "not-found",
    405: "method",
    408: "timeout",
    413: "too-large",
    429: "overloaded",
    499: "client-gone",
    502: "upstream",
    504: "timeout",
}
# Of a 400, by the server's own words; the first that fits.
_BY_WORDS = (
    ("malformed", re.compile(r"malformed|not JSON|header.* is not a length|binary bytes")),
    ("datatype", re.compile(r"datatype|, the model takes [A-Z]")),
    ("value", re.compile(r"infinite|out of range|missing value|not [A-Z0-9]+ data")),
    ("shape", re.compile(r"shape|rank|unequal length")),
    ("tensor", re.compile(r"input|output|tensor|named twice")),
)


class _Failure(msgspec.Struct):
    error: str = ""


class _Head(msgspec.Struct):
    """What of a request's JSON says who asks about what."""

    id: str | None = None
    parameters: dict[str, str | int | float | bool] = {}


_failures = msgspec.json.Decoder(_Failure)
_heads = msgspec.json.Decoder(_Head)


def to_table(exchanges: Iterable[Exchange]) -> pl.DataFrame:
    """One row for each exchange, in their order."""
    return pl.DataFrame([_row(one) for one in exchanges], schema=SCHEMA, orient="row")


def event_time_of(value: object) -> datetime | None:
    """The plant's time that a request names: ISO 8601 (UTC if it says no zone) or seconds since 1970."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(seconds=value)
    except (ValueError, OverflowError):
        pass
    return None


def verb_of(path: str) -> str:
    """What a path asks for."""
    last = path.rstrip("/").rpartition("/")[2]
    if ":" in last:
        return "predict" if last.endswith(":predict") else "other"
    if last in _VERBS:
        return _VERBS[last]
    return "metadata" if re.fullmatch(r"/v[12]/models/[^/]+(/versions/[^/]+)?", path.rstrip("/")) else "other"


def reason_of(status: int, error: str) -> str:
    """One of `ports.predictions.REASONS`, empty if it is no error."""
    if status < 400:
        return ""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 503:
        return "overloaded" if "wait already" in error else "not-ready"
    if status >= 500:
        return "internal"
    return next((reason for reason, words in _BY_WORDS if words.search(error)), "other")


def _row(one: Exchange) -> tuple[Any, ...]:
    verb = verb_of(one.path)
    error = "" if one.status < 400 else _error(one.response)
    head, tensor = _request(one) if verb == "infer" else (_Head(), None)
    answer = _answer(one) if verb == "infer" and one.status < 300 else _Answer()
    return (
        answer.id or head.id or "",
        _EPOCH + timedelta(microseconds=one.time_us),
        one.revision,
        answer.version,
        one.client,
        verb,
        one.status,
        reason_of(one.status, error),
        error[:_ERROR_CHARACTERS],
        one.seconds,
        one.request_bytes,
        one.response_bytes,
        None if tensor is None else (tensor.shape[0] if tensor.shape else 1),
        str(head.parameters.get(ASSET, "")),
        event_time_of(head.parameters.get(EVENT_TIME)),
        None if tensor is None else list(tensor.shape),
        None if tensor is None else _floats(tensor),
        answer.labels,
        answer.probabilities,
    )


def _error(body: bytes | None) -> str:
    if not body:
        return ""
    try:
        return _failures.decode(body).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body[:_ERROR_CHARACTERS].decode(errors="replace")


def _request(one: Exchange) -> tuple[_Head, Tensor | None]:
    """Who asks, and the first input; as much of either as is understood."""
    if one.request is None:
        return _Head(), None
    head, tensor = _Head(), None
    try:
        length = parse_json_length(one.request_json_length, len(one.request))
        head = _heads.decode(one.request[: len(one.request) if length is None else length])
        inputs = decode_request(one.request, length).inputs
        tensor = inputs[0] if inputs and inputs[0].datatype != BYTES else None
    except (SetpointError, msgspec.MsgspecError, UnicodeDecodeError):
        pass
    return head, tensor


class _Answer(msgspec.Struct):
    id: str = ""
    version: str = ""
    labels: list[str] | None = None
    probabilities: list[float] | None = None


def _answer(one: Exchange) -> _Answer:
    if one.response is None:
        return _Answer()
    try:
        length = parse_json_length(one.response_json_length, len(one.response))
        response = decode_response(one.response, length)
    except (SetpointError, UnicodeDecodeError):
        return _Answer()
    outputs = {tensor.name: tensor for tensor in response.outputs}
    label, probability = outputs.get("label"), outputs.get("probability")
    return _Answer(
        id=response.id or "",
        version=response.model_version or "",
        labels=None if label is None else [_text(item) for item in label.array.ravel().tolist()],
        probabilities=None if probability is None else _floats(probability),
    )


def _text(item: object) -> str:
    return item.decode(errors="replace") if isinstance(item, bytes) else str(item)


def _floats(tensor: Tensor) -> list[float]:
    found: list[float] = tensor.array.astype(np.float64).ravel().tolist()
    return found
