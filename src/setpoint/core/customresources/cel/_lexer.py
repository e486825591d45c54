"""Text of the Common Expression Language to tokens.

Source: the language definition of CEL, "Syntax".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from setpoint.core.customresources.cel._errors import CelSyntaxError

MAX_LENGTH = 20_000
_TOKEN = re.compile(
    r"""(?P<space>[\s]+|//[^\n]*)
    |(?P<string>[bBrR]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<int>0x[0-9a-fA-F]+[uU]?|[0-9]+[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<op>&&|\|\||<=|>=|==|!=|\.\?|\[\?|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:([xX])([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LITERAL_ESCAPES = frozenset("\\?\"'`")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is string, number, name, op or end; `value` is that of a literal, else the text."""

    kind: str
    value: Any
    at: int


def tokenize(text: str) -> list[Token]:
    """The tokens of an expression, the last of kind `end`.

    Raises: CelSyntaxError at what is no token.
    """
    if len(text) > MAX_LENGTH:
        raise CelSyntaxError(f"an expression has at most {MAX_LENGTH} characters, this one has {len(text)}")
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CelSyntaxError(
                f"Syntax error: token recognition error at {text[at : at + 10]!r} (character {at + 1})"
            )
        kind, found = match.lastgroup, match.group()
        if kind == "string":
            tokens.append(Token("string", _string(found, at), at))
        elif kind == "float":
            tokens.append(Token("number", float(found), at))
        elif kind == "int":
            tokens.append(Token("number", _integer(found), at))
        elif kind != "space":
            tokens.append(Token(str(kind), found, at))
        at = match.end()
    return [*tokens, Token("end", "", at)]


def _integer(text: str) -> int:
    digits = text.rstrip("uU")
    if len(digits) > 25:
        raise CelSyntaxError("Syntax error: a whole number is out of range")
    return int(digits, 16) if digits.startswith("0x") else int(digits)


def _string(text: str, at: int) -> str | bytes:
    body = text.lstrip("bBrR")
    prefix = text[: len(text) - len(body)].lower()
    quotes = 3 if body.startswith(('"""', "'''")) else 1
    body = body[quotes:-quotes]
    raw, binary = "r" in prefix, "b" in prefix
    if not raw:
        body = _ESCAPE.sub(lambda match: _escaped(match, at), body)
    return body.encode("utf-8", "surrogatepass") if binary else body


def _escaped(match: re.Match[str], at: int) -> str:
    _, two, four, eight, octal, one = match.groups()
    code = two or four or eight
    if code or octal:
        number = int(code, 16) if code else int(octal, 8)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise CelSyntaxError(f"Syntax error: no such character: {match.group()} (character {at + 1})")
        return chr(number)
    if one in _SIMPLE:
        return _SIMPLE[one]
    if one in _LITERAL_ESCAPES:
        return str(one)
    raise CelSyntaxError(f"Syntax error: no such escape: {match.group()} (character {at + 1})")
