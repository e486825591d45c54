"""Figures agree with scikit-learn's, with and without weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

from setpoint.core.metrics import Scorer, reliability

CLASSES = ("a", "b", "c", "never")


def _answers(count: int = 300) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, count)
    scores = rng.random((count, 4)) + np.eye(4)[truth] * 0.4
    scores = np.round(scores / scores.sum(axis=1, keepdims=True), 2)  # rounding makes ties
    return truth, scores


@pytest.mark.parametrize("weighted", [False, True])
def test_figures_are_those_of_scikit_learn(weighted: bool) -> None:
    truth, scores = _answers()
    weights = np.random.default_rng(1).integers(0, 4, len(truth)).astype(float) if weighted else None
    report = Scorer(truth, scores, CLASSES).report(weights)
    answers = scores.argmax(axis=1)
    assert report.accuracy == pytest.approx(np.average(answers == truth, weights=weights))
    for code, row in enumerate(report.classes):
        one = truth == code
        assert row.roc_auc == pytest.approx(roc_auc_score(one, scores[:, code], sample_weight=weights))
        assert row.pr_auc == pytest.approx(average_precision_score(one, scores[:, code], sample_weight=weights))
    labels = [0, 1, 2]
    expected = recall_score(truth, answers, labels=labels, average="macro", sample_weight=weights)
    assert report.recall == pytest.approx(expected)
    expected = precision_score(truth, answers, labels=labels, average="macro", sample_weight=weights, zero_division=0)
    assert report.precision == pytest.approx(expected)


def test_a_weight_of_two_is_the_window_twice() -> None:
    truth, scores = _answers(50)
    weights = np.ones(50)
    weights[:10] = 2
    doubled = Scorer(np.concatenate([truth, truth[:10]]), np.concatenate([scores, scores[:10]]), CLASSES).report()
    assert Scorer(truth, scores, CLASSES).report(weights).overall() == pytest.approx(doubled.overall())


def test_a_class_that_never_occurs_is_left_out() -> None:
    truth, scores = _answers()
    assert [row.label for row in Scorer(truth, scores, CLASSES).report().classes] == ["a", "b", "c"]


def test_a_label_that_the_model_does_not_know_counts_as_wrong() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert Scorer(np.array([0, -1]), scores, ("a", "b")).report().accuracy == 0.5


def test_answers_may_differ_from_the_most_probable_label() -> None:
    scores = np.array([[0.9, 0.1], [0.6, 0.4]])
    truth = np.array([0, 1])
    assert Scorer(truth, scores, ("a", "b"), truth).report().accuracy == 1.0


def test_the_roc_curve_runs_from_corner_to_corner_over_the_area() -> None:
    truth, scores = _answers()
    scorer = Scorer(truth, scores, CLASSES)
    false, true = scorer.roc_curve("b")
    assert (false[0], true[0], false[-1], true[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert np.trapezoid(true, false) == pytest.approx(scorer.report().classes[1].roc_auc)


def test_confusion_rows_sum_to_one() -> None:
    truth, scores = _answers()
    table = Scorer(truth, scores, CLASSES).confusion()
    assert table.shape == (3, 4)
    assert table.sum(axis=1) == pytest.approx(np.ones(3))


def test_reliability_of_a_calibrated_answer_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(20_000)
    mean, right, share = reliability(confidence, rng.random(20_000) < confidence)
    assert right == pytest.approx(mean, abs=0.04)
    assert share.sum() == pytest.approx(1.0)
