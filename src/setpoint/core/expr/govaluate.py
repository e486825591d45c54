"""Conditions of `when` fields: the govaluate dialect, in which Argo turns bare words into strings.

Loose to tight: `,`; `? : ??`; `||`; `&&`; comparators; `& | ^`; `<< >>`; `+ -`; `* / %`; `**`; prefix `- ! ~`. All
binary operators group from the left, even `**` and `?`. Numbers are floats; `==` is strict about types.
Invariant: the same text always gives the same answer; there are no variables left to look up.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec

from setpoint.core.expr._errors import MAX_DEPTH, MAX_TEXT, ExpressionError
from setpoint.core.expr._gotext import format_value
from setpoint.core.expr._govaluate_tokens import Kind, Token, check_order, tokenize
from setpoint.core.expr._re2 import Regex, compile_regex

_LEVELS: tuple[tuple[Kind, frozenset[str]], ...] = (
    (Kind.SEPARATOR, frozenset({","})),
    (Kind.TERNARY, frozenset({"?", ":", "??"})),
    (Kind.LOGICALOP, frozenset({"||"})),
    (Kind.LOGICALOP, frozenset({"&&"})),
    (Kind.COMPARATOR, frozenset({"==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"})),
    (Kind.MODIFIER, frozenset("&|^")),
    (Kind.MODIFIER, frozenset({"<<", ">>"})),
    (Kind.MODIFIER, frozenset("+-")),
    (Kind.MODIFIER, frozenset("*/%")),
    (Kind.MODIFIER, frozenset({"**"})),
)
_MASK = (1 << 64) - 1


class _Literal(msgspec.Struct, frozen=True):
    value: Any


class _Missing(msgspec.Struct, frozen=True):
    """A name that is no bare word: nothing can be looked up, so its evaluation fails."""

    name: str


class _Prefix(msgspec.Struct, frozen=True):
    symbol: str
    operand: _Stage | None


class _Binary(msgspec.Struct, frozen=True):
    symbol: str
    left: _Stage | None
    right: _Stage | None


_Stage = _Literal | _Missing | _Prefix | _Binary


@lru_cache(maxsize=4096)
def evaluate_when(text: str, *, bare_words: bool = True) -> bool:
    """The truth of a `when` text whose tags were filled in; empty text is true.

    Args:
        text: The condition.
        bare_words: Whether bare words are strings. They are in steps and tasks; in a CronWorkflow's `when` they are
            names, of which there are none.

    Raises:
        ExpressionError: Messages as users of Argo know them: `Invalid 'when' expression '...': ...`,
            `Failed to evaluate 'when' expression '...': ...`, `Expected boolean evaluation for '...'. Got ...`.
    """
    if not text:
        return True
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"a 'when' expression is longer than {MAX_TEXT} characters")
    try:
        tokens = tokenize(text)
        check_order(tokens)
        _compile_patterns(tokens)
    except ExpressionError as error:
        hint = ' (hint: try wrapping the affected expression in quotes ("))' if "Invalid token" in error.reason else ""
        raise ExpressionError(f"Invalid 'when' expression '{text}': {error.reason}{hint}", text=text) from error
    try:
        if bare_words:
            tokens = [Token(Kind.STRING, token.value) if token.kind is Kind.VARIABLE else token for token in tokens]
        check_order(tokens)
        stage = _Planner(_compile_patterns(tokens)).separated()
    except ExpressionError as error:
        raise ExpressionError(f"Failed to parse 'when' expression '{text}': {error.reason}", text=text) from error
    try:
        result = _evaluate(stage)
    except ExpressionError as error:
        raise ExpressionError(f"Failed to evaluate 'when' expression '{text}': {error.reason}", text=text) from error
    if not isinstance(result, bool):
        raise ExpressionError(f"Expected boolean evaluation for '{text}'. Got {format_value(result)}", text=text)
    return result


def _compile_patterns(tokens: list[Token]) -> list[Token]:
    """The tokens with each string behind `=~` or `!~` compiled."""
    found = list(tokens)
    for index, (comparator, pattern) in enumerate(pairwise(tokens)):
        if comparator.kind is Kind.COMPARATOR and comparator.value in ("=~", "!~") and pattern.kind is Kind.STRING:
            found[index + 1] = Token(Kind.PATTERN, compile_regex(pattern.value))
    return found


class _Planner:
    """Turns checked tokens into a tree. Tokens behind a complete expression are ignored, as the dialect does."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def separated(self) -> _Stage | None:
        return self.level(0)

    def level(self, index: int) -> _Stage | None:
        if index == len(_LEVELS):
            return self.value()
        kind, symbols = _LEVELS[index]
        left = self.level(index + 1)
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind is not kind or token.value not in symbols:
                break
            self.at += 1
            left = _Binary(token.value, left, self.level(index + 1))
        return left

    def value(self) -> _Stage | None:
        if self.at == len(self.tokens):
            return None
        token = self.tokens[self.at]
        if token.kind is Kind.CLAUSE_CLOSE:
            return None
        self.at += 1
        match token.kind:
            case Kind.CLAUSE:
                return self.clause()
            case Kind.PREFIX:
                return _Prefix(token.value, self.value())
            case Kind.ACCESSOR:
                if self.at < len(self.tokens) and self.tokens[self.at].kind is Kind.CLAUSE:
                    self.value()
                return _Missing(token.value[0])
            case Kind.VARIABLE:
                return _Missing(token.value)
            case Kind.NUMERIC | Kind.BOOLEAN | Kind.STRING | Kind.PATTERN | Kind.TIME:
                return _Literal(token.value)
            case _:
                raise ExpressionError(f"Unable to plan token kind: '{token.kind}', value: '{token.value}'")

    def clause(self) -> _Stage:
        self.depth += 1
        if self.depth > MAX_DEPTH // 4:  # each bracket costs a dozen frames
            raise ExpressionError(f"brackets are nested deeper than {MAX_DEPTH // 4}")
        inner = self.separated()
        while self.at < len(self.tokens) and self.tokens[self.at].kind is not Kind.CLAUSE_CLOSE:
            self.at += 1
        self.at += 1
        self.depth -= 1
        return _Literal(None) if inner is None else inner


