"""data-processing end to end on files written here: contents, contract of the output, and each bad input once."""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import polars as pl
import pytest

from setpoint.apis.errors import InvalidSpec, SetpointError, Unavailable
from setpoint.components import run_component
from setpoint.components.data_processing import ProcessedData, process_data

CSTR = "plant://cstr?runs=3&hours=2&defects=all"


def process(folder: Path, source: str | Path, recipe: str = "auto", target: str = "") -> ProcessedData:
    return process_data(
        source=str(source),
        recipe=recipe,
        target=target,
        train=folder / "train",
        holdout=folder / "holdout",
        report=folder / "report",
    )


def data(folder: Path, part: str = "train") -> pl.DataFrame:
    return pl.read_parquet(folder / part / "data.parquet")


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report" / "report.json").read_text())
    return found


def changes(folder: Path) -> dict[str, dict[str, int]]:
    return {
        entry["name"]: {kind: count for kind, count in entry["changed"].items() if count}
        for entry in report(folder)["columns"]
    }


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ProcessedData]:
    folder = tmp_path_factory.mktemp("plant")
    return folder, process(folder, CSTR)


def test_the_plant_with_defects_becomes_a_data_set(plant: tuple[Path, ProcessedData]) -> None:
    folder, result = plant
    assert (result.rows_in, result.rows_out) == (12 * 240 + 20, 12 * 240)
    assert (result.rows_train, result.rows_holdout) == (8 * 240, 4 * 240)
    assert (result.columns, result.runs, result.recipe, result.target) == (11, 12, "cstr", "label")
    assert result.normal_label == "normal" and result.values_changed > 100
    kinds = {kind for counts in changes(folder).values() for kind in counts}
    assert kinds >= {"sentinel", "spikes", "text", "filled"}
    rows = report(folder)["rows"]
    assert rows["duplicate_time"] == 20 and rows["unordered"] > 0


def test_the_output_keeps_the_contract(plant: tuple[Path, ProcessedData]) -> None:
    folder, _ = plant
    for part in ("train", "holdout"):
        schema = json.loads((folder / part / "schema.json").read_text())
        manifest = json.loads((folder / part / "manifest.json").read_text())
        frame = data(folder, part)
        roles = {entry["name"]: entry["role"] for entry in schema["columns"]}
        assert list(roles) == frame.columns
        assert (roles["run"], roles["time"], roles["label"]) == ("run", "time", "target")
        assert {frame.schema[name] for name, role in roles.items() if role == "feature"} == {pl.Float64()}
        assert frame.schema["run"] == pl.String and frame.schema["time"] == pl.Datetime("us", "UTC")
        assert schema["sample_period_seconds"] == 30.0 and schema["normal_label"] == "normal"
        steps = frame.select(pl.col("time").diff().over("run").dt.total_seconds()).to_series().drop_nulls()
        assert steps.unique().to_list() == [30]
        assert frame["run"].rle().len() == frame["run"].n_unique()
        assert manifest["rows"] == frame.height and manifest["source"] == CSTR
        for name, digest in manifest["files"].items():
            assert hashlib.sha256((folder / part / name).read_bytes()).hexdigest() == digest
        metadata = pl.read_parquet_metadata(folder / part / "data.parquet")
        assert json.loads(metadata["setpoint:columns"])["feed_flow"] == {"unit": "L/min", "role": "feature"}
        for run, count in schema["fault_free_until"].items():
            labels = frame.filter(pl.col("run") == run)["label"].to_list()
            assert set(labels[:count]) <= {"normal"} and "normal" not in labels[count:]
    assert not set(data(folder)["run"]) & set(data(folder, "holdout")["run"])
    profile = json.loads((folder / "train" / "profile.json").read_text())
    flow = data(folder)["feed_flow"]
    assert profile["features"]["feed_flow"]["mean"] == pytest.approx(flow.mean())
    assert profile["labels"]["normal"] == (data(folder)["label"] == "normal").sum()


