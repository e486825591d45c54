"""Spikes: Hampel's identifier, repeated until nothing changes.

Decides per run and column; a value is a spike if it lies far from the median of its window, in robust standard
deviations. The scale is the larger of the window's and the run's, both from each value's distance to its own median, so
that a quiet window makes no spikes of noise. Invariants: values are only taken away; what is left has no spike by the
same rule, so a second pass changes nothing.
Source: Pearson, "Outliers in process modeling and identification", IEEE Trans. CST 10 (2002) 55-63.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

_GAUSS = 1.4826  # median absolute deviation to standard deviation, for normally distributed values
_LEAST_WINDOW = 3
_ROW = "__row"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeRule:
    """See `ColumnRules`; an even window counts as the next odd one.

    Where both scales are zero (a staircase, a constant) nothing is a spike unless `minimum` says how large one is.
    """

    window: int
    sigmas: float
    minimum: float

    @property
    def width(self) -> int:
        """Samples in the window, odd, at least 3."""
        return max(self.window, _LEAST_WINDOW) | 1

    @property
    def least(self) -> int:
        """Known samples that a window needs to have a median."""
        return max(_LEAST_WINDOW, self.width // 2)


def take_spikes(
    frame: pl.DataFrame, rules: Mapping[str, SpikeRule], *, run: str
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The frame with spikes null, and how many there were by column (zeros left out).

    Taking one away narrows the scale around it, which can show the next; only the columns and runs where something
    was taken are looked at again.
    """
    counts: dict[str, int] = {}
    values = frame.select(run, *rules).with_row_index(_ROW)
    again = dict(rules)
    part = values
    while again:
        found = {name: rows for name, rows in _find(part, again, run).items() if len(rows)}
        if not found:
            break
        for name, rows in found.items():
            counts[name] = counts.get(name, 0) + len(rows)
            values = values.with_columns(values[name].scatter(pl.Series(rows), None))
        dirty = pl.Series(np.unique(np.concatenate(list(found.values()))))
        runs = values[run].gather(dirty).unique()
        again = {name: again[name] for name in found}
        part = values.filter(pl.col(run).is_in(runs.implode()))
    return frame.with_columns(values[name] for name in counts), counts


def _find(part: pl.DataFrame, rules: Mapping[str, SpikeRule], run: str) -> dict[str, NDArray[Any]]:
    """Row numbers of spikes by column.

    The run's scale alone leaves few candidates; the window's own scale is worked out for those only.
    """
    distances = part.select(
        ((pl.col(name) - pl.col(name).rolling_median(rule.width, min_samples=rule.least, center=True)).abs())
        .over(run)
        .alias(name)
        for name, rule in rules.items()
    )
    scales = distances.with_columns(part[run]).select((pl.col(list(rules)).median() * _GAUSS).over(run))
    rows, keys = part[_ROW].to_numpy(), part[run].rle_id().to_numpy()
    found = {}
    for name, rule in rules.items():
        distance = distances[name].fill_null(np.nan).to_numpy()
        scale = scales[name].fill_null(0.0).to_numpy()
        # Comparing with nan is false: a value without a window median is no candidate.
        likely = np.flatnonzero((distance > rule.sigmas * scale) & (distance >= rule.minimum))
        local = _local_scales(distance, keys, likely, rule)
        spike = distance[likely] > rule.sigmas * np.fmax(local, scale[likely])
        if rule.minimum <= 0.0:
            spike &= np.fmax(local, scale[likely]) > 0.0
        found[name] = rows[likely[spike]]
    return found


def _local_scales(distance: NDArray[Any], keys: NDArray[Any], at: NDArray[Any], rule: SpikeRule) -> NDArray[Any]:
    """Robust standard deviation in the windows around the given positions; nan where too little is known."""
    if not len(at):
        return np.empty(0)
    half = rule.width // 2
    places = at[:, None] + np.arange(-half, half + 1)
    inside = (places >= 0) & (places < len(distance))
    places = np.clip(places, 0, len(distance) - 1)
    window = np.where(inside & (keys[places] == keys[at][:, None]), distance[places], np.nan)
    known = np.count_nonzero(~np.isnan(window), axis=1)
    window.sort(axis=1)  # nan go to the end
    low = window[np.arange(len(at)), np.maximum(known - 1, 0) // 2]
    high = window[np.arange(len(at)), known // 2]
    return np.where(known >= rule.least, _GAUSS * 0.5 * (low + high), np.nan)
