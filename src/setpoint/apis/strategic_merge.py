"""Strategic merge patch: what a document becomes when a patch is laid over it, lists merged by their items' key.

Maps merge key by key and null removes a key. A list merges item by item where its structure says so; every other list
is replaced. Items of a patch come in its order, the others where they were before the next of those; what is new and
has no place by that comes first. Directives: `$patch: replace|delete|merge` in a map or as an item of a list,
`$retainKeys` in a map, `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`. Pure; no argument is changed.
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
_RETAIN = "$retainKeys"
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
        InvalidSpec: An item of a merging list has no key, or a directive is unknown or contradicts the patch.

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
    result = dict(target) if isinstance(target, dict) and directive != "replace" else {}
    _retain(result, patch)
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        below = structure.field(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list) and "merge" in below.patch_strategies:
            result[key] = _merged_list(result.get(key), value, below)
        else:
            kept = None if "replace" in below.patch_strategies else result.get(key)
            result[key] = _merged(kept, value, below)
    _put_in_order(result, target, patch, structure)
    _delete_from_lists(result, patch)
    return result


def _retain(result: dict[str, Any], patch: dict[str, Any]) -> None:
    """Take away what the patch does not name to be kept."""
    if _RETAIN not in patch:
        return
    retained = _list_of(_RETAIN, patch[_RETAIN])
    lost = [key for key, value in patch.items() if value is not None and key[:1] != "$" and key not in retained]
    if lost:
        raise InvalidSpec(f"{_RETAIN} must name {lost[0]!r}, which the patch sets")
    for key in [key for key in result if key not in retained]:
        del result[key]


def _put_in_order(result: dict[str, Any], target: Any, patch: dict[str, Any], structure: Merging) -> None:
    """Lists whose order the patch tells, by their field: `$setElementOrder/<field>`."""
    for key, value in patch.items():
        if not key.startswith(_ORDER):
            continue
        field, order = key.removeprefix(_ORDER), _list_of(key, value)
        by = structure.field(field).patch_key
        wanted = [_identity(item, by) for item in order]
        given = patch.get(field)
        _check_order(key, wanted, given if isinstance(given, list) else [], by)
        if isinstance(result.get(field), list):
            former = target.get(field) if isinstance(target, dict) else None
            result[field] = _ordered(result[field], wanted, former if isinstance(former, list) else [], by)


def _check_order(directive: str, wanted: list[bytes], given: list[Any], by: str) -> None:
    """The items of the patch stand in the order that it tells. Raises: InvalidSpec."""
    left = iter(wanted)
    for item in given:
        special = isinstance(item, dict) and _PATCH in item
        if wanted and not special and _identity(item, by) not in left:
            raise InvalidSpec(f"{directive} has not the items of the patch in their order: {item!r}")


def _delete_from_lists(result: dict[str, Any], patch: dict[str, Any]) -> None:
    """`$deleteFromPrimitiveList/<field>`."""
    for key, value in patch.items():
        if key.startswith(_DELETE_LIST):
            field, gone = key.removeprefix(_DELETE_LIST), {_identity(item, "") for item in _list_of(key, value)}
            if isinstance(result.get(field), list):
                result[field] = [item for item in result[field] if _identity(item, "") not in gone]


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
    present = target if isinstance(target, list) else []
    by = structure.patch_key
    if not by:
        if any(isinstance(item, dict | list) for item in [*present, *patch]):
            raise InvalidSpec("a list of maps merges by a key, and there is none for this one")
        distinct = {_identity(item, ""): item for item in [*present, *patch]}
        return _ordered(list(distinct.values()), [_identity(item, "") for item in patch], present, "")
    plain = _plain_items(patch, by)
    deleted = {_identity(item, by) for item in patch if _directive(item) == "delete"}
    if any(_directive(item) == "replace" for item in patch):
        return [_merged(None, item, structure.items()) for item in plain]
    kept = [item for item in present if not isinstance(item, dict) or _identity(item, by) not in deleted]
    result = list(kept)
    for item in plain:
        name = _identity(item, by)
        at = next((n for n, old in enumerate(result) if isinstance(old, dict) and _identity(old, by) == name), None)
        if at is None:
            result.append(_merged(None, item, structure.items()))
        else:
            result[at] = _merged(result[at], item, structure.items())
    return _ordered(result, [_identity(item, by) for item in plain], kept, by)


def _plain_items(patch: list[Any], by: str) -> list[Any]:
    """Items that are merged. Raises: InvalidSpec for one that has no key, or is no map."""
    for item in patch:
        if not isinstance(item, dict):
            raise InvalidSpec(f"an item of a list merged by {by!r} must be a map, found {item!r}")
        if by not in item and _directive(item) != "replace":
            raise InvalidSpec(f"map does not contain declared merge key: {by}")
    return [item for item in patch if _directive(item) == "merge"]


def _ordered(items: list[Any], wanted: list[bytes], former: list[Any], by: str) -> list[Any]:
    """Items that are wanted in that order, the others in their former order, each before what came after it there."""
    places = {name: place for place, name in reversed(list(enumerate(wanted)))}
    were = {_identity(item, by): place for place, item in reversed(list(enumerate(former)))}
    named = [(_identity(item, by), item) for item in items]
    first = sorted((pair for pair in named if pair[0] in places), key=lambda pair: places[pair[0]])
    others = sorted((pair for pair in named if pair[0] not in places), key=lambda pair: were.get(pair[0], len(were)))
    result: list[Any] = []
    at = 0
    for name, item in others:
        while at < len(first) and not (first[at][0] in were and name in were and were[name] < were[first[at][0]]):
            result.append(first[at][1])
            at += 1
        result.append(item)
    return result + [item for _, item in first[at:]]


def _identity(item: Any, by: str) -> bytes:
    return msgspec.json.encode(item.get(by) if by and isinstance(item, dict) else item, order="sorted")
