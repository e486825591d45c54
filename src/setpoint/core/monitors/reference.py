"""What a model version was trained on, as monitors compare with it: `reference.json` of the model directory.

Everything is learnt from normal operation and from held-out answers, and p-values rest on blocks that the scoring had
not seen: it is fitted on four fifths and judges the other, in turn. Invariant: equal data give equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire
from setpoint.core.models.document import InputColumn
from setpoint.core.monitors.answers import (
    ClassMisses,
    ConfidenceBin,
    HeldOut,
    confidence_of,
    misses_of,
    score_answers,
)
from setpoint.core.monitors.blocks import Blocks, cut, within
from setpoint.core.monitors.calibration import LEAST_BLOCKS, Calibration, calibrate, p_values
from setpoint.core.monitors.effect import FeatureReference, describe
from setpoint.core.monitors.inputs import InputProfile, fit_inputs, score_inputs, standardise
from setpoint.core.monitors.sensors import SensorProfile, fit_sensors, score_sensors
from setpoint.core.monitors.sequential import Detector, watch

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

REFERENCE_FILE = "reference.json"
INPUTS, SENSORS, ANSWERS = "inputs", "sensors", "answers"
_FOLDS = 5
_PASSES, _DOUBT = 3, 200.0  # blocks: an alarm so early tells a stretch from normal operation
BLOCK = 20  # records, unless they tell too much of each other
_LEAST_SIZE = 4
_MOST_TRIAL = 4000  # blocks
_WANTED = 20  # blocks: fewer records make shorter ones
_MOST_CARRY, _ENOUGH = 0.7, 80  # blocks are made longer while one tells so much of the next and there are so many


class ModelFacts(Wire, frozen=True, kw_only=True):
    """What is known of any model, with a reference or without."""

    columns: tuple[InputColumn, ...]
    classes: tuple[str, ...]
    normal_label: str
    sample_period_seconds: float
    window: int

    @property
    def normal(self) -> int:
        """Code of the normal label."""
        return self.classes.index(self.normal_label)


class Reference(Wire, frozen=True, kw_only=True):
    """`reference.json`. `block` is the number of records that are judged as one."""

    model: ModelFacts
    block: int
    rows: int  # of normal operation
    stretches: int  # runs, or parts of runs, that they come from
    inputs: InputProfile
    inputs_calibration: Calibration
    sensors: SensorProfile
    sensors_calibration: Calibration
    answers_calibration: Calibration | None  # None: too few held-out windows of normal operation
    trials: dict[str, tuple[tuple[float, ...], ...]]  # by decision: p-values of held-out blocks, (b, k)
    features: tuple[FeatureReference, ...]
    misses: tuple[ClassMisses, ...]
    confidence: tuple[ConfidenceBin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What training has: n rows, and m held-out windows."""

    model: ModelFacts
    rows: Floats  # (n, d), NaN where missing
    parts: Indexes  # (n,), stretch of normal operation that a row lies in, -1 for other rows
    certain: Mask  # (n,), rows that are labelled normal; others were taken in because they look like it
    runs: Indexes  # (n,)
    ends: Indexes  # (m,), last row of each window
    truth: Indexes  # (m,)
    answers: Indexes  # (m,)
    probabilities: Floats  # (m, k)


def build_reference(material: Material) -> Reference:
    """Learn what monitors need.

    Raises:
        InvalidSpec: Too little normal operation.
    """
    learnt = _learn(material)
    for _ in range(_PASSES):
        if not (strange := _strange(learnt, material)):
            break
        material = replace(material, parts=np.where(np.isin(material.parts, strange), -1, material.parts))
        learnt = _learn(material)
    values, size = learnt.values, learnt.size
    profile = fit_inputs(values)
    normal = material.model.normal
    stride = int(np.median(np.diff(np.unique(material.ends)))) if len(material.ends) > 1 else 1
    answers = _answers(material, 1.0 - material.probabilities[:, normal], size, stride)
    held = HeldOut(
        truth=material.truth,
        answers=material.answers,
        probabilities=material.probabilities,
        normal=normal,
        worth=min(1.0, stride / size),
    )
    return Reference(
        model=material.model,
        block=size,
        rows=len(learnt.rows),
        stretches=len(np.unique(material.parts[material.parts >= 0])),
        inputs=profile,
        inputs_calibration=learnt.calibrations[INPUTS],
        sensors=fit_sensors(standardise(profile, values)),
        sensors_calibration=learnt.calibrations[SENSORS],
        answers_calibration=None if answers is None else calibrate(answers[0], answers[1].follows),
        trials=learnt.trials
        | ({} if answers is None else {ANSWERS: _trial(answers[0], _pieces(answers[1]), answers[1])}),
        features=describe(learnt.rows, tuple(column.name for column in material.model.columns)),
        misses=misses_of(held, material.model.classes),
        confidence=confidence_of(held),
    )


