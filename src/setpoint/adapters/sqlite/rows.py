"""Between the JSON of a row and a typed object.

An object is stored as three pieces (metadata, body, status) and put together as text, so that a version number or
100,000 nodes cost a join of bytes instead of a document parsed and written again. Invariant: the stored
metadata never holds resourceVersion, and a stored workflow status never holds nodes.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from setpoint.adapters.sqlite.database import statements
from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.kinds import group_of
from setpoint.apis.manifest import decode_object
from setpoint.apis.meta import ObjectMeta, Resource

R = TypeVar("R", bound=Resource)

# Kinds whose status the journal writes, with nodes as rows.
_JOURNALED = frozenset({"Workflow.argoproj.io"})

_at = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_journal = statements("journal")
_building = threading.Lock()
_KNOWN = 64  # objects a watcher keeps
_MANY = 200


class Row(NamedTuple):
    """One object as stored. `status` is None if it has none (yet)."""

    id: int
    uid: str
    kind: str
    namespace: str
    name: str
    version: int
    metadata: bytes
    body: int
    json: bytes
    status: bytes | None

    def meta(self) -> dict[str, Any]:
        """The metadata, without resourceVersion."""
        found: dict[str, Any] = msgspec.json.decode(self.metadata)
        return found


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What the store asks about a kind."""

    cls: type[Resource] | None  # None where objects go through as JSON
    key: str  # Kind.group
    name: str
    namespaced: bool
    has_status: bool
    journaled: bool
    wants_nodes: bool  # a class whose status has no field `nodes` is spared the nodes

    def namespace(self, namespace: str) -> str:
        """Where objects of the kind are: nowhere if cluster-scoped, `default` if not said."""
        return (namespace or "default") if self.namespaced else ""


@cache
def kind_info(cls: type[Resource]) -> KindInfo:
    """The store's view of a Resource class."""
    group = group_of(cls.API_VERSION)
    key = f"{cls.KIND}.{group}" if group else cls.KIND
    fields = {field.name: field for field in msgspec.structs.fields(cls)}
    status = fields.get("status")
    nodes = status is not None and (
        not isinstance(status.type, type)
        or not issubclass(status.type, msgspec.Struct)
        or any(field.name == "nodes" for field in msgspec.structs.fields(status.type))
    )
    return KindInfo(cls, key, cls.KIND, cls.NAMESPACED, status is not None, key in _JOURNALED, nodes)


@cache
def definition_info(definition: ResourceDefinition) -> KindInfo:
    """The store's view of a kind whose objects go through as JSON."""
    key = definition.key
    return KindInfo(
        None, key, definition.kind, definition.namespaced, definition.has_status, key in _JOURNALED, wants_nodes=True
    )


def _decoder(cls: type[R]) -> msgspec.json.Decoder[R]:
    return _decoder_of(cls)


def _decoder_of(kind: Any) -> msgspec.json.Decoder[Any]:
    """One at a time: msgspec crashes when two threads work out a type's decoder at once."""
    with _building:
        return _built_decoder(kind)


@cache
def _built_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def invalid(error: msgspec.ValidationError, *, stored: str = "") -> InvalidSpec:
    """The decoder's complaint with its field path apart."""
    found = _at.match(str(error))
    reason, path = (found["reason"], found["path"] or "") if found else (str(error), "")
    if stored:
        reason = f"{stored} is stored in a form that this version does not read ({reason}): delete it and apply it anew"
    return InvalidSpec(reason, path=path)


def split(resource: Resource) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Metadata, body and status of an object; status is None if the object has none."""
    wire = msgspec.json.decode(msgspec.json.encode(resource))  # as it is read back: lists, no tuples
    wire |= {"apiVersion": resource.API_VERSION, "kind": resource.KIND}
    metadata = wire.pop("metadata", {})
    status = wire.pop("status", None)
    return metadata, wire, status


def split_document(document: dict[str, Any], kind: KindInfo) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Metadata, body and status of an object as JSON; the status of a kind without that subresource is in its body."""
    body = dict(document)
    metadata = body.pop("metadata", None) or {}
    status = body.pop("status", None) if kind.has_status else None
    return metadata, body, status


def validated(cls: type[R], wire: dict[str, Any]) -> R:
    """The wire form as a typed object; InvalidSpec with the field's path if it does not fit."""
    try:  # what the class itself refuses; shapes are for what comes in from outside
        converted: R = msgspec.convert(wire, type=cls)
    except msgspec.ValidationError:
        return decode_object(wire, cls)
    return converted


