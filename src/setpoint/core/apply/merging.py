"""What an object becomes when a configuration is laid over it, and when fields are taken out of it.

Pure; arguments are never changed, results may share parts with them.
Source: structured-merge-diff, package typed (merge, remove).
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.structure import Structure
from setpoint.core.apply.fields import Node, is_member
from setpoint.core.apply.typed import ABSENT, Duplicates, element_of, elements_of, is_granular


def merge(live: Any, applied: Any, structure: Structure) -> Any:
    """The live object with an applied configuration laid over it.

    A null takes a value away; from a map or a list that merges it takes nothing.
    """
    if applied is ABSENT:
        return live
    if live is ABSENT or not is_granular(live, structure):
        return applied
    if applied is None:
        return live
    if isinstance(live, dict) and isinstance(applied, dict):
        result = dict(live)
        for key, value in applied.items():
            result[key] = merge(live.get(key, ABSENT), value, structure.field(key))
        return result
    if isinstance(live, list) and isinstance(applied, list):
        return _merged_list(live, applied, structure)
    return applied


def _merged_list(live: list[Any], applied: list[Any], structure: Structure) -> list[Any]:
    """Items of both. What is applied has its own order; what is live alone stays before what came after it."""
    before, wanted = elements_of(live, structure), elements_of(applied, structure)
    left, right = [element_of(item, structure) for item in live], list(wanted)
    shared = [element for element in right if element in before][::-1]  # the next one is the last
    result: list[Any] = []
    done: set[str] = set()
    at = place = 0
    while at < len(left) or place < len(right):
        here = left[at] if at < len(left) else ""
        if here and here not in wanted:
            result.append(live[at])
            at += 1
            continue
        there = right[place] if place < len(right) else ""
        if here and (here in done or not there or (here != there and shared and shared[-1] != here)):
            at += 1
            continue
        result.append(_merged_item(before.get(there, ABSENT), wanted[there], structure.items()))
        done.add(there)
        place += 1
        at += here == there
        if shared and shared[-1] == there:
            shared.pop()
    return result


def _merged_item(live: Any, applied: Any, structure: Structure) -> Any:
    """Of items that were there twice, nothing is kept."""
    return merge(ABSENT if isinstance(live, Duplicates) else live, applied, structure)


def without(value: Any, fields: Node | None, structure: Structure) -> Any:
    """The object without the fields, items and entries of a set; maps and lists that this empties stay."""
    if not fields or not is_granular(value, structure):
        return value
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            node = fields.get(f"f:{key}")
            if node is None:
                kept[key] = inner
            elif not is_member(node):
                kept[key] = without(inner, node, structure.field(key))
        return kept
    items = []
    for item in value:
        node = fields.get(element_of(item, structure))
        if node is None:
            items.append(item)
        elif not is_member(node):
            items.append(without(item, node, structure.items()))
    return items
