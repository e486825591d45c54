"""JSONPath look-ups in a JSON text: names, indexes, slices, wildcards, unions, filters and `..`.

Scripts `[(...)]` are refused. Invariant: a path that can name one place only gives the value there and fails
if there is none; any other path gives the list of what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from setpoint.core.expr._builtins import from_json
from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._jsonpath_filter import Filter, compile_filter

MAX_FOUND = 100_000

_NAME = re.compile(r"[^\s.\[\]()*?'\"@$]+")
_QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:,|$)""")
_INDEX = re.compile(r"\s*(-?[0-9]{1,9})\s*")
_SLICE = re.compile(r"\s*(-?[0-9]{1,9})?\s*:\s*(-?[0-9]{1,9})?\s*(?::\s*([1-9][0-9]{0,8}))?\s*")

_Key = str | int | slice | Filter | None


def query(source: str, path: str) -> Any:
    """What a path finds in a JSON text.

    Raises:
        ExpressionError: For bad JSON, a bad or unsupported path, or a place that is not there.
    """
    steps = list(_steps(path))
    single = all(not deep and len(keys) == 1 and isinstance(keys[0], str | int) for deep, keys in steps)
    found = _walk(from_json(source), steps, path)
    if not single:
        return found
    if not found:
        raise ExpressionError(f"jsonpath {path!r} names nothing in this JSON")
    return found[0]


def jsonpath_values(document: Any, path: str) -> list[Any]:
    """All that a path finds in a document of builtins, nothing included.

    Raises:
        ExpressionError: For a bad or unsupported path.
    """
    return _walk(document, list(_steps(path)), path)


def _walk(document: Any, steps: list[tuple[bool, list[_Key]]], path: str) -> list[Any]:
    found = [document]
    for deep, keys in steps:
        places = _all_below(found) if deep else found
        chosen: list[Any] = []
        for place in places:
            for key in keys:
                chosen += _select(place, key, document)
            if len(chosen) > MAX_FOUND:
                raise ExpressionError(f"jsonpath {path!r} finds more than {MAX_FOUND} values")
        found = chosen
    return found


def _steps(path: str) -> Iterator[tuple[bool, list[_Key]]]:
    """Each step: whether it looks below everything, and the keys it takes."""
    body = path.strip()
    if not body.startswith("$"):
        raise ExpressionError(f"invalid JSONPath {path!r}: it must begin with $")
    at = 1
    while at < len(body):
        deep = body.startswith("..", at)
        at += 2 if deep else body.startswith(".", at) and not body.startswith("[", at)
        name = _NAME.match(body, at)
        if body.startswith("*", at):
            yield deep, [None]
            at += 1
        elif body.startswith("[", at):
            end = _closing(body, at, path)
            yield deep, list(_inside(body[at + 1 : end], path))
            at = end + 1
        elif name is not None and (deep or body[at - 1] == "."):
            yield deep, [name.group()]
            at = name.end()
        else:
            raise ExpressionError(f"invalid JSONPath {path!r} at character {at + 1}")


def _closing(body: str, start: int, path: str) -> int:
    """Where the bracket that opens at `start` closes; brackets in quotes do not count."""
    depth = 0
    quote = ""
    skip = False
    for at in range(start, len(body)):
        char = body[at]
        if skip:
            skip = False
        elif quote:
            skip = char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        else:
            depth += (char == "[") - (char == "]")
            if not depth:
                return at
    raise ExpressionError(f"invalid JSONPath {path!r}: a bracket is not closed")


def _inside(inside: str, path: str) -> Iterator[_Key]:
    """The keys between brackets."""
    if inside.strip() == "*":
        yield None
        return
    if inside.strip().startswith("?"):
        condition = inside.strip()[1:].strip()
        yield compile_filter(condition, path)
        return
    if inside.strip().startswith("("):
        raise ExpressionError(f"scripts in a JSONPath are not supported: {path!r}")
    at = 0
    while at < len(inside):
        quoted = _QUOTED.match(inside, at)
        if quoted is not None:
            yield re.sub(r"\\(.)", r"\1", quoted[1] if quoted[1] is not None else quoted[2])
            at = quoted.end()
            continue
        end = inside.find(",", at)
        end = len(inside) if end < 0 else end
        yield _number_key(inside[at:end], path)
        at = end + 1
    if not inside.strip():
        raise ExpressionError(f"invalid JSONPath {path!r}: empty brackets")


def _number_key(part: str, path: str) -> _Key:
    index = _INDEX.fullmatch(part)
    if index is not None:
        return int(index[1])
    bounds = _SLICE.fullmatch(part)
    if bounds is None:
        raise ExpressionError(f"invalid JSONPath {path!r}: {part.strip()!r} in brackets")
    return slice(*(None if bound is None else int(bound) for bound in bounds.groups()))


def _select(value: Any, key: _Key, document: Any) -> list[Any]:
    if key is None or isinstance(key, Filter):
        items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        return [item for item in items if key is None or key.holds(item, document)]
    if isinstance(key, str):
        return [value[key]] if isinstance(value, dict) and key in value else []
    if not isinstance(value, list):
        return []
    if isinstance(key, slice):
        return value[key]
    return [value[key]] if -len(value) <= key < len(value) else []


def _all_below(found: list[Any]) -> Iterator[Any]:
    """The values and everything inside them, outer ones first."""
    count = 0
    for value in found:
        pending = [value]
        while pending:
            item = pending.pop()
            count += 1
            if count > MAX_FOUND:
                raise ExpressionError(f"a JSONPath may look at no more than {MAX_FOUND} values")
            yield item
            if isinstance(item, dict):
                pending += reversed(item.values())
            elif isinstance(item, list):
                pending += reversed(item)
