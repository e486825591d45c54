"""What a plain YAML scalar means to Kubernetes.

`kubectl` and Argo turn YAML into JSON with the rules of YAML 1.1 as Go's library knows them, which differ from
PyYAML's: `yes`, `no`, `on`, `off`, `y`, `n` are booleans, a time stamp and `12:30` stay text, `0755` and `0o755` are
octal, `1e3` is a number, and a whole float such as `2.0` is written to JSON as `2`.
Source: sigs.k8s.io/yaml, YAML to JSON conversion; its tests are the authority where documents differ.
"""

from __future__ import annotations

import math
import re

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DIGITS_LIMIT = 300  # longer than any number with a meaning; int() of huge text costs quadratic time

Scalar = str | int | float | bool | None


def resolve_plain(text: str) -> Scalar:
    """The value of an unquoted scalar without a tag.

    >>> [resolve_plain(t) for t in ("on", "0755", "1e3", "2.0", "12:30", "2026-01-02", "1_000", "08")]
    [True, 493, 1000, 2, '12:30', '2026-01-02', 1000, 8]
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _DIGITS_LIMIT:
        return text
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        return _integer(plain)
    if _FLOAT.fullmatch(plain):
        return _number(float(plain))
    return text


def resolve_tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag.

    Raises: ValueError if the text is no value of that tag, or the tag is none of YAML's own scalar tags.
    """
    short = tag.removeprefix("tag:yaml.org,2002:")
    if short in ("str", "binary", "timestamp", "!"):
        return text
    value = resolve_plain(text) if text else None
    wanted: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
    if short not in wanted:
        raise ValueError(f"the tag {tag} is not known")
    if not isinstance(value, wanted[short]) or (short in ("int", "float") and isinstance(value, bool)):
        raise ValueError(f"{text!r} is no {short}")
    return value


def key_text(value: Scalar) -> str | None:
    """A mapping's key as JSON has it, which is text; None if it cannot be one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if value is not None else None


def _integer(plain: str) -> int:
    sign = -1 if plain[0] == "-" else 1
    digits = plain.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _number(value: float) -> int | float:
    """Whole floats become integers, as Go's JSON writes them (below 1e21, where it turns to exponents)."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
