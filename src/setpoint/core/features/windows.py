"""Which rows make a window: stretches of one run at one rate without a hole, and the windows inside them.

Decides where a window may lie; knows nothing of labels or features. Invariant: all rows of a window belong to one
stretch, so no window crosses a run, a missing record or a row that says nothing.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

HOLE = -1


def stretches(runs: Indexes, seconds: Floats, usable: Mask, sample_period_seconds: float) -> Indexes:
    """Number the stretches of records that follow each other within a run.

    Args:
        runs: Code of the run of each row, shape (n,); the records of a run are contiguous and in order.
        seconds: Time of each row in seconds, shape (n,).
        usable: Rows that may be part of a window, shape (n,).
        sample_period_seconds: The rate; a step of more than one and a half periods is a hole.

    Returns:
        Number of the stretch of each row, shape (n,), `HOLE` for rows that are not usable.
    """
    if not len(runs):
        return np.zeros(0, dtype=np.int64)
    cut = np.ones(len(runs), dtype=bool)
    late = np.diff(seconds) > 1.5 * sample_period_seconds
    cut[1:] = (np.diff(runs) != 0) | late | (np.diff(seconds) <= 0) | ~usable[:-1]
    number = np.cumsum(cut & usable) - 1
    return np.where(usable, number, HOLE).astype(np.int64)


def window_ends(parts: Indexes, window: int, stride: int = 1) -> Indexes:
    """Last row of every window that lies wholly in rows of one part.

    Args:
        parts: Part of each row, shape (n,): a window needs equal, non-negative values throughout.
        window: Rows per window.
        stride: Every how many rows a window begins, counted from the start of each part.

    Returns:
        Ascending row indexes.

    Raises:
        InvalidSpec: `window` or `stride` is below 1.
    """
    if window < 1 or stride < 1:
        raise InvalidSpec("window and stride are at least 1 row", path="window" if window < 1 else "stride")
    found = [
        np.arange(start + window - 1, stop, stride, dtype=np.int64)
        for start, stop in spans(parts)
        if parts[start] >= 0 and stop - start >= window
    ]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def spans(values: npt.NDArray[np.generic]) -> list[tuple[int, int]]:
    """Maximal stretches of equal values as (start, stop)."""
    if not len(values):
        return []
    cuts = np.flatnonzero(values[1:] != values[:-1]) + 1
    edges = [0, *cuts.tolist(), len(values)]
    return list(itertools.pairwise(edges))


def take_windows(values: Floats, ends: Indexes, window: int) -> Floats:
    """The windows that end in the given rows.

    Args:
        values: Rows, shape (n, d).
        ends: Last row of each window, each at least `window - 1`, shape (m,).
        window: Rows per window.

    Returns:
        Array of shape (m, window, d), contiguous, oldest row first.
    """
    if not len(ends):
        return np.zeros((0, window, values.shape[1]))
    view = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)  # (n - window + 1, d, window)
    return np.ascontiguousarray(np.swapaxes(view[ends - (window - 1)], 1, 2))
