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

HOUR, DAY = 3600.0, 86_400.0
DEAD_MAN = 1.5  # nominal periods without a request
FACTOR = 3.0  # a surge is at least so many times what is usual, a drop at most its inverse
RISK = 1e-4  # of one slot
LEAST_SLOTS = 30  # whole ones: a shorter observation does not tell by itself what is usual in it
_LEAST_GAP, _LEAST_GAP_UNKNOWN = 1.0, 10.0  # seconds: a shorter pause is none, less so if nothing was before
_GAP_LEVEL, _CAUTION = 0.9, 1.64  # the risk of one gap lies far beyond what was seen
_LEVEL = 0.9
_OUTAGE = 20.0  # times the median gap
_GAP_RISK = 1e-3  # of all gaps of an observation together
_WIDTHS = (1, 5)  # slots looked at together: a short surge shows in one, a drop of a rare thing in several
_EDGE = 1.5
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
    before = int((begin - base_begin) / seconds + 1e-9)
    base = base_usual = np.zeros(0)
    usual = (
        np.full(count, np.median(counts)) if np.median(counts) else counts
    )  # one burst says nothing of what is usual
    if before >= 1:
        base_edges: Floats = (begin - seconds * np.arange(before, -1, -1)).astype(np.float64)
        base = np.histogram(baseline, base_edges)[0].astype(np.float64)
        base_usual, usual = _usual(base, base_edges[:-1], begins)
    whole = np.minimum(edges[1:], end) - begins >= 0.999 * seconds  # a part of a slot says little
    surge, drop = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    for width in _WIDTHS:
        if np.count_nonzero(whole) < width:
            continue
        found, expected = _sums(counts[whole], width), _sums(usual[whole], width)
        deviation = _scale(found) - _scale(expected)
        limit = _limit(base, base_usual, width)
        for flags, hit in (
            (surge, (deviation > limit) & (found >= FACTOR * expected)),
            (drop, (deviation < -limit) & (found <= expected / FACTOR)),
        ):
            for start in np.flatnonzero(hit).tolist():  # not the slots of a stretch that had not begun, or was over
                part = slice(start, start + width)
                far = counts[part] >= _EDGE * usual[part] if flags is surge else counts[part] <= usual[part] / _EDGE
                flags[part] |= far
    return Slots(begins=begins, counts=counts, usual=usual, surge=surge, drop=drop, seconds=seconds)


def _limit(base: Floats, usual: Floats, width: int) -> float:
    """How far the count of so many slots may lie off, on Anscombe's scale."""
    count = len(base) // width
    if count < LEAST:
        return _NORMAL
    sums = [each[: count * width].reshape(count, width).sum(axis=1) for each in (base, usual)]
    return max(_NORMAL, fit_tail(np.abs(_scale(sums[0]) - _scale(sums[1])), level=_LEVEL).quantile(RISK))


def _sums(counts: Floats, width: int) -> Floats:
    """Of each `width` slots that follow each other."""
    sums: Floats = np.convolve(counts, np.ones(width), mode="valid")
    return sums


def find_gaps(times: Floats, baseline: Floats, *, begin: float, end: float, nominal: float | None) -> tuple[Gap, ...]:
    """Stretches without a request that are too long, the last one reaching to the end if nothing came since.

    Args:
        times: Of the requests of the observation, seconds, ascending.
        baseline: Of those before it.
        begin: Start of the observation.
        end: Its end.
        nominal: Seconds between two requests by agreement; None: what is usual is learnt from the baseline, or from
            the observation where that is too short. Then only what lies between two requests is a gap: whether
            more was to come before or after is not known.
    """
    known = baseline if len(baseline) > LEAST else np.concatenate([baseline, times])
    if nominal is None and len(known) < 3:
        return ()
    first = baseline[-1:] if len(baseline) else np.array([begin])
    whole = nominal is not None or known is baseline
    points = np.concatenate([first, times, [end]]) if whole else times
    if nominal is not None:
        limits = np.full(len(points) - 1, DEAD_MAN * nominal)
    else:
        least = _LEAST_GAP if whole else _LEAST_GAP_UNKNOWN
        limits = np.maximum(_gap_limits(points, known, looked_at=len(times) + 1), least)
    lengths = np.diff(points)
    return tuple(
        Gap(
            begin=float(points[index]),
            end=float(points[index + 1]),
            limit=float(limits[index]),
            open=whole and index == len(lengths) - 1,
        )
        for index in np.flatnonzero((lengths > limits) & (points[1:] > begin)).tolist()
    )


def _gap_limits(points: Floats, known: Floats, *, looked_at: int) -> Floats:
    """For each gap between two points, how long it may be.

    If days are known, gaps are measured in requests that were to be expected meanwhile, so that a night is no silence.
    """
    if known[-1] - known[0] < 2 * DAY * 0.99:
        return np.full(len(points) - 1, _gap_limit(np.diff(known), looked_at=looked_at))
    hours: Floats = np.arange(known[0] // HOUR * HOUR, points[-1] + HOUR, HOUR).astype(np.float64)
    seen = hours[1:] <= known[-1]
    counts = np.histogram(known, hours)[0].astype(np.float64)
    _, rates = _usual(counts[seen], hours[:-1][seen], hours[:-1])
    expected = np.concatenate([[0.0], np.cumsum(np.maximum(rates, 1e-3))])
    limit = _gap_limit(np.diff(np.interp(known, hours, expected)), looked_at=looked_at)
    ends: Floats = np.interp(np.interp(points[:-1], hours, expected) + limit, expected, hours, right=np.inf)
    return ends - points[:-1]


def _gap_limit(gaps: Floats, *, looked_at: int) -> float:
    """Longer than this is no accident: never below the dead man's, far above it where arrivals are random."""
    typical = float(np.median(gaps))
    usual = gaps[gaps <= _OUTAGE * typical]  # else a silence of before would be learnt as usual
    limit = DEAD_MAN * max(typical, float(np.quantile(usual, 0.99)))
    if len(usual) >= LEAST:
        return max(limit, fit_tail(usual, level=_GAP_LEVEL).quantile(_GAP_RISK / looked_at, caution=_CAUTION))
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
