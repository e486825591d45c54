"""Requests over time: how many come in each slot, how many should, and for how long none came.

Counts are compared on Anscombe's scale, 2 sqrt(n + 3/8), where a Poisson count has variance 1 whatever its mean
(Anscombe 1948, Biometrika 35, 246). So a quiet night and a busy noon have the same limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.monitors.spot import LEAST, fit_tail

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

DAY = 86_400.0
DEAD_MAN = 1.5  # nominal periods without a request
FACTOR = 3.0  # a surge is at least so many times what is usual, a drop at most its inverse
RISK = 1e-4
_NORMAL = 5.0  # limit on Anscombe's scale where there is too little to learn a tail from
_SEASON_SLOTS = 24  # of a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Counts in slots of equal length, and how many are usual; all of shape (n,)."""

    begins: Floats
    counts: Floats
    usual: Floats
    surge: Mask
    drop: Mask
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch without requests; `open`: it lasts to the end of the observation."""

    begin: float
    end: float
    limit: float
    open: bool

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.begin


def slots_of(times: Floats, baseline: Floats, *, begin: float, end: float, base_begin: float, seconds: float) -> Slots:
    """Surges and drops against what is usual.

    Args:
        times: Of the requests from `begin` to `end`, seconds, ascending.
        baseline: Of those from `base_begin` to `begin`; empty: the window is judged by its own median.
        begin: Start of the observation.
        end: Its end.
        base_begin: Start of the baseline.
        seconds: Length of a slot.
    """
    count = max(1, int(np.ceil((end - begin) / seconds - 1e-9)))
    edges: Floats = (begin + seconds * np.arange(count + 1)).astype(np.float64)
    counts = np.histogram(times, edges)[0].astype(np.float64)
    begins = edges[:-1]
    whole = np.minimum(edges[1:], end) - begins >= 0.5 * seconds  # half a slot says little
    before = int((begin - base_begin) / seconds + 1e-9)
    if before < 1:
        usual = np.full(count, np.median(counts))
        limit = _NORMAL
    else:
        base_edges: Floats = (begin - seconds * np.arange(before, -1, -1)).astype(np.float64)
        base = np.histogram(baseline, base_edges)[0].astype(np.float64)
        usual_base, usual = _usual(base, base_edges[:-1], begins)
        deviations = np.abs(_scale(base) - _scale(usual_base))
        limit = max(_NORMAL, fit_tail(deviations).quantile(RISK)) if len(base) >= LEAST else _NORMAL
    deviation = _scale(counts) - _scale(usual)
    return Slots(
        begins=begins,
        counts=counts,
        usual=usual,
        surge=whole & (deviation > limit) & (counts >= FACTOR * usual),
        drop=whole & (deviation < -limit) & (counts <= usual / FACTOR),
        seconds=seconds,
    )


def find_gaps(times: Floats, baseline: Floats, *, begin: float, end: float, nominal: float | None) -> tuple[Gap, ...]:
    """Stretches without a request that are too long, the last one reaching to the end if nothing came since.

    Args:
        times: Of the requests of the observation, seconds, ascending.
        baseline: Of those before it.
        begin: Start of the observation.
        end: Its end.
        nominal: Seconds between two requests by agreement; None: what is usual is learnt from the baseline, or from
            the observation where that is too short.
    """
    known = baseline if len(baseline) > LEAST else np.concatenate([baseline, times])
    if nominal is None and len(known) < 3:
        return ()
    limit = DEAD_MAN * nominal if nominal is not None else _gap_limit(np.diff(known), learnt=known is baseline)
    first = baseline[-1:] if len(baseline) else np.array([begin])
    points = np.concatenate([first, times, [end]])
    lengths = np.diff(points)
    return tuple(
        Gap(begin=float(points[index]), end=float(points[index + 1]), limit=limit, open=index == len(lengths) - 1)
        for index in np.flatnonzero((lengths > limit) & (points[1:] > begin)).tolist()
    )


def _gap_limit(gaps: Floats, *, learnt: bool) -> float:
    """Longer than this is no accident: never below the dead man's, far above it where arrivals are random."""
    typical = float(np.median(gaps))
    limit = DEAD_MAN * max(typical, float(np.quantile(gaps, 0.99)))
    if learnt and len(gaps) >= LEAST:
        return max(limit, fit_tail(gaps).quantile(RISK))
    return max(limit, 10 * typical)


def _usual(base: Floats, base_begins: Floats, begins: Floats) -> tuple[Floats, Floats]:
    """What is usual in the baseline's slots and in those of the observation: by time of day if it saw two days."""
    if base_begins[-1] - base_begins[0] < 2 * DAY * 0.99:
        middle = float(np.median(base))
        return np.full(len(base), middle), np.full(len(begins), middle)
    day = DAY / _SEASON_SLOTS

    def slot(moments: Floats) -> npt.NDArray[np.int64]:
        return ((moments % DAY) // day).astype(np.int64)

    of_base = slot(base_begins)
    middle = float(np.median(base))
    profile = np.array(
        [np.median(base[of_base == hour]) if (of_base == hour).any() else middle for hour in range(_SEASON_SLOTS)]
    )
    return profile[of_base], profile[slot(begins)]


def _scale(counts: Floats) -> Floats:
    scaled: Floats = 2.0 * np.sqrt(counts + 0.375)
    return scaled