def test_cleaning_brings_the_truth_back(plant: tuple[Path, ProcessedData], tmp_path: Path) -> None:
    folder, _ = plant
    process(tmp_path, "plant://cstr?runs=3&hours=2")
    both = data(folder).join(data(tmp_path), on=["run", "time"], suffix="_true", validate="1:1")
    assert both.height == data(folder).height
    for name in ("feed_flow", "reactor_temperature", "jacket_temperature", "product_concentration"):
        error = (both[name] - both[f"{name}_true"]).abs().drop_nulls()
        spread = both[f"{name}_true"].std()
        assert isinstance(spread, float) and (error < 8.0 * spread).all(), name
        assert int((error > 1e-9).sum()) < 0.03 * both.height, name


def test_same_input_same_bytes(plant: tuple[Path, ProcessedData], tmp_path: Path) -> None:
    folder, _ = plant
    process(tmp_path, CSTR)
    assert digests(tmp_path) == digests(folder)


def test_the_report_stands_alone_and_is_well_formed(plant: tuple[Path, ProcessedData]) -> None:
    folder, _ = plant
    html = (folder / "report" / "report.html").read_text()
    assert html.count("<svg") == 3 and "currentColor" in html and "prefers-color-scheme" in html
    assert "http://" not in html.replace("http://www.w3.org", "") and "src=" not in html
    for start in [index for index in range(len(html)) if html.startswith("<svg", index)]:
        svg = html[start : html.index("</svg>", start) + 6].replace("<svg ", '<svg xmlns:xlink="x" ', 1)
        assert len(list(ElementTree.fromstring(svg).iter())) > 50
    for name in data(folder).columns[3:]:
        assert name in html


def test_text_from_data_is_escaped_in_the_report(tmp_path: Path) -> None:
    rows = "\n".join(f"2026-01-01 00:0{minute}:00,{minute},normal<script>" for minute in range(9))
    (tmp_path / "d.csv").write_text(f"time,<b>x</b>,label\n{rows}\n")
    process(tmp_path / "out", tmp_path / "d.csv")
    html = (tmp_path / "out" / "report" / "report.html").read_text()
    assert "<script>" not in html and "<b>x</b>" not in html and "&lt;b&gt;x" in html


# --- forms of files -------------------------------------------------------------------------------------------------

START = datetime(2026, 1, 1, tzinfo=UTC)


