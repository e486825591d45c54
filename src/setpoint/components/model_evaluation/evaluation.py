"""Judges a model on held-out runs, beside the champion and its own linear baseline, on the very same windows.

Decides which windows count and what is compared; the verdict is the gate's. Three steps: which windows, what the models
answer, what that comes to; only the second needs the values. Invariants: every model answers the same windows (those
ending in the same rows), so that differences are paired and share their bootstrap; an answer depends on its window
alone, so that windows may be answered in parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.components.model_training.dataset import Outline
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
class Subjects:
    """The models that answer: who is judged, and beside whom."""

    candidate: Model
    baseline: Model | None
    champion: Model | None

    def all(self) -> dict[str, Model]:
        """Those that there are, by role."""
        found = {"candidate": self.candidate, "baseline": self.baseline, "champion": self.champion}
        return {role: model for role, model in found.items() if model is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The judged windows in the order of the data; `stride` in rows."""

    ends: Indexes  # last row of each
    stretch: Indexes  # that it lies in
    runs: tuple[str, ...]
    labels: tuple[str, ...]  # the truth
    stride: int


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


def judged_windows(data: Outline, subjects: Subjects) -> Windows:
    """The windows that all models can answer.

    Raises:
        InvalidSpec: The data do not fit the candidate, or hold no complete window.
    """
    _check_fit(data, subjects.candidate)
    longest = max(model.window for model in subjects.all().values())
    count = len(features.window_ends(data.stretch, longest))
    if not count:
        raise InvalidSpec(f"no stretch of the held-out data has {longest} rows without a hole", path="window")
    stride = max(1, -(-count // _WINDOWS))
    ends = features.window_ends(data.stretch, longest, stride)
    return Windows(
        ends=ends,
        stretch=data.stretch[ends],
        runs=tuple(data.run_names[code] for code in data.runs[ends].tolist()),
        labels=tuple(data.classes[code] for code in data.labels[ends].tolist()),
        stride=stride,
    )


def answer(values: Floats, names: Sequence[str], ends: Indexes, subjects: Subjects) -> dict[str, Floats]:
    """Probabilities of the windows that end in the given rows, by role, each of shape (windows, classes).

    Args:
        values: Rows, shape (n, d).
        names: The d columns.
        ends: Last row of each window.
        subjects: Who answers.
    """
    computed: list[tuple[Model, Floats]] = []
    found = {}
    for role, model in subjects.all().items():
        # A candidate and its baseline look at the same features.
        rows = next((rows for other, rows in computed if _same_features(other, model)), None)
        if rows is None:
            order = [list(names).index(column.name) for column in model.document.columns]
            rows = model.transform.rows(values[:, order], ends)
            computed.append((model, rows))
        found[role] = model.answer(rows)[1]
    return found


def _same_features(one: Model, other: Model) -> bool:
    ours, theirs = one.document, other.document
    return (ours.columns, ours.features) == (theirs.columns, theirs.features)


def judge(
    windows: Windows,
    answered: Mapping[str, Floats],
    subjects: Subjects,
    *,
    champion_name: str,
    rules: GateRules,
    settings: Settings,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """What the answers come to.

    Args:
        windows: That were judged.
        answered: As `answer` gives them.
        subjects: Who answered.
        champion_name: What the champion is called.
        rules: Thresholds.
        settings: How intervals are found.
        notes: For the reader.

    Raises:
        InvalidSpec: A threshold or setting is no legal one.
    """
    metrics.check_rules(rules)
    candidate, labels = subjects.candidate, windows.labels
    answers = _answers(candidate, answered["candidate"], labels)
    alarm = candidate.document.alarm or AlarmRule(limit=0.5, target_rate=0.0)
    above = metrics.alarms(answers.alarm_scores, alarm.limit)
    block = settings.block_length or 2 * candidate.window
    length = max(1, block // windows.stride)
    weights = metrics.block_weights(
        windows.stretch, block_length=length, replicates=settings.replicates, seed=settings.seed
    )
    normal = candidate.document.normal_label
    figures = _Figures(answers.scorer, above, np.array([label == normal for label in labels]))
    intervals = metrics.intervals(figures, weights, level=settings.level)

    def compare(name: str, role: str, model: Model | None) -> Comparison | None:
        if model is None:
            return None
        other = _answers(model, answered[role], labels)
        gain = answers.hits.astype(np.float64) - other.hits.astype(np.float64)
        difference = metrics.intervals(lambda drawn: {"": float(np.average(gain, weights=drawn))}, weights)
        return Comparison(name=name, report=other.scorer.report(), difference=difference[""])

    beside = compare("linear baseline", "baseline", subjects.baseline)
    against = compare(champion_name, "champion", subjects.champion)
    found = metrics.detect(windows.runs, labels, above, windows.ends, normal=normal, consecutive=alarm.consecutive)
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
        runs=windows.runs,
        labels=labels,
        detections=found,
        faults=tuple(row for row in metrics.by_fault(found) if row.label != normal),
        champion=against,
        baseline=beside,
        block_length=block,
        stride=windows.stride,
        decision=decision,
        notes=notes,
    )


def unfit(data: Outline, model: Model) -> str:
    """Why the model cannot answer on these data; empty if it can."""
    missing = [column.name for column in model.document.columns if column.name not in data.names]
    if missing:
        return f"the data have no column {missing[0]!r}, which the model needs"
    period = model.document.sample_period_seconds
    if abs(data.sample_period_seconds - period) > 0.01 * period:
        return f"the data come every {data.sample_period_seconds:g} s, the model was trained on every {period:g} s"
    return ""


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


def _check_fit(data: Outline, model: Model) -> None:
    reason = unfit(data, model)
    if reason:
        raise InvalidSpec(f"{reason}; process the held-out data with the recipe of the training", path="dataset")
    if not set(data.classes) & set(model.classes):
        known = ", ".join(data.classes[:5])
        raise InvalidSpec(f"no label of the held-out data ({known}) is known to the model", path=data.target)


def _answers(model: Model, probabilities: Floats, labels: tuple[str, ...]) -> Answers:
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
