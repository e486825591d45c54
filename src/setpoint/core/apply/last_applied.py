"""Objects that `kubectl apply` manages in the client, taken over by `kubectl apply --server-side` without conflicts.

The annotation with the last configuration says what was wanted; what the object still has of it, kubectl may take.
Source: apimachinery, managedfields (lastappliedmanager, lastappliedupdater); both look at the manager `kubectl` only.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.structure import Structure
from setpoint.core.apply.fields import Node, difference, union
from setpoint.core.apply.scope import Scope
from setpoint.core.apply.typed import compare, field_set

Json = dict[str, Any]

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
KUBECTL = "kubectl"
_MOST_BYTES = 256 * 1024
"""Of all annotations together; a longer one is taken away."""


def last_applied_fields(live: Json, api_version: str, scope: Scope, structure: Structure) -> Node | None:
    """Fields that the object still has as the last configuration says; None if there is none of this version."""
    try:
        last = msgspec.json.decode(_annotation(live))
    except msgspec.DecodeError:
        return None
    if not isinstance(last, dict) or last.get("apiVersion") != api_version:
        return None
    wanted = scope.part_of(last)
    try:
        found = compare(wanted, scope.part_of(live), structure)
        changed = union(union(found.added, found.modified), found.removed)
        return difference(field_set(wanted, structure), changed)
    except InvalidSpec:
        return None


def with_last_applied(merged: Json, applied: Json) -> Json:
    """The object with its annotation, if it has one, told of this configuration."""
    if not _annotation(merged):
        return merged
    text = msgspec.json.encode(applied).decode() + "\n"
    metadata = merged["metadata"]
    annotations = {**metadata["annotations"], ANNOTATION: text}
    if sum(len(key) + len(value) for key, value in annotations.items() if isinstance(value, str)) > _MOST_BYTES:
        del annotations[ANNOTATION]
    return merged | {"metadata": metadata | {"annotations": annotations}}


def _annotation(document: Json) -> str:
    annotations = (document.get("metadata") or {}).get("annotations")
    found = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    return found if isinstance(found, str) else ""
