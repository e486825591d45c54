"""What a model directory says about its model: `model.json`, `golden.json`, and their meaning.

Invariant: everything a server needs to answer, and a reader needs to judge where the model comes from, is in these
documents as plain numbers and texts; nothing is pickled.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import msgspec
import numpy as np

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire
from setpoint.core.features import FittedFeatures
from setpoint.core.features.windows import Floats

MODEL_FILE = "model.json"
BOOSTER_FILE = "booster.txt"
WEIGHTS_FILE = "weights.json"
BASELINE_FILE = "baseline.json"
GOLDEN_FILE = "golden.json"
EXAMPLE_FILE = "input_example.json"
MLMODEL_FILE = "MLmodel"
W = TypeVar("W", bound=Wire)

INPUT_NAME = "window"
OUTPUT_LABEL = "label"
OUTPUT_PROBABILITY = "probability"


class ModelKind(StrEnum):
    """How scores are computed from features."""

    LIGHTGBM = "lightgbm"
    LINEAR = "linear"


class InputColumn(Wire, frozen=True, kw_only=True):
    """One input column, in order."""

    name: str
    unit: str = ""


class AlarmRule(Wire, frozen=True, kw_only=True):
    """A window is an alarm if 1 - P(normal) is above `limit`; `consecutive` alarms in a row are a detected fault.

    The limit is the quantile of held-out normal training windows that gives `target_rate` of false alarms. A window
    that is no alarm is answered as normal: several faults may be about as likely as normal operation, and an operator
    must not be told of one of them whenever it leads by a hair.
    """

    limit: float
    target_rate: float
    consecutive: int = 1
    windows: int = 0  # how many held-out normal windows the limit rests on


class ModelDocument(Wire, frozen=True, kw_only=True):
    """`model.json`."""

    kind: ModelKind
    classes: tuple[str, ...]
    normal_label: str
    target: str
    features: FittedFeatures
    columns: tuple[InputColumn, ...]
    sample_period_seconds: float
    data_checksum: str
    seed: int
    parameters: dict[str, Any] = {}
    alarm: AlarmRule | None = None  # None: the answer is the most probable label
    baseline_alarm: AlarmRule | None = None
    libraries: dict[str, str] = {}
    metrics: dict[str, float] = {}  # on held-out blocks of the training data


class Golden(Wire, frozen=True, kw_only=True):
    """`golden.json`: windows and the answers any server of this model must give, within `tolerance`."""

    windows: tuple[tuple[tuple[float | None, ...], ...], ...]  # (n, window, d); None is a missing value
    labels: tuple[str, ...]
    probabilities: tuple[tuple[float, ...], ...]  # (n, k)
    tolerance: float = 1e-9

    def array(self) -> Floats:
        """The windows, missing values as NaN, shape (n, window, d)."""
        return np.array(self.windows, dtype=np.float64)


class LinearWeights(Wire, frozen=True, kw_only=True):
    """`weights.json` and `baseline.json`: scores are features times coefficients plus intercepts, then softmax."""

    coefficients: tuple[tuple[float, ...], ...]  # (k, f)
    intercepts: tuple[float, ...]  # (k,)


def parse_document(data: bytes) -> ModelDocument:
    """Read `model.json`.

    Raises:
        InvalidSpec: It is not what this version writes.
    """
    return _decode(data, ModelDocument, MODEL_FILE)


def parse_golden(data: bytes) -> Golden:
    """Read `golden.json`.

    Raises:
        InvalidSpec: It is not what this version writes.
    """
    return _decode(data, Golden, GOLDEN_FILE)


def parse_weights(data: bytes, name: str = WEIGHTS_FILE) -> LinearWeights:
    """Read `weights.json` or `baseline.json`.

    Raises:
        InvalidSpec: It is not what this version writes.
    """
    return _decode(data, LinearWeights, name)


def golden_of(windows: Floats, labels: tuple[str, ...], probabilities: Floats) -> Golden:
    """Golden rows from what the model answered."""
    rows = tuple(
        tuple(tuple(None if np.isnan(value) else float(value) for value in row) for row in window) for window in windows
    )
    return Golden(windows=rows, labels=labels, probabilities=tuple(tuple(row) for row in probabilities.tolist()))


def _decode(data: bytes, kind: type[W], name: str) -> W:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise InvalidSpec(f"{name} of the model directory cannot be read: {error}", path=name) from error
