"""A trained model in memory: windows of raw measurements in, labels and probabilities out.

Decides how features become an answer; must not know where the bytes came from or who asks. Invariant: equal bytes and
equal windows give equal answers, in training, in evaluation and in the model server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec
from setpoint.core.features.windows import Floats
from setpoint.core.models.document import (
    BASELINE_FILE,
    BOOSTER_FILE,
    MODEL_FILE,
    WEIGHTS_FILE,
    LinearWeights,
    ModelDocument,
    ModelKind,
    parse_document,
    parse_weights,
)


class Classifier(Protocol):
    """Probabilities from features."""

    def probabilities(self, features: Floats) -> Floats:
        """Shape (n, f) to (n, k), rows summing to 1."""
        ...


class LinearClassifier:
    """Multinomial logistic regression."""

    def __init__(self, weights: LinearWeights) -> None:
        self._coefficients = np.asarray(weights.coefficients)
        self._intercepts = np.asarray(weights.intercepts)

    def probabilities(self, features: Floats) -> Floats:
        """Softmax of the linear scores, shifted by the largest so that none overflows."""
        # einsum and not BLAS, whose rounding depends on the size of the batch.
        scores = np.einsum("nf,kf->nk", features, self._coefficients) + self._intercepts
        grown = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Floats = grown / grown.sum(axis=1, keepdims=True)
        return shares


class BoostedClassifier:
    """Gradient-boosted trees of LightGBM, from the text that LightGBM writes."""

    def __init__(self, text: str) -> None:
        import lightgbm  # noqa: PLC0415  (0.3 s and OpenMP: only where a tree model is loaded)

        try:
            self._booster: Any = lightgbm.Booster(model_str=text)
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise InvalidSpec(f"{BOOSTER_FILE} is not a LightGBM model: {error}", path=BOOSTER_FILE) from error

    def probabilities(self, features: Floats) -> Floats:
        """The ensemble's class probabilities; two classes come back as one column and are completed."""
        # One thread: a request is a few rows, and threads of several callers would wait for each other.
        found = np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)
        return found if found.ndim == 2 else np.stack([1.0 - found, found], axis=1)


@dataclass(frozen=True, slots=True)
class Model:
    """Features and classifier together; immutable, safe to share between threads."""

    document: ModelDocument
    classifier: Classifier
    transform: Any  # features.Transform

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the probabilities."""
        return self.document.classes

    @property
    def window(self) -> int:
        """Rows per window."""
        return self.document.features.spec.window

    def predict(self, windows: npt.ArrayLike) -> tuple[list[str], Floats]:
        """Answer for each window.

        Args:
            windows: Raw values in the order of `document.columns`, oldest row first, shape (n, window, d); NaN is a
                missing value.

        Returns:
            The label of each window, and the probabilities, shape (n, k). The label is normal unless the window is an
            alarm, else the most probable fault; without an alarm rule it is the most probable label.

        Raises:
            InvalidSpec: Wrong shape or infinite values.
        """
        return self.answer(self.transform(windows))

    def answer(self, features: Floats) -> tuple[list[str], Floats]:
        """As `predict`, from features that were computed before, shape (n, f)."""
        if not len(features):
            return [], np.zeros((0, len(self.classes)))
        found = self.classifier.probabilities(features)
        return [self.classes[code] for code in self.decide(found).tolist()], found

    def decide(self, probabilities: Floats) -> npt.NDArray[np.int64]:
        """Code of each window's label from its probabilities, shape (n,)."""
        alarm = self.document.alarm
        if alarm is None:
            return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
        normal = self.classes.index(self.document.normal_label)
        return decide_codes(probabilities, normal, self.alarm_scores(probabilities) > alarm.limit)

    def alarm_scores(self, probabilities: Floats) -> Floats:
        """1 - P(normal) of each window, shape (n,); compare with `document.alarm.limit`."""
        normal = self.classes.index(self.document.normal_label)
        scores: Floats = 1.0 - probabilities[:, normal]
        return scores


def decide_codes(probabilities: Floats, normal: int, alarms: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The normal code where there is no alarm, else that of the most probable fault, shape (n,)."""
    faults = probabilities.copy()
    faults[:, normal] = -1.0
    return np.where(alarms, faults.argmax(axis=1), normal).astype(np.int64)


def load(files: Mapping[str, bytes]) -> Model:
    """A model from the files of its directory, by name.

    Raises:
        InvalidSpec: A file is missing or is not what this version writes.
    """
    document = parse_document(_file(files, MODEL_FILE))
    classifier: Classifier
    if document.kind is ModelKind.LIGHTGBM:
        classifier = BoostedClassifier(_file(files, BOOSTER_FILE).decode())
    else:
        classifier = LinearClassifier(parse_weights(_file(files, WEIGHTS_FILE)))
    return Model(document, classifier, document.features.prepare())


def load_baseline(files: Mapping[str, bytes]) -> Model | None:
    """The linear model trained beside the main one on the same features; None if the directory holds none.

    Raises:
        InvalidSpec: A file is not what this version writes.
    """
    if BASELINE_FILE not in files:
        return None
    document = parse_document(_file(files, MODEL_FILE))
    document = document.replace(kind=ModelKind.LINEAR, alarm=document.baseline_alarm)
    weights = parse_weights(files[BASELINE_FILE], BASELINE_FILE)
    return Model(document, LinearClassifier(weights), document.features.prepare())


def _file(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise InvalidSpec(f"the model directory has no {name}", path=name)
    return files[name]
