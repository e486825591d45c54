"""Intervals for figures of autocorrelated windows: the moving-block bootstrap, within each run.

Decides which windows a replicate holds. Invariant: every replicate has as many windows of each run as there are, drawn
in blocks of neighbours, so that dependence shorter than a block is kept; seeded, so that a report repeats.
Source: Künsch 1989, Annals of Statistics 17, 1217. What it cannot show: how much another run of the same fault would
differ, when there is only one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.core.features.windows import spans

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its interval; NaN where the figure has no meaning."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        """`0.812 [0.790, 0.834]`."""
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


def block_weights(runs: Indexes, *, block_length: int, replicates: int, seed: int) -> npt.NDArray[np.int32]:
    """How often each window is in each replicate.

    Args:
        runs: Code of the run of each window, contiguous, shape (n,).
        block_length: Windows per block; shortened to the run where that is shorter.
        replicates: How many replicates.
        seed: Equal seeds give equal weights.

    Returns:
        Counts, shape (replicates, n); over each run they sum to its number of windows.

    Raises:
        InvalidSpec: Fewer than one window per block or fewer than two replicates.
    """
    if block_length < 1 or replicates < 2:
        raise InvalidSpec("block length is at least 1, replicates at least 2", path="bootstrap")
    rng = np.random.default_rng(seed)
    weights = np.zeros((replicates, len(runs)), dtype=np.int32)
    replicate = np.arange(replicates)
    for start, stop in spans(runs):
        count = stop - start
        length = min(block_length, count)
        blocks = -(-count // length)
        first = rng.integers(0, count - length + 1, size=(replicates, blocks))
        for block in range(blocks):
            for offset in range(min(length, count - block * length)):
                weights[replicate, start + first[:, block] + offset] += 1
    return weights


def intervals(
    figures: Callable[[Floats | None], Mapping[str, float]],
    weights: npt.NDArray[np.int32],
    *,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile intervals of several figures.

    Args:
        figures: Figures by name under given weights; None means every window once.
        weights: As `block_weights` gives them.
        level: Coverage asked for, 0..1.
    """
    estimates = figures(None)
    drawn = [figures(row.astype(np.float64)) for row in weights]
    tail = (1 - level) / 2
    found = {}
    for name, estimate in estimates.items():
        values = np.array([item[name] for item in drawn])
        values = values[~np.isnan(values)]
        low, high = np.quantile(values, [tail, 1 - tail]) if len(values) else (np.nan, np.nan)
        found[name] = Interval(estimate=estimate, low=float(low), high=float(high))
    return found
