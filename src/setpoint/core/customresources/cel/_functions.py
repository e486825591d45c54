"""The functions of CEL that rules of CustomResourceDefinitions use: the standard ones and Kubernetes' own.

A function has overloads by the types of its arguments; where none fits, the error is `no such overload`, as in CEL.
Each gets `charge`, which counts work and ends an evaluation that takes too much.
Source: the language definition of CEL; Kubernetes documentation, "Common Expression Language in Kubernetes".
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from setpoint.core.customresources.cel._errors import CelError
from setpoint.core.customresources.cel._overloads import (
    Charge,
    Overload,
    any_value,
    is_a,
    is_int,
    is_number,
    is_text,
    ordered,
    whole,
)
from setpoint.core.customresources.cel._text import TEXT_METHODS, text_index_of, text_last_index_of, to_text
from setpoint.core.customresources.cel._values import (
    Maybe,
    Type,
    equal,
    is_list,
    is_map,
    parse_duration,
    type_of,
    weight,
)
from setpoint.core.customresources.formats import parse_date_time


def _list_index_of(charge: Charge, items: Iterable[Any], value: Any) -> int:
    for index, item in enumerate(items):
        charge(1)
        if equal(item, value):
            return index
    return -1


def _list_last_index_of(charge: Charge, items: Iterable[Any], value: Any) -> int:
    found = list(items)
    at = _list_index_of(charge, found[::-1], value)
    return -1 if at < 0 else len(found) - 1 - at


def _to_int(_charge: Charge, value: Any) -> int:
    match value:
        case bool():
            raise CelError("no such overload")
        case int():
            return value
        case float():
            if math.isnan(value) or abs(value) >= 2**63:
                raise CelError("integer overflow")
            return int(value)
        case str():
            if len(value) <= 20 and value.removeprefix("-").isascii() and value.removeprefix("-").isdecimal():
                return whole(int(value))
            raise CelError(f"type conversion error from string to int: {value[:40]!r}")
        case datetime():
            return int(value.timestamp())
        case timedelta():
            return int(value.total_seconds())
        case _:
            raise CelError("no such overload")


def _to_double(_charge: Charge, value: Any) -> float:
    if is_number(value):
        return float(value)
    if isinstance(value, str) and len(value) < 400:
        try:
            return float(value)
        except ValueError:
            pass
    raise CelError("type conversion error to double")


def _to_bool(_charge: Charge, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {**dict.fromkeys(("true", "True", "TRUE", "t", "1"), True)}
    known |= dict.fromkeys(("false", "False", "FALSE", "f", "0"), False)
    if isinstance(value, str) and value in known:
        return known[value]
    raise CelError("type conversion error to bool")


def _to_timestamp(_charge: Charge, value: Any) -> datetime:
    try:
        if isinstance(value, str):
            return parse_date_time(value)
        return value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise CelError(f"invalid timestamp: {str(value)[:60]!r}") from None


def _zone(name: str) -> tzinfo:
    try:
        if name[:1] in ("+", "-") or name[:1].isdigit():
            hours, _, minutes = name.lstrip("+-").partition(":")
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            return timezone(-offset if name.startswith("-") else offset)
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise CelError(f"unknown time zone {name[:60]!r}") from None


def _of_time(get: Callable[[datetime], int]) -> Callable[..., int]:
    return lambda _charge, moment, zone="UTC": get(moment.astimezone(_zone(zone)))


def _of_duration(unit: float) -> Callable[..., int]:
    return lambda _charge, duration: int(duration.total_seconds() / unit)


def _size(_charge: Charge, value: Any) -> int:
    return len(value)


def _sum(charge: Charge, items: Any) -> Any:
    charge(len(items))
    found = list(items)
    if not found:
        return 0
    if all(isinstance(item, timedelta) for item in found):
        return sum(found, timedelta(0))
    if not all(map(is_number, found)) or len({type(item) for item in found}) > 1:
        raise CelError("no such overload")
    return sum(found)


def _extreme(sign: int) -> Callable[..., Any]:
    def find(charge: Charge, items: Any) -> Any:
        charge(len(items))
        found = list(items)
        if not found:
            raise CelError(f"{'max' if sign > 0 else 'min'} called on empty list")
        best = found[0]
        for item in found[1:]:
            ordered(item, best)
            if (item > best) if sign > 0 else (item < best):
                best = item
        return best

    return find


def _is_sorted(charge: Charge, items: Any) -> bool:
    charge(len(items))
    found = list(items)
    for left, right in pairwise(found):
        ordered(left, right)
        if left > right:
            return False
    return True


def _range(charge: Charge, count: int) -> list[int]:
    charge(max(count, 0))
    return list(range(count))


def _held(charge: Charge, item: Any, items: Any) -> bool:
    charge(weight(items))
    return any(equal(item, other) for other in items)


def _contains_all(charge: Charge, items: Any, wanted: Any) -> bool:
    return all(_held(charge, item, items) for item in wanted)


def _equivalent(charge: Charge, left: Any, right: Any) -> bool:
    return _contains_all(charge, left, right) and _contains_all(charge, right, left)


def _intersects(charge: Charge, left: Any, right: Any) -> bool:
    return any(_held(charge, item, right) for item in left)


def _distinct(charge: Charge, items: Any) -> list[Any]:
    kept: list[Any] = []
    for item in items:
        if not _held(charge, item, kept):
            kept.append(item)
    return kept


def _slice(charge: Charge, items: Any, start: int, end: int) -> list[Any]:
    charge(len(items))
    if not 0 <= start <= end <= len(items):
        raise CelError(f"index out of bounds: {start}, {end}")
    return list(items)[start:end]


def _flatten(charge: Charge, items: Any) -> list[Any]:
    charge(weight(items))
    return [inner for item in items for inner in (item if is_list(item) else (item,))]


def _decode(_charge: Charge, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CelError("illegal base64 data") from None


def _or_value(_charge: Charge, found: Maybe, other: Any) -> Any:
    return found.value if found.there else other


def _value(_charge: Charge, found: Maybe) -> Any:
    if not found.there:
        raise CelError("optional.none() dereference")
    return found.value


def _optional_non_zero(_charge: Charge, value: Any) -> Maybe:
    empty = value is None or value is False or (is_number(value) and value == 0)
    sized = is_text(value) or is_list(value) or is_map(value)
    return Maybe(False) if empty or (sized and not len(value)) else Maybe(True, value)


_TIME = is_a(datetime)
_SPAN = is_a(timedelta)
_MAYBE = is_a(Maybe)
_BYTES = is_a(bytes)

FUNCTIONS: dict[str, list[Overload]] = {
    "size": [((kind,), _size) for kind in (is_text, _BYTES, is_list, is_map)],
    "int": [((any_value,), _to_int)],
    "uint": [((any_value,), _to_int)],
    "double": [((any_value,), _to_double)],
    "string": [((any_value,), lambda _charge, value: to_text(value))],
    "bool": [((any_value,), _to_bool)],
    "bytes": [((is_text,), lambda _charge, value: value.encode()), ((_BYTES,), lambda _charge, value: value)],
    "dyn": [((any_value,), lambda _charge, value: value)],
    "type": [((any_value,), lambda _charge, value: Type(type_of(value)))],
    "duration": [((is_text,), lambda _c, value: parse_duration(value)), ((_SPAN,), lambda _c, value: value)],
    "timestamp": [((kind,), _to_timestamp) for kind in (is_text, is_int, _TIME)],
    "matches": TEXT_METHODS["matches"],
    "lists.range": [((is_int,), _range)],
    "sets.contains": [((is_list, is_list), _contains_all)],
    "sets.equivalent": [((is_list, is_list), _equivalent)],
    "sets.intersects": [((is_list, is_list), _intersects)],
    "math.greatest": [((is_list,), _extreme(1)), ((is_number, is_number), lambda _c, a, b: max(a, b))],
    "math.least": [((is_list,), _extreme(-1)), ((is_number, is_number), lambda _c, a, b: min(a, b))],
    "math.abs": [((is_number,), lambda _charge, value: abs(value))],
    "base64.encode": [((_BYTES,), lambda _charge, value: base64.b64encode(value).decode())],
    "base64.decode": [((is_text,), _decode)],
    "optional.of": [((any_value,), lambda _charge, value: Maybe(True, value))],
    "optional.none": [((), lambda _charge: Maybe(False))],
    "optional.ofNonZeroValue": [((any_value,), _optional_non_zero)],
}
"""Functions and, as `namespace.name`, those of a namespace."""

METHODS: dict[str, list[Overload]] = {
    **TEXT_METHODS,
    "size": FUNCTIONS["size"],
    "indexOf": [
        ((is_text, is_text), text_index_of),
        ((is_text, is_text, is_int), text_index_of),
        ((is_list, any_value), _list_index_of),
    ],
    "lastIndexOf": [((is_text, is_text), text_last_index_of), ((is_list, any_value), _list_last_index_of)],
    "reverse": [
        ((is_text,), lambda _charge, text: text[::-1]),
        ((is_list,), lambda _charge, items: list(items)[::-1]),
    ],
    "sum": [((is_list,), _sum)],
    "min": [((is_list,), _extreme(-1))],
    "max": [((is_list,), _extreme(1))],
    "isSorted": [((is_list,), _is_sorted)],
    "distinct": [((is_list,), _distinct)],
    "flatten": [((is_list,), _flatten)],
    "slice": [((is_list, is_int, is_int), _slice)],
    "getFullYear": [((_TIME,), _of_time(lambda t: t.year)), ((_TIME, is_text), _of_time(lambda t: t.year))],
    "getMonth": [((_TIME,), _of_time(lambda t: t.month - 1)), ((_TIME, is_text), _of_time(lambda t: t.month - 1))],
    "getDate": [((_TIME,), _of_time(lambda t: t.day)), ((_TIME, is_text), _of_time(lambda t: t.day))],
    "getDayOfMonth": [((_TIME,), _of_time(lambda t: t.day - 1)), ((_TIME, is_text), _of_time(lambda t: t.day - 1))],
    "getDayOfWeek": [
        ((_TIME,), _of_time(lambda t: t.isoweekday() % 7)),
        ((_TIME, is_text), _of_time(lambda t: t.isoweekday() % 7)),
    ],
    "getDayOfYear": [((_TIME,), _of_time(lambda t: t.timetuple().tm_yday - 1))],
    "getHours": [
        ((_TIME,), _of_time(lambda t: t.hour)),
        ((_TIME, is_text), _of_time(lambda t: t.hour)),
        ((_SPAN,), _of_duration(3600)),
    ],
    "getMinutes": [
        ((_TIME,), _of_time(lambda t: t.minute)),
        ((_TIME, is_text), _of_time(lambda t: t.minute)),
        ((_SPAN,), _of_duration(60)),
    ],
    "getSeconds": [
        ((_TIME,), _of_time(lambda t: t.second)),
        ((_TIME, is_text), _of_time(lambda t: t.second)),
        ((_SPAN,), _of_duration(1)),
    ],
    "getMilliseconds": [
        ((_TIME,), _of_time(lambda t: t.microsecond // 1000)),
        ((_SPAN,), lambda _charge, duration: duration.microseconds // 1000),
    ],
    "hasValue": [((_MAYBE,), lambda _charge, found: found.there)],
    "value": [((_MAYBE,), _value)],
    "orValue": [((_MAYBE, any_value), _or_value)],
    "or": [((_MAYBE, _MAYBE), lambda _charge, found, other: found if found.there else other)],
}
"""Methods: the first argument is what stands before the dot."""
