"""`managedFields` as they are on the wire, and as entries: one for each manager, operation, version and subresource.

Pure. Invariant: what is written here has an order of its own, so the same writes give the same bytes.
Source: apimachinery, managedfields (managedfields, capmanagers); Kubernetes API reference, ManagedFieldsEntry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.structure import Structure
from setpoint.core.apply.fields import Node, collapsed, decode, union

Json = dict[str, Any]

APPLY: Final = "Apply"
UPDATE: Final = "Update"
ANCIENT_CHANGES: Final = "ancient-changes"
MOST_UPDATERS: Final = 10
_PATH = "metadata.managedFields"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One manager's fields; `time` as it is on the wire, "" if it is not told."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""
    time: str = ""
    fields: Node | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes two writes one entry; an apply is one entry in whatever version."""
        version = "" if self.operation == APPLY else self.api_version
        return self.manager, self.operation, version, self.subresource

    @property
    def shown(self) -> str:
        """As a conflict tells of it. The moment is no part of it, as it is none of upstream's manager identifiers."""
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return text if self.operation == APPLY else f"{text} using {self.api_version}"


def decode_entries(managed: Iterable[Json] | None, served: Collection[str] | None = None) -> list[Entry]:
    """Entries of `managedFields`.

    Args:
        managed: As they are in an object.
        served: API versions there are; entries of others are left out. None if all are served.

    Raises:
        InvalidSpec: An entry has no version, an unknown operation, or fields that are none.
    """
    found = [_decoded(item) for item in managed or ()]
    return [entry for entry in found if served is None or entry.api_version in served]


def _decoded(item: Json) -> Entry:
    operation, version = item.get("operation"), item.get("apiVersion")
    if operation not in (APPLY, UPDATE):
        raise InvalidSpec("operation must be `Apply` or `Update`", path=_PATH)
    if not version or not isinstance(version, str):
        raise InvalidSpec("apiVersion must not be empty", path=_PATH)
    if item.get("fieldsType") != "FieldsV1":
        raise InvalidSpec("fieldsType must be `FieldsV1`", path=_PATH)
    return Entry(
        manager=item.get("manager") or "",
        operation=operation,
        api_version=version,
        subresource=item.get("subresource") or "",
        time=item.get("time") or "",
        fields=decode(item.get("fieldsV1") or {}),
    )


def with_structure(entries: list[Entry], structure: Structure) -> list[Entry]:
    """The entries as if all had been written by this structure: what has become atomic since then is one field."""
    return [replace(entry, fields=collapsed(entry.fields, structure)) for entry in entries]


def encode_entries(entries: Iterable[Entry]) -> list[Json]:
    """By operation, time, manager, version and subresource; who owns nothing is left out."""
    return [_encoded(entry) for entry in sorted(entries, key=_order) if entry.fields]


def _order(entry: Entry) -> tuple[str, ...]:
    return entry.operation, entry.time, entry.manager, entry.api_version, entry.subresource


def _encoded(entry: Entry) -> Json:
    wire: Json = {"manager": entry.manager, "operation": entry.operation, "apiVersion": entry.api_version}
    if entry.time:
        wire["time"] = entry.time
    wire |= {"fieldsType": "FieldsV1", "fieldsV1": entry.fields}
    if entry.subresource:
        wire["subresource"] = entry.subresource
    return wire


def merged_into(entries: list[Entry], mine: Entry) -> list[Entry]:
    """With the fields of `mine` added to those that its manager has."""
    former = next((entry.fields for entry in entries if entry.key == mine.key), None)
    others = [entry for entry in entries if entry.key != mine.key]
    return [*others, replace(mine, fields=union(former, mine.fields))]


def capped(entries: list[Entry]) -> list[Entry]:
    """At most ten updaters: of those of one version the oldest become one entry, until it is no more than ten."""
    updaters = sorted((entry for entry in entries if entry.operation == UPDATE), key=lambda item: (item.time, item.key))
    excess = len(updaters) - MOST_UPDATERS
    first: dict[str, Entry] = {}
    buckets: dict[str, Entry] = {}
    gone: set[tuple[str, str, str, str]] = set()
    for entry in updaters:
        if excess <= 0:
            break
        version = entry.api_version
        if version not in first:
            first[version] = entry
            continue
        known = buckets.get(version, first[version])
        gone |= {known.key, entry.key}
        buckets[version] = replace(
            entry, manager=ANCIENT_CHANGES, subresource="", fields=union(known.fields, entry.fields)
        )
        excess -= 1
    return [*(entry for entry in entries if entry.key not in gone), *buckets.values()]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in seconds, as metadata have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
