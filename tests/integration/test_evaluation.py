"""model-evaluation on small data, with the real registry: figures, comparisons, gate and exports."""

from __future__ import annotations

import html.parser
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from setpoint.adapters.mlflow_registry import MlflowRegistry
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.components.model_evaluation import EvaluatedModel, evaluate_model
from setpoint.components.model_training import train_model
from setpoint.core import features, models
from setpoint.ports.registry import CHAMPION
from tests import labelled_data
from tests.registries import new_registry


class Plant:
    """A registry with two versions of one model (10 rows, then 16 rows), and held-out data."""

    def __init__(self, home: Path, registry: MlflowRegistry) -> None:
        self.registry = registry
        train = labelled_data.write(home / "train", labelled_data.frame())
        self.holdout = labelled_data.write(home / "holdout", labelled_data.frame(rows=150, onset=60, seed=9))
        for window in (10, 16):
            train_model(
                dataset=train,
                registry=self.registry,
                window=window,
                trials=1,
                folds=2,
                model=home / f"model-{window}",
                report=home / "training.json",
            )
        self.directory = home / "model-10"

    def evaluate(self, target: Path, **changes: Any) -> EvaluatedModel:
        """Evaluate into `target`."""
        wanted: dict[str, Any] = {"dataset": self.holdout, "version": "1", "replicates": 40} | changes
        return evaluate_model(
            registry=self.registry,
            report=target / "evaluation.html",
            figures=target / "evaluation.json",
            exposition=target / "evaluation.prom",
            parts=target / "parts",
            **wanted,
        )


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """Trained once for the module."""
    return Plant(tmp_path_factory.mktemp("plant"), new_registry(tmp_path_factory))


def test_a_good_model_is_promoted_with_its_reasons(plant: Plant, tmp_path: Path) -> None:
    result = plant.evaluate(tmp_path)
    assert result.verdict == "promote"
    assert "There is no champion to compare with." in result.reasons
    assert result.accuracy > 0.85 and math.isnan(result.champion_accuracy)
    assert plant.registry.get("process-monitor", "1").tags["setpoint.verdict"] == "promote"
    assert plant.registry.get("process-monitor", "1").aliases == ()


def test_accuracy_is_what_the_model_answers(plant: Plant, tmp_path: Path) -> None:
    """Counted anew from the data, window by window."""
    result = plant.evaluate(tmp_path)
    model = models.load({item.name: item.read_bytes() for item in plant.directory.iterdir()})
    hits = []
    for _, run in pl.read_parquet(plant.holdout / "data.parquet").group_by("run", maintain_order=True):
        values = run.select(labelled_data.COLUMNS).to_numpy()
        windows = features.take_windows(values, np.arange(9, len(values)), 10)
        labels, _ = model.predict(windows)
        hits += [found == truth for found, truth in zip(labels, run["state"].to_list()[9:], strict=True)]
    assert result.windows == len(hits)
    assert result.accuracy == pytest.approx(np.mean(hits))


def test_the_three_exports_say_the_same(plant: Plant, tmp_path: Path) -> None:
    result = plant.evaluate(tmp_path)
    document = json.loads((tmp_path / "evaluation.json").read_text())
    assert document["figures"]["accuracy"]["estimate"] == result.accuracy
    samples = {
        (sample.name, sample.labels.get("label", "")): sample
        for family in text_string_to_metric_families((tmp_path / "evaluation.prom").read_text())
        for sample in family.samples
    }
    accuracy = samples["setpoint_evaluation_accuracy_ratio", ""]
    assert accuracy.value == pytest.approx(result.accuracy)
    assert accuracy.labels == {"model": "process-monitor", "version": "1"}
    assert samples["setpoint_evaluation_promote", ""].value == 1.0
    delay = document["detection"][0]["delay_records"] * 60.0
    assert (
        samples["setpoint_evaluation_fault_detection_delay_seconds", document["detection"][0]["label"]].value == delay
    )
    assert f"{100 * result.accuracy:.1f} %" in (tmp_path / "evaluation.html").read_text()


def test_the_page_is_whole_and_loads_nothing(plant: Plant, tmp_path: Path) -> None:
    plant.evaluate(tmp_path)
    page = (tmp_path / "evaluation.html").read_text()
    seen = _Reader()
    seen.feed(page)
    seen.close()
    assert seen.drawings == 5
    assert not seen.addresses, "the page loads something"
    assert len(seen.ids) == len(set(seen.ids)), "two drawings share an id"
    assert "#010203" not in page and "#040506" not in page
    assert "Confusion matrix" in page and "prefers-color-scheme: dark" in page


