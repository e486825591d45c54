"""JSONPath look-ups in a JSON text: names, indexes, slices, wildcards, unions and `..`.

Filters and scripts are refused by name. Invariant: a path that can name one place only gives the value there and fails
if there is none; any other path gives the list of what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from setpoint.core.expr._builtins import from_json
from setpoint.core.expr._errors import ExpressionError

_STEP = re.compile(
    r"""
      (?P<deep> \.\. (?= [^.] ) )? (?:
        \.? (?P<name> [^\s.\[\]()*?'"@$]+ )
      | \.? (?P<all> \* )
      | \[ \s* (?P<inside> (?: '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | [^\]'"] )* ) \s* \] )
    """,
    re.VERBOSE,
)
_QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:,|$)""")
_INDEX = re.compile(r"\s*(-?[0-9]{1,9})\s*")
_SLICE = re.compile(r"\s*(-?[0-9]{1,9})?\s*:\s*(-?[0-9]{1,9})?\s*(?::\s*([1-9][0-9]{0,8}))?\s*")

_Key = str | int | slice | None


def query(source: str, path: str) -> Any:
    """What a path finds in a JSON text.

    Raises:
        ExpressionError: For bad JSON, a bad or unsupported path, or a place that is not there.
    """
    steps = list(_steps(path))
    single = all(not deep and len(keys) == 1 and isinstance(keys[0], str | int) for deep, keys in steps)
    found = [from_json(source)]
    for deep, keys in steps:
        places = [below for value in found for below in _below(value)] if deep else found
        found = [item for value in places for key in keys for item in _select(value, key)]
        if len(found) > 100_000:
            raise ExpressionError(f"jsonpath {path!r} finds too many values")
    if not single:
        return found
    if not found:
        raise ExpressionError(f"jsonpath {path!r} names nothing in this JSON")
    return found[0]


def _steps(path: str) -> Iterator[tuple[bool, list[_Key]]]:
    body = path.strip()
    if not body.startswith("$"):
        raise ExpressionError(f"invalid JSONPath {path!r}: it must begin with $")
    at = 1
    while at < len(body):
        match = _STEP.match(body, at)
        if match is None:
            raise ExpressionError(f"invalid JSONPath {path!r} at character {at + 1}")
        at = match.end()
        deep = match["deep"] is not None
        if match["name"] is not None:
            yield deep, [match["name"]]
        elif match["all"]:
            yield deep, [None]
        else:
            yield deep, list(_inside(match["inside"], path))


def _inside(inside: str, path: str) -> Iterator[_Key]:
    """The keys between brackets."""
    if inside.strip() == "*":
        yield None
        return
    if inside[:1] in ("?", "("):
        raise ExpressionError(f"filters and scripts in a JSONPath are not supported: {path!r}")
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


def _select(value: Any, key: _Key) -> list[Any]:
    if key is None:
        return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    if isinstance(key, str):
        return [value[key]] if isinstance(value, dict) and key in value else []
    if not isinstance(value, list):
        return []
    if isinstance(key, slice):
        return value[key]
    return [value[key]] if -len(value) <= key < len(value) else []


def _below(value: Any) -> Iterator[Any]:
    """The value and everything inside it, outer ones first."""
    pending = [value]
    while pending:
        item = pending.pop()
        yield item
        if isinstance(item, dict):
            pending += reversed(item.values())
        elif isinstance(item, list):
            pending += reversed(item)
