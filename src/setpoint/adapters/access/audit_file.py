"""The audit log: JSON lines in a file that is turned over when it is full; written by a thread, never by the loop.

    <home>/logs/audit.jsonl, audit.jsonl.1 (the one before), ...

What cannot be written (a full disk) is counted and told in the process's log once, and requests go on.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

_KEPT = 3
_AT_ONCE = 500
_LONGEST_QUEUE = 50_000
_log = logging.getLogger(__name__)


class AuditFile:
    """See `ports.access.AuditSink`; close it, and what was recorded is on the disk."""

    def __init__(self, path: Path, *, megabytes: int) -> None:
        self._path, self._limit = path, megabytes * 1024 * 1024
        self._queue: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lost = 0

    def record(self, event: Mapping[str, Any]) -> None:
        """See the port; more than a disk can take is dropped and counted."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()
        if self._queue.qsize() >= _LONGEST_QUEUE:
            self._lose(1, "the disk is too slow")
            return
        self._queue.put(event)

    def close(self) -> None:
        """Write what is left."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._batch()
            if not batch:
                continue
            try:
                self._write(b"".join(msgspec.json.encode(event) + b"\n" for event in batch))
            except OSError as error:
                self._lose(len(batch), str(error.strerror or error))

    def _batch(self) -> tuple[list[Mapping[str, Any]], bool]:
        found: list[Mapping[str, Any]] = []
        item = self._queue.get()
        while item is not None:
            found.append(item)
            if len(found) >= _AT_ONCE:
                return found, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return found, False
        return found, True

    def _write(self, lines: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(lines)
            full = file.tell() >= self._limit
        if full:
            self._turn_over()

    def _turn_over(self) -> None:
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, _KEPT + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)

    def _lose(self, count: int, why: str) -> None:
        if not self._lost:
            _log.error("audit events are lost: %s", why)
        self._lost += count
