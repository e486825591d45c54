"""The WorkflowJournal port over SQLite: node rows, status, commands and requests beside the Workflow object.

A commit writes the rows that changed and moves the object to a new version; the object's document is
put together when somebody reads it. Invariant: the cost of a commit does not depend on how many nodes the workflow has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Collection
from functools import partial
from typing import NamedTuple

import msgspec

from setpoint.adapters.sqlite import archive, objects
from setpoint.adapters.sqlite.database import statements
from setpoint.adapters.sqlite.hub import Hub
from setpoint.adapters.sqlite.readers import Readers
from setpoint.adapters.sqlite.rows import nodes_of
from setpoint.adapters.sqlite.writer import Transaction, Writer
from setpoint.apis import names
from setpoint.apis.errors import InvariantViolation, NotFound
from setpoint.ports.journal import Change, Record
from setpoint.ports.resources import WatchType

REQUESTS = "requests"

_KIND = "Workflow"
_journal = statements("journal")
_changes = statements("changes")
_any_json = msgspec.json.Decoder(msgspec.Raw)
_any_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class SqliteJournal:
    """Implements `setpoint.ports.journal.WorkflowJournal`; made by `SqliteStore`."""

    def __init__(self, writer: Writer, readers: Readers, hub: Hub) -> None:
        self._writer = writer
        self._readers = readers
        self._hub = hub

    async def load(self, uid: str) -> Record:
        """See the port."""
        return await self._readers.read(lambda connection: _load(connection, uid))

    async def commit(self, uid: str, change: Change) -> None:
        """See the port. Watchers are told if nodes, status or labels are part of the change.

        Raises:
            NotFound: If the workflow is gone; nothing is stored then.
            InvariantViolation: If a value is not JSON, or the status holds nodes.
        """
        _check(change)

        def job(transaction: Transaction) -> None:
            _commit(transaction, uid, change)

        await self._writer.write(job)

    async def request(self, uid: str, request: bytes) -> int:
        """See the port."""
        _check_json("request", request)

        def job(transaction: Transaction) -> int:
            run = _find(transaction.connection, uid)
            transaction.topics.add(REQUESTS)
            sequence = transaction.connection.execute(_journal["put_request"], (run.id, request)).lastrowid
            assert sequence is not None  # noqa: S101  an INSERT always has one; for the type checker
            return sequence

        return await self._writer.write(job)

    async def pending(self) -> frozenset[str]:
        """See the port."""
        return await self._readers.read(_pending)

    async def requested(self) -> AsyncIterator[str]:
        """See the port. Ends with Unavailable when the store is closed."""
        cursor = 0
        with self._hub.subscribe(REQUESTS) as waiter:
            while True:
                waiter.reset()
                waiting = await self._readers.read(partial(_waiting, after=cursor))
                for uid, _ in waiting:
                    yield uid
                cursor = max([cursor, *(sequence for _, sequence in waiting)])
                if not waiting:
                    await waiter.wait()


class _Run(NamedTuple):
    """As much of a Workflow object as a commit needs."""

    id: int
    kind: str
    namespace: str
    version: int


def _find(connection: sqlite3.Connection, uid: str) -> _Run:
    found = connection.execute(_journal["find"], (uid,)).fetchone()
    if found is None:
        raise NotFound(_KIND, uid)
    return _Run._make(found)


def _pending(connection: sqlite3.Connection) -> frozenset[str]:
    return frozenset(uid for (uid,) in connection.execute(_journal["pending"]))


def _waiting(connection: sqlite3.Connection, after: int) -> list[tuple[str, int]]:
    return connection.execute(_journal["waiting"], (after,)).fetchall()


def _load(connection: sqlite3.Connection, uid: str) -> Record:
    row = objects.find_uid(connection, uid)
    if row is None:
        return Record(nodes={}, status=b"", engine=b"", commands={}, requests=())
    engine = connection.execute(_journal["engine"], (row.id,)).fetchone()
    return Record(
        nodes=dict(nodes_of(connection, row.id)),
        status=row.status or b"",
        engine=engine[0] if engine else b"",
        commands=dict(connection.execute(_journal["commands"], (row.id,)).fetchall()),
        requests=tuple(connection.execute(_journal["requests"], (row.id,)).fetchall()),
    )


def _commit(transaction: Transaction, uid: str, change: Change) -> None:
    connection = transaction.connection
    run = _find(connection, uid)
    if change.nodes:
        _put(connection, "put_node", run.id, [(key, value) for key, value in change.nodes.items() if value is not None])
        _drop(connection, "drop_node", run.id, [key for key, value in change.nodes.items() if value is None])
    _put(connection, "put_command", run.id, change.commands.items())
    _drop(connection, "drop_command", run.id, change.done_commands)
    _drop(connection, "drop_request", run.id, change.done_requests)
    if change.engine is not None:
        connection.execute(_journal["put_engine"], (run.id, change.engine))
    if not (change.labels and _relabel(transaction, uid, change)) and (change.nodes or change.status is not None):
        _move(transaction, uid, run, change.status)
    if change.archive and (row := objects.find_uid(connection, uid)) is not None:
        archive.keep(transaction, row)


def _put(connection: sqlite3.Connection, statement: str, object_id: int, rows: Collection[tuple[str, bytes]]) -> None:
    if rows:
        connection.executemany(_journal[statement], [(object_id, key, value) for key, value in rows])


def _drop(connection: sqlite3.Connection, statement: str, object_id: int, keys: Collection[str | int]) -> None:
    if keys:
        connection.executemany(_journal[statement], [(object_id, key) for key in keys])


def _relabel(transaction: Transaction, uid: str, change: Change) -> bool:
    """Store labels and status as a change of their own; False if the labels are as they were."""
    row = objects.find_uid(transaction.connection, uid)
    if row is None:
        return False
    metadata = row.meta()
    before: dict[str, str] = metadata.pop("labels", {})
    after = {key: value for key, value in (before | dict(change.labels)).items() if value is not None}
    if after == before:
        return False
    if after:
        metadata["labels"] = after
    objects.replace(transaction, row, metadata=metadata, status=change.status)
    return True


def _move(transaction: Transaction, uid: str, run: _Run, status: bytes | None) -> None:
    """A new version of the object without a copy of it: the change log's line moves along with the object."""
    connection, version = transaction.connection, transaction.next_version()
    connection.execute(_journal["move"], (version, int(transaction.now.timestamp()), status, run.id))
    if not connection.execute(_changes["move"], (version, run.version)).rowcount:
        values = (version, run.kind, run.namespace, uid, WatchType.MODIFIED.value, None, None, None, None)
        connection.execute(_changes["record"], values)
        transaction.recorded += 1
    transaction.moved.add(run.kind)


def _check(change: Change) -> None:
    """Text that is not JSON would spoil the whole object for every reader."""
    names.check_labels({key: value for key, value in change.labels.items() if value is not None})
    for what, values in (("node", change.nodes), ("command", change.commands)):
        for key, value in values.items():
            if value is not None:
                _check_json(f"{what} {key}", value)
    if change.engine is not None:
        _check_json("engine state", change.engine)
    if change.status is not None:
        try:
            fields = _any_object.decode(change.status)
        except msgspec.DecodeError as error:
            raise InvariantViolation(f"the workflow's status is not a JSON object: {error}") from error
        if "nodes" in fields or not change.status.endswith(b"}"):
            raise InvariantViolation("nodes are rows: they do not belong into the workflow's status")


def _check_json(what: str, value: bytes) -> None:
    try:
        _any_json.decode(value)
    except msgspec.DecodeError as error:
        raise InvariantViolation(f"the {what} is not JSON: {error}") from error
