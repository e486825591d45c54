"""Filters of a JSONPath: `?(@.age > 42 && @.name == "x")`.

A place that is not there makes every comparison false, and alone asks whether it exists. Invariant: a filter is either
understood as a whole or refused; it never looks outside the document.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from setpoint.core.expr._errors import MAX_DEPTH, ExpressionError
from setpoint.core.expr._expr_values import equal, is_number
from setpoint.core.expr._re2 import compile_regex

_TOKEN = re.compile(
    r"""\s*(?:(?P<place>[@$](?:\.[A-Za-z_][\w-]*|\[(?:-?\d+|'[^']*'|"[^"]*")\])*)
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<pattern>/(?:[^/\\]|\\.)+/)
      | (?P<word>true|false|null)\b
      | (?P<symbol>&&|\|\||==|!=|<=|>=|=~|[<>!()]) )""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.([A-Za-z_][\w-]*)|\[(?:(-?\d+)|'([^']*)'|"([^"]*)")\]""")
_ABSENT = object()
_WORDS = {"true": True, "false": False, "null": None}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Test = Callable[[Any, Any], Any]
"""(item, whole document) to a value."""


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """A compiled filter."""

    test: Test

    def holds(self, item: Any, document: Any) -> bool:
        """Whether an item passes."""
        return _truth(self.test(item, document))


def _truth(value: Any) -> bool:
    return value is not _ABSENT and value is not False and value is not None


def compile_filter(text: str, path: str) -> Filter:
    """Read what stands between `?(` and `)`.

    Raises:
        ExpressionError: If it is not understood.
    """
    return Filter(_Parser(text, path).whole())


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.tokens: list[tuple[str, str]] = []
        self.index = 0
        self.depth = 0
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                self.fail(f"{text[at : at + 20].strip()!r} is not supported in a filter")
            self.tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            at = match.end()
        self.tokens.append(("end", ""))

    def fail(self, reason: str) -> NoReturn:
        raise ExpressionError(f"invalid JSONPath {self.path!r}: {reason}")

    def accept(self, *symbols: str) -> str:
        kind, text = self.tokens[self.index]
        if kind != "symbol" or text not in symbols:
            return ""
        self.index += 1
        return text

    def whole(self) -> Test:
        test = self.any_of()
        if self.tokens[self.index][0] != "end":
            self.fail(f"unexpected {self.tokens[self.index][1]!r} in a filter")
        return test

    def any_of(self) -> Test:
        self.depth += 1
        if self.depth > MAX_DEPTH // 4:
            self.fail("the filter is nested too deeply")
        tests = [self.all_of()]
        while self.accept("||"):
            tests.append(self.all_of())
        self.depth -= 1
        if len(tests) == 1:
            return tests[0]
        return lambda item, document: any(_truth(test(item, document)) for test in tests)

    def all_of(self) -> Test:
        tests = [self.comparison()]
        while self.accept("&&"):
            tests.append(self.comparison())
        if len(tests) == 1:
            return tests[0]
        return lambda item, document: all(_truth(test(item, document)) for test in tests)

    def comparison(self) -> Test:
        left = self.operand()
        symbol = self.accept("==", "!=", "<=", ">=", "<", ">", "=~")
        if not symbol:
            return left
        right = self.operand()
        return lambda item, document: _compare(symbol, left(item, document), right(item, document))

    def operand(self) -> Test:
        negations = 0
        while self.accept("!"):
            negations += 1
        if self.accept("("):
            inner = self.any_of()
            if not self.accept(")"):
                self.fail("a bracket of the filter is not closed")
        else:
            inner = self.value()
        if not negations:
            return inner
        return lambda item, document: _truth(inner(item, document)) is (negations % 2 == 0)

    def value(self) -> Test:
        kind, text = self.tokens[self.index]
        self.index += 1
        if kind == "place":
            keys = [int(i) if i else name or single or double for name, i, single, double in _STEP.findall(text)]
            from_item = text[0] == "@"
            return lambda item, document: _follow(item if from_item else document, keys)
        constant: Any
        if kind == "number":
            constant = float(text)
        elif kind in ("text", "pattern"):
            constant = re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "text" else text[1:-1]
        elif kind == "word":
            constant = _WORDS[text]
        else:
            self.fail(f"unexpected {text or 'end'!r} in a filter")
        return lambda item, document: constant


def _follow(value: Any, keys: list[Any]) -> Any:
    for key in keys:
        try:
            value = value[key] if isinstance(value, dict if isinstance(key, str) else list) else _ABSENT
        except (KeyError, IndexError):
            return _ABSENT
    return value


def _compare(symbol: str, left: Any, right: Any) -> bool:
    if left is _ABSENT or right is _ABSENT:
        return False
    if symbol in ("==", "!="):
        return equal(left, right) is (symbol == "==")
    if symbol == "=~":
        return isinstance(left, str) and isinstance(right, str) and compile_regex(right).matches(left)
    both_numbers = is_number(left) and is_number(right)
    both_texts = isinstance(left, str) and isinstance(right, str)
    return (both_numbers or both_texts) and _ORDER[symbol](left, right)
