"""sprig's functions on numbers, lists, maps, defaults and JSON; the argument order is sprig's.

Rubbish becomes zero where sprig's casts make it so. Where sprig changes a map in place, a changed copy is returned:
values of an expression are never altered. Source: sprig 3.3, cast.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation, getcontext, localcontext
from typing import Any

from setpoint.core.expr._builtins import from_json, to_float
from setpoint.core.expr._errors import MAX_DEPTH, ExpressionError
from setpoint.core.expr._expr_values import MAX_ITEMS, equal, is_number, wrap
from setpoint.core.expr._function import Function, typed
from setpoint.core.expr._gotext import format_value, go_type, to_json
from setpoint.core.expr._sprig_text import text_of

_WHOLE = re.compile(r"([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")


def to_whole(value: Any) -> int:
    """A value as int64: texts in Go's notation (a leading 0 is octal), floats cut, anything else 0."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return wrap(int(value)) if math.isfinite(value) else 0
    if isinstance(value, int):
        return wrap(value)
    if not isinstance(value, str):
        return 0
    match = _WHOLE.fullmatch(re.sub(r"\.0*$", "", value))
    if match is None or len(match[2]) > 70:
        return 0
    digits = match[2]
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal()
    number = int(digits, 8) if octal else int(digits, 0)
    number = -number if match[1] == "-" else number
    return number if -(1 << 63) <= number < 1 << 63 else 0


def to_real(value: Any) -> float:
    """A value as float64; rubbish is 0."""
    try:
        return float(value) if isinstance(value, bool) else to_float(value)
    except ExpressionError:
        return 0.0


def _kind(value: Any) -> str:
    if value is None:
        return "invalid"
    names = {bool: "bool", int: "int", float: "float64", str: "string"}
    if isinstance(value, Mapping):
        return "map"
    return "slice" if isinstance(value, list | tuple) else names.get(type(value), "struct")


def is_empty(value: Any) -> bool:
    """nil, false, zero, or of length zero."""
    if value is None or isinstance(value, bool) or is_number(value):
        return not value
    return isinstance(value, str | list | tuple | Mapping) and not len(value)


def _total(start: int, rule: Callable[[int, int], int]) -> Callable[..., int]:
    def run(*items: Any) -> int:
        total = start
        for item in items:
            total = wrap(rule(total, to_whole(item)))
        return total

    return run


def _divide(left: Any, right: Any) -> int:
    a, b = to_whole(left), to_whole(right)
    if not b:
        raise ExpressionError("integer divide by zero")
    return wrap(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))


def _remainder(left: Any, right: Any) -> int:
    return wrap(to_whole(left) - _divide(left, right) * to_whole(right))


def _decimals(rule: Callable[[Decimal, Decimal], Decimal], zero_first: bool = False) -> Callable[..., float]:
    """Arithmetic in decimals, so that 0.1 + 0.2 is 0.3."""

    def run(*items: Any) -> float:
        numbers = [Decimal(repr(to_real(item))) for item in items]
        total = Decimal(0) if zero_first else numbers.pop(0)
        try:
            with localcontext(getcontext()) as context:
                context.prec = 60
                for number in numbers:
                    total = rule(total, number)
        except (InvalidOperation, DivisionByZero, ArithmeticError) as error:
            raise ExpressionError("decimal division by 0 or overflow") from error
        return float(total)

    return run


def _divide_decimals(left: Decimal, right: Decimal) -> Decimal:
    return (left / right).quantize(Decimal("1e-16")) if right else left / right


def _round(value: Any, places: int, threshold: Any = 0.5) -> float:
    number = to_real(value)
    if not -300 <= places <= 300 or not math.isfinite(number):
        return number
    scale = math.pow(10, places)
    digit = scale * number
    if not math.isfinite(digit):
        return number
    up = math.modf(digit)[0] >= to_real(threshold)
    return (math.ceil(digit) if up else math.floor(digit)) / scale


def _until(start: int, stop: int, step: int) -> list[int]:
    if not step or (stop < start) != (step < 0):
        return []
    if abs(stop - start) // abs(step) > MAX_ITEMS:
        raise ExpressionError("memory budget exceeded")
    return list(range(start, stop, step))


def _sequence(*bounds: int) -> str:
    if not 1 <= len(bounds) <= 3:
        return ""
    start = 1 if len(bounds) == 1 else bounds[0]
    end = bounds[-1]
    direction = -1 if end < start else 1
    step = bounds[1] if len(bounds) == 3 else direction
    if direction < 0 < step:
        return ""
    return " ".join(map(str, _until(start, end + direction, step)))


def _default(fallback: Any, *given: Any) -> Any:
    return fallback if not given or is_empty(given[0]) else given[0]


def _coalesce(*items: Any) -> Any:
    return next((item for item in items if not is_empty(item)), None)


