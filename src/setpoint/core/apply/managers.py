"""Who owns which field of an object after an ordinary write: what was changed belongs to who changed it.

Pure: objects, `managedFields` and the moment are arguments. Every write of one manager by one operation, version and
subresource is one entry. An object that has no entries is followed from its first apply on only.
Source: Kubernetes documentation, "Server-Side Apply"; apimachinery managedfields; structured-merge-diff, Updater.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.structure import Structure
from setpoint.core.apply.entries import (
    UPDATE,
    Entry,
    capped,
    decode_entries,
    encode_entries,
    merged_into,
    timestamp,
    with_structure,
)
from setpoint.core.apply.fields import difference, union
from setpoint.core.apply.scope import Scope, all_owned, owned
from setpoint.core.apply.typed import compare

Json = dict[str, Any]

UNKNOWN_MANAGER = "unknown"


def managed_fields_of(before: Json | None, after: Json, subresource: str = "") -> list[Json]:
    """The `managedFields` that an update starts from: those it brings, else those that are there.

    A client may set them itself (`kubectl apply --server-side` does so when it takes an object over), or take all away
    with an empty list or one empty entry. It may not below a subresource, nor with entries that are none.
    """
    present: list[Json] = ((before or {}).get("metadata") or {}).get("managedFields") or []
    given = (after.get("metadata") or {}).get("managedFields")
    if subresource or not isinstance(given, list):
        return present
    if given in ([], [{}]):
        return []
    try:
        decode_entries(given)
    except (InvalidSpec, AttributeError):
        return present
    return given


def track_update(
    before: Json | None,
    after: Json,
    managed: list[Json],
    *,
    manager: str,
    operation: str = UPDATE,
    api_version: str,
    time: datetime,
    subresource: str = "",
    structure: Structure,
    has_status: bool = True,
    served: Collection[str] | None = None,
) -> list[Json]:
    """The `managedFields` after an ordinary create, update or patch. Never refuses: then they stay as they were.

    Args:
        before: The object as it was, None for a new one.
        after: As it will be.
        managed: Its `managedFields` before.
        manager: Who writes.
        operation: `Update`; another name than an apply has.
        api_version: The version in which it is written.
        time: The moment.
        subresource: Below which it is written.
        structure: Of the kind.
        has_status: Whether the kind has the subresource `status`; if not, the status is a field as others are.
        served: Versions of the kind that there are; managers in others are dropped. None for all.
    """
    if before is not None and not managed:
        return []
    mine = Entry(
        manager=manager or UNKNOWN_MANAGER,
        operation=operation,
        api_version=api_version,
        subresource=subresource,
        time=timestamp(time),
    )
    scope = Scope(subresource, has_status)
    try:
        if before is None:
            fields = all_owned(scope.part_of(after), structure)
            others = decode_entries(managed, served) if managed else []
            return encode_entries(merged_into(others, replace(mine, fields=fields)))
        return _tracked(scope.part_of(before), scope.part_of(after), managed, mine, structure, served)
    except InvalidSpec:
        return managed


def _tracked(
    before: Json, after: Json, managed: list[Json], mine: Entry, structure: Structure, served: Collection[str] | None
) -> list[Json]:
    comparison = compare(before, after, structure)
    changed = owned(union(comparison.added, comparison.modified))
    touched = union(changed, owned(comparison.removed))
    obsolete = served is not None and any(item.get("apiVersion") not in served for item in managed)
    if touched is None and not obsolete:
        return managed
    entries = with_structure(decode_entries(managed, served), structure)
    entries = [replace(entry, fields=difference(entry.fields, touched)) for entry in entries]
    if changed is not None:
        entries = merged_into(entries, replace(mine, fields=changed))
    return encode_entries(capped([entry for entry in entries if entry.fields]))
