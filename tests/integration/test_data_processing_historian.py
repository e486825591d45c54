"""Historian exports as plants have them, several sources joined, and how the parts are told apart."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.components.data_processing import ProcessedData, process_data

BERLIN = ZoneInfo("Europe/Berlin")


def process(folder: Path, source: Path, recipe: str, target: str = "") -> ProcessedData:
    return process_data(
        source=str(source),
        recipe=recipe,
        target=target,
        train=folder / "train",
        holdout=folder / "holdout",
        report=folder / "report",
    )


def table(folder: Path) -> pl.DataFrame:
    parts = [pl.read_parquet(folder / part / "data.parquet") for part in ("train", "holdout")]
    return pl.concat(parts)


def counts(folder: Path) -> dict[str, dict[str, int]]:
    report = json.loads((folder / "report" / "report.json").read_text())
    return {item["name"]: {kind: n for kind, n in item["changed"].items() if n} for item in report["columns"]}


def german(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def historian_lines() -> list[str]:
    """25 October 2026 in Berlin, 00:00 to 06:00 UTC+2: temperature every minute, compressed pressure, a lost tag."""
    begin = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    lines = []
    for minute in range(0, 360):
        local = (begin + timedelta(minutes=minute)).astimezone(BERLIN).strftime("%d.%m.%Y %H:%M:%S")
        value = german(80.0 + math.sin(minute / 20.0)) if minute != 100 else "Bad"
        lines.append(f"TI-101;{local};{value};{'Good' if minute != 50 else 'Questionable'}")
        if minute in (0, 10, 130, 200, 300):  # exception reporting: a record only where the value moved
            lines.append(f"PI-7;{local};{german(1000.0 + minute)};Good")
        if minute in (0, 240):
            lines.append(f"FI-3;{local};{german(5.0)};Good")
        if minute == 120:
            lines.append(f"FI-3;{local};I/O Timeout;Good")
    return lines


RECIPE = """
sources: [{long: {tag: Tag, time: Zeit, value: Wert, quality: Status, good: [Good]}}]
time: {zone: Europe/Berlin}
period_seconds: 60
split: {by: time}
columns:
  TI-101: {unit: degC}
  PI-7: {unit: bar, source_unit: mbar, stale_seconds: 5400}
"""


def test_a_long_export_with_everything_that_they_have(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text("Tag;Zeit;Wert;Status\n" + "\n".join(historian_lines()) + "\n")
    result = process(tmp_path, tmp_path / "export.csv", RECIPE)
    frame = table(tmp_path)
    assert (result.rows_in, result.rows_out) == (len(historian_lines()), 360)
    # The night has an hour twice; in UTC nothing is missing and nothing repeats.
    assert frame["time"][0] == datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    assert frame["time"].diff().drop_nulls().unique().to_list() == [timedelta(minutes=1)]
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["rows"]["ambiguous_local_time"] == 120 + 2 + 1  # temperature, pressure at 130 and 200, flow
    temperature = frame["TI-101"].to_list()
    assert [minute for minute, value in enumerate(temperature) if value is None] == [50, 100]
    for minute in (0, 119, 120, 150, 179, 180, 239, 359):
        assert temperature[minute] == pytest.approx(80.0 + math.sin(minute / 20.0), abs=0.005)
    pressure = frame["PI-7"].to_list()
    # Held from record to record, converted, for 90 min at most: minute 10 holds to 100, then nothing until 130.
    assert pressure[9] == 1.0 and pressure[10] == pressure[100] == pytest.approx(1.010)
    assert pressure[101] is None and pressure[129] is None and pressure[130] == pytest.approx(1.130)
    # Minute 200 is 02:20 for the second time: only the records beside it tell.
    assert pressure[199] == pytest.approx(1.130) and pressure[200] == pytest.approx(1.200)
    assert pressure[359] == pytest.approx(1.300)
    assert counts(tmp_path)["PI-7"]["stale"] == 29 + 9  # and minutes 291 to 299
    flow = frame["FI-3"].to_list()
    # A tag that timed out is unknown until its next record, however fresh its last good one is.
    assert flow[119] == 5.0 and set(flow[120:240]) == {None} and flow[240] == 5.0
    assert counts(tmp_path)["TI-101"] == {"text": 1, "quality": 1}
    assert counts(tmp_path)["FI-3"]["text"] == 1


def test_the_long_form_is_recognised(tmp_path: Path) -> None:
    lines = ["tag,timestamp,value,quality"]
    for minute in range(30):
        lines += [f"{tag},2026-01-01T00:{minute:02d}:00Z,{minute + shift},Good" for tag, shift in (("a", 0), ("b", 5))]
    (tmp_path / "export.csv").write_text("\n".join(lines) + "\n")
    result = process(tmp_path, tmp_path / "export.csv", "auto", target="none")
    assert (result.rows_in, result.rows_out, result.columns, result.sample_period_seconds) == (60, 30, 2, 60.0)
    assert table(tmp_path)["b"].to_list() == [minute + 5.0 for minute in range(30)]


LAB = """
sources:
  - {match: "process*"}
  - {match: "lab*", time: {column: taken, zone: Europe/Berlin}, resample: hold}
  - {match: "power*", time: {column: time}, resample: mean}
