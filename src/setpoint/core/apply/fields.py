"""Sets of fields, in the very form that `managedFields` hold them (FieldsV1): a tree whose keys are path elements.

`f:NAME` is a field, `k:{...}` an item of a list by its keys, `v:...` a value of a set, `i:N` an item by its place. An
empty node is in the set; one with children is if it has the key `.`. A set without members is None. No argument is
ever changed; results share parts with them.
Source: Kubernetes API reference, FieldsV1; structured-merge-diff, package fieldpath.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.structure import Structure

Node = dict[str, Any]
"""A node of the tree, never one without members below."""

SELF = "."


def is_member(node: Node) -> bool:
    """Whether the node itself is in the set."""
    return not node or SELF in node


def make(member: bool, children: Node) -> Node | None:
    """The node; None if nothing of it is in the set. `children` is without `.`."""
    if not children:
        return {} if member else None
    return {SELF: {}, **children} if member else children


def decode(fields: Any) -> Node | None:
    """A set as it comes over the wire; its path elements are written in one way afterwards.

    Raises:
        InvalidSpec: It is no tree of path elements.
    """
    if not isinstance(fields, dict):
        raise InvalidSpec("fieldsV1 is an object of path elements", path="metadata.managedFields")
    return _decoded({key: value for key, value in fields.items() if key != SELF}) or None


def _decoded(fields: Node) -> Node:
    found: Node = {}
    for key, value in fields.items():
        if not isinstance(value, dict):
            raise InvalidSpec(f"{key!r} is followed by no object", path="metadata.managedFields")
        if key == SELF:
            found[SELF] = {}
            continue
        element = key if key.startswith("f:") else _canonical(key)
        inner = _decoded(value) if value else {}
        found[element] = {} if inner.keys() == {SELF} else inner
    return found


@lru_cache(maxsize=4096)
def _canonical(element: str) -> str:
    kind, _, rest = element.partition(":")
    try:
        if kind == "i":
            return f"i:{int(rest)}"
        value = msgspec.json.decode(rest) if kind in ("k", "v") else None
    except (ValueError, msgspec.DecodeError):
        value, kind = None, ""
    if kind == "v":
        return value_element(value)
    if kind == "k" and isinstance(value, dict) and value:
        return key_element(value)
    raise InvalidSpec(f"{element!r} is no path element: write f:, k:, v: or i:", path="metadata.managedFields")


def union(one: Node | None, other: Node | None) -> Node | None:
    """What is in either."""
    if one is None or other is None:
        return other if one is None else one
    children = {key: value for key, value in one.items() if key != SELF}
    for key, value in other.items():
        if key != SELF:
            found = children.get(key)
            children[key] = value if found is None else union(found, value)
    return make(is_member(one) or is_member(other), children)


def difference(one: Node | None, other: Node | None) -> Node | None:
    """What is in `one` and not in `other`; a child stays though its parent goes."""
    if one is None or other is None:
        return one
    children: Node = {}
    for key, value in one.items():
        if key != SELF:
            left = difference(value, other[key]) if key in other else value
            if left is not None:
                children[key] = left
    return make(is_member(one) and not is_member(other), children)


def intersection(one: Node | None, other: Node | None) -> Node | None:
    """What is in both."""
    if one is None or other is None:
        return None
    children: Node = {}
    for key, value in one.items():
        if key != SELF and key in other:
            both = intersection(value, other[key])
            if both is not None:
                children[key] = both
    return make(is_member(one) and is_member(other), children)


def leaves(node: Node | None) -> Node | None:
    """Members below which there are no others."""
    if not node:
        return node
    return {key: leaves(value) for key, value in node.items() if key != SELF} or {}


def has(node: Node | None, path: Iterable[str]) -> bool:
    """Whether the set has this path, given as path elements; never true for the whole object."""
    below, elements = node, list(path)
    for element in elements:
        below = below.get(element) if below else None
    return below is not None and bool(elements) and is_member(below)


def with_named_parents(node: Node | None, structure: Structure) -> Node | None:
    """The set, and every field above its members that the structure declares; keys of maps and items are not added."""
    if not node:
        return node
    found: Node = {}
    for key, value in node.items():
        if key == SELF or not value:
            found[key] = value
        elif key.startswith("f:"):
            name = key[2:]
            inner = with_named_parents(value, structure.field(name)) or {}
            found[key] = {SELF: {}, **inner} if structure.declares(name) else inner
        else:
            found[key] = with_named_parents(value, structure.items())
    return found


def collapsed(node: Node | None, structure: Structure) -> Node | None:
    """The set without members inside of what the structure holds for one value: the value is the member instead."""
    if not node:
        return node
    found: Node = {}
    for key, value in node.items():
        if key == SELF or not value:
            found[key] = value
            continue
        below = structure.field(key[2:]) if key.startswith("f:") else structure.items()
        inside = next((inner for inner in value if inner != SELF), "")
        whole = below.atomic if inside.startswith("f:") else below.list_type == "atomic"
        found[key] = {} if whole else collapsed(value, below)
    return found


def paths(node: Node | None, at: str = "") -> Iterator[str]:
    """Every member as people write it, `.spec.containers[name="a"].image`, those of a level before those below it."""
    inner = sorted((key for key in node or () if key != SELF), key=_order)
    for key in inner:
        if node is not None and is_member(node[key]):
            yield at + shown(key)
    for key in inner:
        if node is not None:
            yield from paths(node[key], at + shown(key))


def key_element(keys: dict[str, Any]) -> str:
    """The path element of a list's item by its keys."""
    return "k:" + msgspec.json.encode({key: _plain(value) for key, value in sorted(keys.items())}).decode()


def value_element(value: Any) -> str:
    """The path element of a value of a set."""
    return "v:" + msgspec.json.encode(_plain(value), order="sorted").decode()


def _plain(value: Any) -> Any:
    """One way to write a number: 2.0 is 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _order(element: str) -> tuple[int, Any]:
    kind, rest = element[0], element[2:]
    match kind:
        case "k":
            return 1, [(name, _value_order(value)) for name, value in msgspec.json.decode(rest).items()]
        case "v":
            return 2, _value_order(msgspec.json.decode(rest))
        case "i":
            return 3, int(rest)
        case _:
            return 0, rest


def _value_order(value: Any) -> tuple[int, Any]:
    match value:
        case bool():
            return 2, value
        case int() | float():
            return 0, value
        case str():
            return 1, value
        case _:
            return 3, msgspec.json.encode(value).decode()


def shown(element: str) -> str:
    """A path element as people write it, such as `[name="a"]`."""
    kind, _, rest = element.partition(":")
    match kind:
        case "f":
            return f".{rest}"
        case "k":
            keys = msgspec.json.decode(rest)
            return "[" + ",".join(f"{key}={msgspec.json.encode(value).decode()}" for key, value in keys.items()) + "]"
        case "v":
            return f"[={rest}]"
        case _:
            return f"[{rest}]"
