"""What goes when an object goes: finalizers, owners and dependants, namespaces.

All of one deletion happens in the transaction that asked for it, over a work list, so a chain of owners of any
length needs no recursion. Invariant: after `settle` no object is left whose owners are all gone, unless a
finalizer holds it.
Source: Kubernetes documentation, "Garbage Collection", "Finalizers", "Owners and Dependents".
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from enum import Enum, auto
from typing import Any

import msgspec

from setpoint.adapters.sqlite import objects
from setpoint.adapters.sqlite.admission import timestamp
from setpoint.adapters.sqlite.rows import Row
from setpoint.adapters.sqlite.writer import Transaction
from setpoint.apis.errors import Forbidden
from setpoint.ports.resources import Propagation

FOREGROUND = "foregroundDeletion"
NAMESPACE = "Namespace"
DEFAULT_NAMESPACE = "default"
POD = "Pod"
_POD_GRACE_SECONDS = 30


class _Owner(Enum):
    SOLID = auto()
    WAITING = auto()  # in foreground deletion: it goes once its dependants are gone
    GONE = auto()


class Collector:
    """Deletes objects within one transaction, and then whatever follows from it."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._connection = transaction.connection
        self._sweep: deque[str] = deque()  # uids of objects that may have lost their owners
        self._release: deque[str] = deque()  # uids of owners whose dependants may all be gone
        self._emptied: deque[str] = deque()  # namespaces that have lost an object

    def delete(self, row: Row, propagation: Propagation, grace_seconds: int | None = None) -> None:
        """Delete one object, or mark it if finalizers hold it. Call `settle` afterwards."""
        if row.kind == NAMESPACE:
            self._delete_namespace(row)
            return
        if propagation is Propagation.ORPHAN:
            self._orphan(row)
        metadata = row.meta()
        if propagation is Propagation.FOREGROUND and FOREGROUND not in metadata.get("finalizers", ()):
            metadata["finalizers"] = [*metadata.get("finalizers", ()), FOREGROUND]
        if not metadata.get("finalizers"):
            self.remove(row)
            return
        self._mark(row, metadata, grace_seconds)
        if propagation is Propagation.FOREGROUND:
            self._sweep.extend(objects.dependents(self._connection, row.uid))
            self._release.append(row.uid)

    def remove(self, row: Row, *, metadata: dict[str, Any] | None = None) -> Row:
        """Drop an object that nothing holds. Call `settle` afterwards.

        Args:
            row: The object.
            metadata: Its last metadata, if the drop follows from an edit.

        Returns:
            The last state, under the version of its deletion.
        """
        dependents = objects.dependents(self._connection, row.uid)
        last = objects.remove(self._transaction, row, metadata=metadata)
        self._sweep.extend(dependents)
        self._release.extend(reference["uid"] for reference in row.meta().get("ownerReferences", ()))
        if row.namespace:
            self._emptied.append(row.namespace)
        return last

    def check_owners(self, row: Row) -> None:
        """An object was stored with owner references: it goes if they all name what is gone. Then `settle`."""
        self._sweep.append(row.uid)

    def settle(self) -> None:
        """Work until nothing more follows."""
        while self._sweep or self._release or self._emptied:
            if self._sweep:
                self._sweep_object(self._sweep.popleft())
            elif self._release:
                self._release_owner(self._release.popleft())
            else:
                self._finish_namespace(self._emptied.popleft())

    def _mark(self, row: Row, metadata: dict[str, Any], grace_seconds: int | None = None) -> Row:
        """A grace period may be shortened by a second deletion, never made longer."""
        given = metadata.get("deletionGracePeriodSeconds")
        if given is None:
            grace = _grace_seconds(row) if grace_seconds is None else grace_seconds
        else:
            grace = given if grace_seconds is None else min(given, grace_seconds)
        if given is None or grace != given:
            end = self._transaction.now + timedelta(seconds=grace)
            metadata |= {"deletionTimestamp": timestamp(end), "deletionGracePeriodSeconds": grace}
        return row if metadata == row.meta() else objects.replace(self._transaction, row, metadata=metadata)

    def _orphan(self, row: Row) -> None:
        for uid in objects.dependents(self._connection, row.uid):
            dependent = objects.find_uid(self._connection, uid)
            if dependent is not None:
                self._keep_references(dependent, lambda reference: reference["uid"] != row.uid)

    def _keep_references(self, row: Row, keep: Any) -> None:
        metadata = row.meta()
        references = [reference for reference in metadata.get("ownerReferences", ()) if keep(reference)]
        if references == metadata.pop("ownerReferences", []):
            return
        if references:
            metadata["ownerReferences"] = references
        objects.replace(self._transaction, row, metadata=metadata)

    def _state_of(self, uid: str, dependent: Row) -> _Owner:
        owner = objects.find_uid(self._connection, uid)
        if owner is None or owner.namespace not in ("", dependent.namespace):  # no owner in another namespace
            return _Owner.GONE
        return _Owner.WAITING if _waits_for_dependents(owner.meta()) else _Owner.SOLID

    def _sweep_object(self, uid: str) -> None:
        row = objects.find_uid(self._connection, uid)
        if row is None:
            return
        metadata = row.meta()
        references = metadata.get("ownerReferences", ())
        if not references or "deletionTimestamp" in metadata:
            return
        states = {reference["uid"]: self._state_of(reference["uid"], row) for reference in references}
        if _Owner.SOLID in states.values():
            self._keep_references(row, lambda reference: states[reference["uid"]] is _Owner.SOLID)
        elif _Owner.WAITING in states.values() and objects.dependents(self._connection, uid):
            self.delete(self._break_circle(row), Propagation.FOREGROUND)
        else:
            self.delete(row, Propagation.BACKGROUND)

    def _break_circle(self, row: Row) -> Row:
        """Owners that own each other would wait for ever: such a dependant no longer blocks its owner."""
        for uid in objects.dependents(self._connection, row.uid):
            dependent = objects.find_uid(self._connection, uid)
            if dependent is not None and _waits_for_dependents(dependent.meta()):
                metadata = row.meta()
                for reference in metadata["ownerReferences"]:
                    reference.pop("blockOwnerDeletion", None)
                self._release.extend(reference["uid"] for reference in metadata["ownerReferences"])
                return objects.replace(self._transaction, row, metadata=metadata)
        return row

    def _release_owner(self, uid: str) -> None:
        row = objects.find_uid(self._connection, uid)
        if row is None or not _waits_for_dependents(row.meta()):
            return
        if any(self._blocks(dependent, uid) for dependent in objects.dependents(self._connection, uid)):
            return
        metadata = row.meta()
        metadata["finalizers"] = [name for name in metadata["finalizers"] if name != FOREGROUND]
        if metadata["finalizers"]:
            objects.replace(self._transaction, row, metadata=metadata)
            return
        del metadata["finalizers"]
        self.remove(row, metadata=metadata)

    def _blocks(self, uid: str, owner: str) -> bool:
        row = objects.find_uid(self._connection, uid)
        references = row.meta().get("ownerReferences", ()) if row is not None else ()
        return any(reference["uid"] == owner and reference.get("blockOwnerDeletion") for reference in references)

    def _delete_namespace(self, row: Row) -> None:
        if row.name == DEFAULT_NAMESPACE:
            raise Forbidden(f"the namespace {DEFAULT_NAMESPACE!r} cannot be deleted")
        marked = self._mark(row, row.meta())
        if marked is not row:
            objects.replace(self._transaction, marked, status=msgspec.json.encode({"phase": "Terminating"}))
        for uid in objects.in_namespace(self._connection, row.name):
            dependent = objects.find_uid(self._connection, uid)
            if dependent is not None:
                self.delete(dependent, Propagation.BACKGROUND)
        self._emptied.append(row.name)

    def _finish_namespace(self, name: str) -> None:
        row = objects.find(self._connection, NAMESPACE, "", name)
        if row is None or "deletionTimestamp" not in row.meta() or row.meta().get("finalizers"):
            return
        if not objects.namespace_in_use(self._connection, name):
            self.remove(row)


def _grace_seconds(row: Row) -> int:
    """How long the processes of a pod have to end; other objects need no time."""
    if row.kind != POD:
        return 0
    seconds = msgspec.json.decode(row.json).get("spec", {}).get("terminationGracePeriodSeconds")
    return _POD_GRACE_SECONDS if seconds is None else int(seconds)


def _waits_for_dependents(metadata: dict[str, Any]) -> bool:
    return "deletionTimestamp" in metadata and FOREGROUND in metadata.get("finalizers", ())
