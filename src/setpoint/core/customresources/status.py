"""The status of a CustomResourceDefinition: which of its names hold, whether it is served, what is stored.

A name that another kind of the same group has is not taken; the definition says so by a condition and waits.
Source: apiextensions-apiserver, controller/status (naming condition) and controller/establish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from setpoint.apis.definitions import ResourceDefinition
from setpoint.core.customresources.definitions import complete_names


def crd_status(crd: Mapping[str, Any], taken: Iterable[ResourceDefinition], now: datetime) -> dict[str, Any]:
    """The status that the definition has with its present spec.

    Args:
        crd: A CustomResourceDefinition that `check_crd` accepts, with the status it had.
        taken: The kinds that others have: known ones and those of other definitions (its own are left out of account
            by their plural).
        now: Time of the transitions.
    """
    spec, status = crd["spec"], crd.get("status") or {}
    wanted, had = complete_names(spec["names"]), status.get("acceptedNames") or {}
    others = [item for item in taken if item.group == spec["group"] and item.plural != wanted["plural"]]
    accepted, reason, message = _accept(wanted, had, others)
    names_accepted = ("NamesAccepted", not reason, reason or "NoConflicts", message or "no conflicts found")
    old = {item["type"]: item for item in status.get("conditions") or ()}
    stays = old.get("Established", {}).get("status") == "True"
    if stays or not reason:
        established = ("Established", True, "InitialNamesAccepted", "the initial names have been accepted")
    else:
        established = ("Established", False, "NotAccepted", "not all names are accepted")
    kept = [item for name, item in old.items() if name not in ("NamesAccepted", "Established")]
    conditions = [_condition(old.get(item[0]), *item, now) for item in (names_accepted, established)]
    stored = list(status.get("storedVersions") or ())
    storage = next(version["name"] for version in spec["versions"] if version["storage"])
    if storage not in stored:
        stored.append(storage)
    return {**status, "acceptedNames": accepted, "conditions": [*conditions, *kept], "storedVersions": stored}


def terminating_status(crd: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The status of a definition that is being deleted, whose objects go first.

    Source: apiextensions-apiserver, controller/finalizer.
    """
    status = crd.get("status") or {}
    conditions = list(status.get("conditions") or ())
    if any(item["type"] == "Terminating" and item["status"] == "True" for item in conditions):
        return dict(status)
    told = ("Terminating", True, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
    others = [item for item in conditions if item["type"] != "Terminating"]
    return {**status, "conditions": [*others, _condition(None, *told, now)]}


def is_established(crd: Mapping[str, Any]) -> bool:
    """Whether the definition's kind is served."""
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def _accept(
    wanted: Mapping[str, Any], had: Mapping[str, Any], others: Iterable[ResourceDefinition]
) -> tuple[dict[str, Any], str, str]:
    """The names that hold, and reason and message of the last conflict; both empty without one."""
    others = tuple(others)
    resources = {name for item in others for name in (item.plural, item.singular, *item.short_names)} - {""}
    kinds = {name for item in others for name in (item.kind, item.list_kind or f"{item.kind}List")}
    accepted, reason, message = dict(had), "", ""
    for name, used in (("plural", resources), ("singular", resources), ("kind", kinds), ("listKind", kinds)):
        if wanted[name] == had.get(name) or wanted[name] not in used:
            accepted[name] = wanted[name]
        else:
            reason, message = f"{name[0].upper()}{name[1:]}Conflict", f'"{wanted[name]}" is already in use'
    short = wanted.get("shortNames") or []
    own = {*(had.get("shortNames") or ()), had.get("plural"), had.get("singular")}
    clashes = [name for name in short if name in resources and name not in own]
    if clashes:
        texts = [f'"{name}" is already in use' for name in clashes]
        reason, message = "ShortNamesConflict", texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    else:
        accepted["shortNames"] = list(short)
    accepted["categories"] = list(wanted.get("categories") or ())
    return {name: value for name, value in accepted.items() if value}, reason, message


def _condition(
    old: Mapping[str, Any] | None, kind: str, holds: bool, reason: str, message: str, now: datetime
) -> dict[str, Any]:
    status = "True" if holds else "False"
    since = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if old is not None and old.get("status") == status:
        since = old.get("lastTransitionTime", since)
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}
