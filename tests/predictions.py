"""Prediction logs made by hand: what a gateway would have written of known records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from setpoint.core.features.windows import Floats

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


def request(
    number: int,
    windows: Floats | None,
    labels: Sequence[str],
    probabilities: Floats | None,
    *,
    time: datetime,
    **other: Any,
) -> dict[str, Any]:
    """One row of the log; windows of shape (m, window, d)."""
    answered = windows is not None and probabilities is not None
    return {
        "id": f"r{number}",
        "time": time,
        "revision": "service-00001",
        "version": "1",
        "client": "tests",
        "verb": "infer",
        "status": 200 if answered else 400,
        "reason": "" if answered else "shape",
        "error": "",
        "seconds": 0.002,
        "request_bytes": 1000,
        "response_bytes": 200,
        "rows": None if windows is None else len(windows),
        "asset": "",
        "event_time": None,
        "shape": None if windows is None else list(windows.shape),
        "inputs": None if windows is None else windows.ravel().tolist(),
        "labels": list(labels) if answered else None,
        "probabilities": probabilities.ravel().tolist() if answered and probabilities is not None else None,
    } | other


def table(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """The rows as `PredictionLog.read` gives them."""
    return pl.DataFrame(list(rows), schema=SCHEMA).sort("time")


def windows_of(values: Floats, window: int) -> Floats:
    """All windows of the rows, shape (n - window + 1, window, d)."""
    view = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)
    return np.ascontiguousarray(np.swapaxes(view, 1, 2))


def replayed(
    values: Floats,
    probabilities: Floats,
    classes: Sequence[str],
    *,
    window: int,
    batch: int,
    begin: datetime,
    period: timedelta,
    asset: str = "plant",
    told: bool = True,
) -> pl.DataFrame:
    """A log of all windows of a run, `batch` in each request, asked for as they were measured.

    Probabilities are of the windows, shape (n - window + 1, k).
    """
    windows = windows_of(values, window)
    rows = []
    for number, start in enumerate(range(0, len(windows), batch)):
        part = slice(start, min(start + batch, len(windows)))
        end = begin + period * (part.stop - 1 + window - 1)
        answers = [classes[code] for code in probabilities[part].argmax(axis=1)]
        given = {"asset": asset, "event_time": end if told else None}
        rows.append(request(number, windows[part], answers, probabilities[part], time=end, **given))
    return table(rows)
