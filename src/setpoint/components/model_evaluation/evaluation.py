"""Judges a model on held-out runs, beside the champion and its own linear baseline, on the very same windows.

Decides which windows count and what is compared; the verdict is the gate's. Invariant: every model answers the same
windows (those ending in the same rows), so that differences are paired and share their bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.components.model_training.dataset import Dataset
from setpoint.core import features, metrics
from setpoint.core.metrics import Decision, Detection, GateRules, Interval, Report, Scorer
from setpoint.core.models import AlarmRule, Model

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_WINDOWS = 30_000  # judged at most; beyond it windows are strided


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the judging is done. `block_length` 0 means twice the window."""

    replicates: int = 200
    block_length: int = 0
    level: float = 0.95
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one model said of the windows."""

    scorer: Scorer
    probabilities: Floats
    hits: Mask  # right label, by window
    most_probable: Mask  # whether the most probable label, alarm or not, is right: what calibration speaks of
    alarm_scores: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Another model on the same windows; `difference` is the candidate's accuracy minus the other's."""

    name: str
    report: Report
    difference: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that is reported."""

    answers: Answers
    report: Report
    intervals: dict[str, Interval]  # accuracy, recall, precision, roc_auc, pr_auc, false_alarm_rate, detection_rate
    alarm: AlarmRule
    above: Mask
    runs: tuple[str, ...]  # run of each window
    labels: tuple[str, ...]  # truth of each window
    detections: tuple[Detection, ...]  # by run
    faults: tuple[Detection, ...]  # by fault
    champion: Comparison | None
    baseline: Comparison | None
    block_length: int
    stride: int
    decision: Decision
    notes: tuple[str, ...]


def evaluate(
    data: Dataset,
    candidate: Model,
    *,
    baseline: Model | None,
    champion: Model | None,
    champion_name: str,
    rules: GateRules,
    settings: Settings,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """Judge the candidate.

    Raises:
        InvalidSpec: The data lack a column of the model, come at another rate, hold no complete window or no label
            that the model knows, or a threshold or setting is no legal one.
    """
    metrics.check_rules(rules)
    _check_fit(data, candidate)
    ends, stride = _judged_windows(data, max(candidate.window, champion.window if champion else 0))
    labels = tuple(data.classes[code] for code in data.labels[ends].tolist())
    runs = tuple(data.run_names[code] for code in data.runs[ends].tolist())
    answers = _answers(data, candidate, ends, labels)
    alarm = candidate.document.alarm or AlarmRule(limit=0.5, target_rate=0.0)
    above = metrics.alarms(answers.alarm_scores, alarm.limit)
    block = settings.block_length or 2 * candidate.window
    length = max(1, block // stride)
    weights = metrics.block_weights(
        data.stretch[ends], block_length=length, replicates=settings.replicates, seed=settings.seed
    )
    normal = candidate.document.normal_label
    figures = _Figures(answers.scorer, above, np.array([label == normal for label in labels]))
    intervals = metrics.intervals(figures, weights, level=settings.level)

    def compare(name: str, model: Model) -> Comparison:
        other = _answers(data, model, ends, labels)
        gain = answers.hits.astype(np.float64) - other.hits.astype(np.float64)
        difference = metrics.intervals(lambda drawn: {"": float(np.average(gain, weights=drawn))}, weights)
        return Comparison(name=name, report=other.scorer.report(), difference=difference[""])

    beside = compare("linear baseline", baseline) if baseline else None
    against = compare(champion_name, champion) if champion else None
    found = metrics.detect(runs, labels, above, ends, normal=normal, consecutive=alarm.consecutive)
    decision = metrics.decide(
        rules,
        {name: interval.estimate for name, interval in intervals.items()},
        over_champion=against.difference if against else None,
        over_baseline=beside.difference if beside else None,
    )
    return Evaluation(
        answers=answers,
        report=answers.scorer.report(),
        intervals=intervals,
        alarm=alarm,
        above=above,
        runs=runs,
        labels=labels,
        detections=found,
        faults=tuple(row for row in metrics.by_fault(found) if row.label != normal),
        champion=against,
        baseline=beside,
        block_length=block,
        stride=stride,
        decision=decision,
        notes=notes,
    )


def unfit(data: Dataset, model: Model) -> str:
    """Why the model cannot answer on these data; empty if it can."""
    missing = [column.name for column in model.document.columns if column.name not in data.names]
    if missing:
        return f"the data have no column {missing[0]!r}, which the model needs"
    period = model.document.sample_period_seconds
    if abs(data.sample_period_seconds - period) > 0.01 * period:
        return f"the data come every {data.sample_period_seconds:g} s, the model was trained on every {period:g} s"
    return ""


def _judged_windows(data: Dataset, longest: int) -> tuple[Indexes, int]:
    """Last rows of the windows that all models can answer, and their stride."""
    count = len(features.window_ends(data.stretch, longest))
    if not count:
        raise InvalidSpec(f"no stretch of the held-out data has {longest} rows without a hole", path="window")
    stride = max(1, -(-count // _WINDOWS))
    return features.window_ends(data.stretch, longest, stride), stride


class _Figures:
    """All headline figures under weights."""

    def __init__(self, scorer: Scorer, above: Mask, normal: Mask) -> None:
        self._scorer, self._above, self._normal = scorer, above, normal

    def __call__(self, weights: Floats | None) -> dict[str, float]:
        given = np.ones(len(self._above)) if weights is None else weights
        return self._scorer.report(weights).overall() | {
            "false_alarm_rate": _share(self._above, given * self._normal),
            "detection_rate": _share(self._above, given * ~self._normal),
        }


def _share(above: Mask, weights: Floats) -> float:
    total = float(weights.sum())
    return float(weights[above].sum()) / total if total > 0 else float("nan")


def _check_fit(data: Dataset, model: Model) -> None:
    reason = unfit(data, model)
    if reason:
        raise InvalidSpec(f"{reason}; process the held-out data with the recipe of the training", path="dataset")
    if not set(data.classes) & set(model.classes):
        known = ", ".join(data.classes[:5])
        raise InvalidSpec(f"no label of the held-out data ({known}) is known to the model", path=data.target)


def _answers(data: Dataset, model: Model, ends: Indexes, labels: tuple[str, ...]) -> Answers:
    order = [data.names.index(column.name) for column in model.document.columns]
    _, probabilities = model.answer(model.transform.rows(data.values[:, order], ends))
    position = {label: index for index, label in enumerate(model.classes)}
    truth = np.array([position.get(label, -1) for label in labels], dtype=np.int64)
    codes = model.decide(probabilities)
    return Answers(
        scorer=Scorer(truth, probabilities, model.classes, codes),
        probabilities=probabilities,
        hits=codes == truth,
        most_probable=probabilities.argmax(axis=1) == truth,
        alarm_scores=model.alarm_scores(probabilities),
    )
