"""What a resolved image is on disk: the directories on PATH, and virtual environments made once.

An environment is named by a hash of its requirements and interpreter. One pod makes it, under a file lock; others
wait; a half-made one is never used, for the mark of completion is written last.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from setpoint.adapters.pods.images import ImageKind, ResolvedImage

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_COMPLETE = ".complete"
_POLL_SECONDS = 0.1


class EnvironmentFailed(Exception):
    """A virtual environment could not be made; the text is one line, the log has the rest."""


def search_path(image: ResolvedImage, home: Path, log: Path, check: Callable[[], None]) -> str:
    """PATH of the image's processes; makes a virtual environment if its rule names requirements.

    `check` is called while that takes long and may raise to give up; the log gets what the installer says.
    Raises: EnvironmentFailed.
    """
    parts = list(image.path)
    if image.kind is ImageKind.PYTHON and image.requirements:
        parts.append(str(_environment(image, home, log, check) / "bin"))
    elif image.kind is not ImageKind.HOST:
        parts += [str(Path(sys.executable).parent), str(_shims(home))]
    return ":".join((*parts, SYSTEM_PATH))


def _shims(home: Path) -> Path:
    """`python`, `python3` and `setpoint` for an interpreter that has no such names beside it."""
    folder = home / "environments" / "shims"
    python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
    entry = "import sys; from setpoint.cli import main; sys.exit(main())"
    setpoint = f'#!/bin/sh\nexec "{sys.executable}" -c "{entry}" "$@"\n'
    wanted = {"python": python, "python3": python, "setpoint": setpoint}
    for name, text in wanted.items():
        shim = folder / name
        with suppress(FileNotFoundError):
            if shim.read_text() == text:
                continue
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{name}.{os.getpid()}"
        temporary.write_text(text)
        temporary.chmod(0o755)
        temporary.rename(shim)
    return folder


def _environment(image: ResolvedImage, home: Path, log: Path, check: Callable[[], None]) -> Path:
    text = "\n".join(image.requirements) + "\n"
    name = hashlib.sha256(f"{sys.executable}\n{sys.version}\n{text}".encode()).hexdigest()[:16]
    folder = home / "environments" / name
    if (folder / _COMPLETE).exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock"), check):
        if not (folder / _COMPLETE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, text, image.image, log, check)
    return folder


def _make(folder: Path, requirements: str, image: str, log: Path, check: Callable[[], None]) -> None:
    python = str(folder / "bin" / "python")
    listed = folder / "requirements.txt"
    install: tuple[str, ...] = ("install", "--disable-pip-version-check", "--no-input", "-r", str(listed))
    if find_spec("pip"):  # this interpreter's pip for the other one: a pip of its own would take seconds to copy
        make: tuple[str, ...] = (sys.executable, "-m", "venv", "--without-pip", str(folder))
        install = (sys.executable, "-m", "pip", "--python", python, *install)
    else:
        make = (sys.executable, "-m", "venv", str(folder))
        install = (python, "-m", "pip", *install)
    with log.open("ab") as output:
        made = _run(make, output, check)
        if made:
            listed.write_text(requirements)
        if not made or not _run(install, output, check):
            raise EnvironmentFailed(f"the Python environment for image {image!r} could not be made: {_last_line(log)}")
    (folder / _COMPLETE).touch()


def _run(command: tuple[str, ...], output: IO[bytes], check: Callable[[], None]) -> bool:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process:  # noqa: S603 - argument list of our own, no shell
        while process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
            try:
                check()
            except BaseException:
                process.kill()
                raise
        return process.returncode == 0


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    wrong = [line for line in lines if line.startswith("ERROR")]
    return (wrong or lines or ["no output"])[-1]


@contextmanager
def _locked(path: Path, check: Callable[[], None]) -> Iterator[None]:
    with path.open("w") as file:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            check()
            time.sleep(_POLL_SECONDS)
        yield
