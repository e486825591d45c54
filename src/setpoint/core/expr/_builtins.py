"""expr-lang's built-in functions on numbers, texts, arrays and maps, but those with predicates and times.

Invariant: pure; a wrong type raises `ExpressionError` and nothing else. Source: expr-lang 1.17, package builtin.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping
from functools import cmp_to_key
from typing import Any, NoReturn

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._expr_values import (
    MAX_ITEMS,
    AnyKeyMap,
    array,
    checked_text,
    equal,
    fetch,
    is_int,
    is_number,
    less,
    text,
    to_int,
    wrap,
)
from setpoint.core.expr._function import Ambient, Function
from setpoint.core.expr._gotext import format_value, go_type, to_json
from setpoint.core.expr._gotime import GoDuration, GoName

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?|nan)", re.ASCII | re.IGNORECASE
)
_TYPES = {bool: "bool", int: "int", float: "float", str: "string"}


def _plain(run: Callable[..., Any], least: int, most: int | None, result: str = "any") -> Function:
    """A function that needs nothing but its arguments."""

    def without_ambient(ambient: Ambient | None, *arguments: Any) -> Any:
        return run(*arguments)

    return Function(without_ambient, least, most, result)


def _wrong(name: str, value: Any) -> NoReturn:
    raise ExpressionError(f"invalid argument for {name} (type {go_type(value)})")


def _length(value: Any) -> int:
    if not isinstance(value, str | list | tuple | Mapping):
        _wrong("len", value)
    return len(value)


def _type(value: Any) -> str:
    if value is None:
        return "nil"
    if type(value) in _TYPES:
        return _TYPES[type(value)]
    if isinstance(value, Mapping):
        return "map"
    return "array" if isinstance(value, list | tuple) else go_type(value).lstrip("*")


def _absolute(value: Any) -> Any:
    if not is_number(value):
        _wrong("abs", value)
    return wrap(abs(value)) if is_int(value) else abs(value)


def _rounding(name: str, rule: Callable[[float], float]) -> Callable[[Any], float]:
    def run(value: Any) -> float:
        if not is_number(value):
            _wrong(name, value)
        number = float(value)
        return rule(number) if math.isfinite(number) else number

    return run


def round_half_away(number: float) -> float:
    """The nearest whole number; a half goes away from zero."""
    whole = math.trunc(number)
    return float(whole + math.copysign(1, number) if abs(number - whole) >= 0.5 else whole)


def to_integer(value: Any) -> int:
    """`int(x)`: floats are cut, texts must be whole numbers."""
    if isinstance(value, str):
        if _INTEGER.fullmatch(value) and len(value) <= 20 and -(1 << 63) <= int(value) < 1 << 63:
            return int(value)
        raise ExpressionError(f"invalid operation: int({value})")
    if isinstance(value, GoDuration):
        return value.nanoseconds
    return value.number if isinstance(value, GoName) else to_int(value)


def to_float(value: Any) -> float:
    """`float(x)` of a number or a text."""
    if isinstance(value, str):
        if _FLOAT.fullmatch(value) and (not math.isinf(float(value)) or "n" in value.lower()):
            return float(value)
        raise ExpressionError(f"invalid operation: float({value})")
    if not is_number(value):
        raise ExpressionError(f"invalid operation: float({go_type(value)})")
    return float(value)


def _trim(value: Any, chars: Any = None) -> str:
    if chars is None:
        return text(value, "trim").strip()
    return text(value, "trim").strip(text(chars, "trim")) if chars else text(value, "trim")


def split_text(value: str, separator: str, limit: int = -1) -> list[str]:
    """Go's SplitN: at most `limit` pieces, all of them below 0; an empty separator splits into characters."""
    if limit == 0:
        return []
    if separator:
        return value.split(separator, limit - 1 if limit > 0 else -1)
    if limit < 0 or limit >= len(value):
        return list(value)
    return [*value[: limit - 1], value[limit - 1 :]]


