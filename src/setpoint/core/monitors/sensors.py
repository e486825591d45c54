"""Which instrument is broken, and how: what each column does in a block, beside what it did in normal operation.

Four figures of each column: the share that is missing, the share of readings that repeat the one before, the noise from
one reading to the next, and the residual: what the column deviates from its estimate by all others. One instrument that
fails breaks its own ties and no others; where the plant itself moves, many columns share the deviation.
Source: reconstruction-based contributions, Alcala & Qin 2009, Automatica 45, 1593.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.apis.meta import Wire
from setpoint.core.features import precision_matrix

Floats = npt.NDArray[np.float64]

MISSING, REPEATED, NOISE, RESIDUAL = range(4)  # places of the figures
_FLOORS = (0.02, 0.05, 0.1, 0.05)  # a figure that hardly varied in normal operation may vary so much
_CONSTANT = 0.98  # share of repeated readings of a column that says nothing by standing still
_TINY = 1e-9


class SensorProfile(Wire, frozen=True, kw_only=True):
    """The columns in normal operation: precision matrix of the standardised ones, figures and how they vary, (4, d)."""

    precision: tuple[tuple[float, ...], ...]  # (d, d)
    usual: tuple[tuple[float, ...], ...]
    spread: tuple[tuple[float, ...], ...]


def fit_sensors(blocks: Floats) -> SensorProfile:
    """Learn from standardised blocks of normal operation, (b, size, d), NaN where missing."""
    rows = np.nan_to_num(blocks.reshape(-1, blocks.shape[2]), nan=0.0)
    precision = precision_matrix(rows)
    draft = SensorProfile(precision=tuple(_plain(row) for row in precision), usual=(), spread=())
    figures = measure_sensors(draft, blocks)
    return draft.replace(
        usual=tuple(_plain(row) for row in figures.mean(axis=0)),
        spread=tuple(_plain(row) for row in np.maximum(figures.std(axis=0), np.array(_FLOORS)[:, None])),
    )


def measure_sensors(profile: SensorProfile, blocks: Floats) -> Floats:
    """The figures of standardised blocks, (b, size, d), by column, (b, 4, d)."""
    missing = np.isnan(blocks)
    steps = np.diff(blocks, axis=1)
    known = ~np.isnan(steps)
    count = np.maximum(known.sum(axis=1), 1)
    squares = np.where(known, steps, 0.0) ** 2
    residuals = residuals_of(profile, np.nan_to_num(blocks, nan=0.0).mean(axis=1))
    figures: Floats = np.stack(
        [
            missing.mean(axis=1),
            ((squares == 0) & known).sum(axis=1) / count,
            np.log(squares.sum(axis=1) / count + _TINY),
            residuals,
        ],
        axis=1,
    )
    return figures


def residuals_of(profile: SensorProfile, standard: Floats) -> Floats:
    """What each column deviates from its estimate by all others, in its own deviations; (..., d)."""
    precision = np.array(profile.precision)
    found: Floats = standard @ (precision / np.sqrt(np.diag(precision)))
    return found


def deviations(profile: SensorProfile, figures: Floats) -> Floats:
    """How far figures, (..., 4, d), are from usual, in how they vary; 0 for what a column cannot tell.

    Less missing or less repeated than usual is nothing bad; a column that stood still all the time has no noise.
    """
    usual, spread = np.array(profile.usual), np.array(profile.spread)
    found: Floats = (figures - usual) / spread
    for figure in (MISSING, REPEATED):
        found[..., figure, :] = np.maximum(found[..., figure, :], 0.0)
    for figure in (REPEATED, NOISE):
        found[..., figure, usual[REPEATED] > _CONSTANT] = 0.0
    # A column that hangs has no noise: that it repeats itself says it better.
    repeats, noise = found[..., REPEATED, :] > 0, found[..., NOISE, :]
    found[..., NOISE, :] = np.where(repeats, np.maximum(noise, 0.0), noise)
    return found


def score_sensors(profile: SensorProfile, blocks: Floats) -> Floats:
    """Largest deviation of any column in each block, logarithm, (b, 1)."""
    if not len(blocks):
        return np.zeros((0, 1))
    far = np.abs(deviations(profile, measure_sensors(profile, blocks))).max(axis=(1, 2))
    scores: Floats = np.log(far + 0.1)[:, None]
    return scores


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())
