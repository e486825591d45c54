"""What a service was asked and answered, and what turned out to be true: the material of monitors.

`PredictionLog` is written by whoever stands in front of the models (the gateway here, a payload logger on a cluster)
and read by monitors; `LabelSource` is written by people and historians, later than the answers it speaks of.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from setpoint.core.monitors.label import Label

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PREDICTION_COLUMNS", "REASONS", "Label", "LabelSource", "PredictionLog"]

PREDICTION_COLUMNS = {
    "id": "String",  # inference id: the request's, else one that the server made; empty if none was given out
    "time": "Datetime",  # UTC, microseconds: when the request's head came
    "revision": "String",  # of the InferenceService; empty if none was ready
    "version": "String",  # of the model that answered; empty without an answer
    "client": "String",  # who asked, as the client calls itself (header `x-client-id`), else its user agent
    "verb": "String",  # infer, predict (V1), metadata, ready, live, other
    "status": "Int16",  # HTTP status that went back; 499 if the client left first
    "reason": "String",  # of an error, one of REASONS; empty for 2xx
    "error": "String",  # the error's text, cut to 200 characters
    "seconds": "Float64",  # from the request's head to the answer's last byte
    "request_bytes": "Int64",
    "response_bytes": "Int64",
    "rows": "Int32",  # windows asked about; null if the body was not understood
    "asset": "String",  # parameter `asset` of the request; empty if not given
    "event_time": "Datetime",  # UTC: parameter `event_time` of the request, the plant's time of the last window's end
    "shape": "List(Int32)",  # of the first input
    "inputs": "List(Float64)",  # its values in C order; null if not understood
    "labels": "List(String)",  # answered labels, one for each window; null without an answer
    "probabilities": "List(Float64)",  # shape (rows, classes) in C order, classes in the model's order
}
"""Columns of a `PredictionLog.read`, one row for each request, with their polars types. Rows are in order of time."""

REASONS = (
    "shape",  # a tensor of another shape than the model's
    "datatype",
    "tensor",  # a tensor is missing, unknown or named twice
    "value",  # values that are no legal input, such as infinite ones
    "malformed",  # the body is no request
    "too-large",
    "not-found",  # no such service, model, version or path
    "method",
    "overloaded",  # shed by a full queue, or throttled
    "not-ready",  # no revision, or a model that is not ready
    "timeout",
    "upstream",  # the server broke off
    "client-gone",
    "internal",
    "other",
)


class PredictionLog(Protocol):
    """Reads what one service was asked and answered. Synchronous: components use it."""

    def read(
        self,
        namespace: str,
        service: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Requests with `since <= time < until`, in order of time; empty, with all columns, if there are none.

        Args:
            namespace: Of the InferenceService.
            service: Its name.
            since: First moment; None from the oldest kept.
            until: Moment after the last; None to the newest.
            columns: Those of PREDICTION_COLUMNS that are wanted; None for all.

        Raises:
            Unavailable: It cannot be read.
        """
        ...

    def dropped(self, namespace: str, service: str) -> int:
        """Requests that were answered and could not be logged (a full queue, a full disk), as far as is known."""
        ...


class LabelSource(Protocol):
    """What is known to have been true, by service. Synchronous: components use it."""

    def add(self, namespace: str, service: str, labels: Sequence[Label]) -> int:
        """Append statements, all or none; how many were new (an equal statement by the same author is none).

        Raises:
            InvalidSpec: A label has no key or two, or its interval ends before it begins.
            Unavailable: They cannot be stored.
        """
        ...

    def read(self, namespace: str, service: str) -> tuple[Label, ...]:
        """The last revision of each key, in the order in which the keys were first spoken of.

        Raises:
            Unavailable: They cannot be read.
        """
        ...
