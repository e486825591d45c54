"""A Python program that a fork runs does, to its last byte, what a fresh interpreter does."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from setpoint.adapters.pods.isolation import Isolation
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.processes import all_processes
from setpoint.apis.pods import PodExit
from setpoint.ports.launcher import Container, PodRequest
from tests.pods import log_text, run, running_launcher

FRESH = {"PYTHONDONTWRITEBYTECODE": "1"}  # read at the start: such a program is never forked

PROGRAMS: dict[str, str] = yaml.safe_load((Path(__file__).parent / "manifests" / "programs.yaml").read_text())


async def _told(launcher: HostLauncher, name: str, main: Container) -> tuple[PodExit, str]:
    request = PodRequest(id=name, name=name, namespace="default", main=main, capture_result=True, grace_seconds=5.0)
    exit_ = await run(launcher, request)
    lines = (await log_text(launcher, name)).replace(name, "ID").splitlines()
    return exit_, "\n".join(sorted(lines))  # which stream is heard first is a matter of luck


def _facts(told: tuple[PodExit, str]) -> tuple[object, ...]:
    exit_, log = told
    return (exit_.phase, exit_.message, exit_.exit_code, log)


@pytest.mark.parametrize("isolation", [Isolation.AUTO, Isolation.REWRITE])
async def test_what_a_program_says_and_how_it_ends(tmp_path: Path, isolation: Isolation) -> None:
    environment = {"TZ": "Asia/Tokyo", "MINE": "x"}
    differences: list[object] = []
    async with running_launcher(tmp_path, isolation=isolation) as launcher:
        for number, (what, source) in enumerate(PROGRAMS.items()):
            told = []
            for env in (environment, environment | FRESH):
                mains = (
                    Container(name="main", image="python:3.12", command=("python", "-c", source, "a", "-b"), env=env),
                    Container(name="main", image="python", command=("python3", "-u"), source=source, env=env),
                    Container(
                        name="main",
                        image="python",
                        command=("python",),
                        args=("x/y.py", "z"),
                        env=env,
                        working_dir=str(_script(tmp_path, source)),
                    ),
                )
                kind = "fresh" if FRESH.items() <= env.items() else "forked"
                told.append([await _told(launcher, f"{kind}-{number}-{turn}", main) for turn, main in enumerate(mains)])
            differences += [
                (what, _facts(forked), _facts(fresh))
                for forked, fresh in zip(*told, strict=True)
                if _facts(forked) != _facts(fresh)
            ]
    assert not differences, "\n".join(map(str, differences))


def _script(tmp_path: Path, source: str) -> Path:
    """A program of that text as `x/y.py`, with a module beside it."""
    folder = tmp_path / "kubelet" / "x"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "y.py").write_text(source, encoding="latin-1" if "latin-1" in source else "utf-8")
    return folder.parent


async def test_what_cannot_be_forked_is_started(tmp_path: Path) -> None:
    seen = "import sys; print('forked' if 'setpoint.adapters.pods.pool' in sys.modules else 'fresh')"
    (tmp_path / "python").symlink_to(sys.executable)
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "plain": ({"command": ("python", "-c", seen)}, "forked"),
        "path": ({"command": (sys.executable, "-u", "-c", seen)}, "forked"),
        "option": ({"command": ("python", "-B", "-c", seen)}, "fresh"),
        "module": ({"command": ("python", "-m", "no_such_module")}, ""),
        "variable": ({"command": ("python", "-c", seen), "env": {"PYTHONHASHSEED": "0"}}, "fresh"),
        "library path": ({"command": ("python", "-c", seen), "env": {"LD_LIBRARY_PATH": "/none"}}, "fresh"),
        "locale": ({"command": ("python", "-c", seen), "env": {"LC_ALL": "C"}}, "fresh"),
        "other": ({"command": (str(tmp_path / "python"), "-c", seen)}, "fresh"),
        "host": ({"image": "busybox", "command": (sys.executable, "-c", seen)}, "fresh"),
        "limited": ({"command": ("python", "-c", seen), "memory_bytes": 1 << 30}, "fresh"),
        "missing": ({"command": ("python", "/no/such.py")}, ""),
        "folder": ({"command": ("python", "/usr")}, ""),
    }
    async with running_launcher(tmp_path) as launcher:
        for name, (fields, expected) in cases.items():
            exit_, log = await _told(
                launcher, name.replace(" ", "-"), Container(name="main", **{"image": "python", **fields})
            )
            assert (exit_.result or "") == expected, (name, log)
            if not expected:
                assert exit_.exit_code not in (0, None), name
                assert "python" in log, name


async def test_a_step_draws_its_own_random_numbers(tmp_path: Path) -> None:
    source = "import random, uuid, tempfile; print(random.random(), uuid.uuid4(), tempfile.mktemp())"
    async with running_launcher(tmp_path) as launcher:
        seen = set()
        for turn in range(4):
            main = Container(name="main", image="python", command=("python", "-c", source))
            seen |= set((await _told(launcher, f"n{turn}", main))[1].split())
    assert len(seen) == 12


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)",
        "import os; print(os.spawnlp(os.P_NOWAIT, 'sh', 'sh', '-c', 'sleep 600 & exec sleep 600'))",
        "import os, time; child = os.fork(); child and print(child, flush=True); child or time.sleep(600)",
        "import os, time; print(os.getpid(), flush=True); os.fork() and os._exit(3); os.setsid(); time.sleep(600)",
    ],
)
async def test_what_a_program_leaves_behind_ends_before_its_pod(tmp_path: Path, source: str) -> None:
    async with running_launcher(tmp_path) as launcher:
        main = Container(name="main", image="python", command=("python", "-c", source))
        exit_, said = await _told(launcher, "leaves", main)
        assert exit_.exit_code == (3 if "_exit(3)" in source else 0)
        marked = [pid for pid in all_processes() if f"{tmp_path}/pods/leaves".encode() in _environment(pid)]
        assert not [pid for pid in (int(said), *marked) if _is_running(pid)]


async def test_a_fork_of_a_program_does_not_speak_for_it(tmp_path: Path) -> None:
    """Both come to the end of the program; the child first."""
    source = "import os, sys; child = os.fork(); child and os.waitpid(child, 0); sys.exit(4 if child else 0)"
    async with running_launcher(tmp_path) as launcher:
        for turn in range(3):
            main = Container(name="main", image="python", command=("python", "-c", source))
            exit_, _ = await _told(launcher, f"two{turn}", main)
            assert exit_.exit_code == 4


def _environment(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def _is_running(pid: int) -> bool:
    with suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text()
        return text[text.rindex(")") + 2] not in "ZX"
    return False
