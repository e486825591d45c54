"""Strategic merge patch: what a document becomes when a patch is laid over it, lists merged by their items' key.

Maps merge key by key and null removes a key. A list named in `merge_keys` merges item by item; every other list is
replaced. Directives: `$patch: replace|delete` in a map or as an item of a list, `$retainKeys` in a map,
`$deleteFromPrimitiveList/<field>`; `$setElementOrder/<field>` is accepted and orders nothing.
Pure; neither argument is changed.
Source: Kubernetes, "Strategic Merge Patch" (sig-api-machinery) and `strategicpatch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.apis.errors import InvalidSpec

POD_MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "schedulingGates": "name",
    "resourceClaims": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
"""Lists of a pod's spec that merge, by the name of their field."""

_PATCH = "$patch"
_DELETE_LIST = "$deleteFromPrimitiveList/"


def strategic_merge(target: Any, patch: Any, merge_keys: Mapping[str, str]) -> Any:
    """Lay `patch` over `target`.

    Args:
        target: Any JSON value.
        patch: The same, with directives.
        merge_keys: Field of a list to the field of its items that tells them apart.

    Raises:
        InvalidSpec: An item of a merging list has no key, or a directive is unknown.

    >>> strategic_merge({"containers": [{"name": "a", "image": "x"}]},
    ...                 {"containers": [{"name": "a", "image": "y"}]}, POD_MERGE_KEYS)
    {'containers': [{'name': 'a', 'image': 'y'}]}
    """
    if not isinstance(patch, dict):
        return patch
    directive = _directive(patch)
    if directive == "delete":
        return {}
    if directive == "replace" or not isinstance(target, dict):
        return {key: strategic_merge(None, value, merge_keys) for key, value in _plain(patch) if value is not None}
    result = dict(target)
    for key, value in _plain(patch):
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list) and key in merge_keys:
            result[key] = _merge_list(result.get(key), value, merge_keys[key], merge_keys)
        else:
            result[key] = strategic_merge(result.get(key), value, merge_keys)
    for key, value in patch.items():
        if key.startswith(_DELETE_LIST):
            field = key.removeprefix(_DELETE_LIST)
            result[field] = [item for item in result.get(field) or [] if item not in value]
    retained = patch.get("$retainKeys")
    return {key: value for key, value in result.items() if key in retained} if retained is not None else result


def _plain(patch: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in patch.items() if not key.startswith("$")]


def _directive(patch: dict[str, Any]) -> str:
    found = patch.get(_PATCH, "merge")
    if found not in ("merge", "replace", "delete"):
        raise InvalidSpec(f"{found!r} is no $patch directive", allowed=("merge", "replace", "delete"))
    return str(found)


def _merge_list(target: Any, patch: list[Any], by: str, merge_keys: Mapping[str, str]) -> list[Any]:
    for item in patch:
        if not isinstance(item, dict):
            raise InvalidSpec(f"an item of a list merged by {by!r} must be a map, found {item!r}")
        if by not in item and _PATCH not in item:
            raise InvalidSpec(f"map does not contain declared merge key: {by}")
    replaces = any(by not in item and _directive(item) == "replace" for item in patch)
    result = [] if replaces or not isinstance(target, list) else list(target)
    for item in patch:
        if by not in item:
            continue
        at = next((index for index, old in enumerate(result) if old.get(by) == item[by]), None)
        if _directive(item) == "delete":
            result = [old for old in result if old.get(by) != item[by]]
        elif at is None:
            result.append(strategic_merge(None, item, merge_keys))
        else:
            result[at] = strategic_merge(result[at], item, merge_keys)
    return result
