"""Objects against their structure: which fields they hold, how two differ, what they become when merged or pruned.

Pure; arguments are never changed, results may share parts with them.
Source: structured-merge-diff, package typed (compare, merge, remove, tofieldset).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.structure import Structure
from setpoint.core.apply.fields import Node, is_member, key_element, make, value_element

ABSENT: Final[Any] = object()
"""Stands for a field that is not there, which is another thing than null."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two objects differ."""

    added: Node | None
    modified: Node | None
    removed: Node | None


def element_of(item: Any, structure: Structure, path: str = "") -> str:
    """What tells an item of a `set` or `map` list apart.

    Raises: InvalidSpec if the item has none of the keys.
    """
    if structure.list_type == "set":
        return value_element(item)
    if not isinstance(item, dict):
        raise InvalidSpec(f"an item must be a map with {', '.join(structure.map_keys)}", path=path)
    keys: dict[str, Any] = {}
    for key in structure.map_keys:
        value = item.get(key)
        if value is None:
            value = structure.default_of(key)
        if value is not None:
            keys[key] = value
    if not keys:
        raise InvalidSpec(f"associative list with keys has an element that omits {structure.map_keys[0]!r}", path=path)
    return key_element(keys)


def elements_of(items: list[Any], structure: Structure, path: str = "") -> dict[str, Any]:
    """Items of a `set` or `map` list by what tells them apart. Raises: InvalidSpec if two are the same."""
    found: dict[str, Any] = {}
    for index, item in enumerate(items):
        element = element_of(item, structure, f"{path}[{index}]")
        if element in found:
            raise InvalidSpec(f"duplicate entries for key {element[2:]}", path=path)
        found[element] = item
    return found


def _is_granular_list(value: Any, structure: Structure) -> bool:
    return isinstance(value, list) and structure.list_type != "atomic"


def field_set(value: Any, structure: Structure) -> Node | None:
    """The fields of a configuration: leaves, items of lists, entries of maps."""
    if isinstance(value, dict) and not structure.atomic:
        children: Node = {}
        for key, inner in value.items():
            below = structure.field(key)
            node = field_set(inner, below)
            if inner is None or inner == {} or not structure.declares(key):
                node = make(True, {k: v for k, v in (node or {}).items() if k != "."})
            if node is not None:
                children[f"f:{key}"] = node
        return children or None
    if _is_granular_list(value, structure):
        items = {}
        for element, item in elements_of(value, structure).items():
            node = field_set(item, structure.items())
            items[element] = make(True, {k: v for k, v in (node or {}).items() if k != "."})
        return items or None
    return {}


def everything(value: Any, structure: Structure) -> Node:
    """All that an object which was not there before has, itself included."""
    if isinstance(value, dict) and value and not structure.atomic:
        children = {f"f:{key}": everything(inner, structure.field(key)) for key, inner in value.items()}
        return {".": {}, **children}
    if value and _is_granular_list(value, structure):
        below = structure.items()
        items = {element: everything(item, below) for element, item in elements_of(value, structure).items()}
        return {".": {}, **items}
    return {}


def compare(old: Any, new: Any, structure: Structure) -> Comparison:
    """How `new` differs from `old`."""
    if old is ABSENT:
        return Comparison(everything(new, structure), None, None)
    if new is ABSENT:
        return Comparison(None, None, everything(old, structure))
    if old is new or (old == new and type(old) is type(new)):
        return Comparison(None, None, None)
    if isinstance(old, dict) and isinstance(new, dict) and not structure.atomic:
        pairs = {f"f:{key}": (old.get(key, ABSENT), new.get(key, ABSENT), structure.field(key)) for key in old | new}
        return _gathered(pairs)
    if _is_granular_list(old, structure) and _is_granular_list(new, structure):
        below = structure.items()
        before, after = elements_of(old, structure), elements_of(new, structure)
        pairs = {key: (before.get(key, ABSENT), after.get(key, ABSENT), below) for key in before | after}
        return _gathered(pairs)
    return Comparison(None, {}, None)


def _gathered(pairs: dict[str, tuple[Any, Any, Structure]]) -> Comparison:
    added: Node = {}
    modified: Node = {}
    removed: Node = {}
    for element, (old, new, structure) in pairs.items():
        if old is new:
            continue
        found = compare(old, new, structure)
        if found.added is not None:
            added[element] = found.added
        if found.modified is not None:
            modified[element] = found.modified
        if found.removed is not None:
            removed[element] = found.removed
    return Comparison(added or None, modified or None, removed or None)


def merge(live: Any, applied: Any, structure: Structure) -> Any:
    """The live object with an applied configuration laid over it."""
    if applied is ABSENT:
        return live
    if live is ABSENT:
        return applied
    if isinstance(live, dict) and isinstance(applied, dict) and not structure.atomic:
        result = dict(live)
        for key, value in applied.items():
            result[key] = merge(live.get(key, ABSENT), value, structure.field(key))
        return result
    if _is_granular_list(live, structure) and _is_granular_list(applied, structure):
        return _merged_list(live, applied, structure)
    return applied


def _merged_list(live: list[Any], applied: list[Any], structure: Structure) -> list[Any]:
    """Items of both: those that are applied in their order, what is live alone where it was."""
    before, wanted = _first_of_each(live, structure), elements_of(applied, structure)
    below, order = structure.items(), list(wanted)
    result: list[Any] = []
    done = 0
    for element, item in before.items():
        if element not in wanted:
            result.append(item)
            continue
        place = order.index(element)
        while done <= place:
            name = order[done]
            result.append(merge(before.get(name, ABSENT), wanted[name], below))
            done += 1
    result.extend(merge(before.get(name, ABSENT), wanted[name], below) for name in order[done:])
    return result


def _first_of_each(items: list[Any], structure: Structure) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        found.setdefault(element_of(item, structure), item)
    return found


def without(value: Any, fields: Node | None, structure: Structure) -> Any:
    """The object without the fields, items and entries of a set; ABSENT where nothing is left of it."""
    if fields is None or not fields:
        return value
    if isinstance(value, dict) and not structure.atomic:
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            node = fields.get(f"f:{key}")
            if node is not None and is_member(node):
                continue
            left = without(inner, node, structure.field(key))
            if left is not ABSENT:
                kept[key] = left
        return kept if kept or not value else ABSENT
    if _is_granular_list(value, structure):
        items = []
        for item in value:
            node = fields.get(element_of(item, structure))
            if node is not None and is_member(node):
                continue
            left = without(item, node, structure.items())
            if left is not ABSENT:
                items.append(left)
        return items if items or not value else ABSENT
    return value
