"""`setpoint plant` as people use it: files, streams, data sets; and a plant as a source of data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from setpoint.apis.errors import InvalidSpec
from setpoint.cli import main
from setpoint.components.data_processing import ProcessedData, process_data
from setpoint.plant import (
    PLANTS,
    Run,
    benchmark_of,
    check_hours,
    parse_schedule,
    read_checkpoint,
    tables,
    write_benchmark,
    write_checkpoint,
)

SCHEDULE = (
    "fault coolant-valve from 0.2 h; sensor feed_temperature drop-out 0.3 from 0.1 h; "
    "sensor reactor_level delay 4 min from 0.1 h"
)
TEP_SCHEDULE = "fault 4 from 0.3 h; set-point xmeas_9 to 121 from 0.5 h; sensor xmeas_7 stuck from 0.4 h to 0.8 h"


def words(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "setpoint", "plant", *arguments]


def process(folder: Path, source: str) -> ProcessedData:
    return process_data(source=source, train=folder / "train", holdout=folder / "holdout", report=folder / "report")


def test_list_tells_plants_variables_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plant", "list", "-o", "name"]) == 0
    assert capsys.readouterr().out.split() == list(PLANTS)
    assert main(["plant", "list", "tep", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["samplePeriodSeconds"] == 180.0 and len(told["variables"]) == 52
    assert told["faults"][3]["name"] == "idv-4" and told["faults"][3]["label"] == "4"
    assert main(["plant", "list", "cstr"]) == 0
    assert "catalyst-decay" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "schedule"), [("cstr", SCHEDULE), ("tep", TEP_SCHEDULE)])
def test_a_run_from_a_checkpoint_goes_on_as_if_it_had_not_rested(tmp_path: Path, name: str, schedule: str) -> None:
    files = [tmp_path / f"{part}.parquet" for part in ("whole", "first", "second")]
    rest = str(tmp_path / "rest.json")
    begin = ["plant", "simulate", name, "--seed", "5", "--schedule", schedule]
    assert main([*begin, "--hours", "2", "-o", str(files[0])]) == 0
    assert main([*begin, "--hours", "1", "-o", str(files[1]), "--checkpoint", rest]) == 0
    assert main(["plant", "simulate", name, "--hours", "1", "-o", str(files[2]), "--resume", rest]) == 0
    whole, first, second = (pl.read_parquet(path) for path in files)
    assert_frame_equal(pl.concat([first, second]), whole, check_exact=True)
    assert whole["sensor_fault"].n_unique() > 1


def test_records_carry_names_units_and_labels(tmp_path: Path) -> None:
    target = tmp_path / "run.parquet"
    assert main(["plant", "simulate", "tep", "--hours", "1", "--schedule", TEP_SCHEDULE, "-o", str(target)]) == 0
    frame, told = pl.read_parquet(target), pl.read_parquet_metadata(target)
    assert frame.columns[:5] == ["run", "sample", "time_h", "fault", "sensor_fault"] and frame.width == 57
    # 0.3 h is sample 6: the last one before the fault, and 0.4 h sample 8.
    assert frame["fault"].to_list() == [0] * 6 + [4] * 14
    assert frame["sensor_fault"].to_list() == ["normal"] * 8 + ["xmeas_7 stuck"] * 8 + ["normal"] * 4
    assert frame["xmeas_7"][7:16].n_unique() == 1
    variable = {item["name"]: item for item in json.loads(told["setpoint.variables"])}["xmeas_9"]
    assert (variable["unit"], variable["description"]) == ("degC", "Reactor temperature")
    assert json.loads(told["setpoint.run"])["schedule"] == TEP_SCHEDULE


def test_csv_and_lost_values(tmp_path: Path) -> None:
    target = tmp_path / "run.csv"
    assert main(["plant", "simulate", "cstr", "--hours", "1", "--schedule", SCHEDULE, "-o", str(target)]) == 0
    frame = pl.read_csv(target)
    assert frame.height == 120 and frame["feed_temperature"].null_count() > 10
    assert [path.name for path in tmp_path.iterdir()] == ["run.csv"]


def test_a_stream_is_the_simulated_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "run.parquet"
    schedule = ["--schedule", SCHEDULE]
    assert main(["plant", "simulate", "cstr", "--hours", "2.5", *schedule, "-o", str(target)]) == 0
    capsys.readouterr()
    assert main(["plant", "stream", "cstr", "--speed", "max", "--samples", "300", *schedule]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = list(pl.read_parquet(target).columns[3:])
    streamed = pl.DataFrame([{name: line[name] for name in names} for line in lines], infer_schema_length=None)
    assert_frame_equal(streamed, pl.read_parquet(target).select(names), check_exact=True)
    assert main(["plant", "stream", "cstr", "--speed", "100000", "--samples", "3", *schedule]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == lines[:3]


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with subprocess.Popen(
        words("stream", "cstr", "--speed", "max"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        assert json.loads(running.stdout.readline())["run"] == "cstr-1"
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=30) == 0


def test_ctrl_c_ends_a_stream_and_leaves_its_checkpoint(tmp_path: Path) -> None:
    rest = tmp_path / "rest.json"
    arguments = words("stream", "cstr", "--speed", "6000", "--checkpoint", str(rest))
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        lines, errors = running.communicate(timeout=30)
    assert (running.returncode, errors) == (130, b"")
    _, state, _ = read_checkpoint(rest, PLANTS["cstr"])
    assert 0 <= 1 + len(lines.splitlines()) - state.sample <= 1


def test_the_benchmark_is_made_once_and_does_not_depend_on_the_workers(tmp_path: Path) -> None:
    environment = os.environ | {"SETPOINT_HOME": str(tmp_path / "home")}
    common = ["--runs", "2", "--seed", "3", "--hours", "0.5", "--fault", "coolant-valve"]

    def make(folder: str, *more: str) -> str:
        done = subprocess.run(
            words("dataset", "cstr", "-o", str(tmp_path / folder), *common, *more),
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
        return done.stderr

    assert make("a", "--workers", "2").endswith(": simulated\n")
    assert make("b").endswith(": as simulated before\n")
    assert (tmp_path / "a" / "train.parquet").read_bytes() == (tmp_path / "b" / "train.parquet").read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "manifest.json",
        "test.parquet",
        "train.parquet",
    ]
    what = benchmark_of(PLANTS["cstr"], runs=2, seed=3, hours=0.5, faults=("coolant-valve",))
    both = tables(PLANTS["cstr"], what)
    for part, table in both.items():
        assert_frame_equal(pl.read_parquet(tmp_path / "a" / f"{part}.parquet"), table, check_exact=True)
    kept = next((tmp_path / "home" / "cache" / "plant").iterdir())
    (kept / "test.parquet").write_bytes(b"damaged")
    assert make("c").endswith(": simulated\n")
    assert (tmp_path / "c" / "test.parquet").read_bytes() == (tmp_path / "a" / "test.parquet").read_bytes()


def test_more_runs_and_fewer_faults_change_no_run() -> None:
    plant = PLANTS["cstr"]
    small = tables(plant, benchmark_of(plant, runs=1, seed=1, hours=0.3, faults=("coolant-valve",)))["test"]
    large = tables(plant, benchmark_of(plant, runs=9, seed=1, hours=0.3))["test"]
    assert_frame_equal(large.filter(pl.col("run").is_in(small["run"].unique().to_list())), small, check_exact=True)
    assert large["run"].n_unique() == 36
    assert not np.array_equal(small[:36]["feed_flow"], large[36:72]["feed_flow"])


def test_the_customary_benchmark_of_tep_and_its_recipe(tmp_path: Path) -> None:
    what = benchmark_of(PLANTS["tep"], runs=1, seed=1)
    assert what.faults == tuple(f"idv-{number}" for number in range(1, 22))
    assert what.total_hours == 22 * (25.0 + 48.0)
    short = benchmark_of(PLANTS["tep"], runs=1, seed=1, faults=("idv-4",), hours=2.0)
    assert not write_benchmark(PLANTS["tep"], short, tmp_path / "tep")
    assert write_benchmark(PLANTS["tep"], short, tmp_path / "tep")
    result = process(tmp_path, str(tmp_path / "tep"))
    assert (result.recipe, result.labels, result.columns) == ("tep", "0,4", 52)
    assert (result.rows_train, result.rows_holdout, result.runs) == (80, 80, 4)


def test_tep_as_a_source_brings_training_and_test_runs(tmp_path: Path) -> None:
    source = "plant://tep?runs=1&hours=2&schedule=fault 4 from 1 h; sensor xmeas_9 stuck from 0.5 h&defects=missing"
    result = process(tmp_path, source)
    assert (result.recipe, result.split, result.labels) == ("tep", "files *test* held out", "0,4")
    assert (result.rows_train, result.rows_holdout, result.columns) == (40, 40, 52)


def test_a_schedule_for_the_tank_as_a_source(tmp_path: Path) -> None:
    result = process(tmp_path, f"plant://cstr?runs=4&hours=1&schedule={SCHEDULE}")
    assert (result.recipe, result.runs, result.labels) == ("cstr", 4, "coolant-valve,normal")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("plant://tep?schedule=fault 4 from 1 h", "a schedule goes with `hours`"),
        ("plant://tep?hours=2&schedule=fault 4 from 3 h", "schedule:1:14: begins after the end"),
        ("plant://tep?split=half", "'half' is no split"),
        ("plant://tep?hours=0", "hours 0.1 to 1000"),
        ("plant://tep?scedule=x", "did you mean schedule?"),
    ],
)
def test_wrong_addresses(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        process(tmp_path, source)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate", "tap", "-o", "x.csv"], "there is no plant 'tap' (allowed: cstr, tep)"),
        (["simulate", "cstr", "-o", "x.xlsx"], "x.xlsx: write to a file that ends in .parquet or .csv"),
        (["simulate", "cstr", "-o", "nowhere/x.csv"], "nowhere: there is no such folder"),
        (["simulate", "cstr", "-o", "x.csv", "--hours", "-1"], "hours: -1 hours"),
        (["simulate", "cstr", "-o", "x.csv", "--hours", "nan"], "hours: nan hours"),
        (["simulate", "cstr", "-o", "x.csv", "--seed", "-1"], "--seed: -1 is no seed"),
        (["simulate", "cstr", "-o", "x.csv", "--schedule", "fault leak from 1 h"], "schedule:1:7: 'leak' is no fault"),
        (["simulate", "cstr", "-o", "x.csv", "--resume", "no.json"], "no.json: cannot be read"),
        (["simulate", "cstr", "-o", "x.csv", "--checkpoint", "nowhere/c"], "nowhere: there is no such folder"),
        (["stream", "cstr", "--speed", "fast"], "--speed: 'fast' is no speed"),
        (["stream", "cstr", "--resume", "c.json", "--seed", "2"], "--resume: a resumed run has its seed"),
        (["dataset", "cstr", "-o", "data", "--runs", "0"], "runs: 0 runs"),
        (["dataset", "cstr", "-o", "data", "--fault", "leak"], "fault: 'leak' is no fault of cstr (allowed: feed-"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plant", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ") and shown.err.count("\n") == 1 and said in shown.err
    assert not list(tmp_path.iterdir())


def test_the_original_generator_repeats_published_runs(tmp_path: Path) -> None:
    golden = json.loads((Path(__file__).parents[1] / "unit" / "plant" / "tep_golden.json").read_text())
    (case,) = [item for item in golden if item["generator"] == "original"]
    run, rest = str(tmp_path / "run.csv"), str(tmp_path / "rest.json")
    begin = ["plant", "simulate", "tep", "--hours", "1", "-o", run]
    original = ["--generator", "original"]
    assert main([*begin, *original, "--seed", str(case["seed"]), "--checkpoint", rest]) == 0
    values = pl.read_csv(run).select([variable.name for variable in PLANTS["tep"].variables]).to_numpy()
    assert values[19] == pytest.approx(case["rows"]["20"], rel=1e-5)
    assert main([*begin, *original, "--resume", rest]) == 0
    assert main([*begin, "--resume", rest]) == 2
    assert main(["plant", "simulate", "cstr", "--hours", "1", "-o", run, *original]) == 2
    assert main([*begin, *original, "--seed", "0"]) == 2


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    plant, path = PLANTS["cstr"], tmp_path / "rest.json"
    run = Run(plant=plant, seed=1, schedule=parse_schedule(SCHEDULE, plant))
    state, _ = run.advance(run.start(), 20)
    write_checkpoint(path, run, state, schedule=SCHEDULE)
    whole = path.read_text()
    assert read_checkpoint(path, plant)[1].sample == 20
    with pytest.raises(InvalidSpec, match="of plant 'cstr', not of 'tep'"):
        read_checkpoint(path, PLANTS["tep"])
    path.write_text(whole.replace('"sample":20', '"sample":21', 1))
    with pytest.raises(InvalidSpec, match="damaged"):
        read_checkpoint(path, plant)
    for text in ("", "[]", "{}", whole[:-30], "\x00"):
        path.write_text(text)
        with pytest.raises(InvalidSpec, match="is not a checkpoint"):
            read_checkpoint(path, plant)


def test_a_checkpoint_with_arrays_of_another_shape_never_reaches_the_plant(tmp_path: Path) -> None:
    plant, path = PLANTS["cstr"], tmp_path / "rest.json"
    run = Run(plant=plant, seed=1)
    state = run.start()
    shrunk = type(state.plant)(
        sample=0, rows=state.plant.rows[:5].copy(), noise=state.plant.noise, scenarios=state.plant.scenarios
    )
    write_checkpoint(path, run, type(state)(sample=0, plant=shrunk, sensors=state.sensors), schedule="")
    with pytest.raises(InvalidSpec, match="another version of cstr"):
        read_checkpoint(path, plant)


@pytest.mark.parametrize("hours", [0.0, -1.0, float("nan"), float("inf")])
def test_lengths_that_no_run_has(hours: float) -> None:
    with pytest.raises(InvalidSpec):
        check_hours(hours)
