"""The PodObjects port over SQLite: Pods of engines, many in one transaction.

They are made by this program, so nothing of them is checked again; deletion follows the rules of all objects.
Invariant: a Pod whose owner is gone is not made, and an object of another uid under its name is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from setpoint.adapters.sqlite import objects
from setpoint.adapters.sqlite.deletion import Collector
from setpoint.adapters.sqlite.rows import Row
from setpoint.adapters.sqlite.writer import Transaction, Writer
from setpoint.apis.pod import LAUNCH
from setpoint.core.pods.document import COMPLETED, FINALIZER
from setpoint.ports.pod_objects import PodChange

_KIND = "Pod"


class SqlitePodObjects:
    """Implements `setpoint.ports.pod_objects.PodObjects`; made by `SqliteStore`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def record(self, changes: Sequence[PodChange]) -> None:
        """See the port."""

        def job(transaction: Transaction) -> None:
            for change in changes:
                _apply(transaction, change)

        if changes:
            await self._writer.write(job)


def _apply(transaction: Transaction, change: PodChange) -> None:
    connection = transaction.connection
    row = objects.find_uid(connection, change.uid)
    if row is None:
        if change.metadata is not None and change.body is not None and not change.gone:
            _make(transaction, change, change.metadata, change.body)
        return
    if change.gone:
        collector = Collector(transaction)
        collector.remove(row)
        collector.settle()
        return
    metadata = _ended(row) if change.ended else None
    if metadata is not None and "deletionTimestamp" in metadata and not metadata.get("finalizers"):
        collector = Collector(transaction)
        collector.remove(row._replace(status=change.status or row.status), metadata=metadata)
        collector.settle()
        return
    status = change.status if change.status and change.status != row.status else None
    if status is not None or metadata is not None:
        objects.replace(transaction, row, metadata=metadata, status=status)


def _make(transaction: Transaction, change: PodChange, metadata: dict[str, Any], body: dict[str, Any]) -> None:
    connection = transaction.connection
    namespace, name = metadata["namespace"], metadata["name"]
    owners = metadata.get("ownerReferences", ())
    if any(objects.find_uid(connection, owner["uid"]) is None for owner in owners):
        return
    former = objects.find(connection, _KIND, namespace, name)
    if former is not None:
        if not _is_over(former):
            return
        collector = Collector(transaction)  # a node that was retried by hand has another pod of the same name
        collector.remove(former)
        collector.settle()
    objects.insert(transaction, _KIND, metadata, body, change.status or None)


def _is_over(row: Row) -> bool:
    """Whether it is the object of an engine's pod that has ended."""
    metadata = row.meta()
    return LAUNCH in metadata.get("annotations", {}) and FINALIZER not in metadata.get("finalizers", ())


def _ended(row: Row) -> dict[str, Any] | None:
    """The metadata of a pod that has ended; None if it says so already."""
    if FINALIZER.encode() not in row.metadata and f'"{COMPLETED}":"false"'.encode() not in row.metadata:
        return None
    metadata = row.meta()
    finalizers = [name for name in metadata.pop("finalizers", ()) if name != FINALIZER]
    if finalizers:
        metadata["finalizers"] = finalizers
    labels: dict[str, str] = metadata.get("labels", {})
    if COMPLETED in labels:
        labels[COMPLETED] = "true"
    return metadata
