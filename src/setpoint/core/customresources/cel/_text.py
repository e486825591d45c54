"""The functions of CEL that work on text.

Source: the language definition of CEL; cel-go's strings extension; Kubernetes' regular expressions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from setpoint.core.customresources.cel._errors import CelError
from setpoint.core.customresources.cel._overloads import Charge, Overload, is_int, is_number, is_text
from setpoint.core.customresources.cel._values import is_list, is_map
from setpoint.core.expr import ExpressionError, Regex, compile_regex

MAX_WORK = 2_000_000
"""Steps that one search may take."""

MAX_TEXT = 2_000_000
"""Longest text, in characters, that a function makes."""


def regex(pattern: str) -> Regex:
    """The compiled pattern.

    Raises: CelError.
    """
    try:
        return compile_regex(pattern)
    except ExpressionError as error:
        raise CelError(error.reason) from None


def _searched(charge: Charge, text: str, pattern: str) -> Regex:
    """The pattern, with its search through the text paid for.

    Raises: CelError, also for a text that is too long for the pattern.
    """
    found = regex(pattern)
    work = found.work(text)
    if work > MAX_WORK:
        raise CelError("the text is too long for this regular expression")
    charge(work // 20)
    return found


def text_matches(charge: Charge, text: str, pattern: str) -> bool:
    """Whether any part of a text matches."""
    return _searched(charge, text, pattern).matches(text)


def _find(charge: Charge, text: str, pattern: str) -> str:
    span = (_searched(charge, text, pattern).find(text) or (None,))[0]
    return text[span[0] : span[1]] if span else ""


def _find_all(charge: Charge, text: str, pattern: str, limit: int = -1) -> list[str]:
    found = _searched(charge, text, pattern)
    kept: list[str] = []
    for match in found.find_all(text, limit):
        charge(found.work(text) // 20)  # the next search begins anew
        if match[0] is not None:
            kept.append(text[match[0][0] : match[0][1]])
    return kept


def _made(charge: Charge, length: int) -> None:
    """Called before a text of that length is made."""
    if length > MAX_TEXT:
        raise CelError("the text is too long")
    charge(length // 100)


def _split(charge: Charge, text: str, separator: str, limit: int = -1) -> list[str]:
    charge(len(text) // 10)
    if limit == 0:
        return []
    if not separator:
        parts = list(text)
        return parts if limit < 0 or len(parts) <= limit else [*parts[: limit - 1], text[limit - 1 :]]
    return text.split(separator, limit - 1 if limit > 0 else -1)


def _join(charge: Charge, items: Iterable[Any], separator: str = "") -> str:
    texts = list(items)
    if not all(isinstance(item, str) for item in texts):
        raise CelError("no such overload")
    _made(charge, sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _replace(charge: Charge, text: str, old: str, new: str, limit: int = -1) -> str:
    count = text.count(old)
    _made(charge, len(text) + (count if limit < 0 else min(count, limit)) * len(new))
    return text.replace(old, new, limit)


def _substring(_charge: Charge, text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= stop <= len(text):
        raise CelError(f"index out of range: {start if start < 0 or start > len(text) else stop}")
    return text[start:stop]


def _char_at(_charge: Charge, text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise CelError(f"index out of range: {index}")
    return text[index : index + 1]


def text_index_of(_charge: Charge, text: str, part: str, start: int = 0) -> int:
    """Where a part begins, -1 without one."""
    if not 0 <= start <= len(text):
        raise CelError(f"index out of range: {start}")
    return text.find(part, start)


def text_last_index_of(_charge: Charge, text: str, part: str) -> int:
    """Where a part begins for the last time, -1 without one."""
    return text.rfind(part)


def to_text(value: Any) -> str:
    """A value as `string(x)` gives it.

    Raises: CelError for one that has no text.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            seconds = value.total_seconds()
            return f"{int(seconds) if seconds.is_integer() else seconds}s"
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
        case _:
            raise CelError("no such overload")


def _format(charge: Charge, text: str, items: Any) -> str:
    values, parts, at = list(items), [], 0
    while (found := text.find("%", at)) >= 0:
        parts.append(text[at:found])
        if text[found + 1 : found + 2] == "%":
            parts.append("%")
            at = found + 2
            continue
        end = found + 1
        while end < len(text) and end < found + 5 and not text[end].isalpha():
            end += 1
        if not values:
            raise CelError("index out of bounds: too few arguments for format")
        parts.append(_formatted(values.pop(0), text[found + 1 : end], text[end : end + 1]))
        _made(charge, len(parts[-1]))
        at = end + 1
    return "".join((*parts, text[at:]))


def _formatted(value: Any, precision: str, clause: str) -> str:
    digits = precision.removeprefix(".")
    if (digits and not digits.isdecimal()) or (clause in "dxXob" and not is_int(value)):
        raise CelError(f"error during formatting: no such clause %{precision}{clause}")
    if clause in ("f", "e") and is_number(value):
        return f"{float(value):.{int(digits or 6)}{clause}}"
    if clause and clause in "dxXob":
        return format(value, clause)
    if clause == "s":
        return _plain(value)
    raise CelError(f"error during formatting: no such clause %{precision}{clause}")


def _plain(value: Any) -> str:
    if is_list(value):
        return f"[{', '.join(map(_plain, value))}]"
    if is_map(value):
        return f"{{{', '.join(f'{_plain(name)}: {_plain(value[name])}' for name in value)}}}"
    return "null" if value is None else to_text(value)


TEXT_METHODS: dict[str, list[Overload]] = {
    "startsWith": [((is_text, is_text), lambda _charge, text, part: text.startswith(part))],
    "endsWith": [((is_text, is_text), lambda _charge, text, part: text.endswith(part))],
    "contains": [((is_text, is_text), lambda _charge, text, part: part in text)],
    "matches": [((is_text, is_text), text_matches)],
    "find": [((is_text, is_text), _find)],
    "findAll": [((is_text, is_text), _find_all), ((is_text, is_text, is_int), _find_all)],
    "split": [((is_text, is_text), _split), ((is_text, is_text, is_int), _split)],
    "join": [((is_list,), _join), ((is_list, is_text), _join)],
    "replace": [((is_text,) * 3, _replace), ((is_text, is_text, is_text, is_int), _replace)],
    "substring": [((is_text, is_int), _substring), ((is_text, is_int, is_int), _substring)],
    "charAt": [((is_text, is_int), _char_at)],
    "lowerAscii": [((is_text,), lambda _c, text: "".join(c.lower() if c.isascii() else c for c in text))],
    "upperAscii": [((is_text,), lambda _c, text: "".join(c.upper() if c.isascii() else c for c in text))],
    "trim": [((is_text,), lambda _charge, text: text.strip())],
    "format": [((is_text, is_list), _format)],
}
"""Methods of text; the first argument is what stands before the dot."""
