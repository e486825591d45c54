"""One writer per state directory.

The lease is an advisory lock on a file that also tells who holds it: pid and start time. The kernel drops the lock
with the process, so a dead owner never has to be cleaned up after. Invariant: the lock is not inherited: a
program started from the owner has the descriptor closed by exec, a bare fork closes it at once.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from pathlib import Path

from setpoint.apis.errors import Unavailable

FILE_NAME = "lease"

_ATTEMPTS = 40
_PAUSE_SECONDS = 0.025
_held: set[int] = set()


class LeaseHeld(Unavailable):
    """A living process holds the state directory; it may be about to let go of it."""


def _close_in_child() -> None:
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_close_in_child)


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if it is gone or the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[19])


class Lease:
    """The right to write to a state directory, held until `release` or the end of the process."""

    def __init__(self, directory: Path) -> None:
        """Take the lease.

        Raises:
            LeaseHeld: If a living process holds it; its pid is named.
            Unavailable: If the file cannot be made or locked.
        """
        self._path = directory / FILE_NAME
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be opened: {error.strerror}") from error
        try:
            self._lock()
        except BaseException:
            os.close(self._descriptor)
            raise
        _held.add(self._descriptor)
        self._write()

    def _lock(self) -> None:
        """Take the lock, or say who has it.

        A lock whose recorded owner is dead is waited for a little: a new owner has not written yet, or a child that
        the old one had just forked has not closed its copy yet.
        """
        for _ in range(_ATTEMPTS):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno != errno.EWOULDBLOCK:
                    raise Unavailable(f"{self._path} cannot be locked: {error.strerror}") from error
            else:
                return
            owner = self._living_owner()
            if owner:
                raise self._in_use(f"process {owner}")
            time.sleep(_PAUSE_SECONDS)
        raise self._in_use("another process")

    def _in_use(self, owner: str) -> LeaseHeld:
        directory = self._path.parent
        return LeaseHeld(
            f"the state directory {directory} is in use by {owner}: stop it, or choose another with --home"
        )

    def _write(self) -> None:
        record = json.dumps({"pid": os.getpid(), "startTime": start_time(os.getpid())}).encode()
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, record, 0)
        except OSError as error:
            self.release()
            raise Unavailable(f"{self._path} cannot be written: {error.strerror}") from error

    def _living_owner(self) -> int:
        """The pid that the file names, 0 if that process is dead or the file names none."""
        try:
            record = json.loads(self._path.read_text(encoding="utf-8"))
            pid, started = int(record["pid"]), int(record["startTime"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return pid if start_time(pid) == started else 0

    def release(self) -> None:
        """Give the lease back; nothing if that was done."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            os.close(self._descriptor)