def _split(value: Any, separator: Any, limit: Any = -1) -> list[str]:
    return split_text(text(value, "split"), text(separator, "split"), to_int(limit))


def _split_after(value: Any, separator: Any, limit: Any = -1) -> list[str]:
    mark = text(separator, "splitAfter")
    pieces = split_text(text(value, "splitAfter"), mark, to_int(limit))
    return [piece + mark for piece in pieces[:-1]] + pieces[-1:]


def replace_text(value: str, old: str, new: str, limit: int = -1) -> str:
    """Go's Replace, with its result bounded."""
    most = len(value) + 1 if not old else value.count(old)
    count = most if limit < 0 else min(limit, most)
    if len(value) + count * len(new) > 1 << 26:
        raise ExpressionError("memory budget exceeded")
    return checked_text(value.replace(old, new, count))


def _replace(value: Any, old: Any, new: Any, limit: Any = -1) -> str:
    return replace_text(text(value, "replace"), text(old, "replace"), text(new, "replace"), to_int(limit))


def repeat_text(value: Any, count: Any) -> str:
    """The text that many times, within the budget of the original."""
    times = to_int(count)
    if times < 0:
        raise ExpressionError(f"invalid argument for repeat (expected positive integer, got {times})")
    if times > MAX_ITEMS or times * len(text(value, "repeat")) > 1 << 24:
        raise ExpressionError("memory budget exceeded")
    return text(value, "repeat") * times


def _join(values: Any, glue: Any = "") -> str:
    return checked_text(text(glue, "join").join(text(item, "join") for item in array(values, "join")))


def byte_index(value: str, index: int) -> int:
    """The place of a character counted in bytes, as Go counts; -1 stays."""
    return index if index < 0 or value.isascii() else len(value[:index].encode("utf-8", "replace"))


def _numbers(name: str, values: Iterable[Any]) -> list[Any]:
    """All numbers of nested arrays."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple):
            found += _numbers(name, value)
        elif is_number(value):
            found.append(value)
        else:
            _wrong(name, value)
    return found


def _extreme(name: str, choose: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def run(*values: Any) -> Any:
        if len(values) == 1 and not isinstance(values[0], list | tuple):
            return values[0]
        numbers = _numbers(name, values)
        return choose(numbers) if numbers else None

    return run


def _mean(*values: Any) -> float:
    numbers = [float(value) for value in _numbers("mean", values)]
    return math.fsum(numbers) / len(numbers) if numbers and all(map(math.isfinite, numbers)) else sum(numbers) * 1.0


def _median(*values: Any) -> float:
    numbers = [float(value) for value in _numbers("median", values)]
    return statistics.median(numbers) if numbers else 0.0


def from_json(source: str) -> Any:
    """A JSON text as Go decodes it into `any`: all numbers are floats.

    Raises:
        ExpressionError: If it is no JSON.
    """

    def refuse(constant: str) -> NoReturn:
        raise ExpressionError(f"invalid character in JSON: {constant}")

    def number(digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            raise ExpressionError(f"json: cannot unmarshal number {digits[:40]}")
        return value

    try:
        return json.loads(source, parse_int=number, parse_float=number, parse_constant=refuse)
    except RecursionError:
        raise ExpressionError("the JSON text is nested too deeply") from None
    except ValueError as error:
        raise ExpressionError(f"invalid JSON: {error}") from error


def to_base64(value: str) -> str:
    """Standard base64 of the text's UTF-8 bytes."""
    return base64.b64encode(value.encode("utf-8", "replace")).decode()


def from_base64(value: Any) -> str:
    """The text that a base64 text stands for."""
    source = text(value, "fromBase64").replace("\n", "").replace("\r", "")
    try:
        return base64.b64decode(source.encode("ascii"), validate=True).decode("utf-8", "replace")
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ExpressionError(f"illegal base64 data: {error}") from error


def _get(target: Any, key: Any) -> Any:
    try:
        return fetch(target, key)
    except ExpressionError:
        return None


