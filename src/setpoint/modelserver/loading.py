"""From a model directory to a servable: read the files, load by `core.models`, and check the golden rows.

The same code that trained the model computes its features here, so training and serving cannot drift apart; the golden
rows prove it on this machine, with these library versions, before the first request. Invariant: a servable that is
returned has given, within the stored tolerance, the answers it gave at training time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.core.models.document import (
    GOLDEN_FILE,
    INPUT_NAME,
    OUTPUT_LABEL,
    OUTPUT_PROBABILITY,
    Golden,
    parse_golden,
)
from setpoint.core.models.model import Model, load
from setpoint.core.serving.tensors import BYTES, Array, Tensor, TensorSpec, make_tensor


class WindowModel:
    """A Setpoint model behind tensors: `window` FP64 [n, window, d] in, `label` and `probability` out."""

    def __init__(self, model: Model) -> None:
        """Takes a loaded model."""
        self._model = model
        document = model.document
        self.platform = f"setpoint_{document.kind.value}"
        self.parameters = {
            "columns": [column.name for column in document.columns],
            "classes": list(document.classes),
            "sample_period_seconds": document.sample_period_seconds,
        }
        self.inputs = (TensorSpec(name=INPUT_NAME, datatype="FP64", shape=(-1, model.window, len(document.columns))),)
        self.outputs = (
            TensorSpec(name=OUTPUT_LABEL, datatype=BYTES, shape=(-1,)),
            TensorSpec(name=OUTPUT_PROBABILITY, datatype="FP64", shape=(-1, len(document.classes))),
        )

    def infer(self, inputs: Mapping[str, Array]) -> tuple[Tensor, ...]:
        """Label and class probabilities of each window. Raises: InvalidSpec for values the model refuses."""
        labels, probabilities = self._model.predict(inputs[INPUT_NAME])
        return (
            make_tensor(OUTPUT_LABEL, np.array(labels, dtype=object)),
            Tensor(name=OUTPUT_PROBABILITY, datatype="FP64", array=probabilities),
        )


def load_servable(directory: Path) -> WindowModel:
    """The model of a directory, verified.

    Raises: NotFound if there is no such directory, Unavailable if it cannot be read, InvalidSpec if a file is missing
        or malformed or a golden row gives another answer.
    """
    files = read_files(directory)
    if GOLDEN_FILE not in files:
        raise InvalidSpec("the model directory has no golden rows to verify it by", path=GOLDEN_FILE)
    model = load(files)
    check_golden(model, parse_golden(files[GOLDEN_FILE]))
    return WindowModel(model)


def read_files(directory: Path) -> dict[str, bytes]:
    """The files of a directory, by name; folders below it are no part of the model."""
    try:
        return {item.name: item.read_bytes() for item in sorted(directory.iterdir()) if item.is_file()}
    except FileNotFoundError as error:
        raise NotFound("model directory", str(directory)) from error
    except OSError as error:
        raise Unavailable(f"cannot read the model directory {directory}: {error}") from error


def check_golden(model: Model, golden: Golden) -> None:
    """InvalidSpec, naming the first row that differs, unless the model answers as it did when it was trained."""
    if not golden.labels:
        raise InvalidSpec("there are no golden rows to verify the model by", path=GOLDEN_FILE)
    labels, probabilities = model.predict(golden.array())
    expected = np.array(golden.probabilities)
    if probabilities.shape != expected.shape or len(labels) != len(golden.labels):
        raise InvalidSpec(
            f"golden answers have shape {list(expected.shape)}, the model gives {list(probabilities.shape)}",
            path=GOLDEN_FILE,
        )
    off = np.abs(probabilities - expected).max(axis=1)
    for row, (found, wanted) in enumerate(zip(labels, golden.labels, strict=True)):
        if found != wanted or not off[row] <= golden.tolerance:
            raise InvalidSpec(
                f"golden row {row}: label {found!r} for {wanted!r}, probabilities off by {off[row]:.3g} "
                f"(tolerance {golden.tolerance:.3g})",
                path=GOLDEN_FILE,
            )
