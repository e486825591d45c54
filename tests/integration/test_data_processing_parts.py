"""data-processing in parts: the same bytes as in one piece, when it stays one piece, and each bad input once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from setpoint.adapters.table_cache import DirectoryTableCache
from setpoint.apis.errors import InvalidSpec
from setpoint.components import run_component
from setpoint.components.data_processing import ProcessedData, process_data
from setpoint.components.data_processing._plants import simulation
from setpoint.components.data_processing.in_parts import PlannedData, plan_data, process_part
from setpoint.plant import DEFECTS, PLANTS, dataset, lay_defects


def plan(folder: Path, source: str | Path, partitions: int, recipe: str = "auto") -> PlannedData:
    return plan_data(source=str(source), recipe=recipe, partitions=partitions, plan=folder / "parts" / "plan")


def part(folder: Path, number: int) -> None:
    process_part(plan=folder / "parts" / "plan", partition=number, part=folder / "parts" / str(number))


def conclude(folder: Path, source: str | Path, recipe: str = "auto", *, whole: bool = False) -> ProcessedData:
    return process_data(
        source=str(source),
        recipe=recipe,
        parts=None if whole else folder / "parts",
        train=folder / "out" / "train",
        holdout=folder / "out" / "holdout",
        report=folder / "out" / "report",
    )


def in_parts(folder: Path, source: str | Path, partitions: int, recipe: str = "auto") -> ProcessedData:
    for number in plan(folder, source, partitions, recipe).partitions:
        part(folder, number)
    return conclude(folder, source, recipe)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "out").rglob("*"))
        if path.is_file()
    }


# --- the same bytes ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plant's runs with every defect there is, over two files that share a run."""
    folder, plant = tmp_path_factory.mktemp("damaged"), PLANTS["cstr"]
    table = lay_defects(dataset(plant, runs=2, hours=2.0), plant.variables, kinds=DEFECTS, seed=4)
    table.head(700).write_csv(folder / "a.csv")
    table.slice(700).write_csv(folder / "b.csv")
    return folder


@pytest.fixture(scope="module")
def whole(damaged: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ProcessedData, dict[str, str]]:
    folder = tmp_path_factory.mktemp("whole")
    return conclude(folder, damaged, "cstr", whole=True), digests(folder)


@pytest.mark.parametrize("partitions", [1, 2, 3, 7])
def test_any_number_of_parts_gives_the_bytes_of_one_piece(
    partitions: int, damaged: Path, whole: tuple[ProcessedData, dict[str, str]], tmp_path: Path
) -> None:
    result = in_parts(tmp_path, damaged, partitions, "cstr")
    assert (result, digests(tmp_path)) == whole
    assert result.values_changed > 50
    made = sorted(item.name for item in (tmp_path / "parts").iterdir())
    assert made == ([] if partitions == 1 else [str(number) for number in range(partitions)]) + ["plan"]


def test_parts_of_a_simulated_plant_simulate_their_own_runs_only(tmp_path: Path) -> None:
    source = "plant://cstr?runs=2&hours=0.5&split=train-test"
    cache = DirectoryTableCache(tmp_path / "cache")
    assert plan(tmp_path, source, 3).partitions == (0, 1, 2)
    for number in (2, 0, 1):
        folder = tmp_path / "parts"
        process_part(plan=folder / "plan", partition=number, cache=cache, part=folder / str(number))
    assert conclude(tmp_path, source) == conclude(tmp_path / "whole", source, whole=True)
    assert digests(tmp_path) == digests(tmp_path / "whole")
    kept = [pl.read_parquet(path) for path in (tmp_path / "cache").glob("*.parquet")]
    assert sum(table["run"].n_unique() for table in kept) == 16  # no run twice
    assert len(kept) == 4  # the second part has runs of both tables


