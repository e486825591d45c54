"""Which part of an object has owners, and under which subresource.

What names an object and what only the server writes has none. Below `status` only the status is written; elsewhere all
but the status, if the kind has that subresource. Pure.
Source: apimachinery, managedfields (stripmeta); GetResetFields of the strategies of kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from setpoint.apis.structure import Structure
from setpoint.core.apply.fields import SELF, Node
from setpoint.core.apply.typed import everything

Json = dict[str, Any]

STATUS = "status"
_HEAD = ("apiVersion", "kind")
_OWNERLESS = frozenset(
    {
        *("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "clusterName"),
        *("managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"),
    }
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a write is about.

    Attributes:
        subresource: Below which it is written.
        has_status: Whether the kind has the subresource `status`.
    """

    subresource: str = ""
    has_status: bool = True

    def part_of(self, document: Json) -> Json:
        """The fields of a document that this write can change and that have owners."""
        if self.subresource == STATUS:
            return {STATUS: document[STATUS]} if STATUS in document else {}
        kept = {key: value for key, value in document.items() if key not in _HEAD}
        if self.has_status:
            kept.pop(STATUS, None)
        metadata = kept.get("metadata")
        if isinstance(metadata, dict):
            kept["metadata"] = {key: value for key, value in metadata.items() if key not in _OWNERLESS}
        return kept

    def rest_of(self, document: Json) -> Json:
        """All that `part_of` leaves out."""
        if self.subresource == STATUS:
            return {key: value for key, value in document.items() if key != STATUS}
        rest = {key: document[key] for key in _HEAD if key in document}
        if self.has_status and STATUS in document:
            rest[STATUS] = document[STATUS]
        metadata = document.get("metadata")
        if isinstance(metadata, dict):
            rest["metadata"] = {key: value for key, value in metadata.items() if key in _OWNERLESS}
        return rest


def joined(part: Json, rest: Json) -> Json:
    """A document of both again."""
    head = {key: rest[key] for key in _HEAD if key in rest}
    if "metadata" not in rest:
        return head | part | {key: value for key, value in rest.items() if key not in head}
    metadata = {**rest["metadata"], **(part.get("metadata") or {})}
    tail = {key: value for key, value in rest.items() if key not in head and key != "metadata"}
    return head | {"metadata": metadata} | {key: value for key, value in part.items() if key != "metadata"} | tail


def owned(fields: Node | None) -> Node | None:
    """What of a part's fields has an owner: not the object itself, nor its metadata as a whole."""
    if fields is None:
        return None
    metadata = fields.get("f:metadata")
    if SELF not in fields and (metadata is None or (metadata and SELF not in metadata)):
        return fields or None
    kept = {key: value for key, value in fields.items() if key not in (SELF, "f:metadata")}
    inner = {key: value for key, value in (metadata or {}).items() if key != SELF}
    return {"f:metadata": inner, **kept} if inner else kept or None


def all_owned(part: Json, structure: Structure) -> Node | None:
    """Every field of a part that was not there before."""
    return owned(everything(part, structure)) if part else None
