"""What a model answers, beside what it answered and got right on held-out training data.

Three things are learnt there: how its alarm score behaves in normal operation; how often an answer of some confidence
is right; how often each class is missed. The first two say something before any label has come. The last is conditional
on what was true: it stays the same where only the mix of classes does not.
Source of the estimate without labels: confidence-based performance estimation, Guillory et al., ICCV 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from setpoint.apis.meta import Wire

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SCORES = ("more-alarming", "less-alarming", "frozen")
_SMALL = 1e-4
_BINS = 5
_ROUNDS = 100
_LEAST_WEIGHT = 1e-6  # windows: a bin of classes that are not there says nothing
_ONE_SIDED, _TWO_SIDED = 0.9, 0.95


class ClassMisses(Wire, frozen=True, kw_only=True):
    """How often windows of a class were answered as another: share, and the upper end of its interval."""

    name: str
    windows: int
    share: float  # NaN is never stored: 1 where no window was held out
    bound: float


class ConfidenceBin(Wire, frozen=True, kw_only=True):
    """Answers of a confidence from `least` on: how many there were and how many right, by what was true, (k,)."""

    normal: bool  # of answers that say normal, or of those that name a fault
    least: float
    windows: tuple[int, ...]
    right: tuple[int, ...]
    worth: float  # independent windows that one counts for


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Answers on held-out windows: true and answered codes, (m,), and probabilities, (m, k)."""

    truth: Indexes
    answers: Indexes
    probabilities: Floats
    normal: int
    worth: float  # independent windows that one counts for, at most 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Accuracy as far as confidence tells it."""

    value: float
    low: float
    high: float


def score_answers(alarm_scores: Floats) -> Floats:
    """Scores of blocks of alarm scores, (b, size), NaN where there is none, by the kinds of `SCORES`, (b, 3).

    An answer that is always the same is as odd as one that is more alarming than usual.
    """
    if not len(alarm_scores):
        return np.zeros((0, len(SCORES)))
    mean, spread = np.nanmean(alarm_scores, axis=1), np.nanstd(alarm_scores, axis=1)
    scores: Floats = np.stack([np.log(mean + _SMALL), -np.log(mean + _SMALL), -np.log(spread + _SMALL)], axis=1)
    return scores


def misses_of(held: HeldOut, classes: tuple[str, ...]) -> tuple[ClassMisses, ...]:
    """By class, in the model's order."""
    found = []
    for code, name in enumerate(classes):
        mine = held.truth == code
        count = int(mine.sum())
        missed = float((held.answers[mine] != code).sum())
        found.append(
            ClassMisses(
                name=name,
                windows=count,
                share=missed / count if count else 1.0,
                bound=_end(missed * held.worth, count * held.worth, _ONE_SIDED),
            )
        )
    return tuple(found)


def confidence_of(held: HeldOut) -> tuple[ConfidenceBin, ...]:
    """Bins of confidence, those of answers `normal` first, rising."""
    found = []
    confidence = held.probabilities[np.arange(len(held.answers)), held.answers]
    for normal in (True, False):
        mine = (held.answers == held.normal) == normal
        if not mine.any():
            continue
        edges = np.unique(np.quantile(confidence[mine], np.arange(_BINS) / _BINS))
        places = np.searchsorted(edges, confidence[mine], side="right") - 1
        truth, right = held.truth[mine], (held.truth == held.answers)[mine]
        count = held.probabilities.shape[1]
        for index, least in enumerate(edges.tolist()):
            here = places == index
            found.append(
                ConfidenceBin(
                    normal=normal,
                    least=least,
                    windows=tuple(np.bincount(truth[here], minlength=count).tolist()),
                    right=tuple(np.bincount(truth[here & right], minlength=count).tolist()),
                    worth=held.worth,
                )
            )
    return tuple(found)


def expect(
    bins: tuple[ConfidenceBin, ...], misses: tuple[ClassMisses, ...], probabilities: Floats, codes: Indexes, normal: int
) -> Expected | None:
    """Accuracy of answers that nobody has labelled, as far as confidence means what it did; None without answers.

    The mix of classes at a plant is not that of the training data, so held-out windows count as often as their class
    is likely to have been. Two mixes are tried: that of the answers, which the value is taken from, and the likeliest
    one (`mix_of`). They differ where the model cannot tell classes apart, and the interval spans both.

    Args:
        bins: Of held-out answers.
        misses: Of the same, for the mix of their classes.
        probabilities: Of the answers, (n, k).
        codes: Answered, (n,).
        normal: Code of the normal label.
    """
    if not len(codes) or not bins:
        return None
    before = np.array([one.windows for one in misses], dtype=np.float64)
    before /= max(before.sum(), 1.0)
    answered = np.bincount(codes, minlength=len(before)) / len(codes)
    confidence = probabilities[np.arange(len(codes)), codes]
    found = []
    for mix in (answered, mix_of(probabilities, before)):
        weights = np.divide(mix, before, out=np.zeros(len(before)), where=before > 0)
        table = np.tile(np.array([0.5, 0.0, 1.0]), (len(codes), 1))  # no such answer was ever judged
        for kind in (True, False):
            own = [one for one in bins if one.normal == kind]
            mine = (codes == normal) == kind
            if own:
                places = np.searchsorted([one.least for one in own], confidence[mine], side="right") - 1
                table[mine] = np.array([_share(one, weights) for one in own])[np.maximum(places, 0)]
        found.append(table.mean(axis=0).tolist())
    return Expected(value=found[0][0], low=min(one[1] for one in found), high=max(one[2] for one in found))


def mix_of(probabilities: Floats, before: Floats) -> Floats:
    """The mix of classes that makes the answers likeliest, (k,), each being sure as of the mix `before`.

    Source: Saerens, Latinne & Decaestecker 2002, Neural Computation 14, 21.
    """
    mix = before.copy()
    for _ in range(_ROUNDS):
        ratio = np.divide(mix, before, out=np.zeros(len(mix)), where=before > 0)
        posterior = probabilities * ratio
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-12)
        mix = posterior.mean(axis=0)
    return mix


def _share(one: ConfidenceBin, weights: Floats) -> tuple[float, float, float]:
    """(share right, low, high) of a bin with its windows weighted by class."""
    windows, right = np.array(one.windows), np.array(one.right)
    total = float((windows * weights).sum())
    if total < _LEAST_WEIGHT:
        return 0.5, 0.0, 1.0
    share = float((right * weights).sum()) / total
    count = total**2 / float((windows * weights**2).sum()) * one.worth  # Kish's effective number
    half = 0.5 + _TWO_SIDED / 2
    return share, 1 - _end((1 - share) * count, count, half), _end(share * count, count, half)


def _end(count: float, total: float, confidence: float) -> float:
    """Upper end of the interval of a share (Clopper & Pearson 1934); counts need not be whole."""
    if total <= 0 or count >= total:
        return 1.0
    return float(beta.ppf(confidence, count + 1, total - count))
