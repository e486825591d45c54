"""The progress file of a pod: where its main was told to write `N/M`, and what it wrote.

The file is the user's: it may be a pipe, a link, huge or half written. Nothing but a number pair comes out of here, and
reading never blocks.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from setpoint.adapters.pods.isolation import normal_path
from setpoint.adapters.pods.records import ROOT
from setpoint.apis.pods import Container, parse_progress

VARIABLE = "ARGO_PROGRESS_FILE"
_LONGEST = 64


def progress_path(main: Container) -> str:
    """Where main was told to write, as it sees the path; "" if it was not."""
    path = main.env.get(VARIABLE, "")
    return normal_path(path) if path else ""


def progress_files(folder: Path, pid: int, path: str) -> tuple[Path, ...]:
    """Where a process outside finds that file while the pod runs: its own /tmp lies in the pod's directory.

    What is mounted elsewhere is seen through the supervisor's root, if that is another than ours.
    """
    own = Path(f"{folder}/{ROOT}/fs{path}")
    root = Path(f"/proc/{pid}/root")
    with suppress(OSError):
        if not root.samefile("/"):
            return (own, Path(f"{root}{path}"))
    return (own,)


def read_progress(path: Path) -> str:
    """`N/M`, or "" if the file does not say it."""
    with suppress(OSError, ValueError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                found = parse_progress(os.read(descriptor, _LONGEST).decode("ascii"))
                return f"{found[0]}/{found[1]}" if found is not None else ""
        finally:
            os.close(descriptor)
    return ""
