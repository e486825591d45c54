"""Watches: from the change log to typed events, in order, from any version that is still kept.

A watcher reads what was committed after its cursor, then sleeps until the writer commits to its kind. Invariant:
every change of an object that a watcher's selector knew or knows is told, except that commits of the workflow
journal may be told together, as the object's newest state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from setpoint.adapters.sqlite import objects
from setpoint.adapters.sqlite.database import statements
from setpoint.adapters.sqlite.hub import Hub
from setpoint.adapters.sqlite.readers import Readers
from setpoint.adapters.sqlite.rows import (
    KindInfo,
    Pieces,
    Reading,
    documents_of,
    nodes_of,
    pieces_of,
    typed,
    with_nodes,
)
from setpoint.apis.errors import Expired, InvalidSpec
from setpoint.apis.meta import Resource
from setpoint.apis.selectors import Selector
from setpoint.ports.resources import ResourceList, WatchEvent, WatchType

R = TypeVar("R", bound=Resource)

_CHUNK = 500

_changes = statements("changes")


class _Labels(msgspec.Struct):
    labels: dict[str, str] = {}


class _Place(msgspec.Struct):
    namespace: str = ""
    labels: dict[str, str] = {}


_labels = msgspec.json.Decoder(_Labels)
_place = msgspec.json.Decoder(_Place)
_label_map = msgspec.json.Decoder(dict[str, str])


def labels_of(metadata: bytes) -> dict[str, str]:
    """The labels in a stored metadata."""
    return _labels.decode(metadata).labels


class _Change(NamedTuple):
    version: int
    type: str
    uid: str
    metadata: bytes | None
    json: bytes | None
    status: bytes | None
    labels: bytes | None


@dataclass(frozen=True, slots=True)
class _Events:
    found: list[tuple[WatchType, Pieces]]
    cursor: int
    more: bool


@dataclass(frozen=True, slots=True)
class View:
    """What a reader looks at: a kind, one namespace or all, a selector."""

    kind: KindInfo
    namespace: str | None
    selector: Selector

    def list(self, connection: sqlite3.Connection) -> tuple[list[bytes], int]:
        """Documents that match, and the version they are of."""
        version: int = connection.execute(_changes["counter"]).fetchone()[0]
        rows = objects.listed(connection, self.kind.key, self.namespace)
        if self.selector:
            rows = [row for row in rows if self.selector.matches(labels_of(row.metadata))]
        return documents_of(connection, rows, self.kind), version

    def after(self, connection: sqlite3.Connection, cursor: int) -> _Events:
        """What happened after a version, at most one chunk.

        Raises:
            Expired: If the changes after `cursor` are not all kept, or the store never came so far.
        """
        version, compacted = connection.execute(_changes["counter"]).fetchone()
        if not compacted <= cursor <= version:
            raise Expired(self.kind.name, found=str(compacted), wanted=str(cursor))
        values = {"kind": self.kind.key, "after": cursor, "namespace": self.namespace, "limit": _CHUNK}
        changes = [_Change._make(row) for row in connection.execute(_changes["after"], values)]
        found = [event for change in changes if (event := self._event(connection, change)) is not None]
        more = len(changes) == _CHUNK
        return _Events(found, changes[-1].version if more else version, more)

    def _event(self, connection: sqlite3.Connection, change: _Change) -> tuple[WatchType, Pieces] | None:
        if change.metadata is None or change.json is None:
            return self._journal_event(connection, change)
        now = self.selector.matches(labels_of(change.metadata))
        before = now if change.labels is None else self.selector.matches(_label_map.decode(change.labels))
        kind = seen_as(WatchType(change.type), before=before, now=now)
        if kind is None:
            return None
        status = change.status if self.kind.has_status else None
        if self.kind.journaled and self.kind.wants_nodes and (row := objects.find_uid(connection, change.uid)):
            status = with_nodes(status, nodes_of(connection, row.id))
        return kind, Pieces(change.uid, change.version, change.metadata, change.json, status)

    def _journal_event(self, connection: sqlite3.Connection, change: _Change) -> tuple[WatchType, Pieces] | None:
        """A commit of the journal has no copy of the object: it is told if it is still the newest change."""
        row = objects.find_uid(connection, change.uid)
        if row is None or row.version != change.version or not self.selector.matches(labels_of(row.metadata)):
            return None
        return WatchType.MODIFIED, pieces_of(connection, row, self.kind)


class Happened:
    """One change as anybody may be told of it: whose, with which labels, and the document after it."""

    __slots__ = ("_wire", "before", "document", "labels", "namespace", "size", "type", "uid", "version")

    def __init__(
        self,
        *,
        version: int,
        kind: WatchType,
        uid: str,
        namespace: str,
        labels: dict[str, str],
        before: dict[str, str] | None,
        document: bytes,
    ) -> None:
        self.version, self.type, self.uid, self.namespace = version, kind, uid, namespace
        self.labels, self.before, self.document = labels, before, document
        self.size = len(document) + 200
        self._wire: dict[str, Any] | None = None

    def wire(self) -> dict[str, Any]:
        """The document decoded, once for all watchers."""
        if self._wire is None:
            self._wire = msgspec.json.decode(self.document)
        return self._wire


def version_of(connection: sqlite3.Connection) -> int:
    """The version the store is at."""
    version: int = connection.execute(_changes["counter"]).fetchone()[0]
    return version


def happened_after(connection: sqlite3.Connection, kind: KindInfo, cursor: int) -> tuple[list[Happened], int, bool]:
    """What happened to a kind after a version, at most one chunk; up to which version that is; whether there is more.

    Raises:
        Expired: As `View.after`.
    """
    version, compacted = connection.execute(_changes["counter"]).fetchone()
    if not compacted <= cursor <= version:
        raise Expired(kind.name, found=str(compacted), wanted=str(cursor))
    values = {"kind": kind.key, "after": cursor, "namespace": None, "limit": _CHUNK}
    changes = [_Change._make(row) for row in connection.execute(_changes["after"], values)]
    found = [item for change in changes if (item := _happened(connection, kind, change)) is not None]
    more = len(changes) == _CHUNK
    return found, changes[-1].version if more else version, more


def _happened(connection: sqlite3.Connection, kind: KindInfo, change: _Change) -> Happened | None:
    """A commit of the journal has no copy of the object: it is told if it is still the newest change."""
    row = objects.find_uid(connection, change.uid) if change.metadata is None or kind.journaled else None
    if change.metadata is None or change.json is None:
        if row is None or row.version != change.version:
            return None
        pieces = pieces_of(connection, row, kind)
    else:
        status = change.status if kind.has_status else None
        if row is not None:
            status = with_nodes(status, nodes_of(connection, row.id))
        pieces = Pieces(change.uid, change.version, change.metadata, change.json, status)
    place = _place.decode(pieces.metadata)
    return Happened(
        version=change.version,
        kind=WatchType(change.type),
        uid=change.uid,
        namespace=place.namespace,
        labels=place.labels,
        before=None if change.labels is None else _label_map.decode(change.labels),
        document=pieces.document(),
    )


def seen_as(kind: WatchType, *, before: bool, now: bool) -> WatchType | None:
    """What a change is to a watcher whose selector matched before or matches now."""
    match kind:
        case WatchType.ADDED:
            return WatchType.ADDED if now else None
        case WatchType.DELETED:
            return WatchType.DELETED if before or now else None
        case _:
            if now:
                return WatchType.MODIFIED if before else WatchType.ADDED
            return WatchType.DELETED if before else None


async def list_view(readers: Readers, view: View, cls: type[R]) -> ResourceList[R]:
    """All that the view shows, at one version."""

    def read(connection: sqlite3.Connection) -> ResourceList[R]:
        documents, version = view.list(connection)
        items = tuple(typed(view.kind, cls, document) for document in documents)
        return ResourceList(items=items, resource_version=str(version))

    return await readers.read(read)


async def watch_view(
    readers: Readers, hub: Hub, view: View, cls: type[R], since: str | None
) -> AsyncIterator[WatchEvent[R]]:
    """Events for ever; see `ResourceApi.watch`. Ends with Unavailable when the store is closed."""
    with hub.subscribe(view.kind.key) as waiter:
        if since is None:
            present = await list_view(readers, view, cls)
            for resource in present.items:
                yield WatchEvent(type=WatchType.ADDED, resource=resource)
            since = present.resource_version
        cursor = cursor_of(since)
        reading = Reading(view.kind, cls)
        while True:
            waiter.reset()
            events = await readers.read(partial(view.after, cursor=cursor))
            for kind, pieces in events.found:
                yield WatchEvent(type=kind, resource=reading.typed(pieces))
            cursor = events.cursor
            if not events.more:
                await waiter.wait()


def cursor_of(since: str) -> int:
    """The version that a client names. Raises: InvalidSpec if it is none."""
    if not since.isdecimal() or not since.isascii():
        raise InvalidSpec(f"{since!r} is not a resourceVersion", path="resourceVersion")
    return int(since)
