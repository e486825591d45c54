"""Who owns which field of an object: what an update takes over, and what an apply merges, removes and refuses.

Pure: objects, `managedFields` and the moment are arguments. Every write of one manager by one operation, version and
subresource is one entry. Fields of metadata that are the server's own have no owner.
Source: Kubernetes documentation, "Server-Side Apply"; apimachinery managedfields; structured-merge-diff, merge.Updater.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from setpoint.apis.errors import ApplyConflict, InvalidSpec
from setpoint.apis.structure import Structure
from setpoint.core.apply.fields import Node, difference, intersection, paths, union, with_parents
from setpoint.core.apply.typed import ABSENT, Comparison, compare, everything, field_set, merge, without

Json = dict[str, Any]

APPLY, UPDATE = "Apply", "Update"
BEFORE_FIRST_APPLY = "before-first-apply"
ANCIENT_CHANGES = "ancient-changes"
_MOST_UPDATERS = 10

_OWNERLESS: Node = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {
        ".": {},
        "f:name": {},
        "f:namespace": {},
        "f:creationTimestamp": {},
        "f:selfLink": {},
        "f:uid": {},
        "f:generation": {},
        "f:managedFields": {},
        "f:resourceVersion": {},
        "f:deletionTimestamp": {},
        "f:deletionGracePeriodSeconds": {},
    },
}
_UNCOMPARED = frozenset(key[2:] for key in _OWNERLESS["f:metadata"] if key != ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One manager's fields."""

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
        """As a conflict tells of it."""
        sub = f' with subresource "{self.subresource}"' if self.subresource else ""
        if self.operation == APPLY:
            return f'"{self.manager}"{sub}'
        return f'"{self.manager}"{sub} using {self.api_version}' + (f" at {self.time}" if self.time else "")


def track_update(
    before: Json | None,
    after: Json,
    managed: list[Json],
    *,
    manager: str,
    api_version: str,
    time: datetime,
    subresource: str = "",
    structure: Structure,
) -> list[Json]:
    """The `managedFields` after an ordinary create, update or patch.

    Args:
        before: The object as it was, None for a new one.
        after: As it will be.
        managed: Its `managedFields` before. An object that has none is followed from its first apply on only.
        manager: Who writes.
        api_version: The version in which it is written.
        time: The moment.
        subresource: Below which it is written.
        structure: Of the kind.
    """
    if before is not None and not managed:
        return []
    entries = [] if before is None else _decoded(managed)
    old = _compared(before) if before is not None else {}
    comparison = _owned_only(compare(old, _compared(after), structure), subresource)
    changed = union(comparison.added, comparison.modified)
    touched = union(changed, comparison.removed)
    if touched is None:
        return managed
    entries = [replace(entry, fields=difference(entry.fields, touched)) for entry in entries]
    if changed is not None:
        mine = _Entry(
            manager=manager,
            operation=UPDATE,
            api_version=api_version,
            subresource=subresource,
            time=_timestamp(time),
            fields=changed,
        )
        entries = _with_entry(entries, mine)
    return _encoded(_capped(entries))


def apply(
    live: Json | None,
    applied: Json,
    managed: list[Json],
    *,
    manager: str,
    force: bool,
    api_version: str,
    time: datetime,
    subresource: str = "",
    structure: Structure,
) -> tuple[Json, list[Json]]:
    """What a server-side apply makes of the object, and who owns its fields then.

    Args:
        live: The object as it is, None if there is none.
        applied: The configuration: what this manager wants, and nothing else.
        managed: `managedFields` of the live object.
        manager: Whose configuration it is.
        force: Take fields over from others instead of a conflict.
        api_version: The version of the configuration.
        time: The moment.
        subresource: Below which it is applied.
        structure: Of the kind.

    Raises:
        ApplyConflict: The configuration changes fields that belong to others.
        InvalidSpec: It holds managedFields, or a list item without its keys, or twice.
    """
    if applied.get("metadata", {}).get("managedFields"):
        raise InvalidSpec("must be nil", path="metadata.managedFields")
    config = _without_nulls(applied)
    present = _compared(live) if live is not None else {}
    entries = _decoded(managed)
    if live is not None and not entries:
        entries = _before_first_apply(present, api_version, subresource, structure)
    mine = _Entry(
        manager=manager,
        operation=APPLY,
        api_version=api_version,
        subresource=subresource,
        time=_timestamp(time),
        fields=_owned(field_set(_compared(config), structure), subresource),
    )
    last = next((entry.fields for entry in entries if entry.key == mine.key), None)
    others = [entry for entry in entries if entry.key != mine.key]
    merged = merge(present, _compared(config), structure)
    merged = _pruned(merged, last, [*others, mine], structure)
    comparison = _owned_only(compare(present, merged, structure), subresource)
    changed = union(comparison.added, comparison.modified)
    conflicts = [(entry, intersection(entry.fields, changed)) for entry in others]
    if not force:
        _refuse(conflicts)
    touched = union(changed, comparison.removed)
    others = [replace(entry, fields=difference(entry.fields, touched)) for entry in others]
    former = next((entry for entry in entries if entry.key == mine.key), None)
    if touched is None and former is not None and replace(former, time=mine.time) == mine:
        mine = former
    return _uncompared(merged, live, config), _encoded([*others, mine])


