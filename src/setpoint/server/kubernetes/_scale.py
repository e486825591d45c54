"""The scale subresource: how many replicas of an object are wanted and are there, whatever its kind calls them.

Pure. Source: autoscaling/v1 Scale; apiextensions' scale subresource.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.definitions import Scale
from setpoint.apis.errors import InvalidSpec

_KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(document: dict[str, Any], scale: Scale) -> dict[str, Any]:
    """What a client reads of the object."""
    metadata = {key: value for key, value in document["metadata"].items() if key in _KEPT}
    status: dict[str, Any] = {"replicas": _dug(document, scale.status_replicas) or 0}
    if scale.label_selector and (selector := _dug(document, scale.label_selector)):
        status["selector"] = selector
    spec = {"replicas": _dug(document, scale.spec_replicas) or 0}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def scaled(document: dict[str, Any], scale: Scale, wanted: dict[str, Any]) -> dict[str, Any]:
    """The object with the replicas that a client wants. Raises: InvalidSpec."""
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        raise InvalidSpec(f"{replicas!r} is no number of replicas: 0 or more", path="spec.replicas")
    return _put(document, _parts(scale.spec_replicas), replicas)


def _parts(path: str) -> list[str]:
    return [part for part in path.split(".") if part]


def _dug(document: Any, path: str) -> Any:
    for part in _parts(path):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _put(document: Any, parts: list[str], value: Any) -> dict[str, Any]:
    found = document if isinstance(document, dict) else {}
    if len(parts) == 1:
        return found | {parts[0]: value}
    return found | {parts[0]: _put(found.get(parts[0]), parts[1:], value)}
