"""What monitors compare with, from what a training has at hand; see `core.monitors.reference`."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.components.model_training import fitting
from setpoint.components.model_training.dataset import Dataset
from setpoint.core import features, models
from setpoint.core.monitors.reference import Material, ModelFacts, build_reference

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def reference_bytes(data: Dataset, truth: Indexes, ends: Indexes, answers: Floats, alarms: Mask, window: int) -> bytes:
    """`reference.json`.

    Args:
        data: The training data.
        truth: Code of each held-out window, (m,).
        ends: Its last row.
        answers: Its probabilities, (m, k).
        alarms: Whether it is an alarm.
        window: Rows of a window.

    Raises:
        InvalidSpec: Too little normal operation to compare with.
    """
    normal = fitting.normal_rows(data, data.stretch)
    if normal is None:
        raise InvalidSpec("too few rows of normal operation to compare with: give longer runs")
    certain = data.labels == data.normal
    inside = np.where(normal & (data.stretch != features.HOLE), 2 * data.stretch + certain, features.HOLE)
    parts = np.full(len(inside), features.HOLE, dtype=np.int64)
    for number, (start, stop) in enumerate(features.spans(inside)):
        if inside[start] != features.HOLE:
            parts[start:stop] = number
    reference = build_reference(
        Material(
            model=ModelFacts(
                columns=data.columns,
                classes=data.classes,
                normal_label=data.normal_label,
                sample_period_seconds=data.sample_period_seconds,
                window=window,
            ),
            rows=data.values,
            parts=parts,
            certain=certain,
            runs=data.runs,
            ends=ends,
            truth=truth,
            answers=models.decide_codes(answers, data.normal, alarms),
            probabilities=answers,
        )
    )
    return msgspec.json.encode(reference)
