"""What kind of trouble it is: one instrument (stuck, drop-out, noise, unit, ramp, offset, delay) or the plant.

Decides from the blocks since a change began. Invariant: a kind is named only where the figures show that kind; what
fits none is called by what is seen, an offset or a move of several columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.core.cleaning import UNITS
from setpoint.core.monitors.sensors import (
    MISSING,
    NOISE,
    REPEATED,
    RESIDUAL,
    SensorProfile,
    deviations,
    measure_sensors,
    residuals_of,
)

Floats = npt.NDArray[np.float64]

PLANT = "plant"
_ONE = 0.7  # share of the deviation that one column explains: then it is that instrument
_LOST, _STUCK, _FAR = 0.05, 0.9, 3.0  # shares of readings; in what a figure varies by
_OTHERS = 0.5  # of the largest noise that no other column may reach
_LAG_GAIN, _LAG_LEAST, _MOST_LAG = 0.1, 0.3, 40
_RAMP = 4.0  # standard errors of the slope
_LEAST_BLOCKS = 3
_UNIT_FAR, _UNIT_NEAR, _UNIT_NOISE = 8.0, 6.0, 0.7
_COMMON = ("degC", "kPa", "kg/h", "m3/h", "%", "kW", "m3/s")  # dimensions tried where a column has no unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as the training data had it."""

    name: str
    unit: str
    center: float
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found.

    `kind`: stuck, drop-out, noise, unit, ramp, offset, delay, or plant. `columns`: those it shows in, worst first.
    `share`: of the deviation, how much the first column explains. `detail`: more, such as the units.
    """

    kind: str
    columns: tuple[str, ...]
    share: float
    detail: str = ""


def diagnose(profile: SensorProfile, blocks: Floats, columns: tuple[Column, ...], period_seconds: float) -> Diagnosis:
    """Name what the blocks show.

    Args:
        profile: Of normal operation.
        blocks: Since the change, standardised, (b, size, d), NaN where missing, in order.
        columns: d of them.
        period_seconds: Between two records.
    """
    figures = measure_sensors(profile, blocks)
    average = figures.mean(axis=0)
    far = np.abs(deviations(profile, average))
    beyond = average - np.array(profile.usual)
    lost, noise = beyond[MISSING], beyond[NOISE]
    if lost.max() > _LOST:
        column = int(lost.argmax())
        return _one(columns[column], "drop-out", f"{100 * average[MISSING, column]:.0f} % of readings")
    stuck = (average[REPEATED] > _STUCK) & (far[REPEATED] > _FAR)
    if stuck.any():
        return _one(columns[int(np.where(stuck, beyond[REPEATED], 0.0).argmax())], "stuck")
    column, share = _blamed(profile, blocks)
    loud = int(far[NOISE].argmax())
    if share >= _ONE and (unit := _other_unit(blocks[:, :, column], float(noise[column]), columns[column])):
        return _one(columns[column], "unit", unit, share)
    alone = (np.delete(far[NOISE], loud) < _OTHERS * far[NOISE, loud]).all()
    if noise[loud] > 0 and far[NOISE, loud] > _FAR and alone:
        return _one(columns[loud], "noise", f"{np.exp(noise[loud] / 2):.2g} times as much")
    if share < _ONE:
        order = np.argsort(-np.abs(np.nan_to_num(blocks, nan=0.0).mean(axis=(0, 1))))[:5]
        return Diagnosis(kind=PLANT, columns=tuple(columns[index].name for index in order.tolist()), share=share)
    kind, detail = _of_one(profile, blocks, figures, columns[column], column, period_seconds)
    return _one(columns[column], kind, detail, share)


def _one(column: Column, kind: str, detail: str = "", share: float = 1.0) -> Diagnosis:
    return Diagnosis(kind=kind, columns=(column.name,), share=share, detail=detail)


def _blamed(profile: SensorProfile, blocks: Floats) -> tuple[int, float]:
    """The column that explains most of what the records deviate by beyond usual, and its share of that."""
    rows = np.nan_to_num(blocks.reshape(-1, blocks.shape[2]), nan=0.0)
    energy = (residuals_of(profile, rows) ** 2).mean(axis=0)
    total = float(np.einsum("nd,de,ne->n", rows, np.array(profile.precision), rows, optimize=True).mean())
    column = int(energy.argmax())
    beyond = total - rows.shape[1]
    return column, float(np.clip((energy[column] - 1.0) / beyond, 0.0, 1.0)) if beyond > 0 else 0.0


def _of_one(
    profile: SensorProfile, blocks: Floats, figures: Floats, of: Column, column: int, period_seconds: float
) -> tuple[str, str]:
    """What one instrument does that deviates."""
    if lag := _lag(profile, blocks, column):
        return "delay", f"{lag * period_seconds / 60:g} min"
    residual = figures[:, RESIDUAL, column]
    if len(residual) >= _LEAST_BLOCKS and abs(_slope(residual)) > _RAMP:
        return "ramp", ""
    return "offset", f"{np.nanmean(blocks[:, :, column]) * of.scale:.3g} {of.unit}".strip()


def _slope(values: Floats) -> float:
    """Slope over its standard error."""
    at = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float((at * values).sum() / (at**2).sum())
    rest = values - values.mean() - slope * at
    error = np.sqrt((rest**2).sum() / max(len(values) - 2, 1) / (at**2).sum())
    return slope / max(float(error), 1e-9)


def _lag(profile: SensorProfile, blocks: Floats, column: int) -> int:
    """By how many records the column comes after what all others say of it; 0 if it does not."""
    rows = np.nan_to_num(blocks.reshape(-1, blocks.shape[2]), nan=0.0)
    precision = np.array(profile.precision)
    own = rows[:, column]
    estimate = own - rows @ precision[:, column] / precision[column, column]
    longest = min(_MOST_LAG, len(rows) // 3)
    fits = [_correlation(own[lag:], estimate[: len(own) - lag]) for lag in range(longest + 1)]
    best = int(np.argmax(fits))
    return best if fits[best] > max(fits[0] + _LAG_GAIN, _LAG_LEAST) else 0


def _correlation(one: Floats, other: Floats) -> float:
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0


def _other_unit(values: Floats, noise: float, of: Column) -> str:
    """The conversion that makes the values usual again, "degC to degF"; empty if none does, or they are not far off."""
    # The median: a record of before, one among hundreds in another unit, moves the mean by many deviations.
    level = float(np.nanmedian(values)) if (~np.isnan(values)).any() else 0.0
    if abs(level) < _UNIT_FAR:
        return ""
    found = level * of.scale + of.center
    best, least = "", _UNIT_NEAR
    own = UNITS.get(of.unit)
    for source in (of.unit,) if own is not None else _COMMON:
        for target, unit in UNITS.items():
            start = UNITS[source]
            if unit.dimension != start.dimension or target == source:
                continue
            back = (found * unit.factor + unit.offset - start.offset) / start.factor
            far = abs(back - of.center) / of.scale
            fits = abs(noise / 2 - np.log(start.factor / unit.factor)) < _UNIT_NOISE
            if far < least and fits:
                best, least = f"{source} to {target}", far
    return best
