"""The verbs of the resource API as transactions: create, update, patch, delete.

Each function runs in the writer's thread on a consistent view and either stores everything it decides or raises.
Invariant: no write without a change is stored, so a repeated apply wakes nobody.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from setpoint.adapters.sqlite import admission, objects
from setpoint.adapters.sqlite.deletion import NAMESPACE, Collector
from setpoint.adapters.sqlite.rows import KindInfo, Row, document_of, join, split, validated
from setpoint.adapters.sqlite.writer import Transaction
from setpoint.apis import names
from setpoint.apis.errors import AlreadyExists, Forbidden, InvalidSpec, NotFound
from setpoint.apis.merge_patch import merge_patch
from setpoint.apis.meta import Resource
from setpoint.ports.resources import Propagation

# No vowels and nothing that looks like another character: no words, no misreadings. Source: apimachinery, rand.String.
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Target:
    """Which object a verb is about, and what the caller knows of it."""

    kind: KindInfo
    namespace: str
    name: str
    uid: str | None = None
    version: str | None = None

    def row(self, transaction: Transaction) -> Row:
        """The object, or NotFound or Conflict."""
        found = objects.find(transaction.connection, self.kind.key, self.namespace, self.name)
        if found is None:
            raise NotFound(self.kind.name, self.name, self.namespace)
        admission.check_preconditions(self.kind, found, uid=self.uid, version=self.version)
        return found


def create(
    transaction: Transaction,
    kind: KindInfo,
    metadata: dict[str, Any],
    body: dict[str, Any],
    new_uid: Callable[[], str],
    status: Any = None,
) -> bytes:
    """Store a new object, with a first status if one is given; returns its document."""
    connection = transaction.connection
    namespace = kind.namespace(metadata.get("namespace", ""))
    _check_namespace_lives(transaction, namespace)
    name = metadata.get("name") or _generated(transaction, kind, namespace, metadata["generateName"])
    if objects.taken(connection, kind.key, namespace, name):
        raise AlreadyExists(kind.name, name, namespace)
    stored = admission.new_metadata(metadata, namespace=namespace, name=name, uid=new_uid(), now=transaction.now)
    if kind.key == NAMESPACE:
        status = {"phase": "Active"}
    row = objects.insert(transaction, kind.key, stored, body, None if status is None else msgspec.json.encode(status))
    document = document_of(connection, row, kind)
    if stored.get("ownerReferences"):
        _settle_owners(transaction, row)
    return document


def update(
    transaction: Transaction,
    target: Target,
    metadata: dict[str, Any],
    body: dict[str, Any],
    managed: list[dict[str, Any]] | None = None,
) -> bytes:
    """Replace metadata and body; returns the document, of the last state if the object is gone with this."""
    row, kind = target.row(transaction), target.kind
    old_metadata, old_body = row.meta(), msgspec.json.decode(row.json)
    new_metadata = admission.changed_metadata(old_metadata, metadata, managed)
    if body != old_body:
        admission.check_immutable(kind, old_body, body)
        new_metadata["generation"] = old_metadata.get("generation", 0) + 1
    if (
        "deletionTimestamp" in new_metadata
        and not new_metadata.get("finalizers")
        and not _holds_objects(transaction, row)
    ):
        return _finish_deletion(transaction, row, new_metadata, kind)
    if new_metadata == old_metadata and body == old_body:
        return document_of(transaction.connection, row, kind)
    new = objects.replace(transaction, row, metadata=new_metadata, body=None if body == old_body else body)
    document = document_of(transaction.connection, new, kind)
    if new_metadata.get("ownerReferences", ()) != old_metadata.get("ownerReferences", ()):
        _settle_owners(transaction, new)
    return document


def patch(transaction: Transaction, target: Target, changes: dict[str, Any]) -> bytes:
    """Lay a merge patch over all but status; returns the document."""
    row, kind = target.row(transaction), target.kind
    current = msgspec.json.decode(join(row.metadata, row.version, row.json, None))
    laid = merge_patch(current, {key: value for key, value in changes.items() if key != "status"})
    resource = validated(_class_of(kind), laid)
    metadata, body, _ = split(resource)
    if (metadata.get("name"), metadata.get("namespace", "")) != (row.name, row.namespace):
        raise InvalidSpec("name and namespace cannot be changed", path="metadata.name")
    body = admission.admit_body(kind, body)
    admission.check_metadata(metadata)
    admission.check_size(kind, metadata, body)
    return update(transaction, Target(kind, row.namespace, row.name), metadata, body)


def update_status(
    transaction: Transaction, target: Target, status: Any, managed: list[dict[str, Any]] | None = None
) -> bytes:
    """Replace status; returns the document."""
    row = target.row(transaction)
    return _store_status(transaction, row, target.kind, status or {}, managed)


def patch_status(transaction: Transaction, target: Target, changes: dict[str, Any]) -> bytes:
    """Lay a merge patch over status; returns the document."""
    row, kind = target.row(transaction), target.kind
    current = msgspec.json.decode(join(row.metadata, row.version, row.json, row.status))
    laid = merge_patch(current, {"status": changes.get("status", {})})
    _, _, status = split(validated(_class_of(kind), laid))
    return _store_status(transaction, row, kind, status or {})


def delete(
    transaction: Transaction, target: Target, propagation: Propagation, grace_seconds: int | None = None
) -> bytes:
    """Delete the object and what depends on it, or mark it; returns the document as it was, or is, if only marked."""
    collector = Collector(transaction)
    row = target.row(transaction)
    document = document_of(transaction.connection, row, target.kind)
    collector.delete(row, propagation, grace_seconds)
    collector.settle()
    left = objects.find_uid(transaction.connection, row.uid)
    return document if left is None else document_of(transaction.connection, left, target.kind)


def _class_of(kind: KindInfo) -> type[Resource]:
    assert kind.cls is not None, "typed verbs are for kinds with a class"  # noqa: S101
    return kind.cls


def _store_status(
    transaction: Transaction, row: Row, kind: KindInfo, status: Any, managed: list[dict[str, Any]] | None = None
) -> bytes:
    metadata: dict[str, Any] | None = None
    if managed is not None and managed != row.meta().get("managedFields", []):
        metadata = row.meta() | {"managedFields": managed}
    if metadata is not None or status != (msgspec.json.decode(row.status) if row.status else {}):
        row = objects.replace(transaction, row, metadata=metadata, status=msgspec.json.encode(status))
    return document_of(transaction.connection, row, kind)


def _finish_deletion(transaction: Transaction, row: Row, metadata: dict[str, Any], kind: KindInfo) -> bytes:
    collector = Collector(transaction)
    document = document_of(transaction.connection, collector.remove(row, metadata=metadata), kind)
    collector.settle()
    return document


def _holds_objects(transaction: Transaction, row: Row) -> bool:
    return row.kind == NAMESPACE and objects.namespace_in_use(transaction.connection, row.name)


def _settle_owners(transaction: Transaction, row: Row) -> None:
    collector = Collector(transaction)
    collector.check_owners(row)
    collector.settle()


def _check_namespace_lives(transaction: Transaction, namespace: str) -> None:
    """A namespace need not exist, but nothing new comes into one that is being deleted."""
    row = objects.find(transaction.connection, NAMESPACE, "", namespace) if namespace else None
    if row is not None and "deletionTimestamp" in row.meta():
        raise Forbidden(f"the namespace {namespace!r} is being deleted")


def _generated(transaction: Transaction, kind: KindInfo, namespace: str, prefix: str) -> str:
    base = names.generated_base(prefix)
    for _ in range(_SUFFIX_ATTEMPTS):
        name = base + "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(names.GENERATED_SUFFIX_LENGTH))
        if not objects.taken(transaction.connection, kind.key, namespace, name):
            return name
    raise AlreadyExists(kind.name, prefix, namespace)
