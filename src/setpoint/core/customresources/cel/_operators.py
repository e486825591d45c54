"""The operators of CEL.

Each gets `charge`, which counts work. Where the types do not fit, the error is `no such overload`, as in CEL.
Source: the language definition of CEL, "Standard definitions".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from setpoint.core.customresources.cel._errors import CelError
from setpoint.core.customresources.cel._overloads import Charge, is_int, is_number, ordered, whole
from setpoint.core.customresources.cel._values import equal, is_list, is_map, weight


def _add(charge: Charge, left: Any, right: Any) -> Any:
    if is_list(left) and is_list(right):
        charge(len(left) + len(right))
        return _joined(left, right)
    if (isinstance(left, str) and isinstance(right, str)) or (isinstance(left, bytes) and isinstance(right, bytes)):
        charge((len(left) + len(right)) // 100)
        return left + right  # type: ignore[operator]  # both are of one type
    if isinstance(left, (datetime, timedelta)) or isinstance(right, (datetime, timedelta)):
        return _moved(left, right, 1)
    return _arithmetic(left, right, lambda a, b: a + b)


def _joined(left: Any, right: Any) -> list[Any]:
    """Two lists; of a set each item once, of a list that is a map the later with the same keys."""
    schema: Mapping[str, Any] = getattr(left, "schema", {})
    kind = schema.get("x-kubernetes-list-type")
    if kind not in ("set", "map"):
        return [*left, *right]
    keys = schema.get("x-kubernetes-list-map-keys", ())
    made: dict[Any, Any] = {}
    for item in (*left, *right):
        if kind == "map" and not is_map(item):
            raise CelError("no such overload")
        mark = item if kind == "set" else tuple(item.get(name) for name in keys)
        made[repr(mark)] = item
    return list(made.values())


def _moved(left: Any, right: Any, sign: int) -> Any:
    try:
        return left + right if sign > 0 else left - right
    except (TypeError, OverflowError):
        raise CelError("no such overload") from None


def _subtract(_charge: Charge, left: Any, right: Any) -> Any:
    if isinstance(left, (datetime, timedelta)):
        return _moved(left, right, -1)
    return _arithmetic(left, right, lambda a, b: a - b)


def _arithmetic(left: Any, right: Any, compute: Callable[[Any, Any], Any]) -> Any:
    if not is_number(left) or not is_number(right) or type(left) is not type(right):
        raise CelError("no such overload")
    found = compute(left, right)
    return whole(found) if isinstance(found, int) else found


def _divide(_charge: Charge, left: Any, right: Any) -> Any:
    if right == 0 and is_int(left) and is_int(right):
        raise CelError("divide by zero")
    return _arithmetic(left, right, _quotient)


def _quotient(left: Any, right: Any) -> Any:
    if isinstance(left, float):
        if right == 0:
            return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)
        return left / right
    return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)


def _remainder(_charge: Charge, left: Any, right: Any) -> Any:
    if not is_int(left) or not is_int(right):
        raise CelError("no such overload")
    if right == 0:
        raise CelError("modulus by zero")
    return abs(left) % abs(right) * (-1 if left < 0 else 1)


def _negate(_charge: Charge, value: Any) -> Any:
    if not is_number(value):
        raise CelError("no such overload")
    return whole(-value) if isinstance(value, int) else -value


def _not(_charge: Charge, value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError("no such overload")
    return not value


def _equal(charge: Charge, left: Any, right: Any) -> bool:
    charge(weight(left) if is_list(left) or is_map(left) else 0)
    return equal(left, right)


def _in(charge: Charge, value: Any, where: Any) -> bool:
    if is_list(where):
        for item in where:
            charge(weight(item))
            if equal(value, item):
                return True
        return False
    if is_map(where):
        return isinstance(value, (str, int)) and any(equal(value, name) for name in (value,) if name in where)
    raise CelError("no such overload")


def _compare(holds: Callable[[Any, Any], bool]) -> Callable[[Charge, Any, Any], bool]:
    def check(_charge: Charge, left: Any, right: Any) -> bool:
        ordered(left, right)
        return bool(holds(left, right))

    return check


OPERATORS: dict[str, Callable[..., Any]] = {
    "==": _equal,
    "!=": lambda charge, left, right: not _equal(charge, left, right),
    "<": _compare(lambda left, right: left < right),
    "<=": _compare(lambda left, right: left <= right),
    ">": _compare(lambda left, right: left > right),
    ">=": _compare(lambda left, right: left >= right),
    "in": _in,
    "+": _add,
    "-": _subtract,
    "*": lambda _charge, left, right: _arithmetic(left, right, lambda a, b: a * b),
    "/": _divide,
    "%": _remainder,
    "!": _not,
    "-neg": _negate,
}
"""Operators by their text; `-neg` is the one with one operand."""
