"""`setpoint label`: what is said is stored, what is wrong is refused whole, with every bad row."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from setpoint.cli import main


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SETPOINT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOGNAME", "operator")
    return tmp_path / "home"


def _list(capsys: pytest.CaptureFixture[str], output: str = "json", service: str = "reactor") -> str:
    capsys.readouterr()
    assert main(["label", "list", service, "-o", output]) == 0
    return capsys.readouterr().out


def test_said_corrected_and_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "add", "reactor", "4", "--id", "a-1"]) == 0
    assert main(["label", "add", "reactor", "4", "--id", "a-1"]) == 0
    assert "said before" in capsys.readouterr().out
    assert main(["label", "add", "reactor", "0", "--id", "a-1", "--author", "lab"]) == 0
    interval = ["--asset", "line 3", "--from", "2026-03-01T06:00", "--to", "2026-03-01T10:00+02:00"]
    assert main(["label", "add", "reactor", "normal", *interval]) == 0
    one, two = json.loads(_list(capsys))
    assert (one["inferenceId"], one["label"], one["author"], one["revision"]) == ("a-1", "0", "lab", 2)
    assert (two["asset"], two["begin"], two["end"]) == ("line 3", "2026-03-01T06:00:00Z", "2026-03-01T08:00:00Z")
    assert two["author"] == "operator"
    assert yaml.safe_load(_list(capsys, "yaml"))[0]["label"] == "0"
    assert _list(capsys, "name").splitlines()[0] == "a-1"
    assert "normal" in _list(capsys, "table")
    assert json.loads(_list(capsys, service="other")) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "one inference id, or of an asset"),
        (["--id", "a", "--asset", "b"], "one inference id, or of an asset"),
        (["--asset", "b", "--from", "2026-03-01"], "end is missing"),
        (["--asset", "b", "--from", "2026-03-02", "--to", "2026-03-01"], "not after its begin"),
        (["--asset", "b", "--from", "yesterday", "--to", "2026-03-01"], "--from: 'yesterday' is no time"),
        (["--id", "a", "-n", "../x"], "is no name"),
    ],
)
def test_what_is_wrong_is_refused(home: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    assert main(["label", "add", "reactor", "4", *words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not home.exists() or not list(home.rglob("*.jsonl"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_import(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    table = pl.DataFrame({"asset": ["r", "r"], "begin": ["2026-03-01", "2026-03-02"], "label": ["0", "4"]})
    table = table.with_columns(end=pl.Series(["2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"]))
    file = tmp_path / f"labels{suffix}"
    if suffix == ".csv":
        table.write_csv(file)
    elif suffix == ".json":
        table.write_json(file)
    else:
        table.write_parquet(file)
    assert main(["label", "import", "reactor", str(file)]) == 0
    assert "2 of 2 labels" in capsys.readouterr().out
    assert main(["label", "import", "reactor", str(file)]) == 0
    assert "0 of 2 labels" in capsys.readouterr().out
    assert [item["label"] for item in json.loads(_list(capsys))] == ["0", "4"]


def test_every_bad_row_is_told_and_nothing_is_stored(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "labels.csv"
    rows = ["asset,begin,end,label", "r,2026-03-01,2026-03-02,0", "r,never,2026-03-02,0", ",2026-03-01,2026-03-02,0"]
    file.write_text("\n".join([*rows, "r,2026-03-02,2026-03-01,0", "r,2026-03-01,2026-03-02,"]))
    assert main(["label", "import", "reactor", str(file)]) == 2
    error = capsys.readouterr().err
    assert "4 rows are no labels, nothing was added" in error
    for line in (3, 4, 5, 6):
        assert f"labels.csv:{line}: " in error
    assert not home.exists() or not list(home.rglob("*.jsonl"))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.csv", "id,note\na,b\n", "has the columns id, note"),
        ("x.csv", "", "cannot be read"),
        ("x.json", '{"id": 1}', "cannot be read"),
        ("x.json", '[{"id": "a"}]', "has the columns id"),
        ("x.parquet", "PAR", "cannot be read"),
        ("x.txt", "a", ".csv, .parquet or .json"),
        ("absent.csv", None, "cannot be read"),
    ],
)
def test_files_that_are_none(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    assert main(["label", "import", "reactor", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
