"""Processes that tests start: readable output, a deadline on every wait, and an end whatever happens."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

DEADLINE_SECONDS = 30.0


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = DEADLINE_SECONDS) -> None:
    """Poll until the condition holds; AssertionError naming `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class Running:
    """A Python module running as a process; its output goes to a file."""

    def __init__(self, log: Path, module: str, *arguments: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], stdout=output, stderr=subprocess.STDOUT
            )

    def output(self) -> str:
        """All it has written."""
        return self.log.read_text()

    def wait(self, *, seconds: float = DEADLINE_SECONDS) -> int:
        """Its exit code."""
        return self.process.wait(timeout=seconds)

    def port(self, file: Path) -> int:
        """The port that it wrote to the file, once it has."""
        wait_until(lambda: file.exists() or self.process.poll() is not None, "the port file")
        assert file.exists(), self.output()
        return int(file.read_text())


@contextlib.contextmanager
def running(log: Path, module: str, *arguments: str) -> Iterator[Running]:
    """The module as a process for as long as the block lasts."""
    started = Running(log, module, *arguments)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.wait(timeout=DEADLINE_SECONDS)