FORMS = {
    "hours": ("time: {column: time, unit: h}\nrun: {column: run}\n", "run,time,x,label\n", "{r},{i},{x},ok\n"),
    "no-time": ("run: {column: run}\n", "run,x,label\n", "{r},{x},ok\n"),
    "german": (
        "time: {column: time}\nrun: {column: run}\n",
        "run;time;x;label\n",
        "{r};0{r}.01.2026 00:0{i};{x},5;ok\n",
    ),
    "files": ("run: {by_file: true}\n", "x,label\n", "{x},ok\n"),
    "table": ("run: {by_file: true}\nsources: [{names: [x, label]}]\n", "", "  {x}   ok\n"),
    "rename": (
        "time: {column: t}\nrun: {column: r}\nsources: [{rename: {T_1: t, R_1: r}}]\n",
        "R_1,T_1,x,label\n",
        "{r},2026-01-0{r}T00:0{i}:00Z,{x},ok\n",
    ),
    "latin": (
        "time: {column: time}\nrun: {column: run}\nsources: [{encoding: latin-1}]\n",
        "run,time,x_°C,label\n",
        "{r},2026-01-0{r} 00:0{i},{x},ok\n",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_of_files_can_be_parted(form: str, tmp_path: Path) -> None:
    recipe, head, line = FORMS[form]
    suffix = "dat" if form == "table" else "csv"
    encoding = "latin-1" if form == "latin" else "utf-8"
    (tmp_path / "in").mkdir()
    for run in (1, 2, 3):
        lines = (line.format(r=run, i=index, x=index * index % 7) for index in range(9))
        (tmp_path / "in" / f"{run}.{suffix}").write_text(head + "".join(lines), encoding=encoding)
    recipe += "target: {column: label, normal: ok}\n"
    assert in_parts(tmp_path, tmp_path / "in", 2, recipe).rows_out == 27
    assert len(json.loads((tmp_path / "parts" / "plan" / "plan.json").read_text())["partitions"]) == 2
    conclude(tmp_path / "whole", tmp_path / "in", recipe, whole=True)
    assert digests(tmp_path) == digests(tmp_path / "whole")


@pytest.mark.parametrize("address", ["plant://cstr?runs=1&hours=0.5", "plant://tep?runs=1&hours=0.1&split=none"])
def test_the_outline_of_a_simulation_is_its_table_without_the_simulated(address: str) -> None:
    found = simulation(address)
    for name in found.parts:
        outline, table = found.outline(name), found.table(name)
        assert outline.collect_schema() == table.schema
        known = ["run", *(column for column in table.columns if column in ("time", "sample", "time_h"))]
        assert outline.select(known).collect().equals(table.select(known))


# --- one piece --------------------------------------------------------------------------------------------------------

ROWS = "".join(f"{run},2026-01-0{1 + run} 00:{minute:02d},{minute}.5,ok\n" for run in range(3) for minute in range(5))
GOOD = "run,time,x,label\n" + ROWS
ONE = "time: {column: time}\nrun: {column: run}\ntarget: {column: label, normal: ok}\nperiod_seconds: 60\n"
LONG = "time,tag,value\n" + "".join(f"2026-01-01 00:{minute:02d},T1,{minute}.5\n" for minute in range(9))


@pytest.mark.parametrize(
    ("text", "recipe", "reason"),
    [
        (GOOD.replace("\n1,", "\n0,").replace("\n2,", "\n0,"), ONE, "there is a single run"),
        (GOOD, ONE.replace("run: {column: run}\n", ""), "no column and no file tells runs apart"),
        (LONG, "sources: [{long: {}}]\nrun: {by_file: true}\n", "a historian's long form is read tag by tag"),
        (GOOD, ONE.replace("period_seconds: 60", "frozen: {columns: [x]}"), "declare period_seconds"),
        ("plant://cstr?runs=2&hours=0.5&defects=all", "auto", "defects are drawn over a whole table"),
    ],
)
def test_what_cannot_be_parted_is_one_piece_and_says_why(text: str, recipe: str, reason: str, tmp_path: Path) -> None:
    source = text if text.startswith("plant") else str(tmp_path / "d.csv")
    (tmp_path / "d.csv").write_text(text)
    planned = plan(tmp_path, source, 3, recipe)
    assert planned.partitions == ()
    assert reason in planned.reason


def test_a_plan_of_one_piece_reads_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.csv").write_text(GOOD)
    assert in_parts(tmp_path, tmp_path / "d.csv", 1, ONE).rows_in == 15
    assert "in one piece: one is asked for\n" in capsys.readouterr().out


def test_more_parts_than_runs_are_fewer_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.csv").write_text(GOOD)
    assert in_parts(tmp_path, tmp_path / "d.csv", 9, ONE).rows_in == 15
    said = capsys.readouterr().out
    assert "3 partitions in place of 9: no more runs can be parted\n" in said
    assert "  partition 3 of 3: run 2 of d.csv\n" in said


def test_a_part_whose_records_are_all_dropped_is_an_empty_part(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(GOOD.replace("1,2026-01-02 00:01,1.5,ok", "1,,1.5,ok") + "9,,1,ok\n" * 8)
    result = in_parts(tmp_path, tmp_path / "d.csv", 4, ONE)
    assert result == conclude(tmp_path / "whole", tmp_path / "d.csv", ONE, whole=True)
    assert (result.rows_in, result.rows_out, result.runs) == (23, 15, 3)
    assert digests(tmp_path) == digests(tmp_path / "whole")


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0", "partitions: 0 partitions: give 1 to 1000"),
        ("-2", "partitions: -2 partitions: give 1 to 1000"),
        ("5000", "partitions: 5000 partitions: give 1 to 1000"),
        ("two", "data-processing-plan.partitions: 'two' is not an integer"),
    ],
)
def test_a_number_that_nobody_means_is_one_clear_error(given: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(GOOD)
    values = {"source": str(tmp_path / "d.csv"), "partitions": given, "plan": str(tmp_path / "plan")}
    with pytest.raises(InvalidSpec) as caught:
        run_component(plan_data, values)
    assert str(caught.value) == message
    assert not (tmp_path / "plan").exists()


def test_a_part_that_fails_names_itself_and_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text(GOOD.replace("\n0,", "\n7,").replace("2026-01-01 00:03", "2026-01-01 00:02"))
    recipe = ONE.replace("{column: time}", "{column: time, duplicates: error}") + "sources: [{match: '?.csv'}]\n"
    recipe = recipe.replace("{column: run}", "{column: run, prefix_file: true}")
    assert plan(tmp_path, str(tmp_path / "*.csv"), 6, recipe).runs == 6
    part(tmp_path, 0)
    with pytest.raises(InvalidSpec) as caught:
        part(tmp_path, 3)
    assert "is there more than once (1 rows)" in str(caught.value)
    assert str(caught.value).endswith("; in partition 4 of 6 (run b/7 of b.csv)")
    assert not (tmp_path / "parts" / "3").exists()


def test_a_column_of_text_is_judged_over_all_parts(tmp_path: Path) -> None:
    rows = [line.replace(".5,", "x,") if line.startswith("1,") else line for line in GOOD.splitlines(keepends=True)]
    (tmp_path / "d.csv").write_text("".join(rows))
    with pytest.raises(InvalidSpec, match=r"x: is text, not numbers: '0x' \(in 33% of the rows\)"):
        in_parts(tmp_path, tmp_path / "d.csv", 3, ONE)
    assert in_parts(tmp_path, tmp_path / "d.csv", 3, ONE + "max_text_ratio: 0.4\n").rows_out == 15


def test_a_file_that_changed_or_went_after_the_plan_is_told(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(GOOD)
    plan(tmp_path, tmp_path / "d.csv", 2, ONE)
    (tmp_path / "d.csv").write_text(GOOD + "3,2026-01-04 00:00,1,ok\n")
    with pytest.raises(InvalidSpec, match=r"d\.csv: has \d+ bytes now and had \d+ when the plan was made: plan again"):
        part(tmp_path, 0)
    (tmp_path / "d.csv").unlink()
    with pytest.raises(InvalidSpec, match=r"d\.csv: no such file or directory; in partition 1 of 2"):
        part(tmp_path, 0)


def test_parts_that_do_not_fit_the_plan_are_told(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(GOOD)
    plan(tmp_path, tmp_path / "d.csv", 3, ONE)
    with pytest.raises(InvalidSpec, match=r"partition: 3 is no partition of this plan \(numbered 0 to 2\)"):
        part(tmp_path, 3)
    for number in (0, 1):
        part(tmp_path, number)
    with pytest.raises(InvalidSpec, match="partition 3 of 3 is not there"):
        conclude(tmp_path, tmp_path / "d.csv", ONE)
    (tmp_path / "parts" / "1").rename(tmp_path / "parts" / "2")
    part(tmp_path, 1)
    with pytest.raises(InvalidSpec, match="holds partition 2, not 3 of 3"):
        conclude(tmp_path, tmp_path / "d.csv", ONE)
    with pytest.raises(InvalidSpec, match=r"is a plan for source '.*d\.csv', not 'e\.csv'"):
        conclude(tmp_path, "e.csv", ONE)
    (tmp_path / "parts" / "2" / "thesis.txt").write_text("mine")
    with pytest.raises(InvalidSpec, match=r"holds 'thesis\.txt'"):
        part(tmp_path, 2)


def test_what_is_no_plan_or_no_part_is_told(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(GOOD)
    with pytest.raises(InvalidSpec, match="make it with data-processing-plan"):
        conclude(tmp_path, tmp_path / "d.csv", ONE)
    plan(tmp_path, tmp_path / "d.csv", 2, ONE)
    part(tmp_path, 0)
    (tmp_path / "parts" / "0" / "part.json").write_text("{}")
    with pytest.raises(InvalidSpec, match="is no part of a run"):
        conclude(tmp_path, tmp_path / "d.csv", ONE)
    path = tmp_path / "parts" / "plan" / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recipe": 3}))
    with pytest.raises(InvalidSpec, match=r"plan\.json: is no plan of "):
        part(tmp_path, 0)
