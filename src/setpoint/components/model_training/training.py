"""The course of a training: split, tune on held-out blocks, set the alarm limit there, fit on everything, pack.

Decides the order and what is judged on what. Invariant: every published figure comes from windows that the model
which answered them had not seen, and the alarm limit from held-out normal windows alone; held-out runs never enter.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from setpoint.apis.errors import InvalidSpec
from setpoint.components.model_training import fitting
from setpoint.components.model_training.dataset import Dataset, check_trainable
from setpoint.components.model_training.reference import reference_bytes
from setpoint.core import features, metrics, models
from setpoint.core.features import BlockSplit, FeatureSpec
from setpoint.core.models import AlarmRule, LinearWeights, ModelDocument, ModelKind
from setpoint.core.monitors.reference import REFERENCE_FILE

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Say = Callable[[str, int, int], None]

_DEFAULT: dict[str, Any] = {
    "learning_rate": 0.05,
    "num_leaves": 15,
    "feature_fraction": 0.2,
    "min_data_in_leaf": 10,
    "lambda_l2": 1.0,
}
_SPACE: dict[str, tuple[float, ...]] = {  # the declared search space
    "learning_rate": (0.05, 0.1),
    "num_leaves": (7, 15, 31),
    "feature_fraction": (0.1, 0.2),
    "min_data_in_leaf": (5, 10, 20),
    "lambda_l2": (1.0, 5.0),
}
_BOOSTING = 4.0  # rounds times learning rate: 80 rounds at 0.05
_PENALTIES = (0.01, 0.1)  # inverse L2 penalties that the linear baseline chooses from
_WINDOWS = 2500  # training windows that the automatic stride aims below; neighbours overlap and teach little
_JUDGED = 12_000  # windows judged at most; beyond it they are strided too
_GOLDEN = 8
_WORKERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a training is asked for. Lengths are rows, rates are ratios."""

    window: int = 40
    algorithm: Literal["lightgbm", "linear"] = "lightgbm"
    trials: int = 3
    folds: int = 4
    stride: int = 0  # 0: as many rows as keep the training windows below 2500
    false_alarm_rate: float = 0.01
    consecutive_alarms: int = 6
    onset_windows: bool = True
    residuals: bool = True
    seed: int = 1

    def check(self) -> None:
        """Refuse what has no meaning.

        Raises:
            InvalidSpec: With the field's name as path.
        """
        least = {"window": 2, "trials": 1, "folds": 2, "stride": 0, "consecutive_alarms": 1, "seed": 0}
        for name, limit in least.items():
            if getattr(self, name) < limit:
                raise InvalidSpec(f"{getattr(self, name)} is too small: at least {limit}", path=name)
        if not 0 < self.false_alarm_rate < 1:
            raise InvalidSpec(f"{self.false_alarm_rate} lies outside 0..1", path="false_alarm_rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Training windows of one fold, and the windows that judge it."""

    train: fitting.TrainingSet
    features: Floats
    labels: Indexes
    ends: Indexes


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The held-out windows of all folds: truth, last row, alarms by the other folds' limit; and the limit of all."""

    truth: Indexes
    ends: Indexes
    above: Mask
    alarm: AlarmRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The model directory's files, and the figures on held-out blocks."""

    files: Mapping[str, bytes]
    figures: Mapping[str, float]
    parameters: Mapping[str, Any]
    report: Mapping[str, Any]


def train(data: Dataset, settings: Settings, say: Say) -> Trained:
    """Train a model and its linear baseline.

    Args:
        data: The processed training data.
        settings: What is asked for.
        say: Called with stage, steps done and steps in all.

    Raises:
        InvalidSpec: Settings or data that allow no training; see `check_trainable` and `split_blocks`.
    """
    settings.check()
    check_trainable(data, settings.window)
    # Two fits run at a time; BLAS and OpenMP threads below them would only wait for each other (20 s became 1 s).
    with threadpool_limits(limits=1):
        return _train(data, settings, say)


def _train(data: Dataset, settings: Settings, say: Say) -> Trained:
    spec = FeatureSpec(columns=data.names, window=settings.window, residuals=settings.residuals)
    split = features.split_blocks(data.stretch, data.runs, data.labels, window=settings.window, folds=settings.folds)
    stride = settings.stride or _stride(data, settings.window)
    trials = _trials(settings) if settings.algorithm == "lightgbm" else []
    total = settings.folds + len(trials) + 3
    folds: list[Fold] = []
    for index in range(settings.folds):
        say(f"features of fold {index + 1} of {settings.folds}", len(folds) + 1, total)
        folds.append(_fold(data, split, spec, index, stride, settings))
    truth, ends = (np.concatenate([getattr(fold, name) for fold in folds]) for name in ("labels", "ends"))
    say("linear baseline", settings.folds + 1, total)
    penalty, linear = _tune_linear(folds, truth, data.classes, settings.seed)
    chosen: dict[str, Any] = {"inverse_penalty": penalty}
    answers = linear
    history: list[dict[str, Any]] = []
    if trials:
        before = settings.folds + 1
        chosen, answers, history = _tune_boosted(
            folds,
            truth,
            data.classes,
            trials,
            settings.seed,
            lambda done: say("tuning", before + done, total),
        )
    alarm, above = _alarm(folds, truth, answers, data, settings)
    baseline_alarm, baseline_above = _alarm(folds, truth, linear, data, settings)
    held = HeldOut(truth=truth, ends=ends, above=above, alarm=alarm)
    say("fit on all blocks", total - 1, total)
    main, baseline = _judge(held, answers, above, data), _judge(held, linear, baseline_above, data)
    report = _report(data, split, settings, held, main, baseline)
    report |= {"trials": history, "stride": stride, "baseline_inverse_penalty": penalty}
    figures: dict[str, float] = report["figures"]
    parameters = dataclasses.asdict(settings) | {"stride": stride} | chosen
    whole = fitting.collect(
        data, data.stretch, spec, stride=stride, onset_windows=settings.onset_windows, seed=settings.seed
    )
    files = _pack(data, whole, settings, parameters, penalty, (alarm, baseline_alarm), figures)
    try:
        files[REFERENCE_FILE] = reference_bytes(data, held.truth, held.ends, answers, held.above, settings.window)
    except InvalidSpec as error:  # the model is none the worse for it
        report["reference"] = str(error)
    return Trained(files=files, figures=figures, parameters=parameters, report=report)


def _stride(data: Dataset, window: int) -> int:
    count = len(features.window_ends(data.stretch, window))
    return max(1, -(-count // _WINDOWS))


def _fold(data: Dataset, split: BlockSplit, spec: FeatureSpec, index: int, stride: int, settings: Settings) -> Fold:
    train_set = fitting.collect(
        data,
        split.training_parts(index),
        spec,
        stride=stride,
        onset_windows=settings.onset_windows,
        seed=settings.seed + index,
    )
    seen = np.unique(train_set.labels)
    if len(seen) < 2:
        unseen = ", ".join(name for code, name in enumerate(data.classes) if code not in seen)
        raise InvalidSpec(
            f"while fold {index + 1} of {settings.folds} judges, no window of class {unseen} is left to train on: give "
            f"more runs of it or more rows, fewer folds or a window shorter than {settings.window}",
            path=data.target,
        )
    ends = features.window_ends(split.validation_parts(index), spec.window, max(1, len(data.values) // _JUDGED))
    held_out = train_set.fitted.prepare().rows(data.values, ends)
    return Fold(train=train_set, features=held_out, labels=data.labels[ends], ends=ends)


def _trials(settings: Settings) -> list[dict[str, Any]]:
    """The defaults first, then draws from the declared space without repetition."""
    space = [dict(zip(_SPACE, values, strict=True)) for values in itertools.product(*_SPACE.values())]
    others = [item for item in space if item != _DEFAULT]
    order = np.random.default_rng(settings.seed).permutation(len(others))
    return [_DEFAULT, *(others[index] for index in order.tolist())][: settings.trials]


def _tune_boosted(
    folds: list[Fold],
    truth: Indexes,
    classes: tuple[str, ...],
    trials: list[dict[str, Any]],
    seed: int,
    tell: Callable[[int], None],
) -> tuple[dict[str, Any], Floats, list[dict[str, Any]]]:
    """The trial with the best macro recall on held-out blocks, its answers there, and what every trial reached."""
    best: tuple[float, dict[str, Any], Floats] | None = None
    history = []
    for done, trial in enumerate(trials, start=1):
        tell(done)
        rounds = round(_BOOSTING / trial["learning_rate"])

        def answer(fold: Fold, trial: dict[str, Any] = trial, rounds: int = rounds) -> Floats:
            booster = fitting.fit_boosted(fold.train, len(classes), trial, rounds=rounds, seed=seed)
            return models.BoostedClassifier(booster.model_to_string()).probabilities(fold.features)

        answers = _on_folds(folds, answer)
        score = metrics.Scorer(truth, answers, classes).report().recall
        history.append({**trial, "rounds": rounds, "macro_recall": score})
        if best is None or score > best[0]:
            best = (score, {**trial, "rounds": rounds}, answers)
    assert best is not None, "at least one trial"  # noqa: S101  (settings.check)
    return best[1], best[2], history


def _tune_linear(folds: list[Fold], truth: Indexes, classes: tuple[str, ...], seed: int) -> tuple[float, Floats]:
    """The penalty with the best macro recall on held-out blocks, and its answers there."""
    tried = []
    for penalty in _PENALTIES:

        def answer(fold: Fold, penalty: float = penalty) -> Floats:
            weights = fitting.fit_linear(fold.train, len(classes), inverse_penalty=penalty, seed=seed)
            return models.LinearClassifier(weights).probabilities(fold.features)

        answers = _on_folds(folds, answer)
        tried.append((metrics.Scorer(truth, answers, classes).report().recall, penalty, answers))
    _, penalty, answers = max(tried, key=lambda item: item[0])
    return penalty, answers


def _on_folds(folds: list[Fold], answer: Callable[[Fold], Floats]) -> Floats:
    """Answers of all folds in order; two at a time, each on one thread: no barriers, and the same bits always."""
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return np.concatenate(list(pool.map(answer, folds)))


def _alarm(
    folds: list[Fold], truth: Indexes, answers: Floats, data: Dataset, settings: Settings
) -> tuple[AlarmRule, Mask]:
    """The limit from all held-out normal windows; and the alarms when each fold is judged by the others' limit."""
    scores = 1.0 - answers[:, data.normal]
    of_fold = np.repeat(np.arange(len(folds)), [len(fold.labels) for fold in folds])
    normal = truth == data.normal
    limit = metrics.alarm_limit(scores[normal], settings.false_alarm_rate)
    above = np.zeros(len(truth), dtype=bool)
    for index in range(len(folds)):
        here = of_fold == index
        others = normal & ~here
        crossed = metrics.alarm_limit(scores[others], settings.false_alarm_rate) if others.any() else limit
        above[here] = metrics.alarms(scores[here], crossed)
    rule = AlarmRule(
        limit=limit,
        target_rate=settings.false_alarm_rate,
        consecutive=settings.consecutive_alarms,
        windows=int(normal.sum()),
    )
    return rule, above


def _judge(held: HeldOut, answers: Floats, above: Mask, data: Dataset) -> metrics.Report:
    codes = models.decide_codes(answers, data.normal, above)
    return metrics.Scorer(held.truth, answers, data.classes, codes).report()


def _report(
    data: Dataset, split: BlockSplit, settings: Settings, held: HeldOut, main: metrics.Report, baseline: metrics.Report
) -> dict[str, Any]:
    """What `training.json` says; figures on held-out blocks of the training data."""
    order = np.argsort(held.ends, kind="stable")
    runs = [data.run_names[code] for code in data.runs[held.ends[order]].tolist()]
    labels = [data.classes[code] for code in held.truth[order].tolist()]
    found = metrics.detect(
        runs,
        labels,
        held.above[order],
        held.ends[order],
        normal=data.normal_label,
        consecutive=settings.consecutive_alarms,
    )
    faults = [row for row in metrics.by_fault(found) if row.label != data.normal_label]
    rates = [row.detection_rate for row in faults]
    figures = main.overall() | {f"baseline_{name}": value for name, value in baseline.overall().items()}
    figures["false_alarm_rate"] = float(held.above[held.truth == data.normal].mean())
    figures["detection_rate"] = float(np.mean(rates)) if rates else float("nan")
    where = "runs" if split.by_run else "blocks"
    return {
        "figures": figures,
        "judged_on": f"{len(held.truth)} windows of held-out {where} of the training data",
        "folds": split.folds,
        "gap_rows": split.gap,
        "alarm": {name: getattr(held.alarm, name) for name in held.alarm.__struct_fields__},
        "classes": [dataclasses.asdict(row) for row in main.classes],
        "detection": [dataclasses.asdict(row) for row in faults],
    }


def _pack(
    data: Dataset,
    whole: fitting.TrainingSet,
    settings: Settings,
    parameters: Mapping[str, Any],
    penalty: float,
    alarms: tuple[AlarmRule, AlarmRule],
    figures: Mapping[str, float],
) -> dict[str, bytes]:
    """Fit on all training rows and lay out the directory; the golden answers come from the packed bytes."""
    count = len(data.classes)
    baseline = fitting.fit_linear(whole, count, inverse_penalty=penalty, seed=settings.seed)
    classifier: str | LinearWeights = baseline
    if settings.algorithm == "lightgbm":
        learnt = {name: parameters[name] for name in _DEFAULT}
        booster = fitting.fit_boosted(whole, count, learnt, rounds=parameters["rounds"], seed=settings.seed)
        classifier = booster.model_to_string()
    document = ModelDocument(
        kind=ModelKind(settings.algorithm),
        classes=data.classes,
        normal_label=data.normal_label,
        target=data.target,
        features=whole.fitted,
        columns=data.columns,
        sample_period_seconds=data.sample_period_seconds,
        data_checksum=data.checksum,
        seed=settings.seed,
        parameters=dict(parameters),
        alarm=alarms[0],
        baseline_alarm=alarms[1],
        libraries={name: metadata.version(name) for name in ("lightgbm", "numpy", "scikit-learn", "setpoint")},
        metrics={name: value for name, value in figures.items() if not np.isnan(value)},
    )
    draft = models.model_files(document, classifier, models.Golden(windows=(), labels=(), probabilities=()))
    windows = _golden_windows(data, settings.window)
    labels, probabilities = models.load(draft).predict(windows)
    golden = models.golden_of(windows, tuple(labels), probabilities)
    return models.model_files(
        document, classifier, golden, baseline=baseline, mlflow_version=metadata.version("mlflow-skinny")
    )


def _golden_windows(data: Dataset, window: int) -> Floats:
    """One window of each of some labels, spread over the classes; complete ones are preferred."""
    ends = features.window_ends(data.stretch, window)
    labels = data.labels[ends]
    chosen = []
    kinds = np.unique(labels)
    for kind in kinds[np.unique(np.linspace(0, len(kinds) - 1, _GOLDEN).round().astype(int))].tolist():
        own = ends[labels == kind]
        middle = own[len(own) // 2 :]
        complete = [end for end in middle.tolist() if not np.isnan(data.values[end - window + 1 : end + 1]).any()]
        chosen.append(complete[0] if complete else int(middle[0]))
    return features.take_windows(data.values, np.array(sorted(chosen), dtype=np.int64), window)
