"""What a shell offers at the Tab key: bash itself with the script, and the protocol that all scripts speak."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from setpoint.cli import main
from tests.e2e.runs import MANIFESTS, command, environment, setpoint


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("completion")
    assert setpoint(home, "run", str(MANIFESTS / "hello.yaml")).returncode == 0
    (home / "config").write_text("contexts: [{name: plant, context: {cluster: c}}]\n")
    return home


def offered(home: Path, *words: str) -> list[str]:
    """What bash's script is answered for these words, the last of which is begun."""
    asked = environment(home) | {
        "_SETPOINT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("setpoint", *words)),
        "COMP_CWORD": str(len(words)),
        "KUBECONFIG": str(home / "config"),
    }
    done = subprocess.run(command(), capture_output=True, text=True, env=asked, check=False)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("su",), ["submit", "suspend"]),
        (("cron", "back"), ["backfill"]),
        (("list", "inference"), ["inferenceservices"]),
        (("list", "--context", "p"), ["plant"]),
        (("logs", "@"), ["@latest"]),
        (("submit", "--ser"), ["--serviceaccount", "--server-dry-run"]),
    ],
)
def test_words_are_completed(home: Path, words: tuple[str, ...], wanted: list[str]) -> None:
    assert sorted(offered(home, *words)) == sorted(wanted)


def test_names_of_workflows_are_completed_also_behind_a_kind(home: Path) -> None:
    (name,) = offered(home, "get", "hello-")
    assert name.startswith("hello-")
    assert offered(home, "get", "wf/hello-") == [f"wf/{name}"]
    assert offered(home, "get", "isvc", "hello") == []


def test_where_nothing_can_be_read_nothing_is_offered(home: Path, tmp_path: Path) -> None:
    assert offered(tmp_path, "get", "hello-") == []
    (home / "config").write_text("{")
    assert offered(home, "list", "--context", "p") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"complete_{shell}" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_with_the_script(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out
    programs = home / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "setpoint").write_text(f'#!/bin/sh\nexec {sys.executable} -m setpoint "$@"\n')
    (programs / "setpoint").chmod(0o755)
    asks = (
        'COMP_WORDS=(setpoint term); COMP_CWORD=1; COMP_LINE="setpoint term"; COMP_POINT=13\n'
        'f=$(complete -p setpoint | sed "s/.*-F \\([^ ]*\\) .*/\\1/")\n'
        '$f setpoint term setpoint; echo "${COMPREPLY[@]}"\n'
    )
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script + asks],
        capture_output=True,
        text=True,
        env=environment(home) | {"PATH": path},
        check=False,
    )
    assert done.stdout.split() == ["terminate"], done.stderr
