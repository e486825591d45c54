"""How far a block of records is from normal operation: a small bank of scores over all columns together.

`level`: where the block lies; `spread`: how much it moves within; `step`: how much from one record to the next;
`joint`: any change of the joint distribution, by the maximum mean discrepancy with random Fourier features. All are
logarithms, larger being stranger. The first three are taken in the directions in which normal operation varies
independently, so that a broken tie between columns counts even if each is within its range.
Sources: principal components and T-squared charts, MacGregor & Kourti 1995, Control Eng. Practice 3, 403; random
Fourier features, Rahimi & Recht, NIPS 2007; maximum mean discrepancy, Gretton et al., JMLR 13, 2012.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.apis.meta import Wire

Floats = npt.NDArray[np.float64]

SCORES = ("level", "spread", "step", "joint")
_RIDGE = 1e-3  # variance added to each standardised column
_SHRINK = 10  # blocks that the mean over all directions counts for
_FEATURES = 256
_SEED = 5
_TINY = 1e-9
_CHUNK = 512  # blocks at a time: bounds memory


class InputProfile(Wire, frozen=True, kw_only=True):
    """What normal operation looks like, over d columns; plain numbers, so that it is stored as JSON."""

    center: tuple[float, ...]  # (d,)
    scale: tuple[float, ...]  # (d,)
    directions: tuple[tuple[float, ...], ...]  # standardised columns to uncorrelated ones of variance 1, (d, d)
    level: tuple[float, ...]  # variance of a block's mean in each direction, (d,)
    spread: tuple[float, ...]  # variance within a block
    step: tuple[float, ...]  # mean square of successive differences
    joint: tuple[float, ...]  # mean of the Fourier features


def fit_inputs(blocks: Floats) -> InputProfile:
    """Learn from blocks of normal operation, (b, size, d), NaN where missing."""
    rows = blocks.reshape(-1, blocks.shape[2])
    known = (~np.isnan(rows)).any(axis=0)  # else there is nothing to take a mean of
    center, scale = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    center[known], scale[known] = np.nanmean(rows[:, known], axis=0), np.nanstd(rows[:, known], axis=0)
    scale = np.where(scale > 1e-12, scale, 1.0)
    filled = np.nan_to_num((rows - center) / scale, nan=0.0)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(filled.T)) + _RIDGE * np.eye(rows.shape[1]))
    whitened = (filled @ (vectors / np.sqrt(values))).reshape(blocks.shape)
    means = whitened.mean(axis=1)
    level = (means**2).mean(axis=0)
    count = len(blocks)
    return InputProfile(
        center=_plain(center),
        scale=_plain(scale),
        directions=tuple(_plain(row) for row in vectors / np.sqrt(values)),
        # A direction in which few blocks happened to lie still must not make every later one look far away.
        level=_plain((count * level + _SHRINK * level.mean()) / (count + _SHRINK) + _TINY),
        spread=_plain(whitened.var(axis=1).mean(axis=0) + _TINY),
        step=_plain((np.diff(whitened, axis=1) ** 2).mean(axis=(0, 1)) + _TINY),
        joint=_plain(_fourier(whitened).mean(axis=0)),
    )


def score_inputs(profile: InputProfile, blocks: Floats) -> Floats:
    """Scores of blocks, (b, size, d), by the kinds of `SCORES`, (b, 4)."""
    parts = [_scores(profile, blocks[start : start + _CHUNK]) for start in range(0, len(blocks), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, len(SCORES)))


def standardise(profile: InputProfile, values: Floats) -> Floats:
    """Values in standard deviations of normal operation, missing ones NaN; the last axis has d columns."""
    standard: Floats = (values - np.array(profile.center)) / np.array(profile.scale)
    return standard


def _scores(profile: InputProfile, blocks: Floats) -> Floats:
    whitened = np.nan_to_num(standardise(profile, blocks), nan=0.0) @ np.array(profile.directions)
    level = (whitened.mean(axis=1) ** 2 / np.array(profile.level)).mean(axis=1)
    spread = (whitened.var(axis=1) / np.array(profile.spread)).mean(axis=1)
    step = ((np.diff(whitened, axis=1) ** 2).mean(axis=1) / np.array(profile.step)).mean(axis=1)
    joint = ((_fourier(whitened) - np.array(profile.joint)) ** 2).sum(axis=1)
    scores: Floats = np.log(np.stack([level, spread, step, joint], axis=1) + _TINY)
    return scores


def _fourier(whitened: Floats) -> Floats:
    """Mean of the random Fourier features of each block, (b, features)."""
    columns = whitened.shape[2]
    # The legacy generator: its stream is frozen, so that a profile of one version of NumPy fits the scores of another.
    draw = np.random.RandomState(_SEED)
    weights = draw.standard_normal((columns, _FEATURES)) / np.sqrt(columns)  # a kernel as wide as normal operation
    phases = draw.uniform(0.0, 2.0 * np.pi, _FEATURES)
    size = whitened.shape[1]
    angles = whitened.reshape(-1, columns) @ weights
    angles += phases
    found: Floats = np.cos(angles, out=angles).reshape(-1, size, _FEATURES).mean(axis=1)
    return found


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())
