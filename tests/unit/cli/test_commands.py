"""The command group: the table is true, help is complete, errors are one line with the right exit code."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from setpoint.cli import main
from setpoint.cli._app import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_entry_of_the_table_leads_to_a_command(name: str) -> None:
    module, _, attribute = COMMANDS[name].module.partition(":")
    app = getattr(import_module(f"setpoint.cli.{module}"), attribute)
    assert isinstance(app, typer.Typer)
    assert main([name, "--help"]) == 0


def test_component_run_tells_its_own_help_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["component", "run", "--help"]) == 0
    assert "component run" in capsys.readouterr().out


def test_a_file_as_state_directory_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "file"
    taken.touch()
    assert main(["list", "--home", str(taken)]) == 2
    said = capsys.readouterr().err
    assert str(taken) in said
    assert "Errno" not in said


def test_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bogus"]) == 2
    assert "bogus" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "missing.yaml"], ["missing.yaml", "no such file"]),
        (["run", "nonsense"], ["nonsense", "process-control"]),
        (["run", "process-control", "-p", "novalue"], ["novalue", "name=value"]),
        (["list", "flowers"], ["flowers", "workflows"]),
        (["template", "export", "nothing"], ["nothing", "process-control"]),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    arguments: list[str],
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SETPOINT_HOME", str(tmp_path / "home"))
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert all(word in said for word in words)


def test_help_imports_no_heavy_module() -> None:
    heavy = ("polars", "mlflow", "hera", "lightgbm", "sklearn", "uvicorn", "matplotlib", "numpy")
    probe = (
        f"import sys; from setpoint.cli import main; main(['--help']); print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
