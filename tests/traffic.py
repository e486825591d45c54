"""Traffic made by hand: prediction logs of many requests, as columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tests.predictions import SCHEMA

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
HOUR, DAY = 3600.0, 86_400.0
CLIENTS, SHARES = ("historian", "operator-screen", "reports"), (0.7, 0.2, 0.1)


def arrivals(
    draw: np.random.Generator, begin: float, end: float, rate: float, *, season: float = 0.0
) -> npt.NDArray[np.float64]:
    """Seconds since BEGIN of a Poisson process; `season` is the swing of its rate over the day, 0 to 1."""
    peak = rate * (1 + season)
    times = np.sort(draw.uniform(begin, end, draw.poisson(peak * (end - begin))))
    now = rate * (1 + season * np.sin(2 * np.pi * times / DAY))
    return times[draw.uniform(0, peak, len(times)) < now]


def log_of(draw: np.random.Generator, times: npt.NDArray[np.float64], **columns: Any) -> pl.DataFrame:
    """Ordinary answered requests at those seconds since BEGIN; `columns` replaces some of theirs."""
    count = len(times)
    moments = (BEGIN.timestamp() * 1e6 + np.asarray(times) * 1e6).astype(np.int64)
    answers = draw.choice(["normal", "4"], size=count, p=[0.95, 0.05])
    given: dict[str, Any] = {
        "id": [f"{moment:x}-{number}" for number, moment in enumerate(moments.tolist())],
        "time": pl.Series(moments).cast(pl.Datetime("us", "UTC")),
        "revision": ["service-00001"] * count,
        "version": ["1"] * count,
        "client": draw.choice(CLIENTS, size=count, p=SHARES).tolist(),
        "verb": ["infer"] * count,
        "status": [200] * count,
        "reason": [""] * count,
        "error": [""] * count,
        "seconds": (0.004 * draw.lognormal(0, 0.4, count)).tolist(),
        "request_bytes": (3000 + draw.integers(0, 400, count)).tolist(),
        "response_bytes": [400] * count,
        "rows": [1] * count,
        "asset": ["plant"] * count,
        "event_time": pl.Series(moments - 500_000).cast(pl.Datetime("us", "UTC")),
        "shape": [[1, 1, 2]] * count,
        "inputs": draw.normal(size=(count, 2)).tolist(),
        "labels": [[answer] for answer in answers.tolist()],
        "probabilities": [[0.9, 0.1]] * count,
    } | columns
    filled = {
        name: value if isinstance(value, list | pl.Series | np.ndarray) else [value] * count
        for name, value in given.items()
    }
    return pl.DataFrame(filled, schema=SCHEMA, strict=False)


def failed(
    draw: np.random.Generator, times: npt.NDArray[np.float64], status: int, reason: str, **more: Any
) -> pl.DataFrame:
    """Requests that were refused."""
    nothing = {"labels": None, "probabilities": None, "version": "", "rows": None, "inputs": None, "shape": None}
    return log_of(draw, times, **(nothing | {"status": status, "reason": reason, "error": f"{reason} it is"} | more))


def join(*parts: pl.DataFrame) -> pl.DataFrame:
    """The parts as one log."""
    return pl.concat(parts).sort("time")
