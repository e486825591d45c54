"""Starting and ending the control plane as a process of its own: a session leader whose output goes to a log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from setpoint.apis.errors import Timeout, Unavailable

_POLL_SECONDS = 0.05
_TAIL_BYTES = 2000


def start(arguments: Sequence[str], *, log: Path, is_ready: Callable[[int], bool], patience_seconds: float) -> int:
    """Start `setpoint ARGUMENTS` detached and return its process id once it is ready.

    Args:
        arguments: Words after `setpoint`.
        log: File that gets its output, appended.
        is_ready: Whether the process of that id answers.
        patience_seconds: How long to wait for that.

    Raises:
        Unavailable: It ended at once; the end of its log is part of the message.
        Timeout: It is not ready in time; it is ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "setpoint", *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module, no shell
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    until = time.monotonic() + patience_seconds
    while not is_ready(process.pid):
        if process.poll() is not None:
            tail = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
            raise Unavailable(f"the control plane ended with code {process.returncode}: {tail}")
        if time.monotonic() > until:
            process.terminate()
            process.wait()
            raise Timeout(f"the control plane was not ready within {patience_seconds:.0f} s; see {log}")
        time.sleep(_POLL_SECONDS)
    process.returncode = 0  # it lives on by intent: no warning when this handle goes
    return process.pid


def end(pid: int, *, patience_seconds: float) -> None:
    """Ask the process to end and wait until it is gone.

    Raises:
        Timeout: It is still there after the patience.
    """
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    until = time.monotonic() + patience_seconds
    while _is_alive(pid):
        if time.monotonic() > until:
            raise Timeout(f"process {pid} has not ended within {patience_seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