def _take(values: Any, count: Any) -> list[Any]:
    items = array(values, "take")
    if not is_int(count) or count < 0:
        raise ExpressionError(f"cannot take {format_value(count)} elements")
    return items[:count]


def _mapping(value: Any, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ExpressionError(f"cannot get {name} from {go_type(value)}")
    return value


def _from_pairs(values: Any) -> AnyKeyMap:
    found = AnyKeyMap()
    for pair in array(values, "fromPairs"):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ExpressionError(f"invalid pair {format_value(pair)}")
        if isinstance(pair[0], list | Mapping):
            raise ExpressionError(f"cannot use {go_type(pair[0])} as a key of a map")
        found[pair[0]] = pair[1]
    return found


def unique(values: Any) -> list[Any]:
    """Each item once, in the order of first appearance."""
    found: list[Any] = []
    seen: set[Any] = set()
    for item in array(values, "uniq"):
        plain = isinstance(item, str) or is_number(item)
        if item in seen if plain else any(equal(item, other) for other in found):
            continue
        if plain:
            seen.add(item)
        found.append(item)
    return found


def _concat(*values: Any) -> list[Any]:
    found = [item for value in values for item in array(value, "concat")]
    if len(found) > MAX_ITEMS:
        raise ExpressionError("memory budget exceeded")
    return found


def _flatten(value: Any) -> list[Any]:
    found: list[Any] = []
    pending = array(value, "flatten")[::-1]
    while pending:
        item = pending.pop()
        if isinstance(item, list | tuple):
            pending += item[::-1]
        else:
            found.append(item)
        if len(found) + len(pending) > MAX_ITEMS:
            raise ExpressionError("memory budget exceeded")
    return found


def sorted_by(items: list[Any], keys: list[Any], order: Any = "asc") -> list[Any]:
    """The items in the order of their keys, which must all be comparable."""
    if order not in ("asc", "desc"):
        raise ExpressionError(f"invalid order {format_value(order)}, expected asc or desc")
    sign = -1 if order == "desc" else 1

    def by_key(a: tuple[Any, Any], b: tuple[Any, Any]) -> int:
        return sign * (less(b[0], a[0]) - less(a[0], b[0]))

    return [item for _, item in sorted(zip(keys, items, strict=True), key=cmp_to_key(by_key))]


def _sort(values: Any, order: Any = "asc") -> list[Any]:
    items = array(values, "sort")
    return sorted_by(items, items, order)


def _bits(name: str, rule: Callable[[int, int], int]) -> Function:
    def run(left: Any, right: Any) -> int:
        if not (is_int(left) and is_int(right)):
            raise ExpressionError(f"cannot use {go_type(left)} and {go_type(right)} as ints to call {name}")
        if name in ("bitshl", "bitshr", "bitushr"):
            if right < 0:
                raise ExpressionError(f"invalid operation: negative shift count {right} (type int)")
            right = min(right, 64)
        return wrap(rule(left, right))

    return _plain(run, 2, 2, "int")


def _bit_not(value: Any) -> int:
    if not is_int(value):
        raise ExpressionError(f"cannot use {go_type(value)} as int to call bitnot")
    return ~int(value)


def _prefix_of(value: Any, other: Any) -> bool:
    return text(value, "hasPrefix").startswith(text(other, "hasPrefix"))


def _suffix_of(value: Any, other: Any) -> bool:
    return text(value, "hasSuffix").endswith(text(other, "hasSuffix"))


def _find(value: Any, other: Any) -> int:
    return byte_index(value, text(value, "indexOf").find(text(other, "indexOf")))


def _find_last(value: Any, other: Any) -> int:
    return byte_index(value, text(value, "lastIndexOf").rfind(text(other, "lastIndexOf")))


BUILTINS: dict[str, Function] = {
    "len": _plain(_length, 1, 1, "int"),
    "type": _plain(_type, 1, 1, "string"),
    "abs": _plain(_absolute, 1, 1),
    "ceil": _plain(_rounding("ceil", lambda x: float(math.ceil(x))), 1, 1, "float"),
    "floor": _plain(_rounding("floor", lambda x: float(math.floor(x))), 1, 1, "float"),
    "round": _plain(_rounding("round", round_half_away), 1, 1, "float"),
    "int": _plain(to_integer, 1, 1, "int"),
    "float": _plain(to_float, 1, 1, "float"),
    "string": _plain(format_value, 1, 1, "string"),
    "trim": _plain(_trim, 1, 2, "string"),
    "trimPrefix": _plain(lambda s, p=" ": text(s, "trimPrefix").removeprefix(text(p, "trimPrefix")), 1, 2, "string"),
    "trimSuffix": _plain(lambda s, p=" ": text(s, "trimSuffix").removesuffix(text(p, "trimSuffix")), 1, 2, "string"),
    "upper": _plain(lambda s: text(s, "upper").upper(), 1, 1, "string"),
    "lower": _plain(lambda s: text(s, "lower").lower(), 1, 1, "string"),
    "split": _plain(_split, 2, 3, "array"),
    "splitAfter": _plain(_split_after, 2, 3, "array"),
    "replace": _plain(_replace, 3, 4, "string"),
    "repeat": _plain(repeat_text, 2, 2, "string"),
    "join": _plain(_join, 1, 2, "string"),
    "indexOf": _plain(_find, 2, 2, "int"),
    "lastIndexOf": _plain(_find_last, 2, 2, "int"),
    "hasPrefix": _plain(_prefix_of, 2, 2, "bool"),
    "hasSuffix": _plain(_suffix_of, 2, 2, "bool"),
    "max": _plain(_extreme("max", max), 1, None),
    "min": _plain(_extreme("min", min), 1, None),
    "mean": _plain(_mean, 1, None, "float"),
    "median": _plain(_median, 1, None, "float"),
    "toJSON": _plain(lambda value: to_json(value, indent="  "), 1, 1, "string"),
    "fromJSON": _plain(lambda value: from_json(text(value, "fromJSON")), 1, 1),
    "toBase64": _plain(lambda value: to_base64(text(value, "toBase64")), 1, 1, "string"),
    "fromBase64": _plain(from_base64, 1, 1, "string"),
    "first": _plain(lambda value: _get(value, 0), 1, 1),
    "last": _plain(lambda value: _get(value, -1), 1, 1),
    "get": _plain(_get, 2, 2),
    "take": _plain(_take, 2, 2, "array"),
    "keys": _plain(lambda value: list(_mapping(value, "keys")), 1, 1, "array"),
    "values": _plain(lambda value: list(_mapping(value, "values").values()), 1, 1, "array"),
    "toPairs": _plain(lambda value: [list(pair) for pair in _mapping(value, "pairs").items()], 1, 1, "array"),
    "fromPairs": _plain(_from_pairs, 1, 1, "any-key map"),
    "reverse": _plain(lambda value: array(value, "reverse")[::-1], 1, 1, "array"),
    "uniq": _plain(unique, 1, 1, "array"),
    "concat": _plain(_concat, 1, None, "array"),
    "flatten": _plain(_flatten, 1, 1, "array"),
    "sort": _plain(_sort, 1, 2, "array"),
    "bitand": _bits("bitand", lambda x, y: x & y),
    "bitor": _bits("bitor", lambda x, y: x | y),
    "bitxor": _bits("bitxor", lambda x, y: x ^ y),
    "bitnand": _bits("bitnand", lambda x, y: x & ~y),
    "bitshl": _bits("bitshl", lambda x, y: x << y),
    "bitshr": _bits("bitshr", lambda x, y: x >> y),
    "bitushr": _bits("bitushr", lambda x, y: (x & (1 << 64) - 1) >> y),
    "bitnot": _plain(_bit_not, 1, 1, "int"),
}
