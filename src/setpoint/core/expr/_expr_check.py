"""What expr-lang's compiler refuses before anything runs: mismatched types that are known from the text alone.

Known types are those of literals, of undotted names, and of what operators and functions return; everything reached
through a map is `any`. That is why `item == 1` is an error and `inputs.parameters.n == 1` is false.
Invariant: an expression that passes may still fail when it runs, one that fails here never runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from setpoint.core.expr import _expr_ast as ast
from setpoint.core.expr._errors import ExpressionError, error_at
from setpoint.core.expr._functions import ARGO_FUNCTIONS, BUILTINS, PREDICATES, SPRIG
from setpoint.core.expr._gotime import GoDuration, GoLocation, GoName, GoTime

ANY = "any"
_NUMBERS = frozenset({"int", "float"})
_TYPES: dict[type, str] = {
    type(None): "nil",
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    GoTime: "time",
    GoDuration: "duration",
    GoLocation: "location",
    GoName: "name",
}
_RESULTS = {name: function.result for table in (ARGO_FUNCTIONS, BUILTINS, SPRIG) for name, function in table.items()}
_RESULTS |= {
    **dict.fromkeys(("all", "none", "any", "one"), "bool"),
    **dict.fromkeys(("filter", "map", "sortBy"), "array"),
    **dict.fromkeys(("find", "findLast", "findIndex", "findLastIndex", "sum", "reduce"), ANY),
    "count": "int",
    "groupBy": "any-key map",
}
_Composite = ast.Member | ast.Slice | ast.MapOf | ast.Call | ast.Method
_BOOLEAN_PREDICATES = frozenset(PREDICATES) - {"map", "groupBy", "sortBy", "reduce", "sum"}


def type_of(value: Any) -> str:
    """The checker's name for a value's type."""
    found = _TYPES.get(type(value))
    if found is not None:
        return found
    if isinstance(value, Mapping):
        return "map"
    return "array" if isinstance(value, list | tuple) else ANY


def check(node: ast.Node, names: Mapping[str, str], text: str) -> str:
    """The type of an expression.

    Args:
        node: Its tree.
        names: The types of the undotted names that exist.
        text: Its text, for messages.

    Raises:
        ExpressionError: For a name that does not exist, or types no operator fits.
    """
    return _Checker(text).type(node, names)


class _Checker:
    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, reason: str, node: ast.Node) -> ExpressionError:
        return error_at(reason, self.text, node.at)

    def type(self, node: ast.Node, names: Mapping[str, str]) -> str:
        match node:
            case ast.Literal(value):
                return _TYPES[type(value)]
            case ast.Name(name):
                return self.name(name, names, node)
            case ast.Pointer():
                return ANY
            case ast.Chain(inner) | ast.Predicate(inner):
                return self.type(inner, names)
            case ast.Unary(symbol, operand):
                return self.unary(symbol, self.type(operand, names), node)
            case ast.Binary():
                return self.binary(node, self.type(node.left, names), self.type(node.right, names))
            case ast.Conditional():
                return self.conditional(node, names)
            case ast.Let(name, value, body):
                return self.type(body, self.declared(name, self.type(value, names), names, node))
            case ast.ArrayOf(items):
                for item in items:
                    self.type(item, names)
                return "array"
            case ast.Sequence(parts):
                return [self.type(part, names) for part in parts][-1]
            case _:
                return self.composite(node, names)

    def composite(self, node: _Composite, names: Mapping[str, str]) -> str:
        match node:
            case ast.Member(target, key):
                return self.member(node, self.type(target, names), self.type(key, names))
            case ast.Slice():
                return self.slice(node, names)
            case ast.MapOf(pairs):
                for key, value in pairs:
                    if self.type(key, names) not in ("string", ANY):
                        raise self.fail("a map key must be a string", key)
                    self.type(value, names)
                return "map"
            case ast.Call(name, arguments):
                return self.call(node, name, [self.type(argument, names) for argument in arguments])
            case ast.Method(target, _, arguments):
                target_type = self.type(target, names)
                for argument in arguments:
                    self.type(argument, names)
                if target_type in ("string", "int", "float", "bool", "array", "map", "nil"):
                    raise self.fail(f"type {target_type} has no method {node.name}", node)
                return ANY
            case _:
                assert_never(node)

    def name(self, name: str, names: Mapping[str, str], node: ast.Node) -> str:
        if name == "$env":
            return "map"
        found = names.get(name)
        if found is None:
            raise self.fail(f"unknown name {name}", node)
        return found

    def declared(self, name: str, kind: str, names: Mapping[str, str], node: ast.Node) -> Mapping[str, str]:
        if name in names:
            raise self.fail(f"cannot redeclare variable {name}", node)
        return {**names, name: kind}

    def unary(self, symbol: str, kind: str, node: ast.Node) -> str:
        wanted = frozenset({"bool"}) if symbol in ("not", "!") else _NUMBERS
        if kind != ANY and kind not in wanted:
            raise self.fail(f"invalid operation: {symbol} (mismatched type {kind})", node)
        return "bool" if symbol in ("not", "!") else kind

    def binary(self, node: ast.Binary, left: str, right: str) -> str:
        result = _result(node.symbol, left, right)
        if result is None:
            raise self.fail(f"invalid operation: {node.symbol} (mismatched types {left} and {right})", node)
        return result

    def conditional(self, node: ast.Conditional, names: Mapping[str, str]) -> str:
        condition = self.type(node.condition, names)
        yes, no = self.type(node.yes, names), self.type(node.no, names)
        if condition not in ("bool", ANY):
            raise self.fail(f"non-bool expression (type {condition}) used as condition", node.condition)
        if yes == no:
            return yes
        return no if yes == "nil" else yes if no == "nil" else ANY

    def member(self, node: ast.Member, target: str, key: str) -> str:
        if target == "map":
            if key not in ("string", ANY):
                raise self.fail(f"cannot use {key} to get an element from a map", node)
            return ANY
        if target == "any-key map":
            return ANY
        if target == "array":
            if key not in ("int", ANY):
                raise self.fail(f"array elements can only be selected using an integer (got {key})", node)
            return ANY
        if target != ANY:
            raise self.fail(f"type {target} has no members", node)
        return ANY

    def slice(self, node: ast.Slice, names: Mapping[str, str]) -> str:
        target = self.type(node.target, names)
        if target not in ("array", "string", ANY):
            raise self.fail(f"cannot slice {target}", node)
        for bound in (node.low, node.high):
            if bound is not None and self.type(bound, names) not in ("int", ANY):
                raise self.fail("a slice needs integers", bound)
        return target

    def call(self, node: ast.Call, name: str, arguments: list[str]) -> str:
        if name in PREDICATES:
            if arguments[0] not in ("array", ANY):
                raise self.fail(f"builtin {name} takes only array (got {arguments[0]})", node)
            if name in _BOOLEAN_PREDICATES and len(arguments) > 1 and arguments[1] not in ("bool", ANY):
                raise self.fail(f"predicate should return boolean (got {arguments[1]})", node)
        return _RESULTS[name]


def _result(symbol: str, left: str, right: str) -> str | None:
    """The type of `left symbol right`, None if there is no such operation."""
    known = {left, right} - {ANY}
    if symbol in ("==", "!="):
        fits = left == right or len(known) < 2 or "nil" in known or known <= _NUMBERS
        return "bool" if fits else None
    if symbol in ("and", "&&", "or", "||"):
        return "bool" if known <= {"bool"} else None
    if symbol in ("<", ">", "<=", ">="):
        fits = known <= _NUMBERS or any(known <= {kind} for kind in ("string", "time", "duration"))
        return "bool" if fits else None
    if symbol in ("matches", "contains", "startsWith", "endsWith"):
        return "bool" if known <= {"string"} else None
    if symbol == "in":
        return (
            "bool" if right in ("array", "any-key map", ANY) or (right == "map" and left in ("string", ANY)) else None
        )
    if symbol == "..":
        return "array" if known <= {"int"} else None
    if symbol == "??":
        return left if left == right else ANY
    return _arithmetic(symbol, left, right, known)


_TIMES = {
    ("+", "time", "duration"): "time",
    ("+", "duration", "time"): "time",
    ("+", "duration", "duration"): "duration",
    ("-", "time", "time"): "duration",
    ("-", "time", "duration"): "time",
    ("-", "duration", "duration"): "duration",
    ("*", "duration", "int"): "duration",
    ("*", "int", "duration"): "duration",
    ("*", "duration", "float"): "duration",
    ("*", "float", "duration"): "duration",
}


def _arithmetic(symbol: str, left: str, right: str, known: set[str]) -> str | None:
    if known <= _NUMBERS:
        if symbol in ("/", "**", "^"):
            return "float"
        if symbol == "%":
            return "int" if "float" not in known else None
        if left == right and known:
            return left
        return "float" if "float" in known and ANY not in (left, right) else ANY
    if symbol == "+" and known == {"string"}:
        return "string" if left == right else ANY
    if (symbol, left, right) in _TIMES:
        return _TIMES[symbol, left, right]
    half_known = ANY in (left, right) and known <= {"time", "duration"} and symbol in ("+", "-", "*")
    return ANY if half_known else None