def table(rows: int = 40) -> pl.DataFrame:
    source = np.random.default_rng(7)
    return pl.DataFrame(
        {
            "time": [START + timedelta(minutes=step) for step in range(rows)],
            "p": source.normal(5.0, 0.1, rows).round(4),
            "t": source.normal(80.0, 1.0, rows).round(3),
            "label": ["normal"] * (rows // 2) + ["leak"] * (rows - rows // 2),
        }
    ).with_columns(pl.col("time").dt.replace_time_zone(None))


@pytest.mark.parametrize("form", ["csv", "semicolon", "tab", "german", "latin", "parquet", "table", "glob", "list"])
def test_all_forms_of_files_give_the_same_table(form: str, tmp_path: Path) -> None:
    frame, recipe, source = table(), "auto", str(tmp_path / "d.csv")
    if form == "csv":
        frame.write_csv(source)
    elif form == "semicolon":
        frame.write_csv(source, separator=";")
    elif form == "tab":
        source = str(tmp_path / "d.tsv")
        frame.write_csv(source, separator="\t")
    elif form == "german":
        text = frame.with_columns(pl.col("time").dt.strftime("%d.%m.%Y %H:%M:%S")).write_csv(separator=";")
        head, *rows = text.splitlines()
        # Points in the first column are a date's; in the number columns they become commas.
        cells = [row.split(";") for row in rows]
        lines = [";".join([c[0], c[1].replace(".", ","), c[2].replace(".", ","), c[3]]) for c in cells]
        Path(source).write_text("\n".join([head, *lines]) + "\n", encoding="utf-8-sig")
    elif form == "latin":
        Path(source).write_bytes(frame.rename({"t": "t_°C"}).write_csv().encode("latin-1"))
        recipe = "sources: [{encoding: latin-1, rename: {t_°C: t}}]\ntime: {column: time}\n"
        recipe += "target: {column: label, normal: normal}\n"
    elif form == "parquet":
        source = str(tmp_path / "d.parquet")
        frame.write_parquet(source)
    elif form == "table":
        source = str(tmp_path / "d.dat")
        cells = [
            list(map(str, row)) for row in frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S")).rows()
        ]
        Path(source).write_text("  time   p t  label\n" + "\n".join("   ".join(row) for row in cells) + "\n")
    else:
        frame.head(15).write_csv(tmp_path / "a.csv")
        frame.slice(15).write_csv(tmp_path / "b.csv")
        one = "time: {column: time}\ntarget: {column: label, normal: normal}\n"
        recipe, source = one, str(tmp_path / "*.csv")
        if form == "list":
            source = json.dumps([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")])
    result = process(tmp_path / "out", source, recipe)
    whole = pl.concat([data(tmp_path / "out"), data(tmp_path / "out", "holdout")])
    assert whole.select("p", "t", "label").equals(frame.select("p", "t", "label"))
    assert whole["time"].dt.replace_time_zone(None).equals(frame["time"])
    assert (result.rows_in, result.rows_out, result.sample_period_seconds) == (40, 40, 60.0)


def test_numbers_whose_first_text_comes_late_are_still_read(tmp_path: Path) -> None:
    lines = [f"2026-01-01T00:00:00Z,{value},normal" for value in range(20_000)]
    lines = [
        line.replace("00:00:00", f"{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}") for i, line in enumerate(lines)
    ]
    lines[15_000] = lines[15_000].replace(",15000,", ",I/O Timeout,")
    (tmp_path / "d.csv").write_text("time,x,label\n" + "\n".join(lines) + "\n")
    process(tmp_path, tmp_path / "d.csv")
    assert changes(tmp_path)["x"] == {"text": 1}


def test_units_are_converted_and_codes_are_taken_before(tmp_path: Path) -> None:
    frame = table().with_columns(pl.when(pl.int_range(pl.len()) == 3).then(-9999.0).otherwise(pl.col("t")).alias("t"))
    frame.write_csv(tmp_path / "d.csv")
    recipe = """
time: {column: time}
target: {column: label, normal: normal, labels: {leak: "1", normal: "0"}}
columns:
  t: {unit: K, source_unit: degC, sentinels: [-9999], low: 0}
"""
    process(tmp_path, tmp_path / "d.csv", recipe.replace("normal: normal, labels", "normal: 0, labels"))
    assert changes(tmp_path)["t"] == {"sentinel": 1}
    got = data(tmp_path)
    assert got["t"][3] is None
    assert got["t"][0] == pytest.approx(frame["t"][0] + 273.15)
    assert set(got["label"]) <= {"0", "1"}
    assert report(tmp_path)["converted"] == {"t": "degC to K"}


# --- bad input ------------------------------------------------------------------------------------------------------

GOOD = "time,x,label\n" + "".join(f"2026-01-01 00:{minute:02d},{minute}.5,normal\n" for minute in range(12))
ONE = "time: {column: time}\ntarget: {column: label, normal: normal}\n"


@pytest.mark.parametrize(
    ("text", "recipe", "message"),
    [
        ("", "auto", "file is empty"),
        ("\n\n", "auto", "file holds no line"),
        ("time,x,label\n", "auto", "a header and no rows"),
        (GOOD.replace(".5,", "-high,"), "auto", "x: is text, not numbers: '0-high' (in 100% of the rows)"),
        (GOOD.replace(",", ";"), "sources: [{delimiter: ','}]\n" + ONE, "looks separated by ';'"),
        (GOOD.replace("label", "remark"), "auto", "no target column found among time, x, remark"),
        (GOOD, ONE.replace("label", "lable"), "target column 'lable' is not in the data; did you mean 'label'?"),
        (GOOD, "time: {column: when}\n", "time column 'when' is not in the data"),
        (GOOD, ONE + "columns:\n  y: {unit: bar}\n", "columns.y column 'y' is not in the data"),
        (GOOD, ONE + "columns:\n  x: {unit: baar}\n", "unknown unit 'baar'"),
        (GOOD.replace("2026-01-01 00:03", "noon"), "auto", "is not a time"),
        (GOOD + GOOD.splitlines()[3] + "\n", ONE.replace("time}", "time, unordered: error}"), "time goes backwards"),
        (GOOD + GOOD.splitlines()[-1] + "\n", ONE.replace("time}", "time, duplicates: error}"), "more than once"),
        (GOOD, ONE + "columns:\n  x: {low: 100}\n", "no feature has a value left"),
        (GOOD.replace("normal", ""), ONE, "no row is left"),
        ("time,x,x,label\n", "auto", "column 'x' is there twice"),
        (GOOD, "columns:\n  x: {role: ignore}\n" + ONE, "no feature column is left"),
        (GOOD.replace("label\n", "label,run\n", 1), "auto", "header has 4 columns and the first row 3"),
    ],
)
def test_each_bad_file_is_one_clear_error(text: str, recipe: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(InvalidSpec) as caught:
        process(tmp_path / "out", tmp_path / "d.csv", recipe)
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_target_that_is_not_there_is_told_with_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text(GOOD)
    with pytest.raises(InvalidSpec, match="no target column 'lable'; did you mean label"):
        process(tmp_path / "out", tmp_path / "d.csv", target="lable")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "names no file"),
        ("nowhere.csv", "no such file or directory"),
        ("*.nothing", "no file matches"),
        ("ftp://host/file", "unknown kind of address ftp://"),
        ("plant://refinery", "there is no plant 'refinery' (allowed: cstr, tep)"),
        ("plant://cstr?run=3", "no setting 'run'; did you mean runs?"),
        ("plant://cstr?runs=many", "runs and seed are integers"),
        ("plant://cstr?runs=1&hours=0.5&defects=rust", "unknown defects rust"),
        ('["a.csv",', "is not a JSON list"),
    ],
)
def test_each_bad_source_is_one_clear_error(source: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SetpointError) as caught:
        process(tmp_path, source)
    assert message in str(caught.value)


def test_binary_and_broken_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but not really")
    (tmp_path / "b.csv").write_bytes(b"time,x\n\0\0\0")
    (tmp_path / "c.csv").write_bytes(b"time,t_\xb0C,label\n1,2,3\n")
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("a.parquet", "is not a Parquet file"),
        ("b.csv", "is not a text file"),
        ("c.csv", "declare `encoding: latin-1`"),
        ("empty", "directory holds no data file"),
    ):
        with pytest.raises(InvalidSpec, match=message):
            process(tmp_path / "out", tmp_path / name)


