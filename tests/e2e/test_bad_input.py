"""Each kind of bad input and of a failing environment, at the command line: one error line, exit code, no remains."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.runs import MANIFESTS, command, environment, setpoint

INVALID, FAILED = 2, 1
HEADER = "time,x,y,label\n"
ROWS = [
    f"2026-01-01T00:{at // 60:02d}:{at % 60:02d},{at * 0.5},{20 - at % 7},{'ok' if at < 300 else 'leak'}"
    for at in range(600)
]
GOOD = HEADER + "\n".join(ROWS) + "\n"


def error_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line of a command that ended as it should."""
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == code, done.stdout + done.stderr
    assert len(said) == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return said[0]


def process(folder: Path, source: str, *more: str) -> subprocess.CompletedProcess[str]:
    outputs = [word for name in ("train", "holdout", "report") for word in (f"--{name}", str(folder / "out" / name))]
    return setpoint(folder / "home", "component", "run", "data-processing", "--source", source, *outputs, *more)


def nothing_is_left(folder: Path) -> bool:
    return not (folder / "out").exists() or not [*(folder / "out").iterdir()]


def one_class(row: str) -> str:
    return row.replace(",leak", ",ok")


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        (None, [], ["data.csv", "no such file or directory"]),
        ("", [], ["data.csv", "file is empty"]),
        (HEADER, [], ["data.csv", "header and no rows"]),
        (GOOD.replace(",20,", ",high,"), [], ["y: ", "is text, not numbers", "'high'", "role: ignore"]),
        (GOOD.replace(",", ";", 3), [], ["data.csv", "wrong delimiter"]),
        (GOOD.replace(",", "^"), [], ["source: ", "single column", "`delimiter`"]),
        (GOOD.replace("label", "state of things", 1), [], ["target: ", "no target column", "x, y", "--target"]),
        (GOOD, ["--target", "labl"], ["target: ", "'labl'", "did you mean label?"]),
        (GOOD, ["--size-limit-mb", "much"], ["size-limit-mb", "'much' is not an integer"]),
        (GOOD, ["--sauce", "x"], ["unknown option --sauce", "did you mean --source?"]),
    ],
)
def test_bad_data_are_one_error_that_says_where(
    text: str | None, more: list[str], words: list[str], tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "data.csv").write_text(text)
    said = error_line(process(tmp_path, str(tmp_path / "data.csv"), *more), INVALID)
    assert all(word in said for word in words), said
    assert nothing_is_left(tmp_path)