def parse_reference(data: bytes) -> Reference:
    """Read `reference.json`.

    Raises:
        InvalidSpec: It is not what this version writes.
    """
    try:
        return msgspec.json.decode(data, type=Reference)
    except msgspec.MsgspecError as error:
        raise InvalidSpec(f"{REFERENCE_FILE} of the model directory cannot be read: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learnt:
    """Normal operation in blocks, scored by what was learnt from others."""

    rows: Floats
    blocks: Blocks
    size: int
    values: Floats  # (b, size, d)
    calibrations: dict[str, Calibration]
    trials: dict[str, tuple[tuple[float, ...], ...]]


def _learn(material: Material) -> _Learnt:
    chosen = np.flatnonzero(material.parts >= 0)
    rows, parts = material.rows[chosen], material.parts[chosen]
    size = int(np.clip(len(rows) // _WANTED, _LEAST_SIZE, BLOCK))
    slots = within(parts)
    while True:
        blocks = cut(parts, slots, size)
        if len(blocks) < 2 * LEAST_BLOCKS:
            raise InvalidSpec(
                f"{len(blocks)} blocks of {size} rows of normal operation are too few to compare with: give longer runs"
            )
        values = blocks.of(rows)
        folds = _folds(blocks, material.runs[chosen])
        scores = _held_out(values, folds)
        calibrations = {name: calibrate(found, blocks.follows) for name, found in scores.items()}
        if max(calibrations[INPUTS].carry) <= _MOST_CARRY or len(blocks) < _ENOUGH:
            break
        size *= 2
    trials = {name: _trial(found, folds, blocks) for name, found in scores.items()}
    return _Learnt(rows=rows, blocks=blocks, size=size, values=values, calibrations=calibrations, trials=trials)


def _strange(learnt: _Learnt, material: Material) -> list[int]:
    """Stretches that were only taken for normal operation and can be told from it after all."""
    certain = set(np.unique(material.parts[material.certain]).tolist())
    found = []
    for part in np.unique(learnt.blocks.groups).tolist():
        mine = learnt.blocks.groups[:_MOST_TRIAL] == part
        trials = [np.array(trial)[mine] for trial in learnt.trials.values() if trial]
        if part not in certain and any(len(watch(p, Detector(horizon=_DOUBT)).alarms) for p in trials):
            found.append(part)
    return found


def _held_out(values: Floats, folds: Indexes) -> dict[str, Floats]:
    """Scores of inputs and sensors; each block is scored by what the other folds taught."""
    inputs = np.zeros((len(values), 4))
    sensors = np.zeros((len(values), 1))
    for fold in np.unique(folds).tolist():
        here = folds == fold
        profile = fit_inputs(values[~here])
        inputs[here] = score_inputs(profile, values[here])
        ties = fit_sensors(standardise(profile, values[~here]))
        sensors[here] = score_sensors(ties, standardise(profile, values[here]))
    return {INPUTS: inputs, SENSORS: sensors}


def _trial(scores: Floats, folds: Indexes, blocks: Blocks) -> tuple[tuple[float, ...], ...]:
    """P-values of held-out blocks, each ranked among those of other folds: what a detector makes of them is measured.

    Empty where the others are too few.
    """
    found = np.ones_like(scores)
    for fold in np.unique(folds).tolist():
        here = folds == fold
        if np.count_nonzero(~here) < LEAST_BLOCKS:
            return ()
        follows = blocks.follows & ~np.concatenate([[False], here[:-1]])
        calibration = calibrate(scores[~here], follows[~here])
        found[here] = p_values(calibration, scores, blocks.follows)[here]
    return tuple(tuple(row) for row in found[:_MOST_TRIAL].tolist())


def _folds(blocks: Blocks, runs: Indexes) -> Indexes:
    """Whole runs where there are enough; else each stretch is cut into contiguous pieces."""
    names, codes = np.unique(runs[blocks.records.max(axis=1)], return_inverse=True)
    return np.asarray(codes.reshape(-1) % _FOLDS, dtype=np.int64) if len(names) >= _FOLDS else _pieces(blocks)


def _pieces(blocks: Blocks) -> Indexes:
    _, codes = np.unique(blocks.groups, return_inverse=True)
    lengths = np.bincount(codes.reshape(-1))[codes.reshape(-1)]
    return np.asarray(within(blocks.groups) * _FOLDS // lengths, dtype=np.int64)


def _answers(material: Material, scores: Floats, size: int, stride: int) -> tuple[Floats, Blocks] | None:
    """Scores of answers in normal operation, with their blocks; None if those are too few."""
    order = np.argsort(material.ends, kind="stable")
    ends = material.ends[order]
    mine = material.parts[ends] >= 0
    ends, scores = ends[mine], scores[order][mine]
    blocks = cut(material.parts[ends], ends // stride, max(2, size // stride))
    return None if len(blocks) < 2 * LEAST_BLOCKS else (score_answers(blocks.of(scores)), blocks)