def test_files_with_other_columns_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text(GOOD.replace("x", "y", 1))
    with pytest.raises(InvalidSpec, match=r"b\.csv: columns differ from those of a\.csv: x, y"):
        process(tmp_path / "out", tmp_path)


WRITES_TOO_MUCH = """
import resource, sys
from setpoint.apis.errors import Unavailable
from setpoint.components.data_processing import process_data
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
out = Path(sys.argv[1])
try:
    process_data(
        source="plant://cstr?runs=2&hours=1", train=out / "train", holdout=out / "holdout", report=out / "report"
    )
except Unavailable as error:
    print("REFUSED", error)
"""


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "data.parquet").write_text("of the run before")
    answer = subprocess.run(
        [sys.executable, "-c", WRITES_TOO_MUCH, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "REFUSED output cannot be written" in answer.stdout, answer.stderr
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["train", "train/data.parquet"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000


def test_a_directory_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "thesis.txt").write_text("mine")
    with pytest.raises(InvalidSpec, match=r"train: holds 'thesis.txt'"):
        process(tmp_path, "plant://cstr?runs=1&hours=0.2")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidSpec, match="name another place"):
        process_data(source="plant://cstr?runs=1&hours=0.2", train=tmp_path / "file")
    with pytest.raises(InvalidSpec, match="a directory each"):
        process_data(source="plant://cstr", train=tmp_path / "a", holdout=tmp_path / "b" / ".." / "a")
    assert (tmp_path / "train" / "thesis.txt").read_text() == "mine"


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    process(tmp_path, "plant://cstr?runs=1&hours=0.5")
    first = digests(tmp_path)
    process(tmp_path, "plant://cstr?runs=1&hours=0.5&seed=2")
    assert digests(tmp_path).keys() == first.keys() and digests(tmp_path) != first


@pytest.mark.parametrize(("policy", "wanted"), [("first", 1.0), ("last", 5.0), ("mean", 3.0)])
def test_repeated_times_are_merged_as_declared(policy: str, wanted: float, tmp_path: Path) -> None:
    rows = ["2026-01-01 00:00,1,ok", "2026-01-01 00:02,2,ok", "2026-01-01 00:01,4,ok", "2026-01-01 00:00,5,ok"]
    (tmp_path / "d.csv").write_text("time,x,label\n" + "\n".join(rows) + "\n")
    recipe = (
        f"time: {{column: time, duplicates: {policy}}}\ntarget: {{column: label, normal: ok}}\nsplit: {{by: none}}\n"
    )
    result = process(tmp_path / "out", tmp_path / "d.csv", recipe)
    assert data(tmp_path / "out")["x"].to_list() == [wanted, 4.0, 2.0]
    assert (result.rows_in, result.rows_out) == (4, 3)
    rows_report = report(tmp_path / "out")["rows"]
    assert (rows_report["duplicate_time"], rows_report["unordered"]) == (1, 2)


def test_output_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="output cannot be written"):
        process(tmp_path / "file" / "below", "plant://cstr?runs=1&hours=0.2")


