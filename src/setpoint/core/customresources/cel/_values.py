"""Values of CEL: JSON with the types that a schema gives it, and the few types that JSON has not.

text is `str`, int is `int`, double is `float`, bytes is `bytes`, duration is `timedelta`, timestamp is an aware
`datetime`, null is None. Lists and maps are Python's, or `Items` and `Fields` that give values their types when looked
at. Invariant: nothing changes a value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from setpoint.core.customresources.cel._errors import CelError
from setpoint.core.customresources.formats import parse_date_time

Schema = Mapping[str, Any]

_encode = msgspec.json.Encoder(order="sorted").encode
INT_RANGE = (-(2**63), 2**63 - 1)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_KEYWORDS = frozenset(
    (
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
        *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
    )
)
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))


@dataclass(frozen=True, slots=True)
class Type:
    """What `type(x)` gives, and names such as `string`."""

    name: str


@dataclass(frozen=True, slots=True)
class Maybe:
    """An optional value, as `self.?field` gives it."""

    there: bool
    value: Any = None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A Kubernetes quantity."""

    number: Decimal


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL or path, in its parts."""

    scheme: str
    host: str
    hostname: str
    port: str
    path: str
    query: str


@dataclass(frozen=True, slots=True, eq=False)
class Items(Sequence[Any]):
    """A list of JSON whose items have a schema."""

    raw: list[Any]
    schema: Schema

    def __len__(self) -> int:
        """How many."""
        return len(self.raw)

    def __getitem__(self, index: Any) -> Any:
        """The item with its type."""
        return adapt(self.raw[index], self.schema.get("items") or {})

    def __iter__(self) -> Iterator[Any]:
        """The items with their type."""
        inner = self.schema.get("items") or {}
        return (adapt(item, inner) for item in self.raw)


@dataclass(frozen=True, slots=True, eq=False)
class Fields(Mapping[str, Any]):
    """An object or map of JSON whose values have schemas; names are escaped as CEL needs it."""

    raw: dict[str, Any]
    schema: Schema

    def __getitem__(self, name: str) -> Any:
        """The value with its type.

        Raises: KeyError.
        """
        if name not in self.raw:
            if not isinstance(name, str):
                raise KeyError(name)
            name = unescape(name)
        value = self.raw[name]
        properties = self.schema.get("properties") or {}
        inner = properties.get(name, self.schema.get("additionalProperties"))
        return adapt(value, inner if isinstance(inner, Mapping) else {})

    def __iter__(self) -> Iterator[str]:
        """The names as they are in JSON."""
        return iter(self.raw)

    def __len__(self) -> int:
        """How many."""
        return len(self.raw)


def escape(name: str) -> str:
    """The name of a property as an expression writes it; one that cannot be written stays as it is."""
    if name in _KEYWORDS:
        return f"__{name}__"
    for plain, escaped in _ESCAPES:
        name = name.replace(plain, escaped)
    return name


def unescape(name: str) -> str:
    """The property that an expression means.

    >>> unescape("__namespace__"), unescape("a__dash__b"), unescape("x__underscores__y")
    ('namespace', 'a-b', 'x__y')
    """
    if name.startswith("__") and name.endswith("__") and name[2:-2] in _KEYWORDS:
        return name[2:-2]
    for plain, escaped in reversed(_ESCAPES):
        name = name.replace(escaped, plain)
    return name


def adapt(value: Any, schema: Schema) -> Any:
    """A value of JSON as the expression sees it."""
    match value:
        case str():
            return _adapt_text(value, schema)
        case dict():
            return Fields(value, schema)
        case list():
            return Items(value, schema)
        case bool() | None:
            return value
        case int():
            return float(value) if schema.get("type") == "number" else value
        case float():
            return int(value) if schema.get("type") == "integer" and value.is_integer() else value
        case _:
            return value


def _adapt_text(value: str, schema: Schema) -> Any:
    try:
        match schema.get("format"):
            case "date-time" | "datetime":
                return parse_date_time(value)
            case "date":
                return datetime.fromisoformat(value).replace(tzinfo=UTC)
            case "duration":
                return parse_duration(value)
            case "byte":
                return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error, CelError):
        return value  # the schema's own check has said so already
    return value


def parse_duration(text: str) -> timedelta:
    """Go's form of a duration, such as `1h30m`, to whole microseconds.

    Raises: CelError.
    """
    sign, body = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if body == "0":
        return timedelta(0)
    seconds, at = 0.0, 0
    while at < len(body) and (match := _DURATION.match(body, at)):
        seconds += float(match.group(1)) * _SECONDS[match.group(2)]
        at = match.end()
    if at == 0 or at < len(body) or len(body) > 100 or seconds > 9.3e9:
        raise CelError(f"invalid duration: {text[:100]!r}")
    return timedelta(seconds=sign * seconds)


def is_list(value: Any) -> bool:
    """Whether a value is a list."""
    return isinstance(value, (list, Items))


def is_map(value: Any) -> bool:
    """Whether a value is a map or object."""
    return isinstance(value, (dict, Fields))


def equal(left: Any, right: Any) -> bool:
    """CEL's equality: numbers by value, lists and maps by theirs, values of different types differ.

    The lists of a set or map (`x-kubernetes-list-type`) are equal in any order.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if is_list(left) and is_list(right):
        if len(left) != len(right):
            return False
        if _in_any_order(left) and _in_any_order(right):
            return sorted(map(_encode, left.raw)) == sorted(map(_encode, right.raw))
        return all(equal(a, b) for a, b in zip(left, right, strict=True))
    if is_map(left) and is_map(right):
        return left.keys() == right.keys() and all(equal(left[name], right[name]) for name in left)
    if type(left) is not type(right) and not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
        return False
    return bool(left == right)


def _in_any_order(value: Any) -> bool:
    return isinstance(value, Items) and value.schema.get("x-kubernetes-list-type") in ("set", "map")


def weight(value: Any) -> int:
    """How many values there are in a value, itself counted: what it costs to compare it."""
    if isinstance(value, (Items, Fields)):
        value = value.raw
    if isinstance(value, list):
        return 1 + sum(map(weight, value))
    if isinstance(value, dict):
        return 1 + sum(map(weight, value.values()))
    return 1 + len(value) // 100 if isinstance(value, (str, bytes)) else 1


def type_of(value: Any) -> str:
    """The name of a value's type, as `type(x)` and messages have it."""
    match value:
        case None:
            return "null_type"
        case bool():
            return "bool"
        case datetime():
            return "google.protobuf.Timestamp"
        case timedelta():
            return "google.protobuf.Duration"
        case Maybe():
            return "optional_type"
        case Type():
            return "type"
        case _ if is_list(value):
            return "list"
        case _ if is_map(value):
            return "map"
        case _:
            return {str: "string", int: "int", float: "double", bytes: "bytes"}.get(type(value), "object")
