"""Argo's scalar types of the wire: `AnyString` (any YAML scalar, read as text) and `IntOrString`.

`AnyString` is `str` to the type checker, and so to everybody who reads a parameter. At run time msgspec must let
numbers and booleans through, so the annotation is wider; the struct that has such a field turns the value to text in
`__post_init__` with `scalar_text`. Invariant: after construction an `AnyString` field holds `str` (or its default).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    AnyString = str
else:
    AnyString = str | int | float | bool

IntOrString = int | str
"""A number, or text that holds a number or a template tag."""


def scalar_text(value: str | int | float | bool) -> str:
    """The text Argo makes of a YAML scalar.

    Numbers are 64-bit floats to Argo and are written in full, never with an exponent: `1e3` is `1000`, `1.0` is `1`,
    and an integer beyond 2**53 loses its last digits, as there.

    >>> scalar_text(True), scalar_text(1e21), scalar_text(0.5), scalar_text(7)
    ('true', '1000000000000000000000', '0.5', '7')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    text = format(Decimal(repr(float(value))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def normalize_text(struct: msgspec.Struct, *fields: str) -> None:
    """Turns the named `AnyString` fields of a struct under construction to text; None stays None."""
    for field in fields:
        value = getattr(struct, field)
        if value is not None and not isinstance(value, str):
            msgspec.structs.force_setattr(struct, field, scalar_text(value))
