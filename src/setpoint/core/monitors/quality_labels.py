"""Checks by what turned out to be true: errors beyond what training lets expect, and how good the answers are.

Whether the model errs more often than it should is decided class by class of what was true, so that more faults at the
plant are no worse model. Intervals hold at all times at once: to look after every label costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from setpoint.core.monitors.answers import Expected, expect
from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.performance import Estimate, estimate_mean
from setpoint.core.monitors.quality_view import Decision, View
from setpoint.core.monitors.sequential import watch_means
from setpoint.core.monitors.stream import as_datetime
from setpoint.core.monitors.wording import words

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """How good the answers were; None where nothing is known. `recall` is the mean over the classes that occurred."""

    labelled: int
    coverage: float
    lag_seconds: float  # median, NaN without labels
    accuracy: Estimate | None
    recall: Estimate | None
    auc: Estimate | None
    expected: Expected | None  # accuracy, from confidence alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """The decision on errors."""

    decision: Decision
    said_at: npt.NDArray[np.datetime64]  # (b,), when the last label of the block was said


def measure_performance(view: View) -> Performance:
    """Everything that labels and confidence say."""
    stream, model = view.stream, view.model
    order = np.argsort(stream.plant_times, kind="stable")
    known = order[known_of(view)[order]]
    truth, answers = view.truth.labels[known], stream.labels[known]
    hits = (truth == answers).astype(np.float64)
    lags = (view.truth.said_at[known] - stream.times[known]) / np.timedelta64(1, "s")
    alpha, block = view.rules.alpha, view.block
    return Performance(
        labelled=len(known),
        coverage=len(known) / len(stream) if len(stream) else 0.0,
        lag_seconds=float(np.median(lags)) if len(known) else float("nan"),
        accuracy=estimate_mean(hits, block=block, alpha=alpha) if len(known) else None,
        recall=_recall(truth, hits, block, alpha) if len(known) else None,
        auc=_auc(view.alarm_scores[known], truth != model.normal_label, block, alpha),
        expected=_expected_accuracy(view),
    )


def known_of(view: View) -> Mask:
    """Records with a label that is one of the model's classes, (n,)."""
    return np.isin(view.truth.labels, np.array(view.model.classes))


def decide_errors(view: View) -> Errors | None:
    """The test on errors, block by block; None without a labelled record in any."""
    known = known_of(view)
    bounds = {one.name: one.bound for one in view.reference.misses}
    allowed = np.array([bounds.get(label, 1.0) for label in view.truth.labels.tolist()])
    wrong = np.where(known, view.truth.labels != view.stream.labels, np.nan)
    shares = view.blocks.means(wrong.astype(np.float64))
    expected = view.blocks.means(np.where(known, allowed, np.nan))
    blocks = view.order[~np.isnan(shares[view.order])]
    if not len(blocks):
        return None
    decision = view.decision("errors", blocks, watch_means(shares[blocks], expected[blocks], view.detector))
    records = view.blocks.records[blocks]
    said = view.truth.said_at[np.maximum(records, 0)]
    said[(records < 0) | np.isnat(said)] = np.datetime64(0, "us")
    return Errors(decision=decision, said_at=said.max(axis=1))


def find_concept_drift(view: View, errors: Errors) -> Finding:
    """Whether the same plant states are answered worse than held-out training data let expect."""
    decision = errors.decision
    if decision.alarm is None:
        message = "Answers err no more often than held-out training data let expect."
        return decision.finding("concept-drift", message)
    blocks = decision.blocks[decision.onset :]
    records = view.blocks.records[blocks]
    mine = np.zeros(len(view.stream), dtype=bool)
    mine[records[records >= 0]] = True
    mine &= known_of(view)
    truth, answers = view.truth.labels[mine], view.stream.labels[mine]
    wrong = truth != answers
    pairs = Counter(zip(truth[wrong].tolist(), answers[wrong].tolist(), strict=True))
    (true, answered), count = pairs.most_common(1)[0]
    bounds = {one.name: one.bound for one in view.reference.misses}
    allowed = float(np.mean([bounds[label] for label in truth.tolist()]))
    share = float(wrong.mean())
    return decision.finding(
        "concept-drift",
        f"{100 * share:.0f} % of answers are wrong where held-out training data let expect at most "
        f"{100 * allowed:.0f} %; most often {true} is answered as {answered}.",
        Severity.ALARM,
        since=view.moments(decision)[0],
        seen_at=_seen(errors),
        harmful=True,
        evidence={
            "error_share": round(share, 4),
            "expected_at_most": round(allowed, 4),
            "truth": true,
            "answered": answered,
            "confused": count,
            "labelled": int(mine.sum()),
        },
    )