def train(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    arguments = ["component", "run", "model-training", "--dataset", str(folder / "out" / "train")]
    arguments += ["--model", str(folder / "model"), "--report", str(folder / "training.json")]
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        env=environment(folder / "home") | variables,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([one_class(row) for row in ROWS], ["label", "one class only (ok)"]),
        (ROWS, ["label", "no window of class leak", "fewer folds"]),  # 120 rows of it, and a window has 40
    ],
)
def test_data_with_one_class_are_not_trained_on(rows: list[str], words: list[str], tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(HEADER + "\n".join(rows) + "\n")
    assert process(tmp_path, str(tmp_path / "data.csv")).returncode == 0
    said = error_line(train(tmp_path), INVALID)
    assert all(word in said for word in words), said
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "data.csv: file is empty"), (GOOD.replace(",label", ",state of things", 1), "no target column")],
)
def test_the_pipeline_ends_with_the_error_of_its_step(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(text)
    done = setpoint(tmp_path / "home", "run", "process-control", "-p", f"source={tmp_path / 'data.csv'}")
    assert done.returncode == FAILED
    said = [line for line in done.stderr.splitlines() if "error: " in line]
    assert len(said) == 1, done.stderr
    assert words in said[0]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_registry_that_does_not_answer_is_told_before_the_work(tmp_path: Path, closed_port: int) -> None:
    address = f"http://somebody:hush@127.0.0.1:{closed_port}"
    (tmp_path / "data.csv").write_text(GOOD)
    assert process(tmp_path, str(tmp_path / "data.csv")).returncode == 0
    listed = subprocess.run(
        command("model", "list"),
        capture_output=True,
        text=True,
        env=environment(tmp_path / "home") | {"SETPOINT_MLFLOW_URI": address},
        timeout=90,
        check=False,
    )
    trained = train(tmp_path, SETPOINT_MLFLOW_URI=address)
    for done in (listed, trained):
        said = error_line(done, FAILED)
        assert f"http://127.0.0.1:{closed_port} cannot be reached" in said
        assert "hush" not in done.stdout + done.stderr
    assert "fold" not in trained.stdout
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("more", [[], ["--detach"]])
def test_a_port_in_use_is_named(more: list[str], tmp_path: Path, bound_port: Callable[..., object]) -> None:
    number = str(bound_port().getsockname()[1])  # type: ignore[attr-defined]
    said = error_line(setpoint(tmp_path / "home", "up", "--port", number, *more), FAILED)
    assert f"port {number} of 127.0.0.1 cannot be used" in said
    assert "--port" in said


def on_a_disk_of(size: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where `folder` is a disk of that size; see `remains` for what it leaves there."""
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], check=False).returncode != 0:
        pytest.skip("this host refuses a mount namespace")
    folder.mkdir()
    script = 'mount -t tmpfs -o size="$1" tmpfs "$2" || exit 77; disk="$2"; shift 2; "$@"; code=$?'
    script += '; find "$disk" -type f >"$disk-remains"; exit $code'
    done = subprocess.run(
        [*namespace, "sh", "-c", script, "sh", size, str(folder), *command(*arguments)],
        capture_output=True,
        text=True,
        env=environment(folder / "home"),
        timeout=90,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip("this host refuses to mount a disk in memory")
    return done


def remains(folder: Path) -> list[str]:
    """Files that a command left on its disk."""
    return Path(f"{folder}-remains").read_text().split()


def test_a_full_disk_leaves_no_half_of_a_data_set(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    outputs = [word for name in ("train", "holdout", "report") for word in (f"--{name}", str(disk / name))]
    source = ("--source", "plant://cstr?runs=2&hours=2")
    done = on_a_disk_of("100k", disk, "component", "run", "data-processing", *source, *outputs)
    said = error_line(done, FAILED)
    assert str(disk) in said
    assert "No space left on device" in said
    assert remains(disk) == []


def test_a_full_disk_leaves_no_half_of_a_model(tmp_path: Path) -> None:
    assert process(tmp_path, "plant://cstr?runs=3&hours=2").returncode == 0
    disk = tmp_path / "disk"
    arguments = ["--dataset", str(tmp_path / "out" / "train"), "--model", str(disk / "model"), "--trials", "1"]
    arguments += ["--report", str(disk / "training.json"), "--window", "20", "--home", str(tmp_path / "home")]
    said = error_line(on_a_disk_of("20k", disk, "component", "run", "model-training", *arguments), FAILED)
    assert str(disk) in said
    assert "No space left on device" in said
    assert remains(disk) == []


def test_a_state_directory_on_a_full_disk_is_told(tmp_path: Path) -> None:
    manifest = Path(__file__).parent / "manifests" / "hello.yaml"
    said = error_line(on_a_disk_of("64k", tmp_path / "disk", "run", str(manifest)), FAILED)
    assert str(tmp_path / "disk") in said
    assert "is full" in said


def test_a_state_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    said = error_line(on_a_disk_of("8m,ro", tmp_path / "disk", "run", str(MANIFESTS / "hello.yaml")), FAILED)
    assert str(tmp_path / "disk") in said
    assert "Read-only file system" in said


def test_a_pod_that_fills_the_disk_ends_and_the_run_goes_on(tmp_path: Path) -> None:
    """The exit record has room of its own; the room comes back with the pod's end, and the store takes its commits."""
    done = on_a_disk_of("24m", tmp_path / "disk", "run", str(MANIFESTS / "fill.yaml"), "-o", "json")
    assert done.returncode == 1, done.stderr
    nodes = {node["displayName"]: node for node in json.loads(done.stdout)["status"]["nodes"].values()}
    failed = next(node for name, node in nodes.items() if not name.endswith(".onExit"))
    assert (failed["phase"], failed["message"]) == ("Failed", "main: Error (exit code 3)")
    assert [node["phase"] for name, node in nodes.items() if name.endswith(".onExit")] == ["Succeeded"]
    assert "Traceback" not in done.stderr
