"""model-training on small data with the real LightGBM, scikit-learn and MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from setpoint.adapters.mlflow_registry import MlflowRegistry
from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.components.model_training import TrainedModel, train_model
from setpoint.components.model_training.dataset import read_dataset
from setpoint.components.model_training.fitting import onsets
from setpoint.components.model_training.training import Settings, train
from setpoint.core import features, models
from setpoint.ports.registry import ModelVersion
from tests import labelled_data
from tests.registries import new_registry

FAST: dict[str, Any] = {"window": 10, "trials": 1, "folds": 2}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> MlflowRegistry:
    """One registry for the module; tests take names of their own."""
    return new_registry(tmp_path_factory)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run per state, faulty from its first row."""
    return labelled_data.write(tmp_path_factory.mktemp("dataset"), labelled_data.frame())


def _quiet(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def _train(dataset: Path, registry: MlflowRegistry, target: Path, **changes: Any) -> TrainedModel:
    return train_model(
        dataset=dataset, registry=registry, model=target / "model", report=target / "training.json", **(FAST | changes)
    )


def test_a_trained_model_is_registered_with_all_that_it_needs(
    dataset: Path, registry: MlflowRegistry, tmp_path: Path
) -> None:
    result = _train(dataset, registry, tmp_path, model_name="complete")
    assert result.accuracy > 0.9 and result.auc > 0.95
    assert result.baseline_accuracy > 0.5
    version = registry.get("complete", result.version)
    assert version.aliases == ()
    assert version.metrics["accuracy"] == pytest.approx(result.accuracy)
    assert version.parameters["window"] == "10" and version.parameters["seed"] == "1"
    assert version.tags["setpoint.data_checksum"] == read_dataset(dataset).checksum
    stored = registry.download(version, tmp_path / "stored")
    files = {item.name: item.read_bytes() for item in stored.iterdir()}
    model = models.load(files)
    golden = models.parse_golden(files[models.GOLDEN_FILE])
    labels, probabilities = model.predict(golden.array())
    assert tuple(labels) == golden.labels and (probabilities == np.array(golden.probabilities)).all()
    assert set(golden.labels) == set(labelled_data.STATES)
    assert [column.unit for column in model.document.columns] == ["m3/h", "%", "%", "bar"]
    assert model.document.alarm is not None and model.document.alarm.limit == result.alarm_limit
    report = json.loads((tmp_path / "training.json").read_text())
    assert {row["label"] for row in report["detection"]} == {"leak", "oscillation"}
    assert report["gap_rows"] == 11


def test_mlflow_loads_the_directory_and_answers_the_same(
    dataset: Path, registry: MlflowRegistry, tmp_path: Path
) -> None:
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    _train(dataset, registry, tmp_path, model_name="pyfunc")
    loaded = pyfunc.load_model(str(tmp_path / "model"))
    files = {item.name: item.read_bytes() for item in (tmp_path / "model").iterdir()}
    golden = models.parse_golden(files[models.GOLDEN_FILE])
    found = loaded.predict({"window": golden.array()})
    assert tuple(found["label"]) == golden.labels
    assert (found["probability"] == np.array(golden.probabilities)).all()
    example = loaded.metadata.load_input_example(str(tmp_path / "model"))
    assert loaded.predict(example)["label"] == [golden.labels[0]]


@pytest.mark.parametrize("algorithm", ["lightgbm", "linear"])
def test_the_same_seed_gives_the_same_bytes(dataset: Path, algorithm: Any) -> None:
    data = read_dataset(dataset)
    settings = Settings(**FAST, algorithm=algorithm)
    assert train(data, settings, _quiet).files == train(data, settings, _quiet).files


def test_another_seed_gives_another_model(dataset: Path) -> None:
    data = read_dataset(dataset)
    one, other = (train(data, Settings(**FAST, seed=seed), _quiet).files["booster.txt"] for seed in (1, 2))
    assert one != other


def test_a_repeated_step_registers_once(dataset: Path, registry: MlflowRegistry, tmp_path: Path) -> None:
    first = _train(dataset, registry, tmp_path, model_name="once", workflow_uid="run-1")
    again = _train(dataset, registry, tmp_path, model_name="once", workflow_uid="run-1")
    other = _train(dataset, registry, tmp_path, model_name="once", workflow_uid="run-2")
    assert (first.version, again.version, other.version) == ("1", "1", "2")


def test_runs_with_onsets_and_several_per_state_are_split_by_run(tmp_path: Path) -> None:
    table = labelled_data.frame(runs=2, rows=120, onset=40)
    trained = train(read_dataset(labelled_data.write(tmp_path, table)), Settings(**FAST), _quiet)
    assert trained.report["gap_rows"] == 0
    assert "held-out runs" in trained.report["judged_on"]
    delays = {row["label"]: row["delay_records"] for row in trained.report["detection"]}
    assert 0 <= delays["leak"] < 20


def test_composed_onsets_are_normal_rows_before_faulty_ones(dataset: Path) -> None:
    data = read_dataset(dataset)
    windows, labels = onsets(data, data.stretch, 10, stride=3, seed=0)
    assert set(labels.tolist()) == {data.classes.index(state) for state in ("leak", "oscillation")}
    runs = {name: data.values[data.runs == code] for code, name in enumerate(data.run_names)}
    normal = {tuple(row) for row in runs["normal-0"].tolist()}
    for window, label, count in zip(windows, labels.tolist(), [1, 4, 7] * 2, strict=True):
        start = runs[f"{data.classes[label]}-0"]
        assert (window[10 - count :] == start[:count]).all()
        assert all(tuple(row) in normal for row in window[: 10 - count].tolist())


def test_held_out_rows_do_not_reach_the_fold_that_they_judge(dataset: Path) -> None:
    """Spoil the rows that judge fold 0: its features and windows must not change."""
    data = read_dataset(dataset)
    split = features.split_blocks(data.stretch, data.runs, data.labels, window=10, folds=2)
    from setpoint.components.model_training.fitting import collect

    spec = features.FeatureSpec(columns=data.names, window=10, residuals=True)

    def collected() -> bytes:
        made = collect(data, split.training_parts(0), spec, stride=1, onset_windows=True, seed=0)
        return made.features.tobytes() + repr(made.fitted).encode()

    before = collected()
    data.values[split.fold == 0] = 1e6
    assert collected() == before


def test_missing_values_are_no_obstacle(tmp_path: Path) -> None:
    table = labelled_data.frame().with_columns(
        pl.when(pl.int_range(pl.len()) % 7 == 0).then(None).otherwise(pl.col("flow")).alias("flow")
    )
    trained = train(read_dataset(labelled_data.write(tmp_path, table)), Settings(**FAST), _quiet)
    assert trained.figures["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("spoil", "changes", "word", "path"),
    [
        (lambda table: table.filter(pl.col("state") == "normal"), {}, "one class only", "state"),
        (lambda table: table.drop("state"), {}, "no target", "target"),
        (lambda table: table, {"target": "missing"}, "'missing' is missing", "target"),
        (lambda table: table, {"target": ""}, "", None),
        (lambda table: table.filter(pl.col("state") != "normal"), {}, "no row is labelled 'normal'", "state"),
        (lambda table: table.with_columns(flow=pl.lit(None, pl.Float64)), {}, "flow holds no value", "flow"),
        (lambda table: table.with_columns(flow=pl.lit("x")), {}, "'flow' is no number", "schema.json"),
        (
            lambda table: table.group_by("run", maintain_order=True).head(8),
            {},
            "8 rows, fewer than the window",
            "window",
        ),
        (lambda table: table.group_by("run", maintain_order=True).head(25), {}, "too short", "window"),
        (lambda table: table.head(0), {}, "no rows", "data.parquet"),
    ],
)
def test_bad_data_are_one_clear_error(
    tmp_path: Path, registry: MlflowRegistry, spoil: Any, changes: dict[str, Any], word: str, path: str | None
) -> None:
    table = spoil(labelled_data.frame())
    if changes == {"target": ""}:  # the role of the column names the target where the schema does not
        assert read_dataset(labelled_data.write(tmp_path, table, **changes)).target == "state"
        return
    dataset = labelled_data.write(tmp_path / "dataset", table, **changes)
    with pytest.raises(InvalidSpec, match=word) as caught:
        _train(dataset, registry, tmp_path, model_name="never")
    assert caught.value.path == path
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()
    assert "never" not in registry.names()


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"window": 1}, "window"), ({"trials": 0}, "trials"), ({"folds": 1}, "folds"), ({"false_alarm_rate": 2.0}, "")],
)
def test_senseless_settings_are_refused(
    dataset: Path, registry: MlflowRegistry, tmp_path: Path, changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidSpec) as caught:
        _train(dataset, registry, tmp_path, **changes)
    assert caught.value.path == (path or "false_alarm_rate")


