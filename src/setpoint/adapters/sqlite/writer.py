"""The one writer thread: queued jobs become durable in batches.

Jobs that wait at the same time share one transaction, each in a savepoint, so that a failing job leaves its neighbours
alone. Invariant: a job's future gets its result after COMMIT and never before; a batch that cannot be
committed is done again job by job, so that one that is too large for the disk fails alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from setpoint.adapters.sqlite.database import DiskFull, open_writer, statements, translate
from setpoint.adapters.sqlite.hub import Hub
from setpoint.apis.errors import InvariantViolation, SetpointError, Unavailable
from setpoint.ports.clock import Clock

T = TypeVar("T")

_LARGEST_BATCH = 1000
COMPACT_EVERY = 2000  # changes

_log = logging.getLogger(__name__)
_changes = statements("changes")


class Transaction:
    """What a job gets: the connection, the time, the next resourceVersion, and whom to wake, now or in a moment."""

    __slots__ = ("connection", "moved", "now", "recorded", "topics", "version")

    def __init__(self, connection: sqlite3.Connection, version: int, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.recorded = 0
        self.topics: set[str] = set()
        self.moved: set[str] = set()
        self.version = version

    def next_version(self) -> int:
        """A resourceVersion that was never given out; gaps occur where a job failed."""
        self.version += 1
        return self.version


Job = Callable[[Transaction], T]


@dataclass(slots=True)
class _Queued:
    job: Job[Any]
    loop: asyncio.AbstractEventLoop | None = None
    future: asyncio.Future[Any] | None = None
    result: Any = None
    error: SetpointError | None = None

    def answer(self) -> None:
        """Runs in the loop of the caller, who may have gone meanwhile."""
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


@dataclass(slots=True)
class _Batch:
    queued: list[_Queued] = field(default_factory=list)
    last: bool = False


class Writer:
    """Owns the writing connection and its thread."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        hub: Hub,
        *,
        prepare: Job[None],
        compact: Job[None],
        compact_every: int = COMPACT_EVERY,
        outlives_power: bool = False,
    ) -> None:
        """Open the database and start the thread.

        Args:
            directory: The state directory; its lease is held by the caller.
            clock: Gives the time stamps of objects.
            hub: Woken after each commit.
            prepare: A job that is committed before anything else; what it raises is raised here.
            compact: A job that forgets old changes; run now and then in the thread.
            compact_every: How many changes there are between two runs of it.
            outlives_power: See `open_writer`.
        """
        self._path = directory
        self._clock = clock
        self._hub = hub
        self._compact = compact
        self._compact_every = compact_every
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._closed = False
        self._broken: SetpointError | None = None
        self._connection = open_writer(directory, outlives_power=outlives_power)
        self._recorded = 0
        try:
            self._version = int(self._connection.execute(_changes["counter"]).fetchone()[0])
            first = _Queued(prepare)
            self._commit([first])
            if first.error is not None:
                raise first.error
        except (sqlite3.Error, SetpointError) as error:
            self._connection.close()
            raise translate(error, directory) from error
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, job: Job[T]) -> T:
        """Run the job in the writer's thread; return its result once it is durable.

        A cancelled caller does not take the job back: it may become durable all the same.

        Raises:
            SetpointError: What the job raised (nothing of it is stored), or why it could not be stored.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        if self._broken is not None:
            raise self._broken
        loop = asyncio.get_running_loop()
        queued = _Queued(job, loop, loop.create_future())
        self._queue.put(queued)
        assert queued.future is not None  # noqa: S101  set in the line above; for the type checker
        result: T = await queued.future
        return result

    def close(self) -> None:
        """Do what is queued, fold the write-ahead log into the database, end the thread."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            batch = _Batch()
            while not batch.last:
                batch = self._take()
                self._commit(batch.queued)
                if self._recorded >= self._compact_every:
                    self._recorded = 0
                    self._commit([_Queued(self._compact)])
        except BaseException as error:  # noqa: BLE001  the thread's supervision point: nobody may wait for ever
            _log.exception("the store's writer ended")
            self._broken = InvariantViolation(f"the store's writer ended: {error!r}")
            self._refuse()
        finally:
            self._connection.close()

    def _refuse(self) -> None:
        """Answer whatever is still queued with the reason the writer ended for."""
        while True:
            try:
                queued = self._queue.get(timeout=0.1)
            except queue.Empty:
                if self._closed:
                    return
                continue
            if queued is None:
                return
            queued.error = self._broken
            _answer([queued])

    def _take(self) -> _Batch:
        """Wait for a job, then take along what else is there."""
        batch = _Batch()
        queued = self._queue.get()
        while True:
            if queued is None:
                batch.last = True
                return batch
            batch.queued.append(queued)
            if len(batch.queued) == _LARGEST_BATCH:
                return batch
            try:
                queued = self._queue.get_nowait()
            except queue.Empty:
                return batch

    def _commit(self, batch: list[_Queued]) -> None:
        if not batch:
            return
        try:
            self._transact(batch)
        except sqlite3.Error as error:
            self._roll_back()
            if len(batch) > 1:
                for queued in batch:
                    queued.result, queued.error = None, None
                    self._commit([queued])
                return
            batch[0].error = translate(error, self._path)
            if not isinstance(batch[0].error, DiskFull):
                _log.error("the store refused a write: %s", batch[0].error)
        _answer(batch)

    def _transact(self, batch: list[_Queued]) -> None:
        connection = self._connection
        transaction = Transaction(connection, self._version, self._clock.now())
        connection.execute("BEGIN IMMEDIATE")
        alone = len(batch) == 1
        for queued in batch:
            if not alone:
                connection.execute("SAVEPOINT job")
            try:
                queued.result = queued.job(transaction)
            except sqlite3.Error:
                raise
            except Exception as error:  # noqa: BLE001  the job's supervision point: it fails alone
                queued.error = _as_tree(error)
                connection.execute("ROLLBACK" if alone else "ROLLBACK TO job")
            if not alone:
                connection.execute("RELEASE job")
        if alone and batch[0].error is not None:
            self._version = transaction.version
            return
        if transaction.version != self._version:
            connection.execute(_changes["set_version"], (transaction.version,))
        connection.execute("COMMIT")
        self._version = transaction.version
        self._recorded += transaction.recorded
        self._hub.publish(transaction.topics, transaction.moved)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # a full disk may have rolled back by itself
            self._connection.rollback()


def _as_tree(error: Exception) -> SetpointError:
    if isinstance(error, SetpointError):
        return error
    _log.error("a write of the store failed", exc_info=error)
    violation = InvariantViolation(f"a write of the store failed: {error!r}")
    violation.__cause__ = error
    return violation


def _answer(batch: list[_Queued]) -> None:
    """Wake each caller's loop once for all its jobs."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Queued]] = {}
    for queued in batch:
        if queued.loop is not None:
            by_loop.setdefault(queued.loop, []).append(queued)
        elif queued.error is not None:
            _log.error("upkeep of the store failed: %s", queued.error)
    for loop, answered in by_loop.items():
        try:
            loop.call_soon_threadsafe(_answer_all, answered)
        except RuntimeError:  # the loop was closed with its callers in it
            continue


def _answer_all(answered: list[_Queued]) -> None:
    for queued in answered:
        queued.answer()
