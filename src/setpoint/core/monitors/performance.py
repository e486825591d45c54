"""How good the answers were, from labels as far as they have come: an interval that may be looked at at any time.

Consecutive windows overlap and their errors come together, so hits are averaged over blocks first. The interval is a
confidence sequence for the mean of bounded values: it holds at all times at once, so to look after every label costs
nothing. Source: normal mixture of Robbins (1970, Ann. Math. Statist. 41, 1397), as in Howard et al., "Time-uniform,
nonparametric, nonasymptotic confidence sequences", Ann. Statist. 49, 2021, for values in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

_SPREAD = 0.25  # variance proxy of a value in [0, 1]
_TIGHTEST = 100  # blocks at which the interval is narrowest for its level


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean with its anytime-valid interval, over so many independent blocks."""

    value: float
    low: float
    high: float
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Answers of one stretch of time, and what is known of them by now."""

    begin: np.datetime64
    answers: int
    labelled: int
    accuracy: float  # NaN without labels
    median_lag_seconds: float  # from the answer to the statement in force; NaN without labels

    @property
    def coverage(self) -> float:
        """Share of answers that are labelled."""
        return self.labelled / self.answers if self.answers else 0.0


def confidence_sequence(values: Floats, *, alpha: float = 0.05) -> Floats:
    """The interval of the mean after each value.

    Args:
        values: Independent given those before, each in [0, 1], with one conditional mean; shape (n,).
        alpha: Probability that the mean is ever outside.

    Returns:
        Low and high ends, within [0, 1], shape (n, 2).
    """
    count = np.arange(1, len(values) + 1)
    log_level = np.log(1 / alpha)
    prior = _TIGHTEST * _SPREAD / (2 * log_level + np.log(1 + 2 * log_level))
    spread = count * _SPREAD
    radius = np.sqrt((spread + prior) * (2 * log_level + np.log((spread + prior) / prior))) / count
    mean = np.cumsum(values) / count
    ends: Floats = np.clip(np.stack([mean - radius, mean + radius], axis=1), 0.0, 1.0)
    return ends


def estimate_mean(hits: Floats, *, block: int, alpha: float = 0.05) -> Estimate:
    """The mean of hits (0 to 1, in order of time), from whole blocks of so many; all of [0, 1] without a block."""
    blocks = len(hits) // block
    if not blocks:
        return Estimate(value=float("nan"), low=0.0, high=1.0, blocks=0)
    means = hits[: blocks * block].reshape(blocks, block).mean(axis=1)
    low, high = confidence_sequence(means, alpha=alpha)[-1]
    return Estimate(value=float(means.mean()), low=float(low), high=float(high), blocks=blocks)


def cohorts(
    asked: Times, answers: Sequence[str], truth: Sequence[str], said_at: Times, *, length: np.timedelta64
) -> tuple[Cohort, ...]:
    """Answers by when they were given, in order, stretches without an answer left out.

    Args:
        asked: When each answer was given, shape (n,).
        answers: Answered label of each.
        truth: What was true; the empty text where nobody has said.
        said_at: When that was said; NaT where nobody has.
        length: Of a stretch; they begin at multiples of it.
    """
    if not len(asked):
        return ()
    slots = (asked - np.datetime64(0, "us")) // length
    given, true = np.asarray(answers), np.asarray(truth)
    found = []
    for slot in np.unique(slots).tolist():
        members = slots == slot
        known = members & (true != "")
        lags = (said_at[known] - asked[known]) / np.timedelta64(1, "s")
        found.append(
            Cohort(
                begin=np.datetime64(0, "us") + slot * length,
                answers=int(members.sum()),
                labelled=int(known.sum()),
                accuracy=float((given[known] == true[known]).mean()) if known.any() else float("nan"),
                median_lag_seconds=float(np.median(lags)) if known.any() else float("nan"),
            )
        )
    return tuple(found)
