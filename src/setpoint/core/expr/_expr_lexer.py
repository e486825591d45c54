"""Tokens of the expr-lang dialect.

Invariant: every token knows where it began, so that each later message can point at it. Source: expr-lang 1.17.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

from setpoint.core.expr._errors import error_at


class TokenKind(Enum):
    """What a token is."""

    NUMBER = "number"
    STRING = "string"
    NAME = "name"
    OPERATOR = "operator"
    BRACKET = "bracket"
    END = "end"


class Token(msgspec.Struct, frozen=True):
    """A token: its kind, its text (of a string: without quotes and escapes), and where it began."""

    kind: TokenKind
    text: str
    at: int

    def is_(self, *texts: str) -> bool:
        """Whether it is an operator or a bracket with one of these texts."""
        return self.kind in (TokenKind.OPERATOR, TokenKind.BRACKET) and self.text in texts


WORD_OPERATORS = frozenset(
    {"not", "in", "or", "and", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"}
)

_TOKEN = re.compile(
    r"""
      (?P<blank> \s+ | //[^\n]* | /\*.*?\*/ )
    | (?P<number> 0[xX][0-9a-fA-F_]* | 0[oO][0-7_]* | 0[bB][01_]*
        | (?: [0-9][0-9_]* (?: \.(?!\.)[0-9_]* )? | \.[0-9][0-9_]* ) (?: [eE][+-]?[0-9_]* )? )
    | (?P<name> [^\W\d][\w$]* | \$[\w$]* )
    | (?P<string> ' | " | ` )
    | (?P<bracket> [(\[{}\])] )
    | (?P<operator> \?\. | \?\? | \|\| | :: | \.\. | \#
        | == | != | <= | >= | \*\* | && | [?|:,;%+\-^!=*<>/.&] )
    """,
    re.VERBOSE | re.DOTALL,
)
_SIMPLE_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`",
}  # fmt: skip
_CODED_ESCAPE = re.compile(r"x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}")


def tokenize(text: str) -> list[Token]:
    """The tokens of an expression, ended by one of kind END.

    Raises:
        ExpressionError: With the position of what is no token.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise error_at(f"unrecognized character: {text[at]!r}", text, at)
        group = match.lastgroup or ""
        found = match.group()
        end = match.end()
        if group == "string":
            value, end = _string(text, at)
            tokens.append(Token(TokenKind.STRING, value, at))
        elif group == "number":
            if end < len(text) and (text[end].isalnum() or text[end] in "_$"):
                raise error_at(f"bad number syntax: {text[at : end + 1]!r}", text, at)
            tokens.append(Token(TokenKind.NUMBER, found, at))
        elif group == "name":
            kind = TokenKind.OPERATOR if found in WORD_OPERATORS else TokenKind.NAME
            tokens.append(Token(kind, found, at))
        elif group == "operator" and found == "/" and text.startswith("*", at + 1):
            raise error_at("unclosed comment", text, at)
        elif group != "blank":
            kind = TokenKind.BRACKET if group == "bracket" else TokenKind.OPERATOR
            tokens.append(Token(kind, found, at))
        at = end
    tokens.append(Token(TokenKind.END, "", len(text)))
    return tokens


def _string(text: str, start: int) -> tuple[str, int]:
    """The value of the string that begins at `start`, and where it ends."""
    quote = text[start]
    if quote == "`":
        return _raw_string(text, start)
    parts: list[str] = []
    at = start + 1
    while at < len(text) and text[at] != "\n":
        char = text[at]
        at += 1
        if char == quote:
            return "".join(parts), at
        if char == "\\":
            value, at = _escape(text, at)
            parts.append(value)
        else:
            parts.append(char)
    raise error_at("literal not terminated", text, start)


def _raw_string(text: str, start: int) -> tuple[str, int]:
    """Between backquotes everything is as it is; a doubled backquote is one."""
    parts: list[str] = []
    at = start + 1
    while (close := text.find("`", at)) >= 0:
        parts.append(text[at:close])
        if not text.startswith("``", close):
            return "".join(parts), close + 1
        parts.append("`")
        at = close + 2
    raise error_at("literal not terminated", text, start)


def _escape(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[text[at]], at + 1
    match = _CODED_ESCAPE.match(text, at)
    if match is not None:
        code = match.group()
        number = int(code, 8) if code[0] in "0123" else int(code[1:], 16)
        if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            return chr(number), match.end()
    raise error_at("unable to unescape string", text, at - 1)