def _evaluate(stage: _Stage | None) -> Any:
    """Walks down the left side in a loop, so that long chains of operators need no deep stack."""
    chain: list[_Binary] = []
    while isinstance(stage, _Binary):
        chain.append(stage)
        stage = stage.left
    value = _operand(stage)
    for binary in reversed(chain):
        value = _binary(binary, value)
    return value


def _operand(stage: _Literal | _Missing | _Prefix | None) -> Any:
    match stage:
        case None:
            return None
        case _Literal(value):
            return value
        case _Missing(name):
            raise ExpressionError(f"No parameter '{name}' found.")
        case _Prefix(symbol, operand):
            return _prefix(symbol, _evaluate(operand))


def _prefix(symbol: str, value: Any) -> Any:
    wanted = bool if symbol == "!" else float
    if type(value) is not wanted:
        raise ExpressionError(f"Value '{format_value(value)}' cannot be used with the prefix '{symbol}'")
    if symbol == "!":
        return not value
    return -value if symbol == "-" else float(~_int64(value))


def _binary(stage: _Binary, left: Any) -> Any:
    symbol = stage.symbol
    match symbol:
        case "&&" if left is False:
            return False
        case "||" if left is True:
            return True
        case "??" | ":" if left is not None:
            return left
        case "?" if left is False:
            return None
    right = _evaluate(stage.right)
    if symbol in _NUMERIC:
        _demand(type(left) is float, left, symbol)
        _demand(type(right) is float, right, symbol)
        return _NUMERIC[symbol](left, right)
    return _RELATION[symbol](left, right, symbol)


