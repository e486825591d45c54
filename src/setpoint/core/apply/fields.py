"""Sets of fields, in the very form that `managedFields` hold them (FieldsV1): a tree whose keys are path elements.

`f:NAME` is a field, `k:{...}` an item of a list by its keys, `v:...` a value of a set. An empty node is in the set; one
with children is if it has the key `.`. A set without members is None. No argument is ever changed.
Source: Kubernetes API reference, FieldsV1; structured-merge-diff, fieldpath.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

Node = dict[str, Any]
"""A node of the tree, never one without members below."""

SELF = "."


def is_member(node: Node) -> bool:
    """Whether the node itself is in the set."""
    return not node or SELF in node


def make(member: bool, children: Node) -> Node | None:
    """The node; None if nothing of it is in the set."""
    if not children:
        return {} if member else None
    return {SELF: {}, **children} if member else children


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


def with_parents(node: Node | None) -> Node | None:
    """The set, and every named field above what is in it (items of lists are not added)."""
    if node is None:
        return None
    children = {key: with_parents(value) for key, value in node.items() if key != SELF}
    for key, value in children.items():
        if key.startswith("f:") and value and SELF not in value:
            children[key] = {SELF: {}, **value}
    return make(is_member(node), children)


def paths(node: Node | None, at: str = "") -> Iterator[str]:
    """Every member as people write it: `.spec.containers[name="a"].image`."""
    if node is None:
        return
    if at and is_member(node):
        yield at
    for key, value in sorted(node.items()):
        if key != SELF:
            yield from paths(value, at + _shown(key))


def key_element(keys: dict[str, Any]) -> str:
    """The path element of a list's item by its keys."""
    return "k:" + msgspec.json.encode(dict(sorted(keys.items()))).decode()


def value_element(value: Any) -> str:
    """The path element of a value of a set."""
    return "v:" + msgspec.json.encode(value).decode()


def _shown(element: str) -> str:
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
