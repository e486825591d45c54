"""What a function of CEL is: overloads by the types of its arguments; and which types there are.

Source: the language definition of CEL, "Function overloads".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from setpoint.core.customresources.cel._errors import CelError
from setpoint.core.customresources.cel._values import INT_RANGE

Charge = Callable[[int], None]
Kind = Callable[[Any], bool]
Overload = tuple[tuple[Kind, ...], Callable[..., Any]]


def any_value(_value: Any) -> bool:
    """Takes everything."""
    return True


def is_text(value: Any) -> bool:
    """Takes text."""
    return isinstance(value, str)


def is_int(value: Any) -> bool:
    """Takes int."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Takes int and double."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_a(kind: type) -> Kind:
    """Takes values of a class of Python."""
    return lambda value: isinstance(value, kind)


def whole(value: int) -> int:
    """The number, if it is in the range of int.

    Raises: CelError.
    """
    if not INT_RANGE[0] <= value <= INT_RANGE[1]:
        raise CelError("integer overflow")
    return value


def ordered(left: Any, right: Any) -> None:
    """Whether `<` has a meaning for two values.

    Raises: CelError if not.
    """
    both_numbers = is_number(left) and is_number(right)
    comparable = isinstance(left, (str, bytes, bool, datetime, timedelta))
    if not both_numbers and not (comparable and type(left) is type(right)):
        raise CelError("no such overload")


def call(overloads: list[Overload], charge: Charge, arguments: tuple[Any, ...]) -> Any:
    """The result of the overload that takes the arguments.

    Raises: CelError: `no such overload`, or what the function says.
    """
    for kinds, function in overloads:
        if len(kinds) == len(arguments) and all(kind(value) for kind, value in zip(kinds, arguments, strict=True)):
            return function(charge, *arguments)
    raise CelError("no such overload")