def _demand(fits: bool, value: Any, symbol: str) -> None:
    if fits:
        return
    if symbol in ("&&", "||"):
        what, wanted = "logical operator", "bool"
    elif symbol == "?":
        what, wanted = "ternary operator", "bool"
    elif symbol in _LEVELS[4][1]:
        what, wanted = "comparator", "number"
    else:
        what, wanted = "modifier", "number"
    raise ExpressionError(
        f"Value '{format_value(value)}' cannot be used with the {what} '{symbol}', it is not a {wanted}"
    )


def _same(left: Any, right: Any) -> bool:
    """Equality that tells `1` from `true` and `'5'` from `5`."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _contains(left: Any, right: Any, symbol: str) -> bool:
    _demand(isinstance(right, list), right, symbol)
    if isinstance(left, list) and any(isinstance(item, list) for item in right):
        raise ExpressionError("lists cannot be compared by 'in'")
    return any(_same(left, item) for item in right)


def _matches(left: Any, right: Any, symbol: str) -> bool:
    _demand(type(left) is str, left, symbol)
    _demand(isinstance(right, str | Regex), right, symbol)
    pattern = compile_regex(right) if isinstance(right, str) else right
    return pattern.matches(left) is (symbol == "=~")


def _separate(left: Any, right: Any, symbol: str) -> Any:
    return [*left, right] if isinstance(left, list) else [left, right]


def _choose(left: Any, right: Any, symbol: str) -> Any:
    if symbol == "?":
        _demand(type(left) is bool, left, symbol)
    return right


def _logical(left: Any, right: Any, symbol: str) -> Any:
    _demand(type(left) is bool, left, symbol)
    _demand(type(right) is bool, right, symbol)
    return right


def _equality(left: Any, right: Any, symbol: str) -> bool:
    return _same(left, right) is (symbol == "==")


def _compare(left: Any, right: Any, symbol: str) -> bool:
    _demand(type(left) is type(right) and type(left) in (float, str), left, symbol)
    return bool(_COMPARE[symbol](left, right))


def _add(left: Any, right: Any, symbol: str) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return f"{format_value(left)}{format_value(right)}"
    _demand(type(left) is float and type(right) is float, left, symbol)
    return left + right


def _int64(value: float) -> int:
    """Truncation to 64 bits as amd64 does it: what does not fit is the smallest number."""
    if math.isnan(value) or not -(2.0**63) <= value < 2.0**63:
        return -(1 << 63)
    return int(value)


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.inf if not left else math.nan


def _remainder(left: float, right: float) -> float:
    if math.isinf(left) or not right:
        return math.nan
    return math.fmod(left, right)


def _shift_left(left: float, right: float) -> float:
    count = _int64(right) & _MASK
    return float((_int64(left) & _MASK) << count & _MASK) if count < 64 else 0.0


def _shift_right(left: float, right: float) -> float:
    count = _int64(right) & _MASK
    return float((_int64(left) & _MASK) >> count) if count < 64 else 0.0


_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMERIC: dict[str, Callable[[float, float], float]] = {
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
    "**": _power,
    "&": lambda left, right: float(_signed(_int64(left) & _int64(right))),
    "|": lambda left, right: float(_signed(_int64(left) | _int64(right))),
    "^": lambda left, right: float(_signed(_int64(left) ^ _int64(right))),
    "<<": _shift_left,
    ">>": _shift_right,
}
_RELATION: dict[str, Callable[[Any, Any, str], Any]] = {
    ",": _separate,
    "?": _choose,
    ":": _choose,
    "??": _choose,
    "&&": _logical,
    "||": _logical,
    "==": _equality,
    "!=": _equality,
    "in": _contains,
    "=~": _matches,
    "!~": _matches,
    "+": _add,
    **dict.fromkeys(("<", "<=", ">", ">="), _compare),
}
