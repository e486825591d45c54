"""What a step or task says by itself, tags filled in as far as known: its condition, items and arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from setpoint.core.explain.fill import fill, is_open
from setpoint.core.explain.model import Case, Items
from setpoint.core.expr import Scope
from setpoint.core.workflow.draft import BuildError
from setpoint.core.workflow.expansion import item_label, item_variables, loop_items
from setpoint.core.workflow.references import should_execute

MAX_CASES = 200
"""Items of a loop that are listed one by one."""


def decide(when: str) -> tuple[str, bool | None]:
    """The condition and its truth, None where that is not known yet."""
    if not when or is_open(when):
        return when, None if when else True
    try:
        return when, should_execute(when)
    except BuildError:
        return when, None


def items_of(tree: dict[str, Any], known: Scope, *, runs: bool | None) -> Items:
    """The items of a loop whose known tags are filled in."""
    source = next(tree[key] for key in ("withParam", "withItems", "withSequence") if tree.get(key) is not None)
    text = source if isinstance(source, str) else json.dumps(source, ensure_ascii=False)
    if "withItems" not in tree and is_open(source):
        return Items(source=text)
    try:
        tree, count = _shortened(tree)
        items = loop_items(tree)
    except (BuildError, ValueError):
        return Items(source=text)
    cases = tuple(_case(tree, index, item, known, runs) for index, item in enumerate(items[:MAX_CASES]))
    return Items(source=text, count=len(items) if count is None else count, cases=cases)


def _shortened(tree: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    """A loop over a long sequence cut to what is listed, with the number of its items; any other as it is, None."""
    sequence = tree.get("withSequence") or {}
    start = int(sequence.get("start") or 0)
    if "count" in sequence and "end" not in sequence:
        count = max(int(sequence["count"]), 0)
        return {**tree, "withSequence": {**sequence, "count": str(min(count, MAX_CASES))}}, count
    if "end" in sequence and "count" not in sequence:
        length = int(sequence["end"]) - start
        end = start + max(-MAX_CASES, min(length, MAX_CASES))
        return {**tree, "withSequence": {**sequence, "end": str(end)}}, abs(length) + 1
    return tree, None


def _case(tree: dict[str, Any], index: int, item: Any, known: Scope, runs: bool | None) -> Case:
    scope = Scope({**known.values, **item_variables(item)})
    body = fill({key: tree[key] for key in ("arguments", "when") if key in tree}, scope)
    if runs is None:
        _, runs = decide(body.get("when", ""))
    return Case(name=f"{tree.get('name', '')}({index}:{item_label(item)})", arguments=given_parameters(body), runs=runs)


def given_parameters(tree: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of a call by name, with where the value comes from where it is not written."""
    found: dict[str, str] = {}
    for item in (tree.get("arguments") or {}).get("parameters") or ():
        source = item.get("valueFrom") or {}
        ref = source.get("configMapKeyRef")
        value = item.get("value")
        if value is None and ref is not None:
            value = f"{{{{config map {ref.get('name', '')}, key {ref['key']}}}}}"
        found[item["name"]] = "" if value is None else str(value)
    return found


def given_artifacts(tree: Mapping[str, Any]) -> dict[str, str]:
    """Artifacts of a call by name: what they are taken from, or the store that holds them."""
    found: dict[str, str] = {}
    for item in (tree.get("arguments") or {}).get("artifacts") or ():
        stores = [key for key in item if isinstance(item[key], dict) and key != "archive"]
        found[item["name"]] = item.get("from") or item.get("fromExpression") or f"({', '.join(stores)})"
    return found
