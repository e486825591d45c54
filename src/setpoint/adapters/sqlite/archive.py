"""The WorkflowArchive port over SQLite: a copy of each workflow that has ended, beside its object and after it.

The copy is made of the rows as they are in the transaction that ends the workflow; its body is the object's, shared.
Invariant: a body that the archive needs is not dropped with the object or with the change log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from setpoint.adapters.sqlite import admission, objects
from setpoint.adapters.sqlite.database import statements
from setpoint.adapters.sqlite.readers import Readers
from setpoint.adapters.sqlite.rows import Row, document_of, kind_info, nodes_of, typed, with_nodes
from setpoint.adapters.sqlite.writer import Transaction, Writer
from setpoint.apis.argo import LABEL_ARCHIVING_STATUS, Workflow
from setpoint.apis.errors import AlreadyExists, NotFound
from setpoint.ports.archive import NameFilter, WorkflowPage, WorkflowQuery

_PERSISTED = "Persisted"
_KIND = "Archived workflow"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_archive = statements("archive")
_changes = statements("changes")
_journal = statements("journal")


class _Born(msgspec.Struct, rename="camel"):
    creation_timestamp: datetime | None = None


class _Times(msgspec.Struct, rename="camel"):
    started_at: datetime | None = None
    finished_at: datetime | None = None


class _Labels(msgspec.Struct):
    labels: dict[str, str] = {}


_born = msgspec.json.Decoder(_Born)
_times = msgspec.json.Decoder(_Times)
_labels = msgspec.json.Decoder(_Labels)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class SqliteArchive:
    """Implements `setpoint.ports.archive.WorkflowArchive`; made by `SqliteStore`."""

    def __init__(self, writer: Writer, readers: Readers, uids: Callable[[], str]) -> None:
        self._writer = writer
        self._readers = readers
        self._uids = uids

    async def list(self, query: WorkflowQuery) -> WorkflowPage:
        """See the port."""
        return await self._readers.read(partial(_list, query=query))

    async def get(self, uid: str) -> Workflow:
        """See the port."""
        return await self._readers.read(partial(_get, uid=uid))

    async def find(self, namespace: str, name: str) -> Workflow:
        """See the port."""

        def read(connection: sqlite3.Connection) -> Workflow:
            found = connection.execute(_archive["newest"], (namespace, name)).fetchone()
            if found is None:
                raise NotFound(_KIND, name, namespace)
            return _get(connection, found[0])

        return await self._readers.read(read)

    async def delete(self, uid: str) -> None:
        """See the port."""

        def job(transaction: Transaction) -> None:
            if not forget(transaction, uid):
                raise NotFound(_KIND, uid)

        await self._writer.write(job)

    async def restore(self, uid: str) -> Workflow:
        """See the port."""
        return await self._writer.write(lambda transaction: _restore(transaction, uid, self._uids()))

    async def label_keys(self, namespace: str | None = None) -> tuple[str, ...]:
        """See the port."""
        found = await self._readers.read(partial(_all_labels, namespace=namespace))
        return tuple(sorted({key for labels in found for key in labels}))

    async def label_values(self, key: str, namespace: str | None = None) -> tuple[str, ...]:
        """See the port."""
        found = await self._readers.read(partial(_all_labels, namespace=namespace))
        return tuple(sorted({labels[key] for labels in found if key in labels}))


def keep(transaction: Transaction, row: Row) -> None:
    """Store a copy of a workflow as it is now, in place of an earlier one."""
    connection, status = transaction.connection, row.status or b"{}"
    before = connection.execute(_archive["known"], (row.uid,)).fetchone()
    times = _times.decode(status)
    values = {
        "uid": row.uid,
        "namespace": row.namespace,
        "name": row.name,
        "created": _micros(_born.decode(row.metadata).creation_timestamp),
        "started": _micros(times.started_at),
        "finished": _micros(times.finished_at),
        "ended": int(transaction.now.timestamp()),
        "body": row.body,
        "metadata": row.metadata,
        "status": status,
        "nodes": b"{%b}" % b",".join(b"%b:%b" % (msgspec.json.encode(k), v) for k, v in nodes_of(connection, row.id)),
    }
    connection.execute(_archive["keep"], values)
    if before is not None and before[0] != row.body:
        connection.execute(_changes["drop_body"], {"body": before[0]})


def forget(transaction: Transaction, uid: str) -> bool:
    """Drop the copy of a workflow; False if there is none."""
    found = transaction.connection.execute(_archive["known"], (uid,)).fetchone()
    if found is None:
        return False
    transaction.connection.execute(_archive["delete"], (uid,))
    transaction.connection.execute(_changes["drop_body"], {"body": found[0]})
    return True


def compact(transaction: Transaction, lifetime: timedelta) -> None:
    """Forget some of the copies that were written longer ago than the lifetime."""
    oldest = int((transaction.now - lifetime).timestamp())
    for (uid,) in transaction.connection.execute(_archive["stale"], (oldest,)).fetchall():
        forget(transaction, uid)


def _list(connection: sqlite3.Connection, query: WorkflowQuery) -> WorkflowPage:
    name = {kind: query.name if query.name_filter is kind else "" for kind in NameFilter}
    values = {
        "namespace": query.namespace,
        "exact": name[NameFilter.EXACT],
        "part": name[NameFilter.CONTAINS],
        "prefix": name[NameFilter.PREFIX],
        "created_after": _bound(query.created_after),
        "started_after": _bound(query.started_after),
        "started_before": _bound(query.started_before),
        "finished_before": _bound(query.finished_before),
        "gone": query.gone,
    }
    found = connection.execute(_archive["heads"], values).fetchall()
    if query.selector:
        found = [row for row in found if query.selector.matches(_labels.decode(row[1]).labels)]
    end = query.offset + query.limit if query.limit else None
    pieces = (connection.execute(_archive["listed"], (row[0],)).fetchone() for row in found[query.offset : end])
    return WorkflowPage(items=tuple(_workflow(*piece) for piece in pieces), total=len(found))


def _get(connection: sqlite3.Connection, uid: str) -> Workflow:
    found = connection.execute(_archive["get"], (uid,)).fetchone()
    if found is None:
        raise NotFound(_KIND, uid)
    return _workflow(*found)


def _all_labels(connection: sqlite3.Connection, namespace: str | None) -> list[dict[str, str]]:
    rows = connection.execute(_archive["metadata"], {"namespace": namespace})
    return [_labels.decode(metadata).labels for (metadata,) in rows]


def _workflow(metadata: bytes, body: bytes, status: bytes, nodes: bytes | None) -> Workflow:
    if nodes is not None:
        status = with_nodes(status, _fields.decode(nodes).items()) or b"{}"
    document = b'{"metadata":%b,%b,"status":%b}' % (metadata, body[1:-1], status)
    workflow = typed(kind_info(Workflow), Workflow, document)
    labels = {**workflow.metadata.labels, LABEL_ARCHIVING_STATUS: _PERSISTED}
    return workflow.replace(metadata=workflow.metadata.replace(labels=labels))


def _restore(transaction: Transaction, uid: str, new_uid: str) -> Workflow:
    connection, kind = transaction.connection, kind_info(Workflow)
    found = connection.execute(_archive["get"], (uid,)).fetchone()
    if found is None:
        raise NotFound(_KIND, uid)
    metadata: dict[str, Any] = msgspec.json.decode(found[0])
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    if objects.taken(connection, kind.key, namespace, name):
        raise AlreadyExists(kind.name, name, namespace)
    metadata = {key: value for key, value in metadata.items() if key not in ("finalizers", "ownerReferences")}
    stored = admission.new_metadata(metadata, namespace=namespace, name=name, uid=new_uid, now=transaction.now)
    status = {key: value for key, value in _fields.decode(found[2]).items() if key != "finishedAt"}
    row = objects.insert(transaction, kind.key, stored, msgspec.json.decode(found[1]), msgspec.json.encode(status))
    nodes = _fields.decode(found[3])
    connection.executemany(_journal["put_node"], [(row.id, key, bytes(node)) for key, node in nodes.items()])
    return typed(kind, Workflow, document_of(connection, row, kind))


def _micros(moment: datetime | None) -> int:
    return 0 if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


def _bound(moment: datetime | None) -> int | None:
    return None if moment is None else _micros(moment)
