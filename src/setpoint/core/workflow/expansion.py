"""Loops: the items of withItems, withParam and withSequence, and a call's definition filled in for each.

Invariant: the names made here are the ones a cluster makes, since node ids hash them.
Source: SEMANTICS section 7; argo-workflows `expandStep`, `processItem`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.apis.argo import scalar_text
from setpoint.core.expr import ExpressionError, Mode, Scope, render_result, substitute
from setpoint.core.workflow.draft import BuildError
from setpoint.core.workflow.variables import TagValues

_BRACKETS = str.maketrans("", "", "()")
_LOOPS = ("withItems", "withParam", "withSequence")
_FORMAT = re.compile(r"%(%|[-+ 0#]*\d*(?:\.\d+)?([a-zA-Z]))")
_JSON_WORDS = {dict: "object", str: "string", bool: "bool", int: "number", float: "number"}
_VERBS = frozenset("dxXobcv")


@dataclass(frozen=True, slots=True)
class Expanded:
    """One item's call: its name with index and item, and its definition as builtins."""

    name: str
    tree: dict[str, Any]


def is_loop(tree: Mapping[str, Any]) -> bool:
    """Whether a step's or task's definition loops."""
    return "withItems" in tree or bool(tree.get("withParam")) or tree.get("withSequence") is not None


def called(tree: dict[str, Any], *, inline: bool = False) -> dict[str, Any]:
    """What of a step's or task's definition says which template it calls."""
    keys = ("name", "template", "templateRef", *(("inline",) if inline else ()))
    return {key: tree[key] for key in keys if key in tree}


def loop_items(tree: Mapping[str, Any]) -> list[Any]:
    """The items of a loop. Raises: BuildError with a cluster's message."""
    if "withItems" in tree:
        return list(tree["withItems"])
    if tree.get("withParam"):
        return _parameter_items(tree["withParam"])
    return list(_sequence(tree["withSequence"]))


def _parameter_items(text: str) -> list[Any]:
    try:
        items = json.loads(text)
    except ValueError as error:
        reason = str(error)
    else:
        if isinstance(items, list) or items is None:
            return items or []  # to Go null is a list without items
        reason = f"json: cannot unmarshal {_JSON_WORDS[type(items)]} into Go value of type []v1alpha1.Item"
    raise BuildError(f"withParam value could not be parsed as a JSON list: {text.strip()}: {reason}")


def _sequence(tree: Mapping[str, Any]) -> list[str]:
    if tree.get("count") is not None and tree.get("end") is not None:
        raise BuildError("only one of count or end can be defined in withSequence")
    start = _whole(tree.get("start"), "start")
    if tree.get("count") is not None:
        count = _whole(tree["count"], "count")
        numbers = range(start, start + count)
    elif tree.get("end") is not None:
        end = _whole(tree["end"], "end")
        numbers = range(start, end + 1) if start <= end else range(start, end - 1, -1)
    else:
        raise BuildError("must provide either count or end in withSequence")
    form = tree.get("format") or ""
    return [_formatted(form, number) if form else str(number) for number in numbers]


def _whole(value: Any, name: str) -> int:
    if value is None or value == "":
        return 0
    try:
        return int(str(value))
    except ValueError:
        raise BuildError(f"withSequence.{name} must be a whole number, found {value!r}") from None


def _formatted(form: str, number: int) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] == "%":
            return "%"
        verb = match[2]
        if verb == "b":
            return format(number, "b")
        if verb not in _VERBS:
            return f"%!{verb}(int={number})"
        return (match[0][:-1] + "d" if verb == "v" else match[0]) % number

    return _FORMAT.sub(one, form)


def item_text(item: Any) -> str:
    """An item as Go prints it: JSON with a string's quotes cut, so that its escapes stay."""
    if isinstance(item, str):
        return json.dumps(item, ensure_ascii=False)[1:-1]
    if item is None:
        return "null"
    if isinstance(item, bool | int | float):
        return str(item) if isinstance(item, int) and not isinstance(item, bool) else scalar_text(item)
    return render_result(item)


def item_label(item: Any) -> str:
    """The text of an item inside a node name: maps as sorted `k:v`, lists as Go prints them, no round brackets."""
    if isinstance(item, dict):
        text = ",".join(sorted(f"{key}:{item_text(value)}" for key, value in item.items()))
    elif isinstance(item, list | tuple):
        text = f"[{' '.join(item_text(part) for part in item)}]"
    elif item is None:
        text = "[]"
    else:
        text = item_text(item)
    return text.translate(_BRACKETS)


def item_variables(item: Any) -> dict[str, str]:
    """`item`, and `item.<key>` of a map."""
    if isinstance(item, dict):
        return {"item": render_result(item)} | {f"item.{key}": item_text(value) for key, value in item.items()}
    if isinstance(item, str):
        return {"item": item}
    return {"item": item_text(item)}


def expand(tree: dict[str, Any], outer: Scope, *, lenient: bool) -> list[Expanded]:
    """A call's definition for each item of its loop.

    Args:
        tree: The definition, references filled in.
        outer: The names that are known beside the item's.
        lenient: Whether unknown tags may stay, since the call's `when` is false anyway.

    Raises:
        BuildError: The items cannot be read, or a tag of the body has no value.
    """
    body = {key: value for key, value in tree.items() if key not in _LOOPS}
    inline = body.pop("inline", None)
    found: list[Expanded] = []
    for index, item in enumerate(loop_items(tree)):
        scope = Scope(TagValues(item_variables(item), outer.values), ambient=outer.ambient)
        try:
            filled = substitute(body, scope, Mode.LENIENT if lenient else Mode.STRICT)
            if inline is not None:  # its own tags are filled in when it runs
                filled = {**filled, "inline": substitute(inline, scope)}
        except ExpressionError as error:
            raise BuildError(str(error)) from error
        found.append(Expanded(f"{tree['name']}({index}:{item_label(item)})", {**filled, "name": tree["name"]}))
    return found
