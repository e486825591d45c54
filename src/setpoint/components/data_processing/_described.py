"""Each feature in figures: for the profiles of both parts, and for the report over all rows.

Decides that a column is read once for all of them. Invariant: the figures depend on the values and their order alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from setpoint.components.data_processing._names import RUN, TARGET
from setpoint.components.data_processing._rows import Rows
from setpoint.core.quality import describe, starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One feature. `apart`: how far the mean of some label lies from that of normal rows, in their deviations."""

    nulls: int
    mean: float | None
    std: float | None
    least: float | None
    most: float | None
    apart: float
    train: Mapping[str, Any]  # profile of all rows; empty without rows
    train_normal: Mapping[str, Any]
    holdout: Mapping[str, Any]
    holdout_normal: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Side:
    """One of both parts: which rows are its own, which of these are normal, and where runs begin in either."""

    rows: pl.Series
    normal: pl.Series  # among its own rows
    first: pl.Series
    first_normal: pl.Series


def describe_all(rows: Rows, held: pl.Series, *, normal: str) -> dict[str, Described]:
    """Figures by feature.

    Args:
        rows: The clean table.
        held: True for rows that are held out.
        normal: The label of normal operation; without labels all rows count as normal.
    """
    sides = [_side(rows, mask, normal) for mask in (~held, held)]
    codes = None
    if rows.has_target:
        labels = pl.concat([rows.keys[TARGET].filter(side.rows) for side in sides])
        codes = labels.cast(pl.Enum(labels.unique())).to_physical().to_numpy()
    return {name: _described(rows.column(name), sides, codes) for name in rows.features}


def _side(rows: Rows, mask: pl.Series, normal: str) -> _Side:
    keys = rows.keys.filter(mask)
    usual = keys[TARGET] == normal if rows.has_target else pl.repeat(True, keys.height, eager=True)
    return _Side(mask, usual, starts(keys[RUN]), starts(keys[RUN].filter(usual)))


def _described(values: pl.Series, sides: list[_Side], codes: NDArray[Any] | None) -> Described:
    parts = [values.filter(side.rows) for side in sides]
    profiles = []
    for part, side in zip(parts, sides, strict=True):
        usual = part.filter(side.normal)
        profiles.append(describe(part, side.first) if len(part) else {})
        profiles.append(describe(usual, side.first_normal) if len(usual) else {})
    whole = pl.concat(parts).rechunk()
    return Described(
        nulls=whole.null_count(),
        mean=_number(whole.mean()),
        std=_number(whole.std()),
        least=_number(whole.min()),
        most=_number(whole.max()),
        apart=0.0 if codes is None else _apart(whole, pl.concat([side.normal for side in sides]), codes),
        train=profiles[0],
        train_normal=profiles[1],
        holdout=profiles[2],
        holdout_normal=profiles[3],
    )


def _apart(values: pl.Series, usual: pl.Series, codes: NDArray[Any]) -> float:
    """Codes number the labels; the order in which they are summed is that of the rows, whatever the machine."""
    reference = values.filter(usual)
    centre, spread = _number(reference.mean()), _number(reference.std())
    if centre is None or not spread:
        return 0.0
    known = values.is_not_null().to_numpy()
    sums = np.bincount(codes[known], weights=values.drop_nulls().to_numpy())
    counts = np.bincount(codes[known])
    means = sums[counts > 0] / counts[counts > 0]
    return float(np.abs(means - centre).max()) / spread


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
