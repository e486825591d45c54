"""The shipped recipes on the public data sets they are for; skipped where those are not at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from setpoint.components.data_processing import ProcessedData, process_data

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not DATA.is_dir(), reason="reference data is not here")]


def process(folder: Path, name: str) -> tuple[ProcessedData, pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    result = process_data(
        source=str(DATA / name),
        recipe="auto",
        train=folder / "train",
        holdout=folder / "holdout",
        report=folder / "report",
    )
    train, holdout = (pl.read_parquet(folder / part / "data.parquet") for part in ("train", "holdout"))
    return result, train, holdout, json.loads((folder / "train" / "schema.json").read_text())


def test_tennessee_eastman(tmp_path: Path) -> None:
    result, train, holdout, schema = process(tmp_path, "tep")
    assert (result.recipe, result.columns, result.rows_in) == ("tep", 52, 25940)
    # Runs 6 and 18 are frozen after the shutdown, from sample 118 and 265 on; the first frozen row is kept.
    assert result.rows_train == 10580 - (480 - 118) - (480 - 265) and result.rows_holdout == 15360
    assert train.filter(pl.col("run") == "tep_train/6").height == 118
    assert result.values_changed == 0 and result.values_missing == 0
    assert schema["sample_period_seconds"] == 180.0 and schema["normal_label"] == "0"
    assert train["fault"].n_unique() == 22 and len(set(train["run"]) & set(holdout["run"])) == 0
    assert {
        run: n for run, n in json.loads((tmp_path / "holdout" / "schema.json").read_text())["fault_free_until"].items()
    }["tep_test/5"] == 160
    raw = pl.read_parquet(DATA / "tep" / "tep_test.parquet")
    assert holdout["xmeas_23"].to_list() == raw["xmeas_23"].to_list()


def test_pump_rig(tmp_path: Path) -> None:
    result, train, holdout, _ = process(tmp_path, "skab")
    assert (result.recipe, result.columns, result.runs, result.rows_in) == ("pump-rig", 8, 31, 42494)
    assert set(train["anomaly"]) == set(holdout["anomaly"]) == {"0", "1"}
    assert "anomaly-free/anomaly-free" in set(train["run"])
    steps = train.select(pl.col("time").diff().over("run").dt.total_seconds()).to_series().drop_nulls()
    assert steps.unique().to_list() == [1]


def test_machine_temperature(tmp_path: Path) -> None:
    result, train, holdout, _ = process(tmp_path, "nab_machine_temperature")
    assert (result.recipe, result.rows_in, result.columns) == ("machine-temperature", 22695, 1)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["rows"]["duplicate_time"] == 12
    assert train["time"].max() < holdout["time"].min()  # type: ignore[operator]
    assert set(holdout["in_window"]) == {"0", "1"}


def test_dryer(tmp_path: Path) -> None:
    result, train, holdout, schema = process(tmp_path, "batch_dryer")
    assert (result.recipe, result.rows_in, result.rows_out, result.runs) == ("dryer", 9220, 9220, 71)
    assert schema["target"] == "" and schema["time_unit"] == "sample"
    assert train["run"].n_unique() == 50 and holdout["run"].n_unique() == 21
