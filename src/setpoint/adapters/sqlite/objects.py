"""Storing objects inside a transaction: insert, replace, remove, each with its line in the change log.

What may be stored is decided in `admission`, what else has to go in `deletion`; here a decision becomes rows.
Invariant: an object's version is that of its newest change, and each body is held by an object or a change.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from setpoint.adapters.sqlite.database import statements
from setpoint.adapters.sqlite.rows import KindInfo, Row, document_of
from setpoint.adapters.sqlite.writer import Transaction
from setpoint.apis.errors import NotFound
from setpoint.ports.resources import WatchType

_objects = statements("objects")
_changes = statements("changes")


def find(connection: sqlite3.Connection, kind: str, namespace: str, name: str) -> Row | None:
    """The object of that kind (Kind.group), namespace and name."""
    found = connection.execute(_objects["find"], (kind, namespace, name)).fetchone()
    return Row._make(found) if found else None


def document(connection: sqlite3.Connection, kind: KindInfo, namespace: str, name: str) -> bytes:
    """The whole document of an object. Raises: NotFound."""
    row = find(connection, kind.key, namespace, name)
    if row is None:
        raise NotFound(kind.name, name, namespace)
    return document_of(connection, row, kind)


def find_uid(connection: sqlite3.Connection, uid: str) -> Row | None:
    """The object with that uid, of whatever kind."""
    found = connection.execute(_objects["find_uid"], (uid,)).fetchone()
    return Row._make(found) if found else None


def listed(connection: sqlite3.Connection, kind: str, namespace: str | None) -> list[Row]:
    """All objects of a kind by namespace and name; None means all namespaces."""
    if namespace is None:
        found = connection.execute(_objects["list_all"], (kind,))
    else:
        found = connection.execute(_objects["list_namespace"], (kind, namespace))
    return [Row._make(row) for row in found]


def taken(connection: sqlite3.Connection, kind: str, namespace: str, name: str) -> bool:
    """Whether there is an object of that name."""
    return connection.execute(_objects["taken"], (kind, namespace, name)).fetchone() is not None


def dependents(connection: sqlite3.Connection, uid: str) -> list[str]:
    """Uids of the objects whose ownerReferences name `uid`, oldest first."""
    return [row[0] for row in connection.execute(_objects["dependents"], (uid,))]


def in_namespace(connection: sqlite3.Connection, namespace: str) -> list[str]:
    """Uids of all objects in the namespace, oldest first."""
    return [row[0] for row in connection.execute(_objects["in_namespace"], (namespace,))]


def namespace_in_use(connection: sqlite3.Connection, namespace: str) -> bool:
    """Whether any object is left in the namespace."""
    return connection.execute(_objects["namespace_in_use"], (namespace,)).fetchone() is not None


def written_before(connection: sqlite3.Connection, kind: str, seconds: int) -> list[str]:
    """Uids of some objects of a kind that were last written before a time, in seconds since 1970."""
    return [row[0] for row in connection.execute(_objects["stale"], (kind, seconds))]


def insert(
    transaction: Transaction, kind: str, metadata: dict[str, Any], body: dict[str, Any], status: bytes | None
) -> Row:
    """Store a new object and tell its watchers."""
    connection, version = transaction.connection, transaction.next_version()
    document = msgspec.json.encode(body)
    body_id = _insert(connection, _objects["insert_body"], (document,))
    namespace, name, uid = metadata.get("namespace", ""), metadata["name"], metadata["uid"]
    encoded = msgspec.json.encode(metadata)
    written = int(transaction.now.timestamp())
    values = (uid, kind, namespace, name, version, written, encoded, body_id, status)
    object_id = _insert(connection, _objects["insert"], values)
    row = Row(object_id, uid, kind, namespace, name, version, encoded, body_id, document, status)
    _index_owners(connection, row, metadata)
    record(transaction, row, WatchType.ADDED)
    return row


def replace(
    transaction: Transaction,
    row: Row,
    *,
    metadata: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
    status: bytes | None = None,
) -> Row:
    """Store changed pieces of an object under a new version and tell its watchers; None keeps a piece."""
    connection, changes = transaction.connection, dict[str, Any](version=transaction.next_version())
    if body is not None:
        changes["json"] = msgspec.json.encode(body)
        changes["body"] = _insert(connection, _objects["insert_body"], (changes["json"],))
    if metadata is not None:
        changes["metadata"] = msgspec.json.encode(metadata)
    if status is not None:
        changes["status"] = status
    new = row._replace(**changes)
    written = int(transaction.now.timestamp())
    connection.execute(_objects["replace"], (new.version, written, new.metadata, new.body, new.status, new.id))
    before: bytes | None = None
    if metadata is not None:
        before = _changed_labels(row.meta(), metadata)
        if row.meta().get("ownerReferences") != metadata.get("ownerReferences"):
            connection.execute(_objects["drop_owners"], (new.id,))
            _index_owners(connection, new, metadata)
    record(transaction, new, WatchType.MODIFIED, labels=before)
    return new


def remove(transaction: Transaction, row: Row, *, metadata: dict[str, Any] | None = None) -> Row:
    """Drop an object and everything that hangs on its row; watchers get its last state under a new version."""
    before: bytes | None = None
    if metadata is not None:
        before = _changed_labels(row.meta(), metadata)
        row = row._replace(metadata=msgspec.json.encode(metadata))
    last = row._replace(version=transaction.next_version())
    record(transaction, last, WatchType.DELETED, labels=before)
    transaction.connection.execute(_objects["delete"], (row.id,))
    return last


def record(transaction: Transaction, row: Row, kind: WatchType, *, labels: bytes | None = None) -> None:
    """Write the line of the change log; `labels` are those before the change, None if they stayed."""
    transaction.connection.execute(
        _changes["record"],
        (row.version, row.kind, row.namespace, row.uid, kind.value, row.metadata, row.body, row.status, labels),
    )
    transaction.recorded += 1
    transaction.topics.add(row.kind)


def _changed_labels(old: dict[str, Any], new: dict[str, Any]) -> bytes | None:
    before: dict[str, str] = old.get("labels", {})
    return None if before == new.get("labels", {}) else msgspec.json.encode(before)


def _index_owners(connection: sqlite3.Connection, row: Row, metadata: dict[str, Any]) -> None:
    for reference in metadata.get("ownerReferences", ()):
        connection.execute(_objects["insert_owner"], (row.id, reference["uid"]))


def _insert(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    row_id = connection.execute(statement, values).lastrowid
    assert row_id is not None  # noqa: S101  an INSERT always has one; for the type checker
    return row_id
