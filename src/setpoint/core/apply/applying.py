"""Server-side apply: a configuration is merged into an object, and its manager owns all that it says.

What the manager applied before and applies no more goes, unless somebody else owns it. What it changes and others own
is a conflict, or taken from them by force. Pure.
Source: Kubernetes documentation, "Server-Side Apply"; structured-merge-diff, Updater.Apply; apimachinery managedfields.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from setpoint.apis.errors import ApplyConflict, InvalidSpec, Malformed
from setpoint.apis.structure import Structure
from setpoint.core.apply.entries import APPLY, UPDATE, Entry, decode_entries, encode_entries, timestamp, with_structure
from setpoint.core.apply.fields import Node, difference, intersection, paths, union, with_named_parents
from setpoint.core.apply.last_applied import KUBECTL, last_applied_fields, with_last_applied
from setpoint.core.apply.merging import merge, without
from setpoint.core.apply.scope import Scope, all_owned, joined, owned
from setpoint.core.apply.typed import check_configuration, compare, everything, field_set, same

Json = dict[str, Any]

BEFORE_FIRST_APPLY = "before-first-apply"


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
    has_status: bool = True,
    served: Collection[str] | None = None,
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
        has_status: Whether the kind has the subresource `status`; if not, the status is a field as others are.
        served: Versions of the kind that there are; managers in others are dropped. None for all.

    Returns:
        The object, without `managedFields`, and those.

    Raises:
        ApplyConflict: The configuration changes fields that belong to others.
        Malformed: It has managedFields.
        InvalidSpec: It has no name, or a list item without its keys, or twice; or `managed` cannot be read.
    """
    _check_metadata(applied)
    scope = Scope(subresource, has_status)
    config, present = scope.part_of(applied), scope.part_of(live or {})
    check_configuration(config, structure)
    mine = Entry(
        manager=manager,
        operation=APPLY,
        api_version=api_version,
        subresource=subresource,
        time=timestamp(time),
        fields=owned(field_set(config, structure)),
    )
    entries = with_structure(decode_entries(managed, served), structure)
    if live is not None and not managed:
        former = replace(mine, manager=BEFORE_FIRST_APPLY, operation=UPDATE, fields=all_owned(present, structure))
        entries = [former]
    last = next((entry for entry in entries if entry.key == mine.key), None)
    others = [entry for entry in entries if entry.key != mine.key]
    merged = merge(present, config, structure)
    if last is not None and last.fields is not None:
        merged = _pruned(merged, config, last.fields, others, structure)
    found = compare(present, merged, structure)
    changed, removed = owned(union(found.added, found.modified)), owned(found.removed)
    if not force:
        allowed = None
        if manager == KUBECTL and live is not None:
            allowed = last_applied_fields(live, api_version, scope, structure)
        _refuse([(entry, intersection(entry.fields, changed)) for entry in others], allowed)
    touched = union(changed, removed)
    others = [replace(entry, fields=difference(entry.fields, touched)) for entry in others]
    if last is not None and replace(last, time=mine.time) == mine and same(_present(present), _present(merged)):
        mine = last
    whole = joined(merged, _rest(scope, live, applied))
    if manager == KUBECTL and not subresource:
        whole = with_last_applied(whole, applied)
    return whole, encode_entries([*others, mine])


def _check_metadata(applied: Json) -> None:
    metadata = applied.get("metadata") or {}
    if metadata.get("managedFields") is not None:
        raise Malformed("must be nil", path="metadata.managedFields")
    if not metadata.get("name"):
        raise InvalidSpec("is required to apply an object", path="metadata.name")


def _rest(scope: Scope, live: Json | None, applied: Json) -> Json:
    """What the configuration has no say in: of the live object, or of a new one what names it.

    A version or uid that the configuration names stays there to be checked against the live object's.
    """
    given = scope.rest_of(applied)
    if live is None:
        given.pop("status", None)
        return given
    rest = scope.rest_of(live)
    metadata = {key: value for key, value in (rest.get("metadata") or {}).items() if key != "managedFields"}
    named = given.get("metadata") or {}
    return rest | {"metadata": metadata | {key: named[key] for key in ("uid", "resourceVersion") if named.get(key)}}


def _present(value: Any) -> Any:
    """Without nulls, which are stored for some kinds and not for others."""
    if isinstance(value, dict):
        return {key: _present(inner) for key, inner in value.items() if inner is not None}
    return [_present(item) for item in value] if isinstance(value, list) else value


def _pruned(merged: Json, config: Json, last: Node, others: Iterable[Entry], structure: Structure) -> Json:
    """Without what the manager applied before, applies no more, and nobody else owns.

    First all that it applied goes, with what is inside. What somebody owns or is applied now comes back, then all that
    is no field of the last configuration.
    """
    last = with_named_parents(last, structure) or {}
    theirs: Node | None = None
    for entry in others:
        theirs = union(theirs, entry.fields)
    wanted = union(everything(config, structure), with_named_parents(theirs, structure))
    whole, left = everything(merged, structure), everything(without(merged, last, structure), structure)
    pruned = without(merged, difference(whole, union(left, wanted)), structure)
    gone = intersection(difference(whole, everything(pruned, structure)), last)
    result: Json = without(merged, gone, structure)
    return result


def _refuse(conflicts: list[tuple[Entry, Node | None]], allowed: Node | None) -> None:
    """Raises: ApplyConflict unless there are none but allowed ones."""
    left = [(entry, difference(fields, allowed)) for entry, fields in conflicts]
    found = [(entry, path) for entry, fields in left for path in paths(fields)]
    if not found:
        return
    found.sort(key=lambda item: item[0].key)
    causes = tuple((f"conflict with {entry.shown}", path) for entry, path in found)
    if len(found) == 1:
        raise ApplyConflict(f"Apply failed with 1 conflict: {causes[0][0]}: {found[0][1]}", causes)
    lines: list[str] = []
    for entry in dict.fromkeys(entry.shown for entry, _ in found):
        lines.append(f"conflicts with {entry}:")
        lines.extend(f"- {path}" for other, path in found if other.shown == entry)
    raise ApplyConflict(f"Apply failed with {len(found)} conflicts: " + "\n".join(lines), causes)
