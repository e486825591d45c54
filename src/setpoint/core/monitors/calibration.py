"""How rare a block's score is among blocks of normal operation that the scoring had not seen.

Scores of neighbouring blocks are alike, and a test that takes them for independent raises alarms by the dozen. So what
is ranked is what a score has more than the one before it let expect. What it lets expect is capped at what is usual:
a strange block must not make the next strange one look ordinary. Beyond the largest held-out score the tail falls off
exponentially, its scale taken cautiously. Sources: conformal p-values, Vovk, Gammerman & Shafer 2005, Algorithmic
Learning in a Random World; interval of a share, Clopper & Pearson 1934.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire
from setpoint.core.monitors.sequential import conformal_p_values

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LEAST_BLOCKS = 8
_CAP = 0.9  # quantile beyond which a score does not excuse the next
_MOST_CARRY = 0.95
_TAIL = 0.8  # quantile above which the tail's scale is taken
_CAUTION = 1.64  # standard errors added to that scale
_MOST_KEPT = 4000  # scores that are kept
_LEAST_P = 1e-5  # one block alone is no proof
_CONFIDENCE = 0.9


class Calibration(Wire, frozen=True, kw_only=True):
    """Held-out scores of k kinds: what is usual, how far one carries over to the next, and what is left, rising."""

    center: tuple[float, ...]  # (k,)
    cap: tuple[float, ...]  # (k,)
    carry: tuple[float, ...]  # (k,)
    rest: tuple[tuple[float, ...], ...]  # (k, m)

    @property
    def blocks(self) -> int:
        """Held-out blocks that p-values rest on."""
        return len(self.rest[0]) if self.rest else 0


def calibrate(scores: Floats, follows: Mask) -> Calibration:
    """Learn from scores of normal operation.

    Args:
        scores: Of blocks that the scoring had not seen, (n, k), in order.
        follows: Whether the block before comes right before it, (n,).

    Raises:
        InvalidSpec: Fewer than `LEAST_BLOCKS` blocks.
    """
    if len(scores) < LEAST_BLOCKS:
        raise InvalidSpec(f"{len(scores)} blocks of normal operation are too few to calibrate on: {LEAST_BLOCKS}")
    center, cap = scores.mean(axis=0), np.quantile(scores, _CAP, axis=0)
    before = np.minimum(scores[:-1], cap)[follows[1:]] - center
    after = scores[1:][follows[1:]] - center
    carry = np.clip((before * after).sum(axis=0) / ((before**2).sum(axis=0) + 1e-12), 0.0, _MOST_CARRY)
    draft = Calibration(center=_plain(center), cap=_plain(cap), carry=_plain(carry), rest=())
    rest = _rest(draft, scores, follows)
    rest = rest[follows] if np.count_nonzero(follows) >= LEAST_BLOCKS else rest
    every = -(-len(rest) // _MOST_KEPT)
    return draft.replace(rest=tuple(_plain(np.sort(column)) for column in rest[::every].T))


def p_values(calibration: Calibration, scores: Floats, follows: Mask) -> Floats:
    """How rare each score is, shape (n, k); arguments as of `calibrate`. A score that is NaN has p-value 1."""
    rest = _rest(calibration, scores, follows)
    found = np.ones_like(rest)
    for kind, known in enumerate(np.array(each) for each in calibration.rest):
        column = rest[:, kind]
        ranked = conformal_p_values(column, known, confidence=_CONFIDENCE)
        start = float(np.quantile(known, _TAIL))
        above = known[known > start] - start
        scale = float(above.mean()) * (1 + _CAUTION / np.sqrt(len(above))) if len(above) else 0.0
        beyond = np.nan_to_num(column, nan=-np.inf) > known[-1]
        if scale > 0:
            ranked[beyond] *= np.exp(-(column[beyond] - known[-1]) / scale)
        found[:, kind] = np.maximum(ranked, _LEAST_P)
    return found


def _rest(calibration: Calibration, scores: Floats, follows: Mask) -> Floats:
    """What each score has more than the one before it let expect, (n, k)."""
    center, cap, carry = (np.array(each) for each in (calibration.center, calibration.cap, calibration.carry))
    expected = np.tile(center, (len(scores), 1))
    before = np.minimum(scores[:-1], cap)
    known = follows[1:, None] & ~np.isnan(before)
    expected[1:] = np.where(known, center + carry * (before - center), center)
    rest: Floats = scores - expected
    return rest


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())
