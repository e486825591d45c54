"""Tests that may be looked at after every row: the promise holds however often, and however long.

A stream of p-values is bet against. Under no change each bet keeps its expected value, so a detector that restarts
whenever it has lost (e-CUSUM) needs, on average, at least `horizon` rows before it reaches `horizon` by chance. Several
bets run beside each other and are averaged, since nobody knows how large a change will be.
Sources: Shin, Ramdas & Rinaldo, "E-detectors", New England J. Stat. Data Sci. 2023 (arXiv 2203.03532); power bets of
Vovk, Nouretdinov & Gammerman, "Testing exchangeability on-line", ICML 2003.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire

Floats = npt.NDArray[np.float64]

POWERS = (0.05, 0.2, 0.5, 0.8)
STAKES = (0.05, 0.2, 0.5, 0.9)  # of what is there, on a mean's being above its bound
_LEAST_BOUND = 0.01
_LEAST = 1e-12
_AT_ONCE = 4096  # rows: after an alarm those that follow are computed anew


class Detector(Wire, frozen=True, kw_only=True):
    """The state of an e-CUSUM over p-values; carried on, it goes on as if it had not stopped."""

    horizon: float  # rows: on average no alarm by chance comes sooner
    wealth: tuple[float, ...] = ()  # logarithms, one for each bet; empty before the first row
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a detector made of a stream: its state after it, its value after each row, and alarms."""

    detector: Detector
    values: Floats  # log of the averaged wealth, shape (n,); an alarm at log(horizon)
    alarms: npt.NDArray[np.int64]  # rows at which it was reached; it starts anew after each
    onsets: npt.NDArray[np.int64]  # for each alarm, the row after which the leading bet has only won: the likely begin


def conformal_p_values(scores: Floats, calibration: Floats, *, confidence: float = 0.95) -> Floats:
    """How rare each score is among held-out ones, larger being stranger; never too small.

    The share of a fixed calibration set that is at least as large is itself a guess. A p-value is therefore the upper
    end of the interval of that share (Clopper & Pearson 1934), each rank by itself with the confidence.

    Args:
        scores: Shape (n,); NaN has p-value 1.
        calibration: Held-out scores of normal operation, shape (m,).
        confidence: Of the interval.

    Raises:
        InvalidSpec: No calibration scores.
    """
    known = np.sort(calibration[~np.isnan(calibration)])
    if not len(known):
        raise InvalidSpec("no held-out score of normal operation to compare with")
    count = len(known)
    above = count - np.searchsorted(known, scores, side="left")
    table: Floats = np.append(beta.ppf(confidence, np.arange(count) + 1, count - np.arange(count)), 1.0)
    return np.where(np.isnan(scores), 1.0, table[np.where(np.isnan(scores), count, above)])


def watch(p_values: Floats, detector: Detector) -> Watched:
    """Bet against p-values, one row after another.

    Args:
        p_values: Shape (n,), or (n, k) of k scores that one decision rests on: bets on all of them are averaged.
        detector: Where the bets stand.

    Raises:
        InvalidSpec: The horizon is below 2 rows, or the state is of other bets.
    """
    powers = np.array(POWERS)
    columns = p_values if p_values.ndim == 2 else p_values[:, None]
    logs = np.log(np.maximum(columns, _LEAST))
    gains = np.log(powers) + (powers - 1) * logs[:, :, None]  # (n, k, bets)
    return _bet(gains.reshape(len(gains), columns.shape[1] * len(powers)), detector)


def watch_means(values: Floats, bounds: Floats, detector: Detector) -> Watched:
    """Bet against the claim that each value's mean, given all before it, is at most its bound.

    Nothing else is assumed of the values, so they may depend on each other. Source: betting on bounded means,
    Waudby-Smith & Ramdas, J. R. Stat. Soc. B 86, 2024.

    Args:
        values: In [0, 1], shape (n,).
        bounds: In (0, 1], shape (n,), each known before its value.
        detector: Where the bets stand.

    Raises:
        InvalidSpec: As of `watch`.
    """
    stakes = np.array(STAKES) / np.maximum(bounds, _LEAST_BOUND)[:, None]
    return _bet(np.log1p(stakes * (values - np.maximum(bounds, _LEAST_BOUND))[:, None]), detector)


def _bet(gains: Floats, detector: Detector) -> Watched:
    """Play the bets whose logarithmic gains have shape (n, bets)."""
    count = gains.shape[1]
    if detector.horizon < 2 or len(detector.wealth) not in (0, count):
        raise InvalidSpec(f"a horizon of {detector.horizon:g} rows promises nothing", path="horizon")
    limit = float(np.log(detector.horizon))
    wealth = np.array(detector.wealth or (0.0,) * count)
    values, alarms, onsets = np.zeros(len(gains)), [], []
    start = 0
    while start < len(gains):
        # max(0, before) + gain, for all rows at once: the sum since its lowest point so far.
        sums = wealth + np.cumsum(gains[start : start + _AT_ONCE], axis=0)
        before = np.vstack([wealth, sums[:-1]])
        lowest = np.minimum(np.minimum.accumulate(before, axis=0), 0.0)
        paths = sums - lowest
        averaged = np.logaddexp.reduce(paths, axis=1) - np.log(count)
        reached = np.flatnonzero(averaged >= limit)
        stop = int(reached[0]) + 1 if len(reached) else len(averaged)
        values[start : start + stop] = averaged[:stop]
        wealth = paths[stop - 1]
        if len(reached):
            leading = int(paths[stop - 1].argmax())
            alarms.append(start + stop - 1)
            onsets.append(start + int(before[:stop, leading].argmin()))
            wealth = np.zeros(count)
        start += stop
    return Watched(
        detector=detector.replace(
            wealth=tuple(wealth.tolist()) if len(gains) else detector.wealth, rows=detector.rows + len(gains)
        ),
        values=values,
        alarms=np.array(alarms, dtype=np.int64),
        onsets=np.array(onsets, dtype=np.int64),
    )