def _pruned(merged: Json, last: Node | None, entries: list[_Entry], structure: Structure) -> Json:
    """Without what the manager applied before, applies no more, and nobody else owns."""
    if last is None:
        return merged
    pruned = _or_empty(without(merged, with_parents(last), structure))
    owned: Node | None = None
    for entry in entries:
        owned = union(owned, entry.fields)
    whole, kept = with_parents(field_set(merged, structure)), with_parents(field_set(pruned, structure))
    pruned = _or_empty(without(merged, difference(whole, union(kept, with_parents(owned))), structure))
    kept = with_parents(field_set(pruned, structure))
    dangling = intersection(difference(whole, kept), with_parents(last))
    return _or_empty(without(merged, dangling, structure))


def _refuse(conflicts: Iterable[tuple[_Entry, Node | None]]) -> None:
    found = [(entry.shown, path) for entry, fields in conflicts for path in paths(fields)]
    if not found:
        return
    causes = tuple((f"conflict with {shown}", path) for shown, path in found)
    if len(found) == 1:
        raise ApplyConflict(f"Apply failed with 1 conflict: {causes[0][0]}: {found[0][1]}", causes)
    told = []
    for shown in sorted({shown for shown, _ in found}):
        lines = "\n".join(f"- {path}" for other, path in found if other == shown)
        told.append(f"conflicts with {shown}:\n{lines}")
    raise ApplyConflict(f"Apply failed with {len(found)} conflicts: " + "\n".join(told), causes)


def _before_first_apply(present: Json, api_version: str, subresource: str, structure: Structure) -> list[_Entry]:
    """An object that was never followed belongs to those before."""
    fields = _owned({key: value for key, value in everything(present, structure).items() if key != "."}, subresource)
    entry = _Entry(manager=BEFORE_FIRST_APPLY, operation=UPDATE, api_version=api_version, fields=fields)
    return [entry] if fields is not None else []


def _with_entry(entries: list[_Entry], mine: _Entry) -> list[_Entry]:
    former = next((entry.fields for entry in entries if entry.key == mine.key), None)
    return [*(item for item in entries if item.key != mine.key), replace(mine, fields=union(former, mine.fields))]


def _capped(entries: list[_Entry]) -> list[_Entry]:
    """At most ten updaters: the oldest become one."""
    updaters = sorted((item for item in entries if item.operation == UPDATE), key=lambda item: item.time)
    if len(updaters) <= _MOST_UPDATERS:
        return entries
    old = updaters[: len(updaters) - _MOST_UPDATERS + 1]
    merged: Node | None = None
    for entry in old:
        merged = union(merged, entry.fields)
    one = replace(old[-1], manager=ANCIENT_CHANGES, subresource="", fields=merged)
    return [*(item for item in entries if item not in old), one]


def _decoded(managed: list[Json]) -> list[_Entry]:
    return [
        _Entry(
            manager=item.get("manager", ""),
            operation=item.get("operation", UPDATE),
            api_version=item.get("apiVersion", ""),
            subresource=item.get("subresource", ""),
            time=item.get("time", "") or "",
            fields=item.get("fieldsV1") or None,
        )
        for item in managed
    ]


def _encoded(entries: list[_Entry]) -> list[Json]:
    """By operation, time and manager, as an API server writes them; who owns nothing is left out."""
    found = []
    for entry in sorted(entries, key=lambda item: (item.operation, item.time, item.manager, item.api_version)):
        if entry.fields is None:
            continue
        wire: Json = {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": entry.fields,
            "subresource": entry.subresource,
        }
        found.append({key: value for key, value in wire.items() if value not in ("", None)})
    return found


def _compared(document: Json) -> Json:
    """The object without what has no owner; cheaper than to take it out of sets afterwards."""
    kept = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
    metadata = kept.get("metadata")
    if isinstance(metadata, dict):
        kept["metadata"] = {key: value for key, value in metadata.items() if key not in _UNCOMPARED}
    return kept


def _uncompared(merged: Json, live: Json | None, config: Json) -> Json:
    """The whole object again."""
    base = config if live is None else live
    server = {key: value for key, value in base.get("metadata", {}).items() if key in _UNCOMPARED}
    head = {key: base[key] for key in ("apiVersion", "kind") if key in base}
    metadata = server | (merged.get("metadata") or {})
    if live is not None and config.get("metadata", {}).get("resourceVersion"):
        metadata["resourceVersion"] = config["metadata"]["resourceVersion"]
    if live is not None and config.get("metadata", {}).get("uid"):
        metadata["uid"] = config["metadata"]["uid"]
    return head | merged | {"metadata": metadata}


def _owned_only(comparison: Comparison, subresource: str) -> Comparison:
    return Comparison(
        _owned(comparison.added, subresource),
        _owned(comparison.modified, subresource),
        _owned(comparison.removed, subresource),
    )


def _owned(fields: Node | None, subresource: str) -> Node | None:
    """What can be owned below this subresource: status below `status`, all but status elsewhere."""
    fields = difference(fields, _OWNERLESS)
    if fields is None:
        return None
    if subresource == "status":
        return {"f:status": fields["f:status"]} if "f:status" in fields else None
    return {key: value for key, value in fields.items() if key not in ("f:status", ".")} or None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _or_empty(value: Any) -> Json:
    return {} if value is ABSENT else value


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
