"""What operators and members mean at run time, on values of Go's types.

Ints are 64-bit and wrap, floats are IEEE doubles, booleans are no numbers. Invariant: a pair of types an operator does
not know raises `ExpressionError` with Go's type names. Source: expr-lang 1.17, package vm/runtime.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._gotext import GoValue, format_value, go_type
from setpoint.core.expr._gotime import GoDuration, GoTime
from setpoint.core.expr._re2 import Regex, compile_regex

MAX_ITEMS = 1_000_000
"""Most items of one array, and most iterations of one evaluation."""

MAX_CHARS = 1 << 24
"""Longest text an expression may build."""


class AnyKeyMap(dict[Any, Any], GoValue):
    """What `groupBy` and `fromPairs` return: a map with keys of any type, which JSON refuses to write."""

    go_type: ClassVar[str] = "map[interface {}]interface {}"

    def json_value(self) -> Any:
        """There is none."""
        raise ExpressionError(f"json: unsupported type: {self.go_type}")


def is_number(value: Any) -> bool:
    """An int or a float; a boolean is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_int(value: Any) -> bool:
    """An int that is no boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def wrap(value: int) -> int:
    """The value as 64-bit arithmetic keeps it."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def to_int(value: Any) -> int:
    """An index or count; floats are cut, other types refused."""
    if isinstance(value, float) and math.isfinite(value):
        return wrap(int(value))
    if not is_int(value):
        raise ExpressionError(f"invalid operation: int({go_type(value)})")
    return int(value)


def text(value: Any, what: str) -> str:
    """A value that must be text."""
    if not isinstance(value, str):
        raise ExpressionError(f"{what} needs a string, got {go_type(value)}")
    return value


def array(value: Any, what: str) -> list[Any]:
    """A value that must be an array."""
    if not isinstance(value, list | tuple):
        raise ExpressionError(f"{what} needs an array, got {go_type(value)}")
    return list(value)


def checked_text(value: str) -> str:
    """The text, unless it grew beyond the bound."""
    if len(value) > MAX_CHARS:
        raise ExpressionError(f"memory budget exceeded: text of more than {MAX_CHARS} characters")
    return value


def equal(left: Any, right: Any) -> bool:
    """`==`: numbers by value, arrays item by item, maps strictly, everything else by type and value."""
    if left is right:
        return not (isinstance(left, float) and math.isnan(left))
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return len(left) == len(right) and all(
            key in right and type(item) is type(right[key]) and equal(item, right[key]) for key, item in left.items()
        )
    return type(left) is type(right) and bool(left == right)


def less(left: Any, right: Any, symbol: str = "<") -> bool:
    """`left < right` for two numbers, texts, times or durations."""
    both_numbers = is_number(left) and is_number(right)
    if both_numbers or (type(left) is type(right) and isinstance(left, str | GoTime | GoDuration)):
        return bool(left < right)
    raise ExpressionError(f"invalid operation: {go_type(left)} {symbol} {go_type(right)}")


def compare(symbol: str, left: Any, right: Any) -> bool:
    """One of `< > <= >=`; all false where a side is not a number."""
    if symbol in ("<", ">"):
        return less(left, right, symbol) if symbol == "<" else less(right, left, symbol)
    if any(isinstance(side, float) and math.isnan(side) for side in (left, right)):
        return False
    return not (less(right, left, symbol) if symbol == "<=" else less(left, right, symbol))


def _number(value: int | float) -> int | float:
    return wrap(value) if isinstance(value, int) else value


def add(left: Any, right: Any) -> Any:
    """Numbers, texts, or a time and a duration."""
    if is_number(left) and is_number(right):
        return _number(left + right)
    if isinstance(left, str) and isinstance(right, str):
        return checked_text(left + right)
    match left, right:
        case GoTime(), GoDuration(nanoseconds):
            return left.shifted(nanoseconds)
        case GoDuration(nanoseconds), GoTime():
            return right.shifted(nanoseconds)
        case GoDuration(a), GoDuration(b):
            return GoDuration(wrap(a + b))
    raise ExpressionError(f"invalid operation: {go_type(left)} + {go_type(right)}")


def subtract(left: Any, right: Any) -> Any:
    """Numbers, two times (a duration), or a duration off a time or duration."""
    if is_number(left) and is_number(right):
        return _number(left - right)
    match left, right:
        case GoTime(), GoTime():
            return GoDuration(left.unix_nanoseconds - right.unix_nanoseconds)
        case GoTime(), GoDuration(nanoseconds):
            return left.shifted(-nanoseconds)
        case GoDuration(a), GoDuration(b):
            return GoDuration(wrap(a - b))
    raise ExpressionError(f"invalid operation: {go_type(left)} - {go_type(right)}")


