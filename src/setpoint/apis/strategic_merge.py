"""Strategic merge patch: what a document becomes when a patch is laid over it, lists merged by their items' key.

Maps merge key by key and null removes a key. A list merges item by item where its structure says so; every other list
is replaced. Directives: `$patch: replace|delete|merge` in a map or as an item of a list, `$retainKeys` in a map,
`$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`. Pure; no argument is changed.
Source: Kubernetes, "Strategic Merge Patch" (sig-api-machinery) and `strategicpatch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

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
_ORDER = "$setElementOrder/"
_DIRECTIVES = ("merge", "replace", "delete")


class Merging(Protocol):
    """One place in a document, as far as merging goes by it; `apis.structure.Structure` is one."""

    patch_key: str
    patch_strategies: frozenset[str]

    def field(self, name: str) -> Merging:
        """What is at a field."""
        ...

    def items(self) -> Merging:
        """What is in a list."""
        ...


class ByName:
    """Lists merge by what their field is called, wherever it is."""

    def __init__(self, merge_keys: Mapping[str, str], patch_key: str = "") -> None:
        self._keys = merge_keys
        self.patch_key = patch_key
        self.patch_strategies = frozenset({"merge"} if patch_key else ())

    def field(self, name: str) -> Merging:
        """See `Merging`."""
        return ByName(self._keys, self._keys.get(name, ""))

    def items(self) -> Merging:
        """See `Merging`."""
        return ByName(self._keys)


def strategic_merge(target: Any, patch: Any, structure: Merging | Mapping[str, str]) -> Any:
    """Lay `patch` over `target`.

    Args:
        target: Any JSON value.
        patch: The same, with directives.
        structure: Which lists merge; or field of a list to the field of its items that tells them apart.

    Raises:
        InvalidSpec: An item of a merging list has no key, or a directive is unknown.

    >>> strategic_merge({"containers": [{"name": "a", "image": "x"}]},
    ...                 {"containers": [{"name": "a", "image": "y"}]}, POD_MERGE_KEYS)
    {'containers': [{'name': 'a', 'image': 'y'}]}
    """
    return _merged(target, patch, ByName(structure) if isinstance(structure, Mapping) else structure)


def _merged(target: Any, patch: Any, structure: Merging) -> Any:
    if not isinstance(patch, dict):
        return patch
    directive = _directive(patch)
    if directive == "delete":
        return {}
    if directive == "replace" or not isinstance(target, dict):
        target = {}
    result = dict(target)
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        below = structure.field(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list) and "merge" in below.patch_strategies:
            result[key] = _merged_list(result.get(key), value, below)
        else:
            result[key] = _merged(result.get(key), value, below)
    _directed(result, patch, structure)
    retained = patch.get("$retainKeys")
    return {key: value for key, value in result.items() if key in retained} if retained is not None else result


def _directed(result: dict[str, Any], patch: dict[str, Any], structure: Merging) -> None:
    """What directives with a field's name do to that field."""
    for key, value in patch.items():
        if key.startswith(_DELETE_LIST):
            field = key.removeprefix(_DELETE_LIST)
            result[field] = [item for item in result.get(field) or [] if item not in _list_of(key, value)]
    for key, value in patch.items():
        if key.startswith(_ORDER):
            field = key.removeprefix(_ORDER)
            if isinstance(result.get(field), list):
                result[field] = _ordered(result[field], _list_of(key, value), structure.field(field).patch_key)


def _list_of(directive: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidSpec(f"{directive} must be a list")
    return value


def _directive(patch: dict[str, Any]) -> str:
    found = patch.get(_PATCH, "merge")
    if found not in _DIRECTIVES:
        raise InvalidSpec(f"{found!r} is no $patch directive", allowed=_DIRECTIVES)
    return str(found)


def _merged_list(target: Any, patch: list[Any], structure: Merging) -> list[Any]:
    by = structure.patch_key
    if not by:
        present = list(target) if isinstance(target, list) else []
        return present + [item for item in patch if item not in present]
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
        at = next((n for n, old in enumerate(result) if isinstance(old, dict) and old.get(by) == item[by]), None)
        if _directive(item) == "delete":
            result = [old for old in result if not isinstance(old, dict) or old.get(by) != item[by]]
        elif at is None:
            result.append(_merged(None, item, structure.items()))
        else:
            result[at] = _merged(result[at], item, structure.items())
    return result


def _ordered(items: list[Any], order: list[Any], by: str) -> list[Any]:
    """Those that the order names in its order, the others where they were before the next of those."""
    wanted = list(dict.fromkeys(_identity(item, by) for item in order))
    named = {_identity(item, by): item for item in items}
    present = [name for name in wanted if name in named]
    result: list[Any] = []
    done = 0
    for item in items:
        name = _identity(item, by)
        if name not in present:
            result.append(item)
            continue
        place = present.index(name)
        result.extend(named[other] for other in present[done : place + 1])
        done = max(done, place + 1)
    return result


def _identity(item: Any, by: str) -> bytes:
    return msgspec.json.encode(item.get(by) if by and isinstance(item, dict) else item)
