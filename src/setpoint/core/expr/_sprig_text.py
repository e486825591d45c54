"""sprig's functions on texts, paths, regular expressions and encodings; the argument order is sprig's.

Invariant: lengths and places count bytes where Go's code does. Source: sprig 3.3.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from typing import Any

from setpoint.core.expr._builtins import repeat_text, replace_text, split_text, to_base64
from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._expr_values import checked_text
from setpoint.core.expr._function import Function, typed
from setpoint.core.expr._gotext import format_value, go_quote
from setpoint.core.expr._re2 import compile_regex


def text_of(value: Any) -> str:
    """Sprig's idea of a value as text."""
    return value if isinstance(value, str) else format_value(value)


def texts_of(value: Any) -> list[str]:
    """A list of texts out of anything; nil items are left out."""
    if isinstance(value, list | tuple):
        return [text_of(item) for item in value if item is not None]
    return [] if value is None else [text_of(value)]


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "replace")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _truncate(count: int, value: str) -> str:
    data = _bytes(value)
    if count < 0 and len(data) + count > 0:
        return _text(data[count:])
    return _text(data[:count]) if 0 <= count < len(data) else value


def _substring(start: int, end: int, value: str) -> str:
    data = _bytes(value)
    low = max(start, 0)
    high = len(data) if start >= 0 and (end < 0 or end > len(data)) else end
    if not 0 <= low <= high <= len(data):
        raise ExpressionError(f"slice bounds out of range [{low}:{high}] with length {len(data)}")
    return _text(data[low:high])


def _abbreviate(width: int, value: str) -> str:
    return value if width < 4 or len(value) <= width else value[: width - 3] + "..."


def _abbreviate_both(left: int, right: int, value: str) -> str:
    if right < 4 or (left > 0 and right < 7) or len(value) <= right:
        return value
    offset = min(left, len(value))
    offset = min(offset, len(value) - (right - 3)) if len(value) - offset < right - 3 else offset
    if offset <= 4:
        return value[: right - 3] + "..."
    if offset + right - 3 < len(value):
        return "..." + _abbreviate(right - 3, value[offset:])
    return "..." + value[len(value) - (right - 3) :]


def _title(value: str) -> str:
    return re.sub(r"(?<![\w])\w", lambda match: match.group().upper(), value)


def _untitle(value: str) -> str:
    return re.sub(r"(?<!\S)\S", lambda match: match.group().lower(), value)


def _indent(spaces: int, value: str) -> str:
    if not 0 <= spaces <= 10_000:
        raise ExpressionError("strings: negative or too large repeat count")
    pad = " " * spaces
    return pad + replace_text(value, "\n", f"\n{pad}")


def _numbered(pieces: list[str]) -> dict[str, str]:
    return {f"_{index}": piece for index, piece in enumerate(pieces)}


def _unbase(value: str, decode: Any, alphabet: str) -> str:
    try:
        return _text(decode(value.replace("\n", "").replace("\r", "").encode("ascii")))
    except (binascii.Error, UnicodeEncodeError):
        stray = next((index for index, char in enumerate(value) if char not in alphabet), 0)
        # The original puts the error's text in the result.
        return f"illegal base{64 if len(alphabet) > 40 else 32} data at input byte {stray}"


_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _base64_decode(value: str) -> str:
    return _unbase(value, lambda data: base64.b64decode(data, validate=True), _BASE64)


def _regex_match(pattern: str, value: str) -> bool:
    try:
        return compile_regex(pattern).matches(value)
    except ExpressionError:
        return False


def _regex_find(pattern: str, value: str) -> str:
    found = compile_regex(pattern).find(value)
    return value[slice(*found[0])] if found and found[0] else ""


def _regex_find_all(pattern: str, value: str, count: int) -> list[str]:
    return [value[slice(*found[0])] for found in compile_regex(pattern).find_all(value, count) if found[0]]


def _regex_replace(pattern: str, value: str, replacement: str) -> str:
    regex = compile_regex(pattern)
    return checked_text(regex.replace_all(value, lambda found: regex.expand(replacement, value, found)))


def _regex_replace_literal(pattern: str, value: str, replacement: str) -> str:
    return checked_text(compile_regex(pattern).replace_all(value, lambda found: replacement))


def _quote_meta(value: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value)


def _path_base(value: str) -> str:
    if not value:
        return "."
    return value.rstrip("/").rpartition("/")[2] or "/"


def path_clean(value: str) -> str:
    """The shortest path with the same meaning, by the text alone."""
    rooted = value.startswith("/")
    parts: list[str] = []
    for part in value.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not rooted:
            parts.append(part)
    return ("/" if rooted else "") + "/".join(parts) or "."


def _path_extension(value: str) -> str:
    name = value.rpartition("/")[2]
    return name[name.rindex(".") :] if "." in name else ""


def _quoted(*items: Any) -> str:
    return " ".join(go_quote(text_of(item)) for item in items if item is not None)


def _single_quoted(*items: Any) -> str:
    return " ".join(f"'{format_value(item)}'" for item in items if item is not None)


