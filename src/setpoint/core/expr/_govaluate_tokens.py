"""Tokens of the govaluate dialect, the language of `when` fields, and which token may follow which.

Invariant: the tokens returned are balanced in brackets and in an order the dialect allows, so that the planner never
meets a surprise. Source: behaviour of govaluate v3 as Argo embeds it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._gotext import format_value
from setpoint.core.expr._gotime import parse_guess


class Kind(StrEnum):
    """What a token is, in the words of the dialect's messages."""

    UNKNOWN = "UNKNOWN"
    PREFIX = "PREFIX"
    NUMERIC = "NUMERIC"
    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    PATTERN = "PATTERN"
    TIME = "TIME"
    VARIABLE = "VARIABLE"
    ACCESSOR = "ACCESSOR"
    SEPARATOR = "SEPARATOR"
    CLAUSE = "CLAUSE"
    CLAUSE_CLOSE = "CLAUSE_CLOSE"
    COMPARATOR = "COMPARATOR"
    LOGICALOP = "LOGICALOP"
    MODIFIER = "MODIFIER"
    TERNARY = "TERNARY"


class Token(msgspec.Struct, frozen=True):
    """A token; `value` is the operator's text, the literal, or the parts of an accessor."""

    kind: Kind
    value: Any


_SYMBOLS = {
    **dict.fromkeys(("+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"), Kind.MODIFIER),
    **dict.fromkeys(("&&", "||"), Kind.LOGICALOP),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "=~", "!~"), Kind.COMPARATOR),
    **dict.fromkeys(("?", ":", "??"), Kind.TERNARY),
}
_PREFIXES = frozenset("-!~")

_OPERANDS = frozenset({Kind.PREFIX, Kind.NUMERIC, Kind.BOOLEAN, Kind.VARIABLE, Kind.ACCESSOR, Kind.CLAUSE})
_TEXTS = frozenset({Kind.STRING, Kind.TIME})
_BINARY = frozenset({Kind.MODIFIER, Kind.COMPARATOR, Kind.LOGICALOP, Kind.CLAUSE_CLOSE, Kind.SEPARATOR})
_VALUE = _BINARY | {Kind.TERNARY}
_FOLLOWERS: dict[Kind, frozenset[Kind]] = {
    Kind.UNKNOWN: _OPERANDS | _TEXTS | {Kind.PATTERN},
    Kind.CLAUSE: _OPERANDS | _TEXTS | {Kind.PATTERN, Kind.CLAUSE_CLOSE},
    Kind.CLAUSE_CLOSE: (_OPERANDS | _TEXTS | _VALUE | {Kind.PATTERN}) - {Kind.PREFIX, Kind.ACCESSOR},
    Kind.NUMERIC: _VALUE,
    Kind.BOOLEAN: _VALUE,
    Kind.STRING: _VALUE,
    Kind.VARIABLE: _VALUE,
    Kind.ACCESSOR: _VALUE | {Kind.CLAUSE},
    Kind.TIME: _BINARY,
    Kind.PATTERN: _BINARY,
    Kind.MODIFIER: _OPERANDS | {Kind.STRING, Kind.CLAUSE_CLOSE},
    Kind.COMPARATOR: _OPERANDS | _TEXTS | {Kind.PATTERN, Kind.CLAUSE_CLOSE},
    Kind.LOGICALOP: _OPERANDS | _TEXTS | {Kind.CLAUSE_CLOSE},
    Kind.PREFIX: (_OPERANDS | {Kind.CLAUSE_CLOSE}) - {Kind.PREFIX},
    Kind.TERNARY: _OPERANDS | _TEXTS | {Kind.SEPARATOR},
    Kind.SEPARATOR: _OPERANDS | _TEXTS,
}
_MAY_END = frozenset(
    {
        Kind.CLAUSE_CLOSE,
        Kind.NUMERIC,
        Kind.BOOLEAN,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.ACCESSOR,
        Kind.TIME,
        Kind.PATTERN,
    }
)


def tokenize(text: str) -> list[Token]:
    """The tokens of a condition.

    Raises:
        ExpressionError: With the dialect's own message, such as `Invalid token: '&&!'`.
    """
    tokens = _Reader(text).tokens()
    depth = sum((token.kind is Kind.CLAUSE) - (token.kind is Kind.CLAUSE_CLOSE) for token in tokens)
    if depth:
        raise ExpressionError("Unbalanced parenthesis")
    return tokens