def multiply(left: Any, right: Any) -> Any:
    """Numbers, or a number of durations."""
    if is_number(left) and is_number(right):
        return _number(left * right)
    match left, right:
        case (GoDuration(nanoseconds), factor) | (factor, GoDuration(nanoseconds)) if is_number(factor):
            product = nanoseconds * factor
            if isinstance(product, float) and not math.isfinite(product):
                raise ExpressionError("duration out of range")
            return GoDuration(int(product))
    raise ExpressionError(f"invalid operation: {go_type(left)} * {go_type(right)}")


def divide(left: Any, right: Any) -> float:
    """Always a float; by zero gives an infinity, as IEEE says."""
    if not (is_number(left) and is_number(right)):
        raise ExpressionError(f"invalid operation: {go_type(left)} / {go_type(right)}")
    a, b = float(left), float(right)
    if b:
        return a / b
    if not a or math.isnan(a) or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def modulo(left: Any, right: Any) -> int:
    """The remainder of two ints, with the sign of the left one."""
    if not (is_int(left) and is_int(right)):
        raise ExpressionError(f"invalid operation: {go_type(left)} % {go_type(right)}")
    if not right:
        raise ExpressionError("integer divide by zero")
    return int(left - right * (abs(left) // abs(right)) * (1 if (left < 0) == (right < 0) else -1))


def power(left: Any, right: Any) -> float:
    """Always a float."""
    if not (is_number(left) and is_number(right)):
        raise ExpressionError(f"invalid operation: {go_type(left)} ** {go_type(right)}")
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and float(right) % 2 == 1 else math.inf
    except ValueError:
        return math.inf if not left else math.nan


def span(low: Any, high: Any) -> list[int]:
    """`low..high`, both ends included; empty if high is below low."""
    first, last = to_int(low), to_int(high)
    if last - first + 1 > MAX_ITEMS:
        raise ExpressionError(f"memory budget exceeded: a range of more than {MAX_ITEMS} items")
    return list(range(first, last + 1))


def contains(needle: Any, haystack: Any) -> bool:
    """`needle in haystack`: an item of an array or a key of a map; nothing is in nil."""
    if haystack is None:
        return False
    if isinstance(haystack, list | tuple):
        return any(equal(item, needle) for item in haystack)
    if isinstance(haystack, AnyKeyMap):
        return not isinstance(needle, list | Mapping) and needle in haystack
    if isinstance(haystack, Mapping):
        if needle is not None and not isinstance(needle, str):
            raise ExpressionError(f"cannot use {go_type(needle)} as a key of a map")
        return needle in haystack
    raise ExpressionError(f'operator "in" not defined on {go_type(haystack)}')


def compare_texts(symbol: str, left: Any, right: Any, pattern: Regex | None) -> bool:
    """`matches`, `contains`, `startsWith`, `endsWith`; false where a side is nil."""
    if left is None or right is None:
        return False
    subject, other = text(left, symbol), text(right, symbol)
    match symbol:
        case "matches":
            return (pattern or compile_regex(other)).matches(subject)
        case "contains":
            return other in subject
        case "startsWith":
            return subject.startswith(other)
        case _:
            return subject.endswith(other)


def fetch(target: Any, key: Any) -> Any:
    """`target[key]`: nil for a missing key of a map; negative indexes count from the end.

    Raises:
        ExpressionError: For a member of nil, an index out of range, or a key of the wrong type.
    """
    if target is None:
        raise ExpressionError(f"cannot fetch {format_value(key)} from <nil>")
    if isinstance(target, AnyKeyMap):
        return None if isinstance(key, list | Mapping) else target.get(key)
    if isinstance(target, Mapping):
        if not isinstance(key, str | None):
            raise ExpressionError(f"cannot use {go_type(key)} as a key of a map")
        return target.get("" if key is None else key)
    if isinstance(target, list | tuple | str):
        items = target.encode("utf-8", "replace") if isinstance(target, str) else target
        index = to_int(key)
        place = index + len(items) if index < 0 else index
        if not 0 <= place < len(items):
            raise ExpressionError(f"index out of range: {place} (array length is {len(items)})")
        return items[place]
    raise ExpressionError(f"cannot fetch {format_value(key)} from {go_type(target)}")


def cut(target: Any, low: Any, high: Any) -> Any:
    """`target[low:high]` of an array or text; ends beyond the target are moved to it. Text counts bytes."""
    items = target.encode("utf-8", "replace") if isinstance(target, str) else target
    if not isinstance(items, list | tuple | bytes):
        raise ExpressionError(f"cannot slice {go_type(target)}")
    first = 0 if low is None else to_int(low)
    last = len(items) if high is None else to_int(high)
    first = max(first + len(items) if first < 0 else first, 0)
    last = min(max(last + len(items) if last < 0 else last, 0), len(items))
    part = items[min(first, last) : last]
    return part.decode("utf-8", "replace") if isinstance(part, bytes) else list(part)