def _cat(*items: Any) -> str:
    return " ".join(format_value(item) for item in items if item is not None)


_RUNS: dict[str, tuple[str, Any, str]] = {
    "hello": ("", lambda: "Hello!", "string"),
    "abbrev": ("is", _abbreviate, "string"),
    "abbrevboth": ("iis", _abbreviate_both, "string"),
    "trunc": ("is", _truncate, "string"),
    "trim": ("s", str.strip, "string"),
    "upper": ("s", str.upper, "string"),
    "lower": ("s", str.lower, "string"),
    "title": ("s", _title, "string"),
    "untitle": ("s", _untitle, "string"),
    "substr": ("iis", _substring, "string"),
    "repeat": ("is", lambda count, value: repeat_text(value, count), "string"),
    "trimall": ("ss", lambda chars, value: value.strip(chars) if chars else value, "string"),
    "trimAll": ("ss", lambda chars, value: value.strip(chars) if chars else value, "string"),
    "trimSuffix": ("ss", lambda suffix, value: value.removesuffix(suffix), "string"),
    "trimPrefix": ("ss", lambda prefix, value: value.removeprefix(prefix), "string"),
    "nospace": ("s", lambda value: "".join(value.split()), "string"),
    "initials": ("s", lambda value: "".join(word[0] for word in value.split()), "string"),
    "swapcase": ("s", str.swapcase, "string"),
    "contains": ("ss", lambda part, value: part in value, "bool"),
    "hasPrefix": ("ss", lambda prefix, value: value.startswith(prefix), "bool"),
    "hasSuffix": ("ss", lambda suffix, value: value.endswith(suffix), "bool"),
    "quote": ("a*", _quoted, "string"),
    "squote": ("a*", _single_quoted, "string"),
    "cat": ("a*", _cat, "string"),
    "indent": ("is", _indent, "string"),
    "nindent": ("is", lambda spaces, value: "\n" + _indent(spaces, value), "string"),
    "replace": ("sss", lambda old, new, value: replace_text(value, old, new), "string"),
    "plural": ("ssi", lambda one, many, count: one if count == 1 else many, "string"),
    "toString": ("a", text_of, "string"),
    "toStrings": ("a", texts_of, "array"),
    "join": ("sa", lambda glue, items: checked_text(glue.join(texts_of(items))), "string"),
    "split": ("ss", lambda mark, value: _numbered(split_text(value, mark)), "map"),
    "splitList": ("ss", lambda mark, value: split_text(value, mark), "array"),
    "splitn": ("sis", lambda mark, count, value: _numbered(split_text(value, mark, count)), "map"),
    "sortAlpha": ("a", lambda items: sorted(texts_of(items)), "array"),
    "b64enc": ("s", to_base64, "string"),
    "b64dec": ("s", _base64_decode, "string"),
    "b32enc": ("s", lambda value: base64.b32encode(_bytes(value)).decode(), "string"),
    "b32dec": ("s", lambda value: _unbase(value, base64.b32decode, _BASE32), "string"),
    "sha1sum": ("s", lambda value: hashlib.sha1(_bytes(value), usedforsecurity=False).hexdigest(), "string"),
    "sha256sum": ("s", lambda value: hashlib.sha256(_bytes(value)).hexdigest(), "string"),
    "sha512sum": ("s", lambda value: hashlib.sha512(_bytes(value)).hexdigest(), "string"),
    "adler32sum": ("s", lambda value: str(zlib.adler32(_bytes(value))), "string"),
    "regexMatch": ("ss", _regex_match, "bool"),
    "mustRegexMatch": ("ss", lambda pattern, value: compile_regex(pattern).matches(value), "bool"),
    "regexSplit": ("ssi", lambda pattern, value, count: compile_regex(pattern).split(value, count), "array"),
    "regexQuoteMeta": ("s", _quote_meta, "string"),
    "isAbs": ("s", lambda value: value.startswith("/"), "bool"),
    "base": ("s", _path_base, "string"),
    "dir": ("s", lambda value: path_clean("".join(value.rpartition("/")[:2])), "string"),
    "clean": ("s", path_clean, "string"),
    "ext": ("s", _path_extension, "string"),
}
_RUNS |= {
    f"{prefix}egex{name}": (kinds, run, result)
    for prefix in ("r", "mustR")
    for name, kinds, run, result in (
        ("Find", "ss", _regex_find, "string"),
        ("FindAll", "ssi", _regex_find_all, "array"),
        ("ReplaceAll", "sss", _regex_replace, "string"),
        ("ReplaceAllLiteral", "sss", _regex_replace_literal, "string"),
    )
}
_RUNS["mustRegexSplit"] = _RUNS["regexSplit"]
_RUNS |= {f"os{name.capitalize()}": _RUNS[name] for name in ("base", "dir", "clean", "ext")}
_RUNS["osIsAbs"] = _RUNS["isAbs"]

TEXT_FUNCTIONS: dict[str, Function] = {
    name: typed(f"sprig.{name}", kinds, run, result) for name, (kinds, run, result) in _RUNS.items()
}
