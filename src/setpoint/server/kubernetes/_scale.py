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


def scale_patch(scale: Scale, wanted: dict[str, Any]) -> dict[str, Any]:
    """The merge patch of the object that gives it the replicas which a client wants. Raises: InvalidSpec."""
    spec = wanted.get("spec") or {}
    replicas = spec.get("replicas", 0) if isinstance(spec, dict) else None
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        raise InvalidSpec("must be a whole number from 0 on", path="spec.replicas")
    *above, last = _parts(scale.spec_replicas)
    patch: dict[str, Any] = {last: replicas}
    for part in reversed(above):
        patch = {part: patch}
    metadata = wanted.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return patch | ({"metadata": {"resourceVersion": version}} if version else {})


def _parts(path: str) -> list[str]:
    return [part for part in path.split(".") if part]


def _dug(document: Any, path: str) -> Any:
    for part in _parts(path):
        document = document.get(part) if isinstance(document, dict) else None
    return document