def describe_performance(performance: Performance) -> Iterator[Finding]:
    """Figures as findings: nothing is decided by them, but what is unknown is called so."""
    if performance.labelled:
        yield Finding(
            name="labels",
            severity=Severity.OK,
            message=f"{100 * performance.coverage:.3g} % of answers are labelled; half of the labels came within "
            f"{words(performance.lag_seconds)} of the answer.",
            value=performance.coverage,
            evidence={"labelled": performance.labelled, "median_lag_seconds": performance.lag_seconds},
        )
    for name, what, estimate in (
        ("accuracy", "Accuracy", performance.accuracy),
        ("recall", "Mean recall over the classes that occurred", performance.recall),
        ("auc", "Area under the ROC curve, fault against normal", performance.auc),
    ):
        if estimate is not None and estimate.blocks:
            yield Finding(
                name=name,
                severity=Severity.OK,
                message=f"{what} on labelled answers: {estimate.value:.3f}, at all times within "
                f"{estimate.low:.3f} to {estimate.high:.3f}.",
                value=estimate.value,
                evidence={"low": estimate.low, "high": estimate.high, "blocks": estimate.blocks},
            )
    if performance.expected is not None:
        yield _expected(performance.expected, performance.accuracy)


def _expected(expected: Expected, accuracy: Estimate | None) -> Finding:
    apart = (
        accuracy is not None and accuracy.blocks > 0 and (accuracy.high < expected.low or accuracy.low > expected.high)
    )
    worse = apart and accuracy is not None and accuracy.high < expected.low
    beside = "; labels say otherwise: confidence does not mean what it did" if apart else ""
    return Finding(
        name="expected-accuracy",
        severity=Severity.WARNING if worse else Severity.OK,
        message=f"By their confidence {100 * expected.value:.0f} % of answers are right "
        f"({100 * expected.low:.0f} to {100 * expected.high:.0f} %){beside}.",
        value=expected.value,
        evidence={"low": expected.low, "high": expected.high},
    )


def _expected_accuracy(view: View) -> Expected | None:
    if not view.has_reference:
        return None
    reference = view.reference
    return expect(reference.confidence, reference.misses, view.stream.probabilities, _codes(view), view.model.normal)


def _codes(view: View) -> Indexes:
    """Code of what was answered, (n,)."""
    position = {name: code for code, name in enumerate(view.model.classes)}
    return np.array([position.get(label, 0) for label in view.stream.labels.tolist()], dtype=np.int64)


def _recall(truth: npt.NDArray[np.str_], hits: Floats, block: int, alpha: float) -> Estimate | None:
    """Mean over the classes that filled a block, each with its part of the level."""
    classes = [hits[truth == name] for name in np.unique(truth).tolist()]
    whole = [mine for mine in classes if len(mine) >= block]
    if not whole:
        return None
    each = [estimate_mean(mine, block=block, alpha=alpha / len(whole)) for mine in whole]
    return Estimate(
        value=float(np.mean([one.value for one in each])),
        low=float(np.mean([one.low for one in each])),
        high=float(np.mean([one.high for one in each])),
        blocks=sum(one.blocks for one in each),
    )


def _auc(scores: Floats, fault: Mask, block: int, alpha: float) -> Estimate | None:
    """From pairs of one fault and one normal record in the order in which they came; no record is in two pairs."""
    faults, normals = scores[fault], scores[~fault]
    count = min(len(faults), len(normals))
    if count < block:
        return None
    hits = (faults[:count] > normals[:count]) + 0.5 * (faults[:count] == normals[:count])
    return estimate_mean(hits.astype(np.float64), block=block, alpha=alpha)


def _seen(errors: Errors) -> datetime:
    """When all labels that the alarm rests on had been said."""
    assert errors.decision.alarm is not None, "there was an alarm"  # noqa: S101  (callers look)
    return as_datetime(errors.said_at[: errors.decision.alarm + 1].max())
