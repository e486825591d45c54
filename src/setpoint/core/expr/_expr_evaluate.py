"""Running the tree of an expression.

Invariant: an evaluation does at most `MAX_ITEMS` iterations of predicates in all, so that it ends; `and`, `or`, `??`,
`?:` and `?.` leave out what they do not need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from setpoint.core.expr import _expr_ast as ast
from setpoint.core.expr import _expr_values as values
from setpoint.core.expr._builtins import sorted_by
from setpoint.core.expr._builtins_time import call_method
from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._function import Ambient
from setpoint.core.expr._functions import ARGO_FUNCTIONS, BUILTINS, PREDICATES, SPRIG
from setpoint.core.expr._gotext import format_value, go_type

_FUNCTIONS = {**BUILTINS, **ARGO_FUNCTIONS, **SPRIG}
_Composite = ast.Slice | ast.ArrayOf | ast.MapOf | ast.Method | ast.Predicate | ast.Let | ast.Sequence
_GAVE_UP = object()
"""What an optional member of nil is, until the chain it stands in makes it nil."""


@dataclass(slots=True)
class _Frame:
    """What names and pointers mean at one place; `left` is shared by a whole evaluation."""

    env: Mapping[str, Any]
    ambient: Ambient | None
    left: list[int]
    local: Mapping[str, Any] = field(default_factory=dict)
    item: Any = None
    index: int = 0
    accumulated: Any = None

    def inner(self) -> _Frame:
        """A frame for a predicate's items."""
        return _Frame(self.env, self.ambient, self.left, self.local)

    def count(self) -> None:
        """One iteration more."""
        self.left[0] -= 1
        if self.left[0] < 0:
            raise ExpressionError(f"the expression takes more than {values.MAX_ITEMS} steps")


def run(node: ast.Node, env: Mapping[str, Any], ambient: Ambient | None) -> Any:
    """The value of a checked expression.

    Raises:
        ExpressionError: Whatever goes wrong while it runs.
    """
    return _value(node, _Frame(env, ambient, [values.MAX_ITEMS]))


def _value(node: ast.Node, frame: _Frame) -> Any:
    match node:
        case ast.Literal(value):
            return value
        case ast.Name(name):
            return _name(name, frame)
        case ast.Pointer(name):
            return frame.item if not name else frame.index if name == "index" else frame.accumulated
        case ast.Member(target, key, optional):
            found = _value(target, frame)
            if found is _GAVE_UP or (optional and found is None):
                return _GAVE_UP
            return values.fetch(found, _value(key, frame))
        case ast.Chain(inner):
            found = _value(inner, frame)
            return None if found is _GAVE_UP else found
        case ast.Binary():
            return _binary(node, frame)
        case ast.Unary(symbol, operand):
            return _unary(symbol, _value(operand, frame))
        case ast.Conditional(condition, yes, no):
            return _value(yes if _truth(_value(condition, frame)) else no, frame)
        case ast.Call(name, arguments):
            return _call(name, arguments, frame)
        case _:
            return _composite(node, frame)


def _composite(node: _Composite, frame: _Frame) -> Any:
    match node:
        case ast.Slice(target, low, high):
            found = _value(target, frame)
            if found is _GAVE_UP:
                return found
            first = None if low is None else _value(low, frame)
            return values.cut(found, first, None if high is None else _value(high, frame))
        case ast.ArrayOf(items):
            return [_value(item, frame) for item in items]
        case ast.MapOf(pairs):
            return {values.text(_value(key, frame), "a map key"): _value(value, frame) for key, value in pairs}
        case ast.Method(target, name, arguments, optional):
            found = _value(target, frame)
            if found is _GAVE_UP or (optional and found is None):
                return _GAVE_UP
            return call_method(found, name, tuple(_value(argument, frame) for argument in arguments))
        case ast.Predicate(body):
            return _value(body, frame)
        case ast.Let(name, value, body):
            local = {**frame.local, name: _value(value, frame)}
            inner = _Frame(frame.env, frame.ambient, frame.left, local, frame.item, frame.index, frame.accumulated)
            return _value(body, inner)
        case ast.Sequence(parts):
            return [_value(part, frame) for part in parts][-1]
        case _:
            assert_never(node)


def _name(name: str, frame: _Frame) -> Any:
    if name in frame.local:
        return frame.local[name]
    if name == "$env":
        return frame.env
    if name not in frame.env:
        raise ExpressionError(f"unknown name {name}")
    return frame.env[name]


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"expected a bool, got {go_type(value)} ({format_value(value)[:60]})")
    return value


