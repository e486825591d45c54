"""The sentences in which an API server says what is wrong with a field.

Source: apimachinery, util/validation/field, and kube-openapi's validation errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from setpoint.apis.errors import Problem

LONGEST_PATH = 1_000
"""Characters of a path after which it is not continued."""

MOST_PATHS = 1_000
"""Unknown fields that are remembered."""

MOST_ALLOWED = 100
"""Supported values that a message lists."""

LONGEST_VALUE = 1_000
"""Characters of a wrong value that a message shows."""


def shown(value: Any) -> str:
    """A value as a message shows it: text in quotes, null as "null", the rest as JSON; cut where it is long."""
    if value is None:
        return '"null"'
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def invalid(path: str, value: Any, detail: str) -> Problem:
    """`Invalid value: "x": detail`."""
    return Problem(path, f"Invalid value: {shown(value)}: {detail}", "FieldValueInvalid")


def wrong_type(path: str, found: str, wanted: str) -> Problem:
    """A value of another type than the schema says; both are names of JSON types."""
    detail = f'{path} in body must be of type {wanted}: "{found}"'
    return Problem(path, f'Invalid value: "{found}": {detail}', "FieldValueTypeInvalid")


def required(path: str, detail: str = "") -> Problem:
    """`Required value`, with a detail if there is one."""
    return Problem(path, f"Required value: {detail}" if detail else "Required value", "FieldValueRequired")


def forbidden(path: str, detail: str) -> Problem:
    """`Forbidden: detail`."""
    return Problem(path, f"Forbidden: {detail}", "FieldValueForbidden")


def duplicate(path: str, value: Any) -> Problem:
    """`Duplicate value: x`."""
    return Problem(path, f"Duplicate value: {shown(value)}", "FieldValueDuplicate")


def unsupported(path: str, found: Any, allowed: Iterable[Any]) -> Problem:
    """`Unsupported value: x: supported values: a, b`."""
    listed = list(allowed)
    texts = (value if isinstance(value, str) else shown(value) for value in listed[:MOST_ALLOWED])
    words = ", ".join(map(shown, texts)) + (", ..." if len(listed) > MOST_ALLOWED else "")
    return Problem(path, f"Unsupported value: {shown(found)}: supported values: {words}", "FieldValueNotSupported")


def too_long(path: str, most: int) -> Problem:
    """Text that is longer than it may be."""
    return Problem(path, f"Too long: may not be more than {most} bytes", "FieldValueTooLong")


def too_many(path: str, found: int, most: int) -> Problem:
    """A list or map that has more than it may have."""
    return Problem(path, f"Too many: {found}: must have at most {most} items", "FieldValueTooMany")


def type_name(value: Any) -> str:
    """The name of a value's type in JSON Schema."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case dict():
            return "object"
        case _:
            return "array"


def child(path: str, name: str) -> str:
    """The path of a field."""
    return _extended(path, f".{name[:LONGEST_PATH]}" if path else name[:LONGEST_PATH])


def key(path: str, name: str) -> str:
    """The path of an entry of a map."""
    return _extended(path, f"[{name[:LONGEST_PATH]}]" if path else name[:LONGEST_PATH])


def element(path: str, index: int) -> str:
    """The path of an item of a list."""
    return _extended(path, f"[{index}]")


def _extended(path: str, more: str) -> str:
    """The path and more, but never much longer than `LONGEST_PATH`: keys may be as long as a request."""
    return f"{path}{more}" if len(path) < LONGEST_PATH else path


def note(found: list[str], path: str) -> None:
    """Adds a path to those found, up to a number that nobody reads."""
    if len(found) < MOST_PATHS:
        found.append(path)
