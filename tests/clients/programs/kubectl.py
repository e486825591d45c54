"""Running kubectl as a shell does; used by the trials with it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from tests.clients.programs.said import tell

_TIMEOUT_SECONDS = 60


def kubectl(
    line: str,
    *,
    says: str = "",
    code: int = 0,
    given: str = "",
    shown: str = "",
    environment: dict[str, str] | None = None,
) -> str:
    """One command.

    Args:
        line: What follows `kubectl`.
        says: A pattern that its output must have somewhere; what matches is told.
        code: The exit code that it must have.
        given: Its standard input.
        shown: How the line is told, where it names what is different each time.
        environment: Variables beside those of this process.

    Returns:
        What it printed, errors after the rest.
    """
    done = subprocess.run(
        [os.environ["KUBECTL"], *shlex.split(line)],
        input=given,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        env=os.environ | (environment or {}),
        check=False,
    )
    output = done.stdout + done.stderr
    found = re.search(says, output, re.MULTILINE)
    ok = done.returncode == code and found is not None
    told = found[0] if ok and found is not None else f"exit code {done.returncode}, {output[-1500:]}"
    tell(f"kubectl {shown or line}", ok=ok, result=" ".join(told.split()))
    return output


def write(name: str, text: str) -> str:
    """A file of the trial."""
    Path(name).write_text(text)
    return name
