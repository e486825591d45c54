"""The store of one state directory: the lease, the database, its writer and readers, and the two ports over them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from setpoint.adapters.sqlite import archive, objects
from setpoint.adapters.sqlite.admission import new_metadata
from setpoint.adapters.sqlite.archive import SqliteArchive
from setpoint.adapters.sqlite.database import statements
from setpoint.adapters.sqlite.deletion import DEFAULT_NAMESPACE, NAMESPACE, Collector
from setpoint.adapters.sqlite.hub import Hub
from setpoint.adapters.sqlite.journal import SqliteJournal
from setpoint.adapters.sqlite.lease import Lease
from setpoint.adapters.sqlite.object_api import SqliteObjectApi
from setpoint.adapters.sqlite.pod_objects import SqlitePodObjects
from setpoint.adapters.sqlite.readers import Readers
from setpoint.adapters.sqlite.resources import SqliteResourceApi
from setpoint.adapters.sqlite.writer import COMPACT_EVERY, Transaction, Writer
from setpoint.apis.errors import Unavailable
from setpoint.ports.clock import Clock

# Changes kept for watchers that were away; commits of the journal do not count, as they share one line per workflow.
HISTORY = 20_000
# A cluster keeps Events for an hour; here somebody may look on the next morning.
EVENT_LIFETIME = timedelta(hours=24)
ARCHIVE_LIFETIME = timedelta(days=30)

_changes = statements("changes")


def _draw_uid() -> str:
    return str(uuid.uuid4())


class SqliteStore:
    """One process's hold on a state directory; a context manager.

    Attributes:
        resources: The resource API, typed.
        objects: The same on JSON.
        journal: The workflow journal.
        pods: Pod objects of engines.
        archive: What is kept of workflows that have ended.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        uids: Callable[[], str] = _draw_uid,
        *,
        history: int = HISTORY,
        archive_lifetime: timedelta | None = ARCHIVE_LIFETIME,
        compact_every: int = COMPACT_EVERY,
        outlives_power: bool = False,
    ) -> None:
        """Take the lease, open or make the database, bring its schema up to date, start the writer.

        Args:
            directory: The state directory; made, for this user alone, if it is not there.
            clock: Gives the time stamps of objects.
            uids: Draws a new uid at each call.
            history: How many changes are kept for watchers.
            archive_lifetime: How long a workflow that has ended stays in the archive; None: for ever.
            compact_every: After how many changes what is beyond the history is forgotten.
            outlives_power: What was acknowledged outlives a crash of the machine, not of the process alone.

        Raises:
            Unavailable: If another process holds the directory, or it cannot be written.
            InvalidSpec: If a newer version of Setpoint wrote it.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"the state directory {directory} cannot be made: {error.strerror}") from error
        self._history = history
        self._archive_lifetime = archive_lifetime
        self._lease = Lease(directory)
        self._hub = Hub()
        try:
            self._writer = Writer(
                directory,
                clock,
                self._hub,
                compact=self._compact,
                prepare=self._prepare(uids),
                compact_every=compact_every,
                outlives_power=outlives_power,
            )
        except BaseException:
            self._lease.release()
            raise
        self._readers = Readers(directory)
        self.resources = SqliteResourceApi(self._writer, self._readers, self._hub, uids)
        self.objects = SqliteObjectApi(self._writer, self._readers, self._hub, uids, clock)
        self.journal = SqliteJournal(self._writer, self._readers, self._hub)
        self.pods = SqlitePodObjects(self._writer)
        self.archive = SqliteArchive(self._writer, self._readers, uids)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Make durable what is queued, end watches with Unavailable, give the lease back. Nothing if that was done."""
        self._readers.close()  # before the writer: who closes last folds the write-ahead log into the database
        self._writer.close()
        self._hub.publish_all()
        self._lease.release()

    def _prepare(self, uids: Callable[[], str]) -> Callable[[Transaction], None]:
        def prepare(transaction: Transaction) -> None:
            """The namespace `default` always is; many short lives of a store must not let its log grow."""
            self._compact(transaction)
            if objects.taken(transaction.connection, NAMESPACE, "", DEFAULT_NAMESPACE):
                return
            metadata = new_metadata({}, namespace="", name=DEFAULT_NAMESPACE, uid=uids(), now=transaction.now)
            body = {"apiVersion": "v1", "kind": NAMESPACE}
            objects.insert(transaction, NAMESPACE, metadata, body, msgspec.json.encode({"phase": "Active"}))

        return prepare

    def _compact(self, transaction: Transaction) -> None:
        """Forget changes beyond the history; Events and archived workflows past their lifetime."""
        connection = transaction.connection
        oldest = int((transaction.now - EVENT_LIFETIME).timestamp())
        collector = Collector(transaction)
        for uid in objects.written_before(connection, "Event", oldest):
            row = objects.find_uid(connection, uid)
            if row is not None:
                collector.remove(row)
        collector.settle()
        if self._archive_lifetime is not None:
            archive.compact(transaction, self._archive_lifetime)
        boundary = connection.execute(_changes["boundary"], (self._history,)).fetchone()
        if boundary is None:
            return
        bodies = connection.execute(_changes["bodies"], boundary).fetchall()
        connection.execute(_changes["forget"], boundary)
        connection.executemany(_changes["drop_body"], [{"body": row[0]} for row in bodies])
        connection.execute(_changes["set_compacted"], boundary)