def _quietly(run: Callable[..., Any], otherwise: Any) -> Callable[..., Any]:
    """Sprig's plain functions swallow the error that their `must` twins report."""

    def quiet(*arguments: Any) -> Any:
        try:
            return run(*arguments)
        except ExpressionError:
            return otherwise

    return quiet


def _pretty(value: Any) -> str:
    return to_json(value, indent="  ")


def _raw(value: Any) -> str:
    return to_json(value, escape_html=False)


def _exact(left: Any, right: Any) -> bool:
    """Deep equality that tells 1 from 1.0."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_exact, left, right))
    return type(left) is type(right) and equal(left, right)


def _unique(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if not any(_exact(item, other) for other in found):
            found.append(item)
        if len(found) > 10_000:
            raise ExpressionError("sprig.uniq takes at most 10000 different items")
    return found


def _slice(items: list[Any], *bounds: Any) -> Any:
    if not items:
        return None
    low = to_whole(bounds[0]) if bounds else 0
    high = to_whole(bounds[1]) if len(bounds) > 1 else len(items)
    if not 0 <= low <= high <= len(items):
        raise ExpressionError(f"slice bounds out of range [{low}:{high}] with length {len(items)}")
    return list(items[low:high])


def _concat(*lists: list[Any]) -> list[Any]:
    found = [item for items in lists for item in items]
    if len(found) > MAX_ITEMS:
        raise ExpressionError("memory budget exceeded")
    return found


def _chunk(size: int, items: list[Any]) -> list[Any]:
    if size < 1:
        raise ExpressionError("sprig.chunk needs a size of at least 1")
    return [list(items[at : at + size]) for at in range(0, len(items), size)]


def _dict(*items: Any) -> dict[str, Any]:
    keys = [text_of(key) for key in items[::2]]
    values = [*items[1::2], ""] if len(items) % 2 else items[1::2]
    return dict(zip(keys, values, strict=True))


def _merge(overwrite: bool) -> Callable[..., dict[str, Any]]:
    """Maps merged from left to right, deep; what the first holds wins unless `overwrite`."""

    def merged(into: Mapping[str, Any], source: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"maps are nested deeper than {MAX_DEPTH}")
        found = dict(into)
        for key, value in source.items():
            old = found.get(key)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                found[key] = merged(old, value, depth + 1)
            elif is_empty(old) or (overwrite and not is_empty(value)):
                found[key] = value
        return found

    def run(*maps: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = dict(maps[0])
        for source in maps[1:]:
            found = merged(found, source, 0)
        return found

    return run


def _dig(*arguments: Any) -> Any:
    if len(arguments) < 3:
        raise ExpressionError("dig needs at least three arguments")
    *keys, fallback, found = arguments
    for key in keys:
        if not isinstance(found, Mapping) or not isinstance(key, str):
            raise ExpressionError(f"dig cannot look up {format_value(key)} in {go_type(found)}")
        if key not in found:
            return fallback
        found = found[key]
    return found


def _fail(message: str) -> str:
    raise ExpressionError(message)


def _octal(value: Any) -> int:
    shown = format_value(value)
    return int(shown, 8) if re.fullmatch(r"[+-]?[0-7]{1,20}", shown) else 0


def _parsed(value: str) -> int:
    return int(value) if re.fullmatch(r"[+-]?[0-9]{1,18}", value) else 0


_RUNS: dict[str, tuple[str, Any, str]] = {
    "atoi": ("s", _parsed, "int"),
    "int": ("a", to_whole, "int"),
    "int64": ("a", to_whole, "int"),
    "float64": ("a", to_real, "float"),
    "toDecimal": ("a", _octal, "int"),
    "seq": ("i*", _sequence, "string"),
    "until": ("i", lambda count: _until(0, count, -1 if count < 0 else 1), "array"),
    "untilStep": ("iii", _until, "array"),
    "add": ("a*", _total(0, lambda a, b: a + b), "int"),
    "add1": ("a", lambda value: wrap(to_whole(value) + 1), "int"),
    "sub": ("aa", lambda a, b: wrap(to_whole(a) - to_whole(b)), "int"),
    "mul": ("aa*", _total(1, lambda a, b: a * b), "int"),
    "div": ("aa", _divide, "int"),
    "mod": ("aa", _remainder, "int"),
    "addf": ("a*", _decimals(lambda a, b: a + b, zero_first=True), "float"),
    "add1f": ("a", lambda value: _decimals(lambda a, b: a + b)(value, 1), "float"),
    "subf": ("aa*", _decimals(lambda a, b: a - b), "float"),
    "mulf": ("aa*", _decimals(lambda a, b: a * b), "float"),
    "divf": ("aa*", _decimals(_divide_decimals), "float"),
    "max": ("aa*", lambda *items: max(map(to_whole, items)), "int"),
    "biggest": ("aa*", lambda *items: max(map(to_whole, items)), "int"),
    "min": ("aa*", lambda *items: min(map(to_whole, items)), "int"),
    "maxf": ("aa*", lambda *items: max(map(to_real, items)), "float"),
    "minf": ("aa*", lambda *items: min(map(to_real, items)), "float"),
    "ceil": ("a", lambda value: float(math.ceil(to_real(value))), "float"),
    "floor": ("a", lambda value: float(math.floor(to_real(value))), "float"),
    "default": ("aa*", _default, "any"),
    "empty": ("a", is_empty, "bool"),
    "coalesce": ("a*", _coalesce, "any"),
    "all": ("a*", lambda *items: not any(map(is_empty, items)), "bool"),
    "any": ("a*", lambda *items: not all(map(is_empty, items)), "bool"),
    "ternary": ("aab", lambda yes, no, condition: yes if condition else no, "any"),
    "fail": ("s", _fail, "string"),
    "fromJson": ("s", _quietly(from_json, None), "any"),
    "mustFromJson": ("s", from_json, "any"),
    "toJson": ("a", _quietly(to_json, ""), "string"),
    "mustToJson": ("a", to_json, "string"),
    "toPrettyJson": ("a", _quietly(_pretty, ""), "string"),
    "mustToPrettyJson": ("a", _pretty, "string"),
    "toRawJson": ("a", _quietly(_raw, ""), "string"),
    "mustToRawJson": ("a", _raw, "string"),
    "deepCopy": ("a", lambda value: value, "any"),
    "mustDeepCopy": ("a", lambda value: value, "any"),
    "typeOf": ("a", go_type, "string"),
    "typeIs": ("sa", lambda name, value: go_type(value) == name, "bool"),
    "typeIsLike": ("sa", lambda name, value: go_type(value) in (name, f"*{name}"), "bool"),
    "kindOf": ("a", _kind, "string"),
    "kindIs": ("sa", lambda name, value: _kind(value) == name, "bool"),
    "deepEqual": ("aa", _exact, "bool"),
    "list": ("a*", lambda *items: list(items), "array"),
    "tuple": ("a*", lambda *items: list(items), "array"),
    "concat": ("l*", _concat, "array"),
    "dict": ("a*", _dict, "map"),
    "get": ("ms", lambda mapping, key: mapping.get(key, ""), "any"),
    "set": ("msa", lambda mapping, key, value: {**mapping, key: value}, "map"),
    "unset": ("ms", lambda mapping, key: {k: v for k, v in mapping.items() if k != key}, "map"),
    "hasKey": ("ms", lambda mapping, key: key in mapping, "bool"),
    "pluck": ("sm*", lambda key, *maps: [mapping[key] for mapping in maps if key in mapping], "array"),
    "keys": ("m*", lambda *maps: [key for mapping in maps for key in mapping], "array"),
    "values": ("m", lambda mapping: list(mapping.values()), "array"),
    "pick": ("ms*", lambda mapping, *keys: {key: mapping[key] for key in keys if key in mapping}, "map"),
    "omit": ("ms*", lambda mapping, *keys: {k: v for k, v in mapping.items() if k not in keys}, "map"),
    "merge": ("mm*", _merge(overwrite=False), "map"),
    "mustMerge": ("mm*", _merge(overwrite=False), "map"),
    "mergeOverwrite": ("mm*", _merge(overwrite=True), "map"),
    "mustMergeOverwrite": ("mm*", _merge(overwrite=True), "map"),
    "dig": ("a*", _dig, "any"),
}
_BOTH: dict[str, tuple[str, Any, str]] = {
    "append": ("la", lambda items, item: [*items, item], "array"),
    "push": ("la", lambda items, item: [*items, item], "array"),
    "prepend": ("la", lambda items, item: [item, *items], "array"),
    "first": ("l", lambda items: items[0] if items else None, "any"),
    "last": ("l", lambda items: items[-1] if items else None, "any"),
    "rest": ("l", lambda items: list(items[1:]) if items else None, "any"),
    "initial": ("l", lambda items: list(items[:-1]) if items else None, "any"),
    "reverse": ("l", lambda items: list(items[::-1]), "array"),
    "uniq": ("l", _unique, "array"),
    "without": ("la*", lambda items, *gone: [i for i in items if not any(_exact(i, g) for g in gone)], "array"),
    "has": ("al", lambda needle, items: any(_exact(needle, item) for item in items), "bool"),
    "slice": ("la*", _slice, "any"),
    "compact": ("l", lambda items: [item for item in items if not is_empty(item)], "array"),
    "chunk": ("il", _chunk, "array"),
}
_RUNS |= _BOTH | {f"must{name[0].upper()}{name[1:]}": entry for name, entry in _BOTH.items()}

DATA_FUNCTIONS: dict[str, Function] = {
    name: typed(f"sprig.{name}", kinds, run, result) for name, (kinds, run, result) in _RUNS.items()
}
DATA_FUNCTIONS["round"] = typed("sprig.round", "aia", _round, "float", optional=1)
