"""Component model-training: from a processed data set to a registered model version."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components import Input, Output, component, say
from setpoint.ports.registry import ModelRegistry, ModelVersion

if TYPE_CHECKING:
    from setpoint.components.model_training.dataset import Dataset
    from setpoint.components.model_training.training import Trained


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """What a training reports; figures are on held-out blocks of the training data.

    Attributes:
        model_name: Name in the registry.
        version: The new version; it bears no alias yet.
        accuracy: Share of windows with the right label.
        recall: Mean over classes of the share found.
        precision: Mean over classes of the share of answers that are right.
        auc: Mean over classes of the area under the ROC curve.
        pr_auc: Mean over classes of the average precision.
        baseline_accuracy: Accuracy of the linear baseline on the same windows.
        baseline_recall: Recall of the linear baseline.
        baseline_auc: ROC AUC of the linear baseline.
        false_alarm_rate: Share of normal windows above the alarm limit, each block judged by the limit of the others.
        alarm_limit: Limit on 1 - P(normal).
        rows: Rows trained on.
        classes: Number of classes.
        trials: Settings tried.
    """

    model_name: str
    version: str
    accuracy: float
    recall: float
    precision: float
    auc: float
    pr_auc: float
    baseline_accuracy: float
    baseline_recall: float
    baseline_auc: float
    false_alarm_rate: float
    alarm_limit: float
    rows: int
    classes: int
    trials: int


@component("model-training", description="Train, tune and register a classifier of plant states.")
def train_model(
    *,
    dataset: Annotated[Path, Input("Processed training data: data.parquet and schema.json")],
    registry: ModelRegistry,
    model_name: Annotated[str, "Name in the registry"] = "process-monitor",
    algorithm: Annotated[
        Literal["lightgbm", "linear"], "Gradient-boosted trees, or multinomial logistic regression"
    ] = "lightgbm",
    window: Annotated[int, "Rows that the model sees at a time"] = 40,
    trials: Annotated[int, "Settings tried, the defaults included"] = 3,
    folds: Annotated[int, "Parts that take turns in judging"] = 4,
    stride: Annotated[int, "Rows from one training window to the next; 0 chooses one"] = 0,
    false_alarm_rate: Annotated[float, "Share of normal windows that may raise an alarm"] = 0.01,
    consecutive_alarms: Annotated[int, "Alarms one after another that count as a detected fault"] = 6,
    onset_windows: Annotated[
        bool, "Compose windows over the onset of faults whose recordings begin with the fault"
    ] = True,
    residuals: Annotated[
        bool, "Also use what each column deviates from its estimate by all others in normal operation"
    ] = True,
    seed: Annotated[int, "Same seed, same model"] = 1,
    workflow_uid: Annotated[str, "Identity of the run, so that a repeated step finds the version it made"] = "",
    model: Annotated[Path, Output("The model directory (MLflow format, no pickle)")] = Path("model"),
    report: Annotated[Path, Output("Figures per class and fault, trials, alarm limit")] = Path("training.json"),
) -> TrainedModel:
    """Train a classifier on windows of a processed data set and register it as the next version.

    The rows are split by runs, or by contiguous blocks with a gap longer than the window; tuning, figures and the
    alarm limit come from held-out blocks; the registered model is then fitted on all of them. The same data, settings
    and `workflow_uid` register once, however often the step is repeated.

    Raises:
        InvalidSpec: Settings or data that allow no training.
        Unavailable: The registry cannot be reached or the outputs cannot be written.
    """
    # Imported here: LightGBM and scikit-learn take a second that listing components must not cost.
    from setpoint.components.model_training.dataset import read_dataset  # noqa: PLC0415  (start-up)
    from setpoint.components.model_training.training import Settings, train  # noqa: PLC0415  (start-up)

    settings = Settings(
        window=window,
        algorithm=algorithm,
        trials=trials,
        folds=folds,
        stride=stride,
        false_alarm_rate=false_alarm_rate,
        consecutive_alarms=consecutive_alarms,
        onset_windows=onset_windows,
        residuals=residuals,
        seed=seed,
    )
    data = read_dataset(dataset)
    registry.names()  # a registry that cannot be reached is told now, not after minutes of training
    trained = train(data, settings, say)
    _write(model, report, trained.files, msgspec.json.format(msgspec.json.encode(trained.report), indent=2))
    parameters = {name: _text(value) for name, value in trained.parameters.items()}
    say(f"register {model_name}")
    version = registry.register(
        model_name,
        model,
        parameters=parameters,
        metrics={name: value for name, value in trained.figures.items() if not math.isnan(value)},
        tags={"setpoint.data_checksum": data.checksum, "setpoint.algorithm": algorithm, "setpoint.target": data.target},
        request_id=_request_id(model_name, data.checksum, parameters, workflow_uid),
    )
    return _result(version, trained, data)


def _result(version: ModelVersion, trained: Trained, data: Dataset) -> TrainedModel:
    figures = trained.figures
    return TrainedModel(
        model_name=version.name,
        version=version.version,
        accuracy=figures["accuracy"],
        recall=figures["recall"],
        precision=figures["precision"],
        auc=figures["roc_auc"],
        pr_auc=figures["pr_auc"],
        baseline_accuracy=figures["baseline_accuracy"],
        baseline_recall=figures["baseline_recall"],
        baseline_auc=figures["baseline_roc_auc"],
        false_alarm_rate=figures["false_alarm_rate"],
        alarm_limit=trained.report["alarm"]["limit"],
        rows=len(data.values),
        classes=len(data.classes),
        trials=len(trained.report["trials"]),
    )


def _request_id(name: str, checksum: str, parameters: dict[str, str], workflow_uid: str) -> str:
    """Equal for a repetition of the same step, different for anything else."""
    text = json.dumps([name, checksum, sorted(parameters.items()), workflow_uid])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _write(model: Path, report: Path, files: Mapping[str, bytes], text: bytes) -> None:
    """The model directory as a whole, in place of an earlier attempt's."""
    try:
        if model.exists() and any(model.iterdir()) and not (model / "MLmodel").is_file():
            raise InvalidSpec(f"{model} exists and is no model directory: name another output", path="model")
        shutil.rmtree(model, ignore_errors=True)
        model.mkdir(parents=True)
        for name, content in files.items():
            (model / name).write_bytes(content)
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_bytes(text + b"\n")
    except OSError as error:
        shutil.rmtree(model, ignore_errors=True)
        raise Unavailable(f"the model cannot be written to {model}: {error.strerror or error}") from error