def test_data_that_were_changed_after_processing_are_refused(tmp_path: Path) -> None:
    labelled_data.write(tmp_path, labelled_data.frame())
    labelled_data.frame(seed=1).write_parquet(tmp_path / "data.parquet")
    with pytest.raises(InvalidSpec, match="is not the file that"):
        read_dataset(tmp_path)


def test_a_directory_that_is_no_model_is_not_overwritten(
    dataset: Path, registry: MlflowRegistry, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidSpec, match="no model directory"):
        _train(dataset, registry, tmp_path)
    assert (tmp_path / "model" / "thesis.txt").read_text() == "years of work"


class GoesAway(MlflowRegistry):
    """Answers until something is to be registered; then its address refuses connections."""

    def register(self, *arguments: Any, **options: Any) -> ModelVersion:
        return MlflowRegistry(self._directory, "http://127.0.0.1:9/").register(*arguments, **options)


def test_a_registry_that_goes_away_during_training_leaves_the_model_written(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        _train(dataset, GoesAway(tmp_path / "state"), tmp_path)
    assert (tmp_path / "model" / "MLmodel").is_file()


def test_a_registry_that_is_away_is_told_before_training(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = MlflowRegistry(tmp_path / "state", "http://127.0.0.1:9/")
    with pytest.raises(Unavailable, match="cannot be reached"):
        _train(dataset, away, tmp_path)
    assert "fold" not in capsys.readouterr().out
    assert not (tmp_path / "model").exists()