# --- addresses ------------------------------------------------------------------------------------------------------


@contextmanager
def served(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/d.csv" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_is_read_up_to_the_limit(tmp_path: Path) -> None:
    rows = "".join(f"2026-01-01T{i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d},{i},normal\n" for i in range(40_000))
    with served(b"time,x,label\n" + rows.encode()) as address:
        result = process(tmp_path, f"{address}/d.csv")
        assert result.rows_in == 40_000
        with pytest.raises(Unavailable, match="404"):
            process(tmp_path, f"{address}/e.csv")
        with pytest.raises(InvalidSpec, match="more than the limit of 1000000 bytes"):
            process_data(source=f"{address}/d.csv", size_limit_mb=1, train=tmp_path / "t")
    with pytest.raises(Unavailable, match="cannot be read"):
        process(tmp_path, f"{address}/d.csv")


def test_it_runs_as_a_component_with_result_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"source": "plant://cstr?runs=2&hours=1", "recipe": "cstr"}
    values |= {name: str(tmp_path / name) for name in ("train", "holdout", "report")}
    run_component(process_data, values, outputs=tmp_path / "results", progress_file=tmp_path / "progress")
    assert (tmp_path / "results" / "rows-out").read_text() == "960"
    assert (tmp_path / "results" / "normal-label").read_text() == "normal"
    assert (tmp_path / "progress").read_text() == "5/5\n"
    assert capsys.readouterr().out.startswith("[1/5] read 1 source file(s)\n")
