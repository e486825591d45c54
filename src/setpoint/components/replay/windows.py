"""Windows of rows as they come, and the labels that become known some time after them.

Pure: no clock, no socket. Invariants: no window crosses an asset, a hole or a row that says nothing, as in training; a
label is handed out only when the replayed clock has passed its delay, and every row is in at most one interval.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import numpy as np

from setpoint.components.replay.sources import Floats, Row
from setpoint.ports.predictions import Label

_PIECE_ROWS = 20  # an interval is handed out in pieces of at least so many rows


class Windows:
    """Feeds on rows and gives a window, shape (1, window, d), whenever the last `window` rows make one."""

    def __init__(self, window: int, period_seconds: float) -> None:
        self._rows: deque[Floats] = deque(maxlen=window)
        self._window, self._period = window, period_seconds
        self._last: Row | None = None

    def push(self, row: Row) -> Floats | None:
        """The window that ends in this row, None if there is none."""
        last, self._last = self._last, row
        if last is not None:
            step = (row.time - last.time).total_seconds()
            if row.asset != last.asset or step <= 0 or step > 1.5 * self._period:
                self._rows.clear()
        if np.isnan(row.values).all():
            self._rows.clear()
            return None
        self._rows.append(row.values)
        return np.stack(self._rows)[None] if len(self._rows) == self._window else None


class LateLabels:
    """Feeds on rows and hands out intervals of equal true label, each once the clock has passed the delay."""

    def __init__(self, delay: timedelta, period_seconds: float, *, author: str) -> None:
        """`delay` is in the plant's time, as the replayed clock counts it: a period for each row."""
        self._late = max(0, round(delay.total_seconds() / period_seconds))
        self._period = timedelta(seconds=period_seconds)
        self._author = author
        self._piece = max(self._late, _PIECE_ROWS)
        self._waiting: deque[Row] = deque()
        self._open: list[Row] = []

    def push(self, row: Row, at: datetime) -> list[Label]:
        """What is known now that this row has come; `at` is when it is said."""
        self._waiting.append(row)
        return self._take(self._late, at)

    def finish(self, at: datetime) -> list[Label]:
        """What is known at the end; rows younger than the delay are not."""
        return self._flush(at)

    def _take(self, keep: int, at: datetime) -> list[Label]:
        found: list[Label] = []
        while len(self._waiting) > keep:
            row = self._waiting.popleft()
            if self._open and not self._joins(row):
                found += self._flush(at)
            if row.label:
                self._open.append(row)
            if len(self._open) >= self._piece:
                found += self._flush(at)
        return found

    def _joins(self, row: Row) -> bool:
        last = self._open[-1]
        step = row.time - last.time
        return (row.asset, row.label) == (last.asset, last.label) and timedelta(0) < step <= 1.5 * self._period

    def _flush(self, at: datetime) -> list[Label]:
        rows, self._open = self._open, []
        if not rows:
            return []
        first, last = rows[0], rows[-1]
        end = last.time + self._period
        return [
            Label(label=first.label, author=self._author, at=at, asset=first.asset, begin=first.time, end=end),
        ]
