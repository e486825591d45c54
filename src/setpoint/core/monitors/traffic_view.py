"""The window that is judged and what was before it, as the checks of traffic look at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from setpoint.core.monitors.arrivals import Slots, slots_of
from setpoint.core.monitors.clients import divergence
from setpoint.core.monitors.spot import LEAST

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SERVER_REASONS = ("internal", "upstream", "timeout", "not-ready", "overloaded")
"""Reasons of errors that the server answers for; the others are the client's."""

_MOST_SLOTS, _LONGEST_SLOT = 60, 3600.0
_HARM_BITS, _HARM_ERRORS, _HARM_LEAST = 0.1, 0.05, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficRules:
    """What was agreed. None: judged by what was usual before."""

    availability: float = 0.995  # share of requests that the server answers without a fault of its own
    latency_seconds: float | None = None  # of the slowest hundredth
    nominal_period_seconds: float | None = None  # between two requests


class View:
    """Requests for predictions: `window` from `begin` to `end`, `before` from `base` to `begin`; moments in seconds."""

    def __init__(
        self, window: pl.DataFrame, before: pl.DataFrame, begin: float, end: float, base: float, rules: TrafficRules
    ) -> None:
        """Tables have the column `at` beside those of the log: seconds since 1970."""
        self.window, self.before = window, before
        self.begin, self.end, self.base = begin, end, base
        self.rules = rules
        self.times, self.times_before = window["at"].to_numpy(), before["at"].to_numpy()

    @property
    def usual(self) -> pl.DataFrame:
        """What to learn from: the baseline where there is enough of it."""
        return self.before if self.before.height >= LEAST else self.window

    def slots(self) -> Slots:
        """The window in slots, with what is usual in each."""
        return slots_of(
            self.times,
            self.times_before,
            begin=self.begin,
            end=self.end,
            base_begin=self.base,
            seconds=min(max((self.end - self.begin) / _MOST_SLOTS, 1.0), _LONGEST_SLOT),
        )

    def harm(self, among: Mask) -> bool | None:
        """Whether answers or errors of these requests differ from those of the others; None if there are too few."""
        part, rest = self.window.filter(among), self.window.filter(~among)
        if rest.height < _HARM_LEAST:
            rest = self.before
        if part.height < _HARM_LEAST or rest.height < _HARM_LEAST:
            return None
        errors = [share_of(each["status"] >= 400) for each in (part, rest)]
        return divergence(_answers(part), _answers(rest)) > _HARM_BITS or errors[0] - errors[1] > _HARM_ERRORS

    def between(self, begin: float, end: float) -> Mask:
        """The window's requests from one moment to another."""
        found: Mask = (self.times >= begin) & (self.times <= end)
        return found


def _answers(table: pl.DataFrame) -> dict[str, int]:
    labels = table["labels"].drop_nulls().explode().drop_nulls()
    return dict(labels.value_counts().iter_rows())


def share_of(flags: pl.Series) -> float:
    """Share of the flags that hold; 0 without any."""
    return float(flags.to_numpy().mean()) if len(flags) else 0.0


def moment(seconds: float) -> datetime:
    """The moment so many seconds after 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
