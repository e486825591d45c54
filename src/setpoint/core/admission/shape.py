"""What every value must be before anything walks it: not nested too deep, with numbers and text that JSON can hold.

Invariant: nothing here recurses, and the work grows with the size of the value.
"""

from __future__ import annotations

import math
from typing import Any

from setpoint.apis.errors import InvalidSpec

MAX_DEPTH = 100
"""Levels of maps and lists in an object."""

MAX_BYTES = 3 * 1024 * 1024
"""Largest body of a request, as an API server takes it."""

_INT64 = (-(2**63), 2**63 - 1)


def too_deep() -> InvalidSpec:
    """The error for what is nested too deep."""
    return InvalidSpec(f"the object is nested deeper than {MAX_DEPTH} levels")


def check_shape(document: Any) -> None:
    """Refuse what no API server takes, whatever the kind.

    Args:
        document: Any value of JSON.

    Raises: InvalidSpec for more than `MAX_DEPTH` levels, integers beyond 64 bits, numbers that are none, text that is
        no Unicode, and values that JSON does not have.
    """
    level: list[Any] = [document]
    for depth in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is str:
                if not value.isascii():
                    _check_text(value)
            elif depth == MAX_DEPTH and kind in (dict, list):
                raise too_deep()
            elif kind is dict:
                for key, item in value.items():
                    if type(key) is not str:
                        raise InvalidSpec(f"the key {key!r} of a map is not text")
                    if not key.isascii():
                        _check_text(key)
                    below.append(item)
            elif kind is list:
                below.extend(value)
            else:
                _check_scalar(value)
        if not below:
            return
        level = below


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidSpec("the object has text with half of a surrogate pair, which is no Unicode") from None


def _check_scalar(value: Any) -> None:
    match value:
        case bool() | None:
            return
        case int():
            if not _INT64[0] <= value <= _INT64[1]:
                raise InvalidSpec("the object has an integer beyond 64 bits: write it as text")
        case float():
            if not math.isfinite(value):
                raise InvalidSpec(f"the object has a number that JSON does not have: {value}")
        case _:
            raise InvalidSpec(f"the object has a value that JSON does not have: {type(value).__name__}")
