"""The files of a model directory: an MLflow model without pickle, that a server reads without MLflow.

Decides names and content; writing them is the caller's. Invariant: equal models give equal bytes, so nothing drawn or
read from a clock goes in (MLflow's own writer puts a random id and the time there). Format: MLflow Model, file
`MLmodel` with a `python_function` flavor and a tensor signature; see ADR-0004.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec
import yaml

from setpoint.core.models.document import (
    BASELINE_FILE,
    BOOSTER_FILE,
    EXAMPLE_FILE,
    GOLDEN_FILE,
    INPUT_NAME,
    MLMODEL_FILE,
    MODEL_FILE,
    OUTPUT_LABEL,
    OUTPUT_PROBABILITY,
    WEIGHTS_FILE,
    Golden,
    LinearWeights,
    ModelDocument,
)

LOADER_MODULE = "setpoint.core.models.pyfunc"


def model_files(
    document: ModelDocument,
    classifier: str | LinearWeights,
    golden: Golden,
    *,
    baseline: LinearWeights | None = None,
    mlflow_version: str = "",
) -> dict[str, bytes]:
    """Every file of the directory by name.

    Args:
        document: What `model.json` says.
        classifier: LightGBM's model text, or linear weights.
        golden: Windows with their answers; the first window becomes MLflow's input example.
        baseline: The linear model beside it.
        mlflow_version: Version written into `MLmodel`; empty leaves it out.
    """
    files = {
        MLMODEL_FILE: yaml.safe_dump(mlmodel(document, mlflow_version), sort_keys=True, allow_unicode=True).encode(),
        MODEL_FILE: msgspec.json.encode(document),
        GOLDEN_FILE: msgspec.json.encode(golden),
        EXAMPLE_FILE: msgspec.json.encode({INPUT_NAME: golden.windows[:1]}),
    }
    if isinstance(classifier, str):
        files[BOOSTER_FILE] = classifier.encode()
    else:
        files[WEIGHTS_FILE] = msgspec.json.encode(classifier)
    if baseline is not None:
        files[BASELINE_FILE] = msgspec.json.encode(baseline)
    return files


def mlmodel(document: ModelDocument, mlflow_version: str = "") -> dict[str, object]:
    """The content of `MLmodel`: where the loader is, and the signature of inputs and outputs."""
    spec = document.features.spec
    inputs = [_tensor(INPUT_NAME, "float64", [-1, spec.window, len(spec.columns)])]
    outputs = [
        _tensor(OUTPUT_LABEL, "object", [-1]),
        _tensor(OUTPUT_PROBABILITY, "float64", [-1, len(document.classes)]),
    ]
    content: dict[str, object] = {
        "artifact_path": "model",
        "flavors": {"python_function": {"loader_module": LOADER_MODULE}},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
        "saved_input_example_info": {"artifact_path": EXAMPLE_FILE, "type": "ndarray", "format": "tf-serving"},
        "metadata": _metadata(document),
    }
    return content | ({"mlflow_version": mlflow_version} if mlflow_version else {})


def _metadata(document: ModelDocument) -> Mapping[str, object]:
    return {
        "kind": document.kind.value,
        "target": document.target,
        "normal_label": document.normal_label,
        "classes": list(document.classes),
        "columns": [{"name": column.name, "unit": column.unit} for column in document.columns],
        "sample_period_seconds": document.sample_period_seconds,
        "data_checksum": document.data_checksum,
    }


def _tensor(name: str, dtype: str, shape: list[int]) -> dict[str, object]:
    return {"name": name, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}
