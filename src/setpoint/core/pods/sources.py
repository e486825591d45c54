"""Variables and volumes that come from objects, as a Pod shows them: by reference, never by value. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from setpoint.apis.pods import PodRequest
from setpoint.core.pods.document import shown_spec
from setpoint.core.workflow.commands import EnvSource, LaunchPod, ObjectKind, VolumeSource

_REFERENCES = {ObjectKind.CONFIG_MAP: "configMap", ObjectKind.SECRET: "secret"}


def shown_order(order: LaunchPod, request: PodRequest) -> dict[str, Any]:
    """The spec of an order's pod, made before any value is read; `request` is the order's with its devices."""
    return shown_spec(request, env_references(order.env), volume_references(order.volumes))


def env_references(sources: Iterable[EnvSource]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By container, its entries of `env` and `envFrom` that read objects."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for source in sources:
        field, entry = _entry(source)
        found.setdefault(source.container, {}).setdefault(field, []).append(entry)
    return found


def _entry(source: EnvSource) -> tuple[str, dict[str, Any]]:
    optional = {"optional": True} if source.optional else {}
    if source.kind is ObjectKind.NODE:
        if source.key == "name":
            return "env", {"name": source.name, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
        reference = {"resource": f"limits.{source.key}"}
        return "env", {"name": source.name, "valueFrom": {"resourceFieldRef": reference}}
    kind = _REFERENCES[source.kind]
    if source.key is None:
        prefix = {"prefix": source.name} if source.name else {}
        return "envFrom", {**prefix, f"{kind}Ref": {"name": source.object, **optional}}
    of_key: dict[str, Any] = {"name": source.object, "key": source.key, **optional}
    return "env", {"name": source.name, "valueFrom": {f"{kind}KeyRef": of_key}}


def volume_references(sources: Iterable[VolumeSource]) -> dict[str, dict[str, Any]]:
    """By volume, the source as its spec names it; several of one volume are parts of a projected one."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for source in sources:
        parts.setdefault(source.volume, []).append(_volume(source, projected=False))
    shown: dict[str, dict[str, Any]] = {}
    for volume, found in parts.items():
        if len(found) == 1:
            shown[volume] = found[0]
            continue
        several = [source for source in sources if source.volume == volume]
        shown[volume] = {"projected": {"sources": [_volume(source, projected=True) for source in several]}}
    return shown


def _volume(source: VolumeSource, *, projected: bool) -> dict[str, Any]:
    items = {"items": [{"key": key, "path": path} for key, path in source.items.items()]} if source.items else {}
    rest = {**items, **({"optional": True} if source.optional else {})}
    match source.kind:
        case ObjectKind.CLAIM:
            return {"persistentVolumeClaim": {"claimName": source.object}}
        case ObjectKind.CONFIG_MAP:
            return {"configMap": {"name": source.object, **rest}}
        case ObjectKind.SECRET:
            return {"secret": {"name" if projected else "secretName": source.object, **rest}}
        case _:
            return {"downwardAPI": {"items": [{"path": path} for path in source.texts]}}
