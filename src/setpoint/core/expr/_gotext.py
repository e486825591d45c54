"""Values as Go prints them: `%v`, JSON, and numbers; Argo's users see these texts.

Values are None, bool, int, float, str, list and dict, plus the times and durations of `_gotime`, which print
themselves. Invariant: the text depends on the value alone: no locale, map keys sorted.
Source: Go packages fmt, strconv and encoding/json.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from setpoint.core.expr._errors import MAX_DEPTH, ExpressionError

MAX_PIECES = 1_000_000
"""Most pieces one value is written in."""

_LINES = {0x2028: "\\u2028", 0x2029: "\\u2029"}
_HTML = {**_LINES, ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


class GoValue:
    """A value of a Go type that is no plain JSON: it knows its texts and its type's name."""

    __slots__ = ()
    go_type: ClassVar[str] = ""

    def type_name(self) -> str:
        """What `%T` prints."""
        return self.go_type

    def json_value(self) -> Any:
        """What encoding/json makes of it."""
        raise NotImplementedError


def format_float(value: float, *, low: int = -4, high: int = 6) -> str:
    """Shortest text that reads back, as `%v` prints a float64; exponents below `low` or from `high` on use `e`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - only infinities and NaN have letters here
    text = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + exponent - 1 if value else 0
    head = "-" if sign else ""
    if point < low or point >= high:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        return f"{head}{text[0]}{fraction}e{'-' if point < 0 else '+'}{abs(point):02d}"
    if point < 0:
        return f"{head}0.{'0' * (-point - 1)}{text}"
    whole = text[: point + 1].ljust(point + 1, "0")
    fraction = text[point + 1 :]
    return f"{head}{whole}.{fraction}" if fraction else f"{head}{whole}"


def _json_float(value: float) -> str:
    if not math.isfinite(value):
        raise ExpressionError(f"json: unsupported value: {format_float(value)}")
    text = format_float(value, low=-6, high=21)
    return text.replace("e-0", "e-") if "e-0" in text else text


def format_value(value: Any) -> str:
    """The text of `fmt.Sprintf("%v", value)`: lists `[a b]`, maps `map[k:v]` with sorted keys, nil `<nil>`.

    Raises:
        ExpressionError: If the value is nested too deeply or too large.
    """
    parts: list[str] = []
    _format_parts(value, parts, 0)
    return "".join(parts)


def _format_parts(value: Any, parts: list[str], depth: int) -> None:
    if depth > MAX_DEPTH or len(parts) > MAX_PIECES:
        raise ExpressionError("the value is too large or too deep to be written as text")
    if isinstance(value, Mapping):
        parts.append("map[")
        for number, key in enumerate(_sorted(value)):
            parts.append(f"{' ' if number else ''}{_format_scalar(key)}:")
            _format_parts(value[key], parts, depth + 1)
        parts.append("]")
    elif isinstance(value, list | tuple):
        parts.append("[")
        for number, item in enumerate(value):
            if number:
                parts.append(" ")
            _format_parts(item, parts, depth + 1)
        parts.append("]")
    else:
        parts.append(_format_scalar(value))


def _format_scalar(value: Any) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_float(value) if isinstance(value, float) else str(value)


def _sorted(mapping: Mapping[Any, Any]) -> list[Any]:
    """Keys as fmt orders them: by type (nil, bool, numbers, text), then by value."""
    return sorted(mapping, key=_rank)


def _rank(key: Any) -> tuple[int, Any]:
    if key is None:
        return (0, 0)
    if isinstance(key, bool | int | float):
        return (1, key)
    return (2, str(key))


def to_json(value: Any, *, indent: str = "", escape_html: bool = True) -> str:
    r"""JSON as Go's encoder writes it: sorted keys, whole floats without `.0`, `<>&` escaped.

    Args:
        value: A plain value.
        indent: What one level is indented by; empty writes everything on one line.
        escape_html: Write `<`, `>`, `&` as `\u003c` and so on.

    Raises:
        ExpressionError: For a value JSON cannot hold (infinities, deeper than the bound).
    """
    writer = _JsonWriter(indent, _HTML if escape_html else _LINES)
    writer.write(value, 0)
    return "".join(writer.parts)


class _JsonWriter:
    """Collects the pieces of one JSON text; counts them, since shared parts of a value can unfold without end."""

    def __init__(self, indent: str, table: dict[int, str]) -> None:
        self.indent = indent
        self.table = table
        self.parts: list[str] = []

    def write(self, value: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"value is nested deeper than {MAX_DEPTH}")
        if len(self.parts) > MAX_PIECES:
            raise ExpressionError("the value is too large to be written as JSON")
        if isinstance(value, GoValue):
            value = value.json_value()
        if value is None:
            self.parts.append("null")
        elif isinstance(value, bool):
            self.parts.append("true" if value else "false")
        elif isinstance(value, str):
            self.parts.append(json_string(value, self.table))
        elif isinstance(value, int):
            self.parts.append(str(value))
        elif isinstance(value, float):
            self.parts.append(_json_float(value))
        elif isinstance(value, Mapping):
            self.mapping(value, depth)
        elif isinstance(value, list | tuple):
            self.array(value, depth)
        else:
            raise ExpressionError(f"json: unsupported type: {go_type(value)}")

    def line(self, depth: int) -> str:
        return f"\n{self.indent * depth}" if self.indent else ""

    def mapping(self, value: Mapping[Any, Any], depth: int) -> None:
        pairs = sorted((key if isinstance(key, str) else format_value(key), key) for key in _sorted(value))
        colon = ": " if self.indent else ":"
        opening = "{"
        for text, key in pairs:
            self.parts.append(f"{opening}{self.line(depth + 1)}{json_string(text, self.table)}{colon}")
            self.write(value[key], depth + 1)
            opening = ","
        self.parts.append(f"{self.line(depth)}}}" if pairs else "{}")

    def array(self, value: list[Any] | tuple[Any, ...], depth: int) -> None:
        opening = "["
        for item in value:
            self.parts.append(opening + self.line(depth + 1))
            self.write(item, depth + 1)
            opening = ","
        self.parts.append(f"{self.line(depth)}]" if value else "[]")


def json_string(text: str, table: dict[int, str] = _HTML) -> str:
    """A JSON string; lone surrogates become U+FFFD as Go does with invalid UTF-8."""
    safe = text.encode("utf-8", "replace").decode() if any("\ud800" <= c <= "\udfff" for c in text) else text
    return json.dumps(safe, ensure_ascii=False).translate(table)


def render_result(value: Any) -> str:
    """The text an expression's result is inserted as: strings as they are, everything else as compact JSON.

    Raises:
        ExpressionError: If the value is None: an expression tag must have a result.
    """
    if value is None:
        raise ExpressionError("the expression has no result (nil); give a default with `?? 'text'`")
    return value if isinstance(value, str) else to_json(value)


def go_type(value: Any) -> str:
    """The name Go's `%T` prints, for messages."""
    if value is None:
        return "<nil>"
    if isinstance(value, GoValue):
        return value.type_name()
    names = {bool: "bool", int: "int", float: "float64", str: "string"}
    if type(value) in names:
        return names[type(value)]
    if isinstance(value, Mapping):
        return "map[string]interface {}"
    return "[]interface {}" if isinstance(value, list | tuple) else type(value).__name__


_QUOTED = {
    7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\",
}  # fmt: skip


def go_quote(text: str) -> str:
    """A Go string literal, as `%q` prints it."""
    parts = []
    for char in text:
        code = ord(char)
        if code in _QUOTED:
            parts.append(_QUOTED[code])
        elif char.isprintable():
            parts.append(char)
        else:
            parts.append(f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(parts) + '"'