time: {column: time}
run: {column: batch}
target: {column: label, normal: ok}
period_seconds: 60
split: {by: column, column: __run, holdout: ["2"]}
columns:
  viscosity: {stale_seconds: 600}
  batch: {role: ignore}
"""


def write_sources(folder: Path) -> None:
    begin = datetime(2026, 7, 1, tzinfo=UTC)
    rows = ["time,batch,t,label"]
    for batch, start in ((1, 0), (2, 3600)):
        for step in range(30):
            time = begin + timedelta(seconds=start + 60 * step)
            rows.append(f"{time.isoformat()},{batch},{step},{'ok' if step < 20 else 'leak'}")
    (folder / "process.csv").write_text("\n".join(rows) + "\n")
    # Laboratory results in local summer time: 02:05 is 00:05 UTC.
    (folder / "lab.csv").write_text("taken,viscosity\n2026-07-01 02:05:00,1.5\n2026-07-01 03:10:30,2.5\n")
    power = ["time,power"]
    power += [f"{(begin + timedelta(seconds=10 * step)).isoformat()},{step}" for step in range(-6, 600)]
    (folder / "power.csv").write_text("\n".join(power) + "\n")


def test_sources_of_different_rates_are_joined_on_time(tmp_path: Path) -> None:
    write_sources(tmp_path)
    result = process(tmp_path / "out", tmp_path, LAB)
    frame = table(tmp_path / "out")
    assert (result.rows_out, result.runs, result.rows_holdout, result.columns) == (60, 2, 30, 3)
    first = frame.filter(pl.col("run") == "1")
    assert first["viscosity"].to_list() == [None] * 5 + [1.5] * 11 + [None] * 14  # held for ten minutes
    second = frame.filter(pl.col("run") == "2")
    assert second["viscosity"].to_list()[10:13] == [None, 2.5, 2.5]  # never before it was taken
    # Six records of ten seconds end at each minute: mean of 6k-5 to 6k.
    assert first["power"].to_list() == [6.0 * minute - 2.5 for minute in range(30)]
    assert first["t"].to_list() == [float(step) for step in range(30)]
    assert first["label"].to_list() == ["ok"] * 20 + ["leak"] * 10


def test_the_same_column_twice_is_refused(tmp_path: Path) -> None:
    write_sources(tmp_path)
    lab = (tmp_path / "lab.csv").read_text()
    (tmp_path / "lab.csv").write_text(lab.replace("viscosity", "power"))
    with pytest.raises(InvalidSpec, match="power: two sources give this column"):
        process(tmp_path / "out", tmp_path, LAB)


def test_a_target_that_no_source_has_is_told(tmp_path: Path) -> None:
    write_sources(tmp_path)
    with pytest.raises(InvalidSpec, match="target column 'grade' is in none of the sources"):
        process(tmp_path / "out", tmp_path, LAB.replace("column: label", "column: grade"))


def runs_file(path: Path, classes: dict[str, list[str]]) -> None:
    """Runs of 20 min, the second half with the label of their class."""
    rows, day = ["time,run,x,label"], 0
    for label, runs in classes.items():
        for run in runs:
            day += 1
            rows += [
                f"2026-01-{day:02d} 00:{minute:02d},{run},{minute},{label if minute >= 10 else 'normal'}"
                for minute in range(20)
            ]
    path.write_text("\n".join(rows) + "\n")


def test_whole_runs_are_held_out_where_faults_have_several(tmp_path: Path) -> None:
    runs_file(tmp_path / "d.csv", {"normal": ["n1", "n2", "n3"], "a": ["a1", "a2", "a3"], "b": ["b1", "b2"]})
    process(tmp_path / "out", tmp_path / "d.csv", "auto")
    held = pl.read_parquet(tmp_path / "out" / "holdout" / "data.parquet")
    kept = pl.read_parquet(tmp_path / "out" / "train" / "data.parquet")
    assert held["run"].unique(maintain_order=True).to_list() == ["n3", "a3", "b2"]
    assert not set(kept["run"]) & set(held["run"])
    assert set(kept["label"]) == set(held["label"]) == {"normal", "a", "b"}


def test_the_last_part_is_held_out_where_a_fault_has_one_run(tmp_path: Path) -> None:
    runs_file(tmp_path / "d.csv", {"normal": ["n1", "n2", "n3"], "a": ["a1"]})
    process(tmp_path / "out", tmp_path / "d.csv", "auto")
    held = pl.read_parquet(tmp_path / "out" / "holdout" / "data.parquet")
    kept = pl.read_parquet(tmp_path / "out" / "train" / "data.parquet")
    assert held.group_by("run").len()["len"].to_list() == [6] * 4
    for run in ("n1", "a1"):
        last, first = (part.filter(pl.col("run") == run)["time"] for part in (kept, held))
        assert last.max() < first.min()  # type: ignore[operator]


def test_files_can_be_runs_and_gaps_can_cut_them(tmp_path: Path) -> None:
    for name, hours in (("a", (0, 5)), ("b", (0,))):
        rows = [f"2026-01-01 {hour:02d}:{minute:02d},{minute},normal" for hour in hours for minute in range(10)]
        (tmp_path / f"{name}.csv").write_text("time,x,label\n" + "\n".join(rows) + "\n")
    recipe = "time: {column: time}\nrun: {by_file: true, gap_seconds: 600}\ntarget: {column: label, normal: normal}\n"
    result = process(tmp_path / "out", tmp_path, recipe + "split: {by: none}\n")
    assert table(tmp_path / "out")["run"].unique(maintain_order=True).to_list() == ["a", "a/2", "b"]
    assert (result.rows_train, result.rows_holdout) == (30, 0)


def test_uneven_records_come_to_one_rate_and_long_gaps_stay_empty(tmp_path: Path) -> None:
    seconds = [0, 1, 2, 4, 5, 6, 20, 21]
    rows = [f"2026-01-01 00:00:{second:02d},{second},normal" for second in seconds]
    (tmp_path / "d.csv").write_text("time,x,label\n" + "\n".join(rows) + "\n")
    process(tmp_path / "out", tmp_path / "d.csv", "auto")
    values = table(tmp_path / "out")["x"].to_list()
    assert values == [0.0, 1.0, 2.0, 2.0, 4.0, 5.0, 6.0, 6.0, 6.0, 6.0, *([None] * 10), 20.0, 21.0]