def _unary(symbol: str, value: Any) -> Any:
    if symbol in ("not", "!"):
        return not _truth(value)
    if not values.is_number(value):
        raise ExpressionError(f"invalid operation: {symbol} {go_type(value)}")
    return value if symbol == "+" else values.wrap(-value) if isinstance(value, int) else -value


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": values.equal,
    "!=": lambda left, right: not values.equal(left, right),
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.modulo,
    "**": values.power,
    "^": values.power,
    "..": values.span,
    "in": values.contains,
}


def _binary(node: ast.Binary, frame: _Frame) -> Any:
    symbol = node.symbol
    left = _value(node.left, frame)
    if symbol == "??":
        return _value(node.right, frame) if left is None else left
    if symbol in ("and", "&&", "or", "||"):
        decided = _truth(left) is (symbol in ("or", "||"))
        return left if decided else _value(node.right, frame)
    right = _value(node.right, frame)
    if symbol in _OPERATORS:
        return _OPERATORS[symbol](left, right)
    if symbol in ("<", ">", "<=", ">="):
        return values.compare(symbol, left, right)
    return values.compare_texts(symbol, left, right, node.pattern)


def _call(name: str, arguments: tuple[ast.Node, ...], frame: _Frame) -> Any:
    if name in PREDICATES:
        return _predicate(name, arguments, frame)
    return _FUNCTIONS[name].run(frame.ambient, *(_value(argument, frame) for argument in arguments))


def _predicate(name: str, arguments: tuple[ast.Node, ...], frame: _Frame) -> Any:
    items = values.array(_value(arguments[0], frame), name)
    extra = [_value(argument, frame) for argument in arguments[2:]]
    inner = frame.inner()
    body = arguments[1] if len(arguments) > 1 else None

    def of(index: int) -> Any:
        frame.count()
        inner.item, inner.index = items[index], index
        return inner.item if body is None else _value(body, inner)

    if name == "reduce":
        return _reduce(items, extra, inner, of)
    if name == "sortBy":
        return sorted_by(items, [of(index) for index in range(len(items))], *extra)
    if name in _SEARCHES:
        return _SEARCHES[name](items, lambda index: _truth(of(index)))
    return _GATHERS[name](items, of)


def _reduce(items: list[Any], initial: list[Any], inner: _Frame, of: Callable[[int], Any]) -> Any:
    start = 0
    if initial:
        inner.accumulated = initial[0]
    elif items:
        inner.accumulated, start = items[0], 1
    else:
        raise ExpressionError("reduce of an empty array needs an initial value")
    for index in range(start, len(items)):
        inner.accumulated = of(index)
    return inner.accumulated


Holds = Callable[[int], bool]


def _first(items: list[Any], holds: Holds, *, backwards: bool, index_only: bool) -> Any:
    order = range(len(items) - 1, -1, -1) if backwards else range(len(items))
    for index in order:
        if holds(index):
            return index if index_only else items[index]
    return None


_SEARCHES: dict[str, Callable[[list[Any], Holds], Any]] = {
    "all": lambda items, holds: all(map(holds, range(len(items)))),
    "none": lambda items, holds: not any(map(holds, range(len(items)))),
    "any": lambda items, holds: any(map(holds, range(len(items)))),
    "one": lambda items, holds: sum(map(holds, range(len(items)))) == 1,
    "filter": lambda items, holds: [item for index, item in enumerate(items) if holds(index)],
    "count": lambda items, holds: sum(map(holds, range(len(items)))),
    "find": lambda items, holds: _first(items, holds, backwards=False, index_only=False),
    "findIndex": lambda items, holds: _first(items, holds, backwards=False, index_only=True),
    "findLast": lambda items, holds: _first(items, holds, backwards=True, index_only=False),
    "findLastIndex": lambda items, holds: _first(items, holds, backwards=True, index_only=True),
}


def _group(items: list[Any], of: Callable[[int], Any]) -> values.AnyKeyMap:
    found = values.AnyKeyMap()
    for index, item in enumerate(items):
        key = of(index)
        if isinstance(key, list | Mapping):
            raise ExpressionError(f"cannot group by {go_type(key)}")
        found.setdefault(key, []).append(item)
    return found


def _sum(items: list[Any], of: Callable[[int], Any]) -> Any:
    total: Any = 0
    for index in range(len(items)):
        value = of(index)
        if not values.is_number(value):
            raise ExpressionError(f"cannot sum {go_type(value)}")
        total = values.add(total, value)
    return total


_GATHERS: dict[str, Callable[[list[Any], Callable[[int], Any]], Any]] = {
    "map": lambda items, of: [of(index) for index in range(len(items))],
    "groupBy": _group,
    "sum": _sum,
}