def check_order(tokens: list[Token]) -> None:
    """Refuse tokens in an order the dialect does not allow."""
    last = Token(Kind.UNKNOWN, None)
    depth = 0
    for token in tokens:
        if token.kind not in _FOLLOWERS[last.kind]:
            if last.kind is Kind.VARIABLE and token.kind is Kind.CLAUSE:
                raise ExpressionError(f"Undefined function {last.value}")
            raise ExpressionError(f"Cannot transition token types from {_shown(last)} to {_shown(token)}")
        depth += (token.kind is Kind.CLAUSE) - (token.kind is Kind.CLAUSE_CLOSE)
        if depth < 0:
            raise ExpressionError("Unbalanced parenthesis")
        last = token
    if last.kind not in _MAY_END:
        raise ExpressionError("Unexpected end of expression")


def _shown(token: Token) -> str:
    value = ord(token.value) if token.kind in (Kind.CLAUSE, Kind.CLAUSE_CLOSE) else token.value
    return f"{token.kind} [{format_value(value)}]"


def _numeric(char: str) -> bool:
    return char.isdecimal() or char == "."


def _name(char: str) -> bool:
    return char.isalpha() or char.isdecimal() or char in "_."


def _symbol(char: str) -> bool:
    return not (char.isdecimal() or char.isalpha() or char in "()[]'\"")


class _Reader:
    """Splits a text into tokens, character by character as the dialect does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        last = Kind.UNKNOWN
        while True:
            while self.at < len(self.text) and self.text[self.at].isspace():
                self.at += 1
            if self.at == len(self.text):
                return found
            token = self.token(last)
            found.append(token)
            last = token.kind

    def token(self, last: Kind) -> Token:
        char = self.text[self.at]
        if _numeric(char):
            return self.number()
        if char == ",":
            self.at += 1
            return Token(Kind.SEPARATOR, ",")
        if char == "[":
            return Token(Kind.VARIABLE, self.quoted(lambda c: c != "]", "Unclosed parameter bracket"))
        if char.isalpha():
            return self.word()
        if char in "'\"":
            return self.string()
        if char in "()":
            self.at += 1
            return Token(Kind.CLAUSE if char == "(" else Kind.CLAUSE_CLOSE, char)
        return self.symbol(last)

    def number(self) -> Token:
        if self.text.startswith("0x", self.at):
            self.at += 2
            digits = self.run(lambda c: c in "0123456789abcdefABCDEF")
            if not digits or len(digits) > 16:
                raise ExpressionError(f"Unable to parse hex value '{digits}' to uint64")
            return Token(Kind.NUMERIC, float(int(digits, 16)))
        digits = self.run(_numeric)
        try:
            value = float(digits) if digits.isascii() else math.inf
        except ValueError:
            value = math.inf
        if math.isinf(value):
            raise ExpressionError(f"Unable to parse numeric value '{digits}' to float64")
        return Token(Kind.NUMERIC, value)

    def word(self) -> Token:
        word = self.run(_name)
        if word in ("true", "false"):
            return Token(Kind.BOOLEAN, word == "true")
        if word in ("in", "IN"):
            return Token(Kind.COMPARATOR, "in")
        if "." not in word[1:]:
            return Token(Kind.VARIABLE, word)
        if word.endswith("."):
            raise ExpressionError(f"Hanging accessor on token '{word}'")
        parts = word.split(".")
        for part in parts[1:]:
            if part[:1].upper() != part[:1]:
                raise ExpressionError(f"Unable to access unexported field '{part}' in token '{word}'")
        return Token(Kind.ACCESSOR, parts)

    def string(self) -> Token:
        # Either quote ends a string, whichever began it.
        text = self.quoted(lambda c: c not in "'\"", "Unclosed string literal")
        moment = parse_guess(text)
        return Token(Kind.STRING, text) if moment is None else Token(Kind.TIME, moment)

    def symbol(self, last: Kind) -> Token:
        word = self.run(_symbol)
        if word in _PREFIXES and Kind.PREFIX in _FOLLOWERS[last]:
            return Token(Kind.PREFIX, word)
        if word not in _SYMBOLS:
            raise ExpressionError(f"Invalid token: '{word}'")
        return Token(_SYMBOLS[word], word)

    def run(self, belongs: Callable[[str], bool]) -> str:
        """Characters up to white space or one that does not belong; a backslash takes the next one as it is."""
        found: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\":
                found.append(self.text[self.at + 1 : self.at + 2])
                self.at += 2
                continue
            if char.isspace() and found:
                break
            if not char.isspace():
                if not belongs(char):
                    break
                found.append(char)
            self.at += 1
        self.at = min(self.at, len(self.text))
        return "".join(found)

    def quoted(self, belongs: Callable[[str], bool], unclosed: str) -> str:
        """What stands between the character here and its end, which is consumed."""
        found: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == "\\":
                found.append(self.text[self.at : self.at + 1])
                self.at += 1
            elif belongs(char):
                found.append(char)
            else:
                return "".join(found)
        raise ExpressionError(unclosed)
