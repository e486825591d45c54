"""Patches of resource templates: what becomes of an object under apply and the three types of patch. Pure.

Source: Kubernetes, "Declarative Management" and "Update API Objects in Place Using kubectl patch"; RFC 6902, RFC 7396.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.kinds import Kind, group_of
from setpoint.apis.meta import Resource, render_wire

R = TypeVar("R", bound=Resource)

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_BUILT_IN = ("", "rbac.authorization.k8s.io", "batch", "apps")


def with_last_applied(wanted: R) -> R:
    """The object with itself in an annotation, as apply leaves it for the next apply."""
    body = msgspec.json.encode(_desired(wanted)).decode()
    meta = wanted.metadata
    return wanted.replace(metadata=meta.replace(annotations={**meta.annotations, LAST_APPLIED: body}))


def apply_patch(wanted: Resource, held: Resource) -> dict[str, Any]:
    """The merge patch of apply: all of the manifest, and null for what the last one had and this one has not."""
    new = _desired(with_last_applied(wanted))
    try:
        last = json.loads(held.metadata.annotations.get(LAST_APPLIED, "{}"))
    except ValueError:
        last = {}
    return _with_removals(new, last)


def _desired(wanted: Resource) -> dict[str, Any]:
    return {key: value for key, value in to_builtins(wanted).items() if key != "status"}


def _with_removals(new: dict[str, Any], last: Any) -> dict[str, Any]:
    found = dict(new)
    for key, value in (last if isinstance(last, dict) else {}).items():
        if key not in new:
            found[key] = None
        elif isinstance(value, dict) and isinstance(new[key], dict):
            found[key] = _with_removals(new[key], value)
    return found


def check_merge(kind: Kind, merge: str) -> None:
    """A strategic merge exists for built-in kinds only. Raises: InvalidSpec in the API server's words."""
    if merge == "strategic" and group_of(kind.API_VERSION) not in _BUILT_IN:
        raise InvalidSpec(
            "application/strategic-merge-patch+json is not supported by "
            f"{kind.API_VERSION}, Kind={kind.KIND}: the body of the request was in an unknown format - accepted media "
            "types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml; "
            "set mergeStrategy"
        )


def merge_body(manifest: Any) -> dict[str, Any]:
    """A merge patch as written. Raises: InvalidSpec."""
    if not isinstance(manifest, dict):
        raise InvalidSpec("a merge patch must be a map", path="resource.manifest")
    if "status" in manifest:
        raise NotSupported("a patch of the status is not supported", path="resource.manifest.status")
    return manifest


def json_patched(held: Resource, operations: Any) -> dict[str, Any]:
    """The object after a JSON patch. Raises: InvalidSpec if an operation is none, or cannot be done."""
    import jsonpatch  # noqa: PLC0415  few workflows patch so, and start-up counts

    if not isinstance(operations, list):
        raise InvalidSpec("a JSON patch must be a list of operations", path="resource.manifest")
    try:
        patched: dict[str, Any] = jsonpatch.apply_patch(to_builtins(held), operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
        raise InvalidSpec(f"the JSON patch cannot be applied: {error}", path="resource.manifest") from error
    return patched


def to_builtins(resource: Resource) -> dict[str, Any]:
    """The object as JSON has it."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(render_wire(resource)))
    return found
