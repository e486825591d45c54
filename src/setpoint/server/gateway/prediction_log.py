"""Writes what passes through the gateway: a file of exchanges per service, closed from time to time.

Decides when a file is closed; what becomes of closed ones is the business of `compaction`, a process of its own, so
that nothing here computes. Invariant: whoever answers requests only puts an object into a queue; when the queue is full
or the disk refuses, exchanges are dropped and counted, never waited for.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

from setpoint.core.predictions.exchange import Exchange, pack

DIRECTORY = "predictions"
OPEN, CLOSED, DROPPED = ".open", ".closed", "dropped"

_QUEUE_BYTES = 64 * 2**20
_FILE_BYTES = 16 * 2**20
_FILE_SECONDS = 600.0
_LOOK_SECONDS = 1.0
_END_SECONDS = 5.0
_OVERHEAD_BYTES = 500  # of an exchange, beside its bodies

logger = logging.getLogger(__name__)


class PredictionLogger:
    """Implements `ExchangeLog`; one per gateway."""

    def __init__(
        self,
        home: Path,
        *,
        most_bytes: int,
        queue_bytes: int = _QUEUE_BYTES,
        file_bytes: int = _FILE_BYTES,
        file_seconds: float = _FILE_SECONDS,
    ) -> None:
        """Nothing is opened yet.

        Args:
            home: State directory.
            most_bytes: What is kept of each service.
            queue_bytes: Bodies that may wait to be written.
            file_bytes: A file is closed when it is so large,
            file_seconds: or so old.
        """
        self._directory = home / DIRECTORY
        self._most_bytes, self._queue_bytes = most_bytes, queue_bytes
        self._file_bytes, self._file_seconds = file_bytes, file_seconds
        self._queue: queue.SimpleQueue[tuple[str, Exchange] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._dropped: dict[str, int] = {}
        self._files: dict[str, _File] = {}
        self._compaction: subprocess.Popen[bytes] | None = None
        self._told: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin to write; files that a former gateway left open are closed."""
        with contextlib.suppress(OSError):
            for path in self._directory.glob(f"*/*/*{OPEN}"):
                path.rename(path.with_suffix(CLOSED))
        self._compact()
        self._thread.start()

    def close(self) -> None:
        """Write what waits, for a few seconds at most."""
        self._queue.put(None)
        self._thread.join(_END_SECONDS)
        if self._compaction is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it ends by itself
                self._compaction.wait(_END_SECONDS)

    def note(self, key: str, exchange: Exchange) -> None:
        """See `ExchangeLog`."""
        size = len(exchange.request or b"") + len(exchange.response or b"") + _OVERHEAD_BYTES
        with self._lock:
            fits = self._waiting_bytes + size <= self._queue_bytes
            if fits:
                self._waiting_bytes += size
            else:
                self._dropped[key] = self._dropped.get(key, 0) + 1
        if fits:
            self._queue.put((key, exchange))

    def dropped(self) -> dict[str, int]:
        """Exchanges of this gateway's life that are not in the log, by service."""
        with self._lock:
            return dict(self._dropped)

    # In the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        looked = time.monotonic()
        counted: dict[str, int] = {}
        going = True
        while going:
            with contextlib.suppress(queue.Empty):
                item = self._queue.get(timeout=_LOOK_SECONDS)
                going = item is not None
                if item is not None:
                    self._write(*item)
            now = time.monotonic()
            if not going or now - looked >= _LOOK_SECONDS:
                looked = now
                self._close_old(now)
                counted = self._count(counted)
        for file in self._files.values():
            file.close()

    def _write(self, key: str, exchange: Exchange) -> None:
        record = pack(exchange)
        try:
            file = self._files.get(key)
            if file is None:
                file = self._files[key] = _File(self._directory / key)
            file.write(record)
            if file.size >= self._file_bytes:
                self._close(key)
        except OSError as error:
            with self._lock:
                self._dropped[key] = self._dropped.get(key, 0) + 1
            if key not in self._told:
                self._told.add(key)
                logger.warning("requests of %s are not logged: %s", key, error)
            if (broken := self._files.pop(key, None)) is not None:
                broken.close()
        finally:
            with self._lock:
                self._waiting_bytes -= len(exchange.request or b"") + len(exchange.response or b"") + _OVERHEAD_BYTES

    def _close_old(self, now: float) -> None:
        for key, file in tuple(self._files.items()):
            if now - file.opened >= self._file_seconds:
                self._close(key)
        if self._compaction is not None and self._compaction.poll() is not None:
            self._compaction = None
            if any(self._directory.glob(f"*/*/*{CLOSED}")):
                self._compact()

    def _close(self, key: str) -> None:
        file = self._files.pop(key)
        file.close()
        with contextlib.suppress(OSError):
            file.path.rename(file.path.with_suffix(CLOSED))
        self._compact()

    def _compact(self) -> None:
        if self._compaction is None and self._directory.is_dir():
            command = [sys.executable, "-m", "setpoint.server.gateway.compaction"]
            with contextlib.suppress(OSError):  # too many processes just now: the next file has it done
                self._compaction = subprocess.Popen(  # noqa: S603  our own module
                    [*command, str(self._directory), str(self._most_bytes)], stdin=subprocess.DEVNULL
                )

    def _count(self, counted: dict[str, int]) -> dict[str, int]:
        """Add what was dropped since to what the service's directory says."""
        dropped = self.dropped()
        for key, number in dropped.items():
            more = number - counted.get(key, 0)
            if more:
                path = self._directory / key / DROPPED
                with contextlib.suppress(OSError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(f"{read_dropped(path.parent) + more}\n")
        return dropped


class _File:
    """One open file; its name is the moment it was opened, so that names are in order of time."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = directory / f"{time.time_ns():020d}{OPEN}"
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.opened = time.monotonic()
        self.size = 0

    def write(self, record: bytes) -> None:
        written = os.write(self._descriptor, record)
        if written != len(record):
            os.ftruncate(self._descriptor, self.size)  # half a record would hide those after it
            raise OSError(28, "no room for a whole record")
        self.size += written

    def close(self) -> None:
        os.close(self._descriptor)


def read_dropped(directory: Path) -> int:
    """What a service's directory says was dropped."""
    try:
        return int((directory / DROPPED).read_text())
    except (OSError, ValueError):
        return 0
