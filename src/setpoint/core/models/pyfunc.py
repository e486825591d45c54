"""The MLflow loader: `mlflow.pyfunc.load_model(directory)` calls `_load_pyfunc` with the directory's path.

The one module of core that reads files, because MLflow's contract hands over a path; it does nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from setpoint.core.models.document import INPUT_NAME, OUTPUT_LABEL, OUTPUT_PROBABILITY
from setpoint.core.models.model import Model, load


class PyfuncModel:
    """What MLflow calls `predict` on."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Labels and probabilities of windows, given as an array or under the name `window`."""
        windows = model_input[INPUT_NAME] if isinstance(model_input, Mapping) else model_input
        labels, probabilities = self._model.predict(windows)
        return {OUTPUT_LABEL: labels, OUTPUT_PROBABILITY: probabilities}


def _load_pyfunc(path: str) -> PyfuncModel:
    files = {item.name: item.read_bytes() for item in Path(path).iterdir() if item.is_file()}
    return PyfuncModel(load(files))
