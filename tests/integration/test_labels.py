"""Labels from the command line and from tables; many writers at once; a kill in the middle of a line."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from setpoint.adapters.labels import DirectoryLabels
from setpoint.core.monitors.label import Label
from tests.e2e.runs import setpoint

NOW = datetime(2026, 3, 1, tzinfo=UTC)

_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from setpoint.adapters.labels import DirectoryLabels
from setpoint.core.monitors.label import Label
labels = DirectoryLabels(Path(sys.argv[1]))
for number in range(50):
    said = Label(label=sys.argv[2], author=sys.argv[2], at=datetime.now(UTC), inference_id=f"i{number}")
    labels.add("default", "reactor", [said])
"""


def test_writers_beside_each_other_lose_nothing_and_count_as_one(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = DirectoryLabels(tmp_path).read("default", "reactor")
    assert sorted(label.inference_id for label in found) == sorted(f"i{number}" for number in range(50))
    assert {label.revision for label in found} == {2}


def test_a_line_that_was_cut_off_is_not_there_and_hides_nothing(tmp_path: Path) -> None:
    labels = DirectoryLabels(tmp_path)
    one, two, three = (Label(label="4", author="a", at=NOW, inference_id=name) for name in ("one", "two", "three"))
    labels.add("default", "reactor", [one, two])
    file = tmp_path / "labels" / "default" / "reactor.jsonl"
    file.write_bytes(file.read_bytes()[:-10])
    assert labels.read("default", "reactor") == (one,)
    assert labels.add("default", "reactor", [three, two]) == 2
    assert labels.read("default", "reactor") == (one, three, two)
    assert file.stat().st_mode & 0o077 == 0


def test_the_command_line_adds_lists_and_says_what_was_said(tmp_path: Path) -> None:
    added = setpoint(tmp_path, "label", "add", "reactor", "4", "--id", "x1", "--author", "operator")
    assert (added.returncode, added.stderr.strip()) == (0, "1 label added")
    again = setpoint(tmp_path, "label", "add", "reactor", "4", "--id", "x1", "--author", "operator")
    assert again.stderr.strip() == "said before by the same author: nothing added"
    interval = ("--asset", "r1", "--from", "2026-03-01T08:00", "--to", "2026-03-01T10:30+01:00")
    setpoint(tmp_path, "label", "add", "reactor", "normal", *interval)
    setpoint(tmp_path, "label", "add", "reactor", "normal", "--id", "x1", "--author", "laboratory")
    listed = json.loads(setpoint(tmp_path, "label", "list", "reactor", "-o", "json").stdout)
    assert [(one["label"], one.get("inferenceId"), one.get("revision", 1), one.get("end")) for one in listed] == [
        ("normal", "x1", 2, None),
        ("normal", None, 1, "2026-03-01T09:30:00Z"),
    ]
    names = setpoint(tmp_path, "label", "list", "reactor", "-o", "name").stdout.split()
    assert names == ["x1", "r1/2026-03-01T08:00:00Z/2026-03-01T09:30:00Z"]
    assert "laboratory" in setpoint(tmp_path, "label", "list", "reactor").stdout


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json", "ndjson"])
def test_a_table_is_added_whole(tmp_path: Path, suffix: str) -> None:
    table = pl.DataFrame({"id": ["a", "b"], "label": ["normal", "4"]})
    file = tmp_path / f"t.{suffix}"
    getattr(table, f"write_{suffix}")(file)
    done = setpoint(tmp_path / "home", "label", "import", "reactor", str(file), "--author", "laboratory")
    assert (done.returncode, done.stderr.strip()) == (0, "2 labels added")
    found = DirectoryLabels(tmp_path / "home").read("default", "reactor")
    assert [(one.inference_id, one.label, one.author) for one in found] == [
        ("a", "normal", "laboratory"),
        ("b", "4", "laboratory"),
    ]


def test_every_wrong_row_is_told_at_once_and_none_is_added(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "asset,begin,end,label\n"
        "r1,2026-03-01T08:00Z,2026-03-01T09:00Z,normal\n"
        "r1,2026-03-01T09:00Z,2026-03-01T08:00Z,normal\n"
        "r1,soon,2026-03-01T08:00Z,normal\n"
        "r1,2026-03-01T09:00Z,2026-03-01T10:00Z,\n"
    )
    done = setpoint(tmp_path / "home", "label", "import", "reactor", str(file))
    assert done.returncode == 2
    for words in ("3 of 4 rows are wrong", "row 2: end: ", "row 3: begin: 'soon'", "row 4: label: "):
        assert words in done.stderr
    assert not (tmp_path / "home" / "labels").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "reactor", "4"), "either of an inference id"),
        (("add", "reactor", "4", "--id", "a", "--asset", "b"), "either of an inference id"),
        (("add", "reactor", "4", "--asset", "b", "--from", "noon"), "'noon' is no moment"),
        (("add", "../x", "4", "--id", "a"), "no name of a service"),
        (("import", "reactor", "labels.xlsx"), "is no table of labels"),
        (("import", "reactor", "nowhere.csv"), "cannot be read"),
    ],
)
def test_bad_input_is_one_error(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = setpoint(tmp_path, "label", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
