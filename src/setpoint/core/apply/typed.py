"""Objects against their structure: which fields they hold, and how two of them differ.

A list that merges may hold the same item twice, since nothing but an apply refuses it: then the item is one field, and
nothing below it is told apart. Pure; arguments are never changed.
Source: structured-merge-diff, package typed (compare, tofieldset).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.structure import Structure
from setpoint.core.apply.fields import SELF, Node, key_element, make, shown, value_element

ABSENT: Final[Any] = object()
"""Stands for a field that is not there, which is another thing than null."""


class Duplicates(list[Any]):
    """Items of a list that cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two objects differ: fields that are new, have another value, are gone."""

    added: Node | None
    modified: Node | None
    removed: Node | None


_SAME: Final = Comparison(None, None, None)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. True is not 1, as it is for Python; 1 is 1.0."""
    if one is other:
        return True
    if one != other:
        return False
    if not isinstance(one, dict | list):
        return isinstance(one, bool) is isinstance(other, bool)
    if msgspec.json.encode(one) == msgspec.json.encode(other):
        return True
    if isinstance(one, dict):
        return all(same(value, other[key]) for key, value in one.items())
    return all(same(*pair) for pair in zip(one, other, strict=True))


def is_granular(value: Any, structure: Structure) -> bool:
    """Whether what is inside the value has owners of its own."""
    if isinstance(value, dict):
        return not structure.atomic
    return isinstance(value, list) and structure.list_type != "atomic"


def element_of(item: Any, structure: Structure, path: str = "") -> str:
    """What tells an item of a `set` or `map` list apart.

    Raises: InvalidSpec if the item has none of the keys.
    """
    if structure.list_type == "set":
        if item is None:
            raise InvalidSpec("associative list without keys has an element that's an explicit null", path=path)
        return value_element(item)
    if not isinstance(item, dict):
        kind = "a null element" if item is None else "non-map elements"
        raise InvalidSpec(f"associative list with keys may not have {kind}", path=path)
    keys: dict[str, Any] = {}
    for key in structure.map_keys:
        value = item.get(key, ABSENT)
        if value is ABSENT:
            value = structure.default_of(key)
            if value is None:
                continue
        keys[key] = value
    if not keys:
        named = " ".join(f'"{key}"' for key in structure.map_keys)
        reason = f"associative list with keys has an element that omits all key fields [{named}]"
        raise InvalidSpec(f"{reason} (and doesn't have default values for any key fields)", path=path)
    return key_element(keys)


def elements_of(items: list[Any], structure: Structure) -> dict[str, Any]:
    """Items of a `set` or `map` list by what tells them apart, `Duplicates` for those that are the same.

    Raises: InvalidSpec if an item has none of the keys.
    """
    found: dict[str, Any] = {}
    for item in items:
        element = element_of(item, structure)
        known = found.get(element, ABSENT)
        if known is ABSENT:
            found[element] = item
        elif isinstance(known, Duplicates):
            known.append(item)
        else:
            found[element] = Duplicates([known, item])
    return found


def check_configuration(value: Any, structure: Structure, path: str = "") -> None:
    """Refuse what cannot be applied. Raises: InvalidSpec for an item without keys, or that stands there twice."""
    if isinstance(value, dict) and not structure.atomic:
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                check_configuration(inner, structure.field(key), f"{path}.{key}")
    elif isinstance(value, list) and structure.list_type != "atomic":
        seen: set[str] = set()
        for index, item in enumerate(value):
            element = element_of(item, structure, f"{path}[{index}]")
            if element in seen:
                raise InvalidSpec(f"duplicate entries for key {shown(element)}", path=path)
            seen.add(element)
            check_configuration(item, structure.items(), path + shown(element))


def field_set(value: Any, structure: Structure) -> Node | None:
    """The fields of a configuration: leaves, items of lists, entries of maps."""
    if not is_granular(value, structure):
        return {}
    if isinstance(value, dict):
        children: Node = {}
        for key, inner in value.items():
            node = field_set(inner, structure.field(key))
            if inner is None or inner == {} or not structure.declares(key):
                node = _with_self(node)
            if node is not None:
                children[f"f:{key}"] = node
        return children or None
    below = structure.items()
    return {
        element: {} if isinstance(item, Duplicates) else _with_self(field_set(item, below))
        for element, item in elements_of(value, structure).items()
    } or None


def _with_self(node: Node | None) -> Node:
    return {SELF: {}, **node} if node else {}


def everything(value: Any, structure: Structure) -> Node:
    """All that an object which was not there before has, itself included."""
    if isinstance(value, dict):
        if structure.atomic or not value:
            return {}
        found: Node = {SELF: {}}
        for key, inner in value.items():
            deeper = isinstance(inner, dict | list) and inner
            found[f"f:{key}"] = everything(inner, structure.field(key)) if deeper else {}
        return found
    if isinstance(value, list) and value and structure.list_type != "atomic":
        below = structure.items()
        found = {SELF: {}}
        for element, item in elements_of(value, structure).items():
            found[element] = {} if isinstance(item, Duplicates) else everything(item, below)
        return found
    return {}


def compare(old: Any, new: Any, structure: Structure) -> Comparison:
    """How `new` differs from `old`. Raises: InvalidSpec if an item of a list that merges has none of its keys."""
    if same(old, new):
        return _SAME
    before, after = _parts(old, structure), _parts(new, structure)
    if before is None and after is None:
        return Comparison(None, {}, None)
    found = _compare_parts(before or {}, after or {}, structure)
    replaced = (before is None and old is not None) or (after is None and new is not None)
    if replaced or not (before or after):  # a leaf on one side, or null and nothing
        return Comparison(found.added, make(True, found.modified or {}), found.removed)
    return found


def _parts(value: Any, structure: Structure) -> dict[str, Any] | None:
    """What has owners of its own inside, by path element; None for a leaf."""
    if not is_granular(value, structure):
        return None
    if isinstance(value, dict):
        return {f"f:{key}": inner for key, inner in value.items()}
    return elements_of(value, structure)


def _compare_parts(before: dict[str, Any], after: dict[str, Any], structure: Structure) -> Comparison:
    added: Node = {}
    modified: Node = {}
    removed: Node = {}
    for element in before | after:
        old, new = before.get(element, ABSENT), after.get(element, ABSENT)
        if old is new:
            continue
        below = structure.field(element[2:]) if element.startswith("f:") else structure.items()
        found = _compare_part(old, new, below)
        if found.added is not None:
            added[element] = found.added
        if found.modified is not None:
            modified[element] = found.modified
        if found.removed is not None:
            removed[element] = found.removed
    return Comparison(added or None, modified or None, removed or None)


def _compare_part(old: Any, new: Any, structure: Structure) -> Comparison:
    """A field or an item. Items that are there twice are one leaf: it is added when they become so, and goes again."""
    was_many, is_many = isinstance(old, Duplicates), isinstance(new, Duplicates)
    if was_many and is_many:
        return _SAME if same(list(old), list(new)) else Comparison(None, {}, None)
    if was_many:
        return Comparison(None if new is ABSENT else everything(new, structure), None, {})
    if is_many:
        return Comparison({}, None, None if old is ABSENT else everything(old, structure))
    if old is ABSENT:
        return Comparison(everything(new, structure), None, None)
    if new is ABSENT:
        return Comparison(None, None, everything(old, structure))
    return compare(old, new, structure)
