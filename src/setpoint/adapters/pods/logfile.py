"""Logs of containers in the CRI format that Kubernetes nodes write: `<RFC 3339 time> <stream> <P|F> <text>`.

The writer keeps at most two files of `limit_bytes` each (`main.log.1`, then `main.log`), so that a model server may
talk for months; a full disk drops lines and never stops the process that wrote them. `P` marks a part of a line too
long to hold, `F` the end of a line. The reader follows a growing file over a rotation.
Source: Kubernetes, "CRI container log format".
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from setpoint.ports.launcher import LogLine

_LONGEST_PART = 16 * 1024
_PIECE = 1 << 18
_HEAD_BYTES = 64  # of a record: more than its time, stream and tag take
_MOST_LINES = 1000  # of one read: a reader gets a large log piece by piece
_TAIL_BYTES = 2048
_TAIL_LINES = 80


class LogWriter:
    """Appends what the streams of one container say; one that says nothing needs no file."""

    def __init__(self, directory: int, path: str, limit_bytes: int, *, keep_tail: bool = False) -> None:
        self._keep_tail = keep_tail
        self._tail = b""
        self._directory = directory  # descriptor: the path stays right in a private root
        self._path = path
        self._limit = limit_bytes
        self._pending: dict[bytes, bytes] = {}
        self._descriptor: int | None = None
        self._size = 0

    def begin(self) -> None:
        """Have a file even if nothing is said. Raises: OSError."""
        self._opened()

    def write(self, stream: bytes, chunk: bytes) -> None:
        """Take bytes as they came from `stdout` or `stderr`; whole lines go to the file."""
        if self._keep_tail:
            self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
        *lines, rest = (self._pending.pop(stream, b"") + chunk).split(b"\n")
        head = _stamp() + b" " + stream
        record = b"".join(b"%s F %s\n" % (head, line) for line in lines)
        while len(rest) > _LONGEST_PART:
            record += b"%s P %s\n" % (head, rest[:_LONGEST_PART])
            rest = rest[_LONGEST_PART:]
        if rest:
            self._pending[stream] = rest
        self._append(record)

    @property
    def tail(self) -> str:
        """The end of what was said, as much as Kubernetes makes a termination message of; "" if it is not kept."""
        return "".join(self._tail.decode(errors="replace").splitlines(keepends=True)[-_TAIL_LINES:])

    def close(self) -> None:
        """Write what has no line end, and close."""
        for stream, rest in self._pending.items():
            self._append(b"%s %s F %s\n" % (_stamp(), stream, rest))
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _append(self, record: bytes) -> None:
        if not record:
            return
        with suppress(OSError):  # disk full: the line is lost, the process goes on
            self._size += os.write(self._opened(), record)
        if self._descriptor is not None and self._size > self._limit:
            with suppress(OSError):
                os.rename(self._path, self._path + ".1", src_dir_fd=self._directory, dst_dir_fd=self._directory)
                os.close(self._descriptor)
                self._descriptor, self._size = None, 0

    def _opened(self) -> int:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600, dir_fd=self._directory)
            self._size = os.fstat(self._descriptor).st_size
        return self._descriptor


class LogReader:
    """Reads a container's log from its start and goes on where it stopped."""

    def __init__(self, path: Path, container: str) -> None:
        self._path = path
        self._container = container
        self._descriptor: int | None = None
        self._rest = b""
        self._more = False
        self._parts: dict[bytes, bytes] = {}

    @property
    def more(self) -> bool:
        """Whether the last call of `read` left something for the next, of a large file."""
        return self._more

    def skip_to_tail(self, count: int) -> None:
        """Begin so that at most `count` whole lines of what there is are read; before the first `read`."""
        files = [path for path in (self._path, self._path.with_name(self._path.name + ".1")) if path.exists()]
        left = count
        for position, path in enumerate(files):
            offset, found = _tail_offset(path, left)
            left -= found
            if left <= 0 or position == len(files) - 1:
                if self._open(path):
                    os.lseek(self._descriptor or 0, offset, os.SEEK_SET)
                return

    def read(self) -> list[LogLine]:
        """What was added since the last call; of a large file some of it, see `more`."""
        lines: list[LogLine] = []
        self._more = False
        if self._descriptor is None and not self._open(self._path.with_name(self._path.name + ".1")):
            self._open(self._path)
        while self._descriptor is not None:
            lines += self._drain(self._descriptor)
            if self._more:
                break
            if not self._rotated(self._descriptor):
                break
            lines += self._drain(self._descriptor)  # written between the last read and the rotation
            os.close(self._descriptor)
            self._descriptor = None
            self._open(self._path)
        return lines

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self, path: Path) -> bool:
        with suppress(FileNotFoundError):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            return True
        return False

    def _rotated(self, descriptor: int) -> bool:
        try:
            return self._path.stat().st_ino != os.fstat(descriptor).st_ino
        except FileNotFoundError:
            return False  # in the middle of a rotation: the next call sees the new file

    def _drain(self, descriptor: int) -> list[LogLine]:
        lines = []
        while chunk := os.read(descriptor, _PIECE):
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            lines += [line for record in whole if (line := self._parse(record))]
            if len(lines) >= _MOST_LINES:
                self._more = True
                break
        return lines

    def _parse(self, record: bytes) -> LogLine | None:
        stamp, stream, tag, text = record.split(b" ", 3)
        text = self._parts.pop(stream, b"") + text
        if tag == b"P":
            self._parts[stream] = text
            return None
        time = datetime.fromisoformat(stamp.decode().replace("Z", "+00:00"))
        return LogLine(container=self._container, content=text.decode(errors="replace"), time=time)


def _tail_offset(path: Path, count: int) -> tuple[int, int]:
    """Where the last `count` lines of a log begin, and how many there are from there."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if count <= 0 or not size:
            return size, 0
        found, begin = 0, size
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as text:
            while begin > 0:
                start = text.rfind(b"\n", 0, begin - 1) + 1
                if _is_whole(text[start : start + _HEAD_BYTES]):
                    if found == count:
                        break
                    found += 1
                begin = start
        return begin, found


def _is_whole(head: bytes) -> bool:
    """Whether a record is the end of a line; parts of a long one are not."""
    words = head.split(b" ", 3)
    return len(words) == 4 and words[2] == b"F"


def _stamp() -> bytes:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z").encode()