def nodes_of(connection: sqlite3.Connection, object_id: int) -> list[tuple[str, bytes]]:
    """Node id and node JSON of a workflow, by id."""
    return connection.execute(_journal["nodes"], (object_id,)).fetchall()


def with_nodes(status: bytes | None, nodes: Iterable[tuple[str, bytes]]) -> bytes | None:
    """The status with its nodes put in."""
    text = b",".join(b"%b:%b" % (msgspec.json.encode(node), document) for node, document in nodes)
    if not text:
        return status
    head = (status or b"{}").strip()[:-1].rstrip()
    return b'%b%b"nodes":{%b}}' % (head, b"" if head == b"{" else b",", text)


class Pieces(NamedTuple):
    """An object as it was or is at a version; the stored metadata lacks it."""

    uid: str
    version: int
    metadata: bytes
    body: bytes
    status: bytes | None

    def document(self) -> bytes:
        """The whole document."""
        return join(self.metadata, self.version, self.body, self.status)


def join(metadata: bytes, version: int, body: bytes, status: bytes | None) -> bytes:
    """The whole document."""
    tail = b',"status":%b}' % status if status else b"}"
    return b'{"metadata":%b,%b%b' % (_versioned(metadata, version), body[1:-1], tail)


def _versioned(metadata: bytes, version: int) -> bytes:
    return b'%b,"resourceVersion":"%d"}' % (metadata[:-1], version)


def typed(kind: KindInfo, cls: type[R], document: bytes) -> R:
    """A stored document as an object of its class.

    Raises:
        InvalidSpec: If another version of Setpoint stored what this one does not read; kind and name are told.
    """
    try:
        resource: R = _decoder(cls).decode(document)
    except msgspec.ValidationError as error:
        metadata = msgspec.json.decode(document)["metadata"]
        name = "/".join(filter(None, (metadata.get("namespace", ""), metadata.get("name", ""))))
        raise invalid(error, stored=f"{kind.name} {name}") from None
    return resource


class Reading(Generic[R]):
    """What one watcher has read: an object whose body stayed, as under the journal's commits, is not read as a whole.

    A workflow's body is its spec, which may be a thousand times the size of what a commit changes.
    """

    def __init__(self, kind: KindInfo, cls: type[R]) -> None:
        self._kind = kind
        self._cls = cls
        self._known: OrderedDict[str, tuple[bytes, R]] = OrderedDict()
        self._status = next((field for field in msgspec.structs.fields(cls) if field.name == "status"), None)

    def typed(self, pieces: Pieces) -> R:
        """The object. Raises: InvalidSpec as `typed`."""
        known = self._known.pop(pieces.uid, None)
        if known is not None and known[0] == pieces.body:
            resource = self._renewed(known[1], pieces)
        else:
            resource = typed(self._kind, self._cls, pieces.document())
        self._known[pieces.uid] = (pieces.body, resource)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        return resource

    def _renewed(self, known: R, pieces: Pieces) -> R:
        fields: dict[str, Any] = {
            "metadata": _decoder_of(ObjectMeta).decode(_versioned(pieces.metadata, pieces.version))
        }
        if self._status is not None and pieces.status:
            fields["status"] = _decoder_of(self._status.type).decode(pieces.status)
        return known.replace(**fields)


def pieces_of(connection: sqlite3.Connection, row: Row, kind: KindInfo) -> Pieces:
    """A row, nodes and all if the kind's class has a place for them."""
    status = row.status if kind.has_status else None
    if kind.journaled and kind.wants_nodes:
        status = with_nodes(status, nodes_of(connection, row.id))
    return Pieces(row.uid, row.version, row.metadata, row.json, status)


def documents_of(connection: sqlite3.Connection, rows: list[Row], kind: KindInfo) -> list[bytes]:
    """The whole documents of rows; of many, their nodes are read in one go."""
    if not (kind.journaled and kind.wants_nodes) or len(rows) < _MANY:
        return [document_of(connection, row, kind) for row in rows]
    nodes: dict[int, list[tuple[str, bytes]]] = {row.id: [] for row in rows}
    for owner, node, document in connection.execute(_journal["nodes_of_kind"], (kind.key,)):
        if owner in nodes:
            nodes[owner].append((node, document))
    return [
        join(
            row.metadata, row.version, row.json, with_nodes(row.status, nodes[row.id]) if nodes[row.id] else row.status
        )
        for row in rows
    ]


def document_of(connection: sqlite3.Connection, row: Row, kind: KindInfo) -> bytes:
    """The whole document of a row."""
    return pieces_of(connection, row, kind).document()
