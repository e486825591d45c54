"""The pod directory: which files it has, how each is written, and how a process is known again.

    <home>/pods/<id>/request.json   what was asked; written before the supervisor is asked for
                     claim          note: who runs it; decides that a pod was launched
                     started        note: main was started
                     ended.json     which containers of a set have ended while others go on
                     containers.json  how the containers of a pod with a restart policy are
                     kill.json      somebody wants it ended, why, and with which grace
                     exit.json      how it ended; written once, whole, by rename(2)
                     logs/<container>.log

A note is a record that is made once, never changed: a symbolic link whose target is the record's text. It is made
whole, or found to be there, by one system call, where a file takes five and leaves an inode behind.

Invariant: a file under its final name is complete. A record torn by a power cut reads as absent. Nothing is
fsynced: a process that is killed loses nothing, and a host that stops kills all pods anyway (ADR-0003). No file is
made to be deleted soon: ext4 looks at every inode freed in the last minute before it takes one for a new file.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire
from setpoint.apis.pods import ContainerEnd, ContainerLive

REQUEST = "request.json"
CLAIM = "claim"
STARTED = "started"
ENDED = "ended.json"
LIVE = "containers.json"
KILL = "kill.json"
EXIT = "exit.json"
TRACE = "supervisor.trace"
ROOT = "root"  # main's
OTHER_ROOTS = "roots"
SCRATCH = "scratch"
DROPPED = (ROOT, OTHER_ROOTS, SCRATCH, "volumes")  # of an ended pod

# Marks every process of a pod with the pod's directory, so that what a dead supervisor left can be found. Not with the
# pod's id: another state directory may have a pod of the same id.
POD_VARIABLE = "SETPOINT_POD"

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
W = TypeVar("W", bound=Wire)


def log_file(container: str) -> str:
    """Name of the container's log."""
    return f"{container}.log"


def previous_log_file(container: str) -> str:
    """Name of the log of the container's process before the last restart."""
    return f"{container}.previous.log"


class ProcessIdentity(Wire, frozen=True, kw_only=True):
    """A process for good: a pid is used again, pid with start time and boot is not."""

    pid: int
    start_ticks: int  # field 22 of /proc/<pid>/stat, clock ticks since boot
    boot_id: str


class Started(Wire, frozen=True, kw_only=True):
    """Main was started."""

    pid: int
    started_at: datetime


class Ended(Wire, frozen=True, kw_only=True):
    """How containers of a set that still runs have ended."""

    containers: dict[str, ContainerEnd]


class Live(Wire, frozen=True, kw_only=True):
    """How the containers of a pod with a restart policy are, while it runs."""

    containers: dict[str, ContainerLive]


class KillOrder(Wire, frozen=True, kw_only=True):
    """Why and how a pod is to be ended."""

    reason: str = ""
    grace_seconds: float | None = None  # None: the pod's own


def check_id(pod_id: str) -> str:
    """The id, if it is safe as a directory name.

    Raises: InvalidSpec if it is not.
    """
    if not _SAFE_ID.fullmatch(pod_id):
        raise InvalidSpec(f"pod id {pod_id!r} is not 1 to 200 of the characters A-Z a-z 0-9 . _ -", path="id")
    return pod_id


def start_ticks(pid: int) -> int | None:
    """Start time of the process in clock ticks since boot; None if there is no such process or it is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # the name in brackets may itself hold blanks and brackets
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


@cache
def boot_id() -> str:
    """Drawn anew by the kernel at each boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def own_identity() -> ProcessIdentity:
    """The calling process."""
    pid = os.getpid()
    return ProcessIdentity(pid=pid, start_ticks=start_ticks(pid) or 0, boot_id=boot_id())


def is_alive(identity: ProcessIdentity) -> bool:
    """Whether that very process still runs."""
    return start_ticks(identity.pid) == identity.start_ticks and boot_id() == identity.boot_id


def write_record(directory: Path | int, name: str, record: Wire) -> None:
    """Write under a temporary name, then rename; `directory` may be a descriptor."""
    folder, prefix = _folder(directory)
    temporary = f"{name}.{os.getpid()}"
    write_private(prefix + temporary, msgspec.json.encode(record), folder)
    os.rename(prefix + temporary, prefix + name, src_dir_fd=folder, dst_dir_fd=folder)


def create_record(directory: Path | int, name: str, record: Wire) -> bool:
    """Like `write_record`, but only if the name is not taken; False if it is. One of many callers wins."""
    folder, prefix = _folder(directory)
    temporary = f"{name}.{os.getpid()}"
    write_private(prefix + temporary, msgspec.json.encode(record), folder)
    try:
        os.link(prefix + temporary, prefix + name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        return False
    finally:
        os.unlink(prefix + temporary, dir_fd=folder)
    return True


def make_note(directory: Path | int, name: str, record: Wire) -> bool:
    """Make a note, unless the name is taken: False if it is. One of many callers wins."""
    folder, prefix = _folder(directory)
    try:
        os.symlink(msgspec.json.encode(record), (prefix + name).encode(), dir_fd=folder)
    except FileExistsError:
        return False
    return True


def read_note(directory: Path | int, name: str, kind: type[W]) -> W | None:
    """The note, or None if there is none."""
    folder, prefix = _folder(directory)
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(os.readlink((prefix + name).encode(), dir_fd=folder), type=kind)
    return None


def has_note(directory: Path, name: str) -> bool:
    """Whether the note is there; `Path.exists` asks for what a link points to."""
    return os.path.lexists(directory / name)


def read_record(directory: Path | int, name: str, kind: type[W]) -> W | None:
    """The record, or None if it is absent or torn."""
    folder, prefix = _folder(directory)
    with suppress(OSError, msgspec.DecodeError):
        descriptor = os.open(prefix + name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            return msgspec.json.decode(file.read(), type=kind)
    return None


def _folder(directory: Path | int) -> tuple[int | None, str]:
    return (directory, "") if isinstance(directory, int) else (None, f"{directory}/")


_EXIT_BYTES = 16 * 1024  # two blocks more than a short record and its directory entry take


class ExitFile:
    """The exit record to be, with room on the disk from the pod's start on, whatever the pod does to the disk."""

    def __init__(self, directory: int) -> None:
        self._directory = directory
        self._name = f"{EXIT}.{os.getpid()}"
        self._descriptor: int | None = None
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._descriptor = os.open(self._name, flags, 0o600, dir_fd=directory)
            os.posix_fallocate(self._descriptor, 0, _EXIT_BYTES)

    def write(self, record: Wire) -> None:
        """Give it its content and its final name.

        Raises: OSError if the disk is full all the same; it may be tried again, with a shorter record best.
        """
        if self._descriptor is None:
            write_record(self._directory, EXIT, record)
            return
        content = msgspec.json.encode(record)
        if os.pwrite(self._descriptor, content, 0) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(self._descriptor, len(content))
        os.close(self._descriptor)
        self._descriptor = None
        os.rename(self._name, EXIT, src_dir_fd=self._directory, dst_dir_fd=self._directory)


def drop_unfinished(directory: Path) -> None:
    """Delete what writers that died had begun."""
    for path in directory.glob(f"{EXIT}.*"):
        path.unlink(missing_ok=True)


def write_private(path: str, content: bytes, folder: int | None = None) -> None:
    """A file that nobody else may read; nothing is left of it if the disk is full."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError:
        with suppress(OSError):
            os.unlink(path, dir_fd=folder)
        raise
