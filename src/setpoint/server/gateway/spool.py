"""Writes down what passed through the gateway: a bounded queue, and one thread that appends to files.

Decides what is dropped (what the queue or the disk has no room for), when a file is full, and which old ones go. Knows
nothing of what the bytes mean: a program of its own turns closed files into Parquet, at low priority, and readers take
both. Invariants: `put` never waits; a file is only ever appended to, whole frames at a time, so that what was
written before a kill stays readable.

In `<home>/predictions/<namespace>/<service>/`: `<first moment>.open` is written to, `.spool` is full and waits,
`.parquet` is converted; `dropped` counts what was lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from setpoint.apis.errors import InvalidSpec
from setpoint.core.predictions.exchange import Exchange, encode_frame, log_parts

OPEN, CLOSED, CONVERTED, DROPPED = ".open", ".spool", ".parquet", "dropped"
QUEUE_BYTES = 16 * 2**20
SPOOL_BYTES = 8 * 2**20
SPOOL_SECONDS = 600.0
_GATHER_SECONDS = 0.1  # frames that come within it are written at once
_IDLE_SECONDS = 30.0  # between two looks at the age of files while nothing comes
_VECTOR = 512  # buffers in one call, below IOV_MAX
_CONVERTER = (sys.executable, "-m", "setpoint.adapters.prediction_segments")

logger = logging.getLogger("setpoint.gateway")


@dataclass(slots=True)
class _File:
    """A spool that is written to."""

    path: Path
    descriptor: int
    size: int
    born: float  # monotonic


class Spool:
    """The writer's side; one per state directory (the gateway, which holds its lock)."""

    def __init__(
        self,
        directory: Path,
        *,
        cap_bytes: int,
        on_drop: Callable[[str, int], None] = lambda key, count: None,
        queue_bytes: int = QUEUE_BYTES,
        converter: Sequence[str] = _CONVERTER,
    ) -> None:
        """Starts the thread.

        Args:
            directory: `<home>/predictions`.
            cap_bytes: Of one service's files; the oldest go first.
            on_drop: Called with `namespace/name` and how many were lost.
            queue_bytes: What may wait to be written.
            converter: The command that converts closed files; it gets the directory.
        """
        self._directory, self._cap, self._on_drop = directory, cap_bytes, on_drop
        self._spool_bytes = min(SPOOL_BYTES, max(cap_bytes // 4, 1))
        self._queue: deque[tuple[str, int, bytes]] = deque()
        self._queue_bytes = queue_bytes
        self._put_bytes = self._taken_bytes = 0  # each is changed by one thread only
        self._overflow: Counter[str] = Counter()  # changed by `put` only
        self._failed: Counter[str] = Counter()  # changed by the thread only
        self._told: dict[str, int] = {}
        self._base: dict[str, int] = {}
        self._files: dict[str, _File] = {}
        self._command = tuple(converter)
        self._child: subprocess.Popen[bytes] | None = None
        self._waiting = False  # whether closed files may be there that no converter has seen
        self._said = False
        self._event, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def put(self, key: str, exchange: Exchange) -> None:
        """Take one exchange of `namespace/name`; dropped and counted if there is no room."""
        # Encoded here: a few microseconds each. Were it done in the thread, the event loop would wait for the
        # interpreter's lock, five milliseconds at a time.
        waiting = self._put_bytes - self._taken_bytes
        size = len(exchange.request or b"") + len(exchange.response or b"")
        if waiting + size > self._queue_bytes:
            self._overflow[key] += 1
            self._on_drop(key, 1)
        else:
            frame = encode_frame(exchange)
            self._put_bytes += len(frame)
            self._queue.append((key, exchange.time, frame))
        if not self._event.is_set():
            self._event.set()

    def close(self) -> None:
        """Write what waits, end the thread and the converter, whose work the next one does."""
        self._stop.set()
        self._event.set()
        self._thread.join(timeout=10.0)

    # What the thread does

    def _run(self) -> None:
        self._adopt()
        while True:
            self._event.wait(_IDLE_SECONDS)
            stopping = self._stop.wait(_GATHER_SECONDS if self._event.is_set() else 0)
            self._event.clear()
            self._write_all()
            self._close_old()
            self._count_lost()
            self._convert()
            if stopping:
                break
        for file in self._files.values():
            os.close(file.descriptor)
        if self._child is not None:
            self._child.terminate()
            self._child.wait()

    def _adopt(self) -> None:
        """Close what a former gateway left open."""
        with contextlib.suppress(OSError):
            for path in self._directory.glob(f"*/*/*{OPEN}"):
                path.rename(path.with_suffix(CLOSED))
                self._trim(path.parent)
            self._waiting = any(True for _ in self._directory.glob(f"*/*/*{CLOSED}"))

    def _write_all(self) -> None:
        batches: dict[str, list[bytes]] = {}
        first: dict[str, int] = {}
        for _ in range(len(self._queue)):
            key, moment, frame = self._queue.popleft()
            batches.setdefault(key, []).append(frame)
            first.setdefault(key, moment)
        for key, frames in batches.items():
            for begin in range(0, len(frames), _VECTOR):
                part = frames[begin : begin + _VECTOR]
                try:
                    self._write(key, first[key], part)
                except (OSError, InvalidSpec) as error:
                    self._failed[key] += len(part)
                    self._on_drop(key, len(part))
                    if not self._said:
                        self._said = True
                        logger.warning("the prediction log cannot be written: %s", error)
                self._taken_bytes += sum(map(len, part))

    def _write(self, key: str, moment: int, frames: list[bytes]) -> None:
        file = self._files.get(key)
        if file is not None and not file.path.exists():  # somebody has removed the log
            os.close(self._files.pop(key).descriptor)
            file = None
        if file is None:
            file = self._files[key] = self._begin(key, moment)
        total = sum(map(len, frames))
        try:
            written = os.writev(file.descriptor, frames)
            if written != total:
                raise OSError(f"{written} of {total} bytes were written: is the disk full?")
        except OSError:
            # Frames behind half a one would never be found.
            os.ftruncate(file.descriptor, file.size)
            raise
        file.size += total
        if file.size >= self._spool_bytes:
            self._end(key)

    def _begin(self, key: str, moment: int) -> _File:
        directory = self._home_of(key)
        directory.mkdir(parents=True, exist_ok=True)
        while any((directory / f"{moment:016d}{suffix}").exists() for suffix in (OPEN, CLOSED, CONVERTED)):
            moment += 1
        path = directory / f"{moment:016d}{OPEN}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return _File(path=path, descriptor=descriptor, size=0, born=time.monotonic())

    def _home_of(self, key: str) -> Path:
        namespace, _, name = key.partition("/")
        return self._directory.joinpath(*log_parts(namespace, name))

    def _close_old(self) -> None:
        now = time.monotonic()
        for key in [key for key, file in self._files.items() if now - file.born > SPOOL_SECONDS]:
            self._end(key)

    def _end(self, key: str) -> None:
        file = self._files.pop(key)
        os.close(file.descriptor)
        with contextlib.suppress(OSError):
            file.path.rename(file.path.with_suffix(CLOSED))
            self._waiting = True
            self._trim(file.path.parent)

    def _trim(self, directory: Path) -> None:
        """Remove the oldest files beyond the cap. The converter may take one away at the same time."""
        sizes: list[tuple[str, int, Path]] = []
        for path in directory.iterdir():
            if path.suffix in (CLOSED, CONVERTED):
                with contextlib.suppress(FileNotFoundError):
                    sizes.append((path.stem, path.stat().st_size, path))
        # Room for the file that is written to is kept free.
        excess = sum(size for _, size, _ in sizes) + self._spool_bytes - self._cap
        for _, size, path in sorted(sizes):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size

    def _count_lost(self) -> None:
        for key in self._overflow.keys() | self._failed.keys():
            now = self._overflow[key] + self._failed[key]
            if now == self._told.get(key):
                continue
            with contextlib.suppress(OSError, ValueError, InvalidSpec):
                path = self._home_of(key) / DROPPED
                if key not in self._base:
                    self._base[key] = int(path.read_text()) if path.exists() else 0
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(f"{DROPPED}.partial")
                partial.write_text(f"{self._base[key] + now}\n")
                partial.replace(path)
                self._told[key] = now

    def _convert(self) -> None:
        """Start the converter if there is work and none runs."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        if not self._waiting or self._child is not None:
            return
        self._waiting = False
        environment = os.environ | {"POLARS_MAX_THREADS": "1"}
        try:
            self._child = subprocess.Popen(  # noqa: S603  our own module, by our own interpreter
                [*self._command, str(self._directory)], stdin=subprocess.DEVNULL, env=environment
            )
        except OSError as error:
            logger.warning("the prediction log's converter cannot be started, spools stay: %s", error)
