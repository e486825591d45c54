"""How well labels and probabilities agree with the truth; every figure takes weights, so that a bootstrap is cheap.

Pure numbers. Invariant: a weight of 2 equals the window being there twice. A figure that has no meaning (a class that
never occurs) is NaN and is left out of macro means.
Sources: Fawcett 2006, Pattern Recognition Letters 27, 861 (ROC); Davis & Goadrich 2006 (precision-recall), average
precision as the step-wise sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """Figures of one class against all others."""

    label: str
    support: float
    recall: float
    precision: float
    roc_auc: float
    pr_auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Overall and macro figures (means over the classes that occur), and one row per class that occurs."""

    accuracy: float
    recall: float
    precision: float
    roc_auc: float
    pr_auc: float
    classes: tuple[ClassFigures, ...]

    def overall(self) -> dict[str, float]:
        """The overall figures by name."""
        return {name: getattr(self, name) for name in OVERALL}


OVERALL = ("accuracy", "recall", "precision", "roc_auc", "pr_auc")


class Scorer:
    """Figures of one set of answers under any weights; the sorting is done once.

    Args:
        truth: Class code of each window, shape (n,); -1 for a label the model does not know.
        probabilities: Shape (n, k).
        classes: The k labels.
        answers: Class code that was answered, shape (n,); None takes the most probable one.
    """

    def __init__(
        self, truth: Indexes, probabilities: Floats, classes: Sequence[str], answers: Indexes | None = None
    ) -> None:
        self._truth = truth
        self._answer = probabilities.argmax(axis=1) if answers is None else answers
        self._classes = tuple(classes)
        # A row for each class, so that a replicate of a bootstrap goes through memory in order.
        self._order = np.ascontiguousarray(np.argsort(-probabilities, axis=0, kind="stable").T)
        sorted_scores = np.take_along_axis(probabilities.T, self._order, axis=1)
        tie_end = np.ones_like(sorted_scores, dtype=bool)
        tie_end[:, :-1] = sorted_scores[:, 1:] != sorted_scores[:, :-1]
        self._tie_ends = [np.flatnonzero(row) for row in tie_end]
        self._true = [(truth[order] == index).astype(np.float64) for index, order in enumerate(self._order)]
        self._present = [index for index in range(len(classes)) if (truth == index).any()]

    def report(self, weights: Floats | None = None) -> Report:
        """All figures under the weights (None: 1 each), shape (n,)."""
        given = np.ones(len(self._truth)) if weights is None else np.asarray(weights, dtype=np.float64)
        rows = tuple(self._class(index, given) for index in self._present)
        hit = self._answer == self._truth
        return Report(
            accuracy=_ratio(float(given[hit].sum()), float(given.sum())),
            recall=_mean([row.recall for row in rows]),
            precision=_mean([row.precision for row in rows]),
            roc_auc=_mean([row.roc_auc for row in rows]),
            pr_auc=_mean([row.pr_auc for row in rows]),
            classes=rows,
        )

    def confusion(self) -> Floats:
        """Share of each true class (rows that occur) answered as each class, (rows, k)."""
        table = np.zeros((len(self._classes), len(self._classes)))
        known = self._truth >= 0
        np.add.at(table, (self._truth[known], self._answer[known]), 1.0)
        rows = table[self._present]
        shares: Floats = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1.0)
        return shares

    @property
    def present(self) -> tuple[str, ...]:
        """Labels that occur in the truth, in class order."""
        return tuple(self._classes[index] for index in self._present)

    def roc_curve(self, label: str) -> tuple[Floats, Floats]:
        """False-positive and true-positive rate of one class, from (0, 0) to (1, 1)."""
        index = self._classes.index(label)
        positive, negative = self._sweep(index, np.ones(len(self._truth)))
        start = np.zeros(1)
        return (
            np.concatenate([start, negative / max(negative[-1], 1.0)]),
            np.concatenate([start, positive / max(positive[-1], 1.0)]),
        )

    def _class(self, index: int, weights: Floats) -> ClassFigures:
        true, answered = self._truth == index, self._answer == index
        hits, support = float(weights[true & answered].sum()), float(weights[true].sum())
        positive, negative = self._sweep(index, weights)
        return ClassFigures(
            label=self._classes[index],
            support=support,
            recall=_ratio(hits, support),
            precision=_ratio(hits, float(weights[answered].sum()), empty=0.0) if support else np.nan,
            roc_auc=_roc_auc(positive, negative),
            pr_auc=_average_precision(positive, negative),
        )

    def _sweep(self, index: int, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of positives and negatives above each distinct score, from the highest down."""
        sorted_weights = weights[self._order[index]]
        ends = self._tie_ends[index]
        positive = np.cumsum(sorted_weights * self._true[index])[ends]
        # Weights count windows: these sums are whole numbers and their difference is exact.
        return positive, np.cumsum(sorted_weights)[ends] - positive


def _roc_auc(positive: Floats, negative: Floats) -> float:
    if not len(positive) or positive[-1] <= 0 or negative[-1] <= 0:
        return float("nan")
    heights = np.concatenate([[0.0], positive]) / positive[-1]
    widths = np.diff(np.concatenate([[0.0], negative])) / negative[-1]
    return float((widths * (heights[1:] + heights[:-1]) / 2).sum())


def _average_precision(positive: Floats, negative: Floats) -> float:
    if not len(positive) or positive[-1] <= 0:
        return float("nan")
    total = positive + negative
    precision = positive / np.where(total > 0, total, 1.0)
    return float((np.diff(np.concatenate([[0.0], positive])) / positive[-1] * precision).sum())


def reliability(confidence: Floats, correct: npt.NDArray[np.bool_], bins: int = 10) -> tuple[Floats, Floats, Floats]:
    """Calibration of the most probable answer, in bins of equal width.

    Returns:
        Mean confidence, share correct and share of all windows of each bin that holds any, and so the expected
        calibration error is the sum of share times the distance of the first two (Guo et al. 2017).
    """
    index = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(index, minlength=bins).astype(np.float64)
    held = count > 0
    mean = np.bincount(index, weights=confidence, minlength=bins)[held] / count[held]
    right = np.bincount(index, weights=correct.astype(np.float64), minlength=bins)[held] / count[held]
    return mean, right, count[held] / max(len(confidence), 1)


def _ratio(part: float, whole: float, empty: float = float("nan")) -> float:
    return part / whole if whole > 0 else empty


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