def test_equal_evaluations_give_equal_files(plant: Plant, tmp_path: Path) -> None:
    for name in ("one", "other"):
        plant.evaluate(tmp_path / name)
    for file in ("evaluation.html", "evaluation.json", "evaluation.prom"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_a_threshold_that_is_missed_rejects_and_says_so(plant: Plant, tmp_path: Path) -> None:
    result = plant.evaluate(tmp_path, min_accuracy=0.999)
    assert result.verdict == "reject"
    assert "is below the minimum 0.999" in result.reasons and "champion" not in result.reasons
    assert 'class="reject"' in (tmp_path / "evaluation.html").read_text()


def test_the_champion_answers_the_same_windows(plant: Plant, tmp_path: Path) -> None:
    """Champion and candidate have windows of different lengths; both are judged where both can answer."""
    plant.registry.set_alias("process-monitor", CHAMPION, "2")
    try:
        alone = plant.evaluate(tmp_path, version="2", min_accuracy=0.0)
        beside = plant.evaluate(tmp_path, version="1", min_accuracy=0.0)
        document = json.loads((tmp_path / "evaluation.json").read_text())
    finally:
        plant.registry.remove_alias("process-monitor", CHAMPION)
    assert alone.champion_version == "2" and math.isnan(alone.champion_accuracy)
    assert (beside.champion_version, beside.windows) == ("2", alone.windows)
    assert beside.champion_accuracy == pytest.approx(alone.accuracy)
    difference = document["champion"]["accuracy_difference"]
    assert difference["estimate"] == pytest.approx(beside.accuracy - alone.accuracy)
    assert difference["low"] <= difference["estimate"] <= difference["high"]


def test_a_directory_is_judged_without_a_version(plant: Plant, tmp_path: Path) -> None:
    result = plant.evaluate(tmp_path, model=plant.directory, version="")
    assert result.version == "unregistered"
    assert result.accuracy == plant.evaluate(tmp_path).accuracy


def test_the_newest_version_is_judged_if_none_is_named(plant: Plant, tmp_path: Path) -> None:
    assert plant.evaluate(tmp_path, version="").version == "2"


def test_columns_may_come_in_another_order(plant: Plant, tmp_path: Path) -> None:
    table = pl.read_parquet(plant.holdout / "data.parquet")
    other = table.select("run", "time", "state", *reversed(labelled_data.COLUMNS))
    holdout = labelled_data.write(tmp_path / "holdout", other)
    assert plant.evaluate(tmp_path, dataset=holdout).accuracy == plant.evaluate(tmp_path).accuracy


@pytest.mark.parametrize(
    ("spoil", "changes", "word"),
    [
        (lambda table: table.drop("flow"), {}, "no column 'flow'"),
        (lambda table: table, {"sample_period_seconds": 30.0}, "every 30 s"),
        (lambda table: table.with_columns(state=pl.lit("new")), {}, "known to the model"),
        (lambda table: table.group_by("run", maintain_order=True).head(5), {}, "10 rows without a hole"),
    ],
)
def test_data_that_do_not_fit_the_model_are_refused(
    plant: Plant, tmp_path: Path, spoil: Any, changes: dict[str, Any], word: str
) -> None:
    table = spoil(pl.read_parquet(plant.holdout / "data.parquet"))
    with pytest.raises(InvalidSpec, match=word):
        plant.evaluate(tmp_path, dataset=labelled_data.write(tmp_path / "spoilt", table, **changes))
    assert not (tmp_path / "evaluation.json").exists()


def test_a_version_that_is_not_there_is_not_found(plant: Plant, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        plant.evaluate(tmp_path, version="77")


def test_a_threshold_in_per_cent_is_refused(plant: Plant, tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match=r"0\.\.1"):
        plant.evaluate(tmp_path, min_accuracy=70.0)


class _Reader(html.parser.HTMLParser):
    """Ids, drawings and outside addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.drawings = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag refers to."""
        self.drawings += tag == "svg"
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("src", "href", "xlink:href") and value and not value.startswith("#"):
                self.addresses.append(value)
