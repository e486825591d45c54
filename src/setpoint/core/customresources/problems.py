"""The sentences in which an API server says what is wrong with a field.

Source: apimachinery, util/validation/field, and kube-openapi's validation errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from setpoint.apis.errors import Problem

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


def unsupported(path: str, value: Any, allowed: Iterable[Any]) -> Problem:
    """`Unsupported value: x: supported values: a, b`."""
    texts = (item if isinstance(item, str) else shown(item) for item in allowed)
    words = ", ".join(shown(text) for text in texts)
    return Problem(path, f"Unsupported value: {shown(value)}: supported values: {words}", "FieldValueNotSupported")


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
    return f"{path}.{name}" if path else name


def key(path: str, name: str) -> str:
    """The path of an entry of a map."""
    return f"{path}[{name}]" if path else name
