"""Evaluates trees of CEL expressions, with a bound on the work.

Invariant: `Program.run` returns a value or raises `CelError` or `CelCostExceeded`, after at most about `cost` steps,
whatever the expression and the values are. `&&` and `||` absorb errors of a side that does not matter, as in CEL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.customresources.cel._ast import (
    Call,
    Conditional,
    Index,
    Junction,
    ListOf,
    Literal,
    Macro,
    MapOf,
    Name,
    Node,
    Select,
    walk,
)
from setpoint.core.customresources.cel._errors import CelCostExceeded, CelError, CelUnknownFunction
from setpoint.core.customresources.cel._functions import FUNCTIONS, METHODS
from setpoint.core.customresources.cel._kubernetes import KUBERNETES_FUNCTIONS, KUBERNETES_METHODS
from setpoint.core.customresources.cel._operators import OPERATORS
from setpoint.core.customresources.cel._overloads import Overload, call, is_int, is_number
from setpoint.core.customresources.cel._parser import parse
from setpoint.core.customresources.cel._values import Maybe, Type, is_list, is_map, type_of

_FUNCTIONS = FUNCTIONS | KUBERNETES_FUNCTIONS
_METHODS = {name: METHODS.get(name, []) + KUBERNETES_METHODS.get(name, []) for name in METHODS | KUBERNETES_METHODS}
_NAMESPACES = frozenset(name.partition(".")[0] for name in _FUNCTIONS if "." in name)
_TYPES = {
    name: Type(name)
    for name in ("bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type")
}


class _Run:
    """One evaluation: the variables and what is left of its cost."""

    def __init__(self, variables: Mapping[str, Any], cost: int) -> None:
        self._variables = dict(variables)
        self.left = cost

    def charge(self, cost: int) -> None:
        """Count work."""
        self.left -= cost
        if self.left < 0:
            raise CelCostExceeded

    def value(self, node: Node) -> Any:
        """The value of a node."""
        self.charge(1)
        return _EVALUATORS[type(node)](self, node)

    def _literal(self, node: Literal) -> Any:
        return node.value

    def _name(self, node: Name) -> Any:
        if node.name in self._variables:
            return self._variables[node.name]
        if node.name in _TYPES:
            return _TYPES[node.name]
        raise CelError(f"undeclared reference to '{node.name}'")

    def _select(self, node: Select) -> Any:
        operand = self.value(node.operand)
        if isinstance(operand, Maybe):
            if not operand.there:
                return False if node.test else operand
            found = _field(operand.value, node.field)
            return found.there if node.test else found
        if not is_map(operand):
            raise CelError(f"no such overload: {type_of(operand)} has no field {node.field}")
        found = _field(operand, node.field)
        if node.test:
            return found.there
        if node.optional:
            return found
        if not found.there:
            raise CelError(f"no such key: {node.field}")
        return found.value

    def _index(self, node: Index) -> Any:
        operand, key = self.value(node.operand), self.value(node.key)
        optional = node.optional
        if isinstance(operand, Maybe):
            if not operand.there:
                return operand
            operand, optional = operand.value, True
        if is_list(operand):
            if not is_number(key) or key != int(key):
                raise CelError("no such overload")
            there = 0 <= key < len(operand)
            if not there and not optional:
                raise CelError(f"index out of bounds: {key}")
            found = Maybe(there, operand[int(key)] if there else None)
        elif is_map(operand):
            try:
                there = key in operand and not (isinstance(key, bool) and is_int(_first_key(operand)))
            except TypeError:
                raise CelError("no such overload") from None
            if not there and not optional:
                raise CelError(f"no such key: {key}")
            found = Maybe(there, operand[key] if there else None)
        else:
            raise CelError("no such overload")
        return found if optional else found.value

    def _call(self, node: Call) -> Any:
        if node.target is None:
            operator = OPERATORS.get(node.name)
            arguments = tuple(self.value(item) for item in node.arguments)
            if operator is not None:
                return operator(self.charge, *arguments)
            return self._apply(_FUNCTIONS[node.name], arguments)
        qualified = _qualified(node)
        if qualified is not None:
            return self._apply(_FUNCTIONS[qualified], tuple(self.value(item) for item in node.arguments))
        target = self.value(node.target)
        return self._apply(_METHODS[node.name], (target, *(self.value(item) for item in node.arguments)))

    def _apply(self, overloads: list[Overload], arguments: tuple[Any, ...]) -> Any:
        try:
            return call(overloads, self.charge, arguments)
        except (OverflowError, ArithmeticError):
            raise CelError("value out of range") from None

    def _list(self, node: ListOf) -> Any:
        return [self.value(item) for item in node.items]

    def _map(self, node: MapOf) -> Any:
        found: dict[Any, Any] = {}
        for key, item in node.entries:
            name = self.value(key)
            if not isinstance(name, (str, int, bool)):
                raise CelError("no such overload: a key is text, a whole number or true or false")
            found[name] = self.value(item)
        return found

    def _conditional(self, node: Conditional) -> Any:
        test = self.value(node.test)
        if not isinstance(test, bool):
            raise CelError("no such overload")
        return self.value(node.yes if test else node.no)

    def _junction(self, node: Junction) -> bool:
        failure: CelError | None = None
        for item in node.items:
            try:
                found = self.value(item)
                if not isinstance(found, bool):
                    raise CelError("no such overload")
            except CelError as error:
                failure = failure or error
                continue
            if found is node.any:
                return found
        if failure is not None:
            raise failure
        return not node.any

    def _macro(self, node: Macro) -> Any:
        operand = self.value(node.operand)
        before = {name: self._variables[name] for name in node.names if name in self._variables}
        try:
            if node.kind == "bind":
                self._variables[node.names[0]] = operand
                return self.value(node.body)
            if node.kind in ("optMap", "optFlatMap"):
                return self._optional(node, operand)
            return self._fold(node, operand)
        finally:
            for name in node.names:
                self._variables.pop(name, None)
            self._variables.update(before)

    def _optional(self, node: Macro, operand: Any) -> Any:
        if not isinstance(operand, Maybe):
            raise CelError("no such overload")
        if not operand.there:
            return operand
        self._variables[node.names[0]] = operand.value
        found = self.value(node.body)
        return found if node.kind == "optFlatMap" else Maybe(True, found)

    def _fold(self, node: Macro, operand: Any) -> Any:
        if not is_list(operand) and not is_map(operand):
            raise CelError("no such overload")
        made: list[Any] = []
        count, failure = 0, None
        wanted = {"all": False, "exists": True}.get(node.kind)
        for key, item in enumerate(operand) if is_list(operand) else ((name, name) for name in operand):
            self.charge(1)
            if len(node.names) == 2:
                self._variables[node.names[0]] = key
                self._variables[node.names[1]] = item if is_list(operand) else operand[key]
            else:
                self._variables[node.names[0]] = item
            try:
                holds = self.value(node.body)
                if not isinstance(holds, bool):
                    raise CelError("no such overload")
            except CelError as error:
                if wanted is None:
                    raise
                failure = failure or error
                continue
            if wanted is not None and holds is wanted:
                return wanted
            count += holds
            if holds and node.kind in ("map", "filter"):
                made.append(item if node.result is None else self.value(node.result))
        if failure is not None:
            raise failure
        if wanted is not None:
            return not wanted
        return made if node.kind in ("map", "filter") else count == 1


_EVALUATORS: dict[type, Callable[[_Run, Any], Any]] = {
    Literal: _Run._literal,
    Name: _Run._name,
    Select: _Run._select,
    Index: _Run._index,
    Call: _Run._call,
    ListOf: _Run._list,
    MapOf: _Run._map,
    Conditional: _Run._conditional,
    Junction: _Run._junction,
    Macro: _Run._macro,
}


def _field(operand: Any, name: str) -> Maybe:
    try:
        return Maybe(True, operand[name])
    except (KeyError, TypeError):
        return Maybe(False)


def _first_key(operand: Any) -> Any:
    return next(iter(operand), None)


def _qualified(node: Call) -> str | None:
    """`lists.range` for a call that looks like a method of a namespace."""
    if isinstance(node.target, Name) and node.target.name in _NAMESPACES:
        name = f"{node.target.name}.{node.name}"
        return name if name in _FUNCTIONS else None
    return None


@dataclass(frozen=True, slots=True)
class Program:
    """A parsed expression whose functions are all known."""

    text: str
    tree: Node
    names: frozenset[str]

    def run(self, variables: Mapping[str, Any], cost: int) -> tuple[Any, int]:
        """The value of the expression, and what is left of the cost.

        Args:
            variables: Values by name.
            cost: Steps that it may take.

        Raises: CelError, CelCostExceeded.
        """
        run = _Run(variables, cost)
        return run.value(self.tree), run.left


def compile_expression(text: str) -> Program:
    """An expression, ready to run.

    Raises: CelSyntaxError, CelUnknownFunction.
    """
    tree = parse(text)
    names: set[str] = set()
    for node in walk(tree):
        if isinstance(node, Name):
            names.add(node.name)
        elif isinstance(node, Call):
            _check_call(node)
    return Program(text, tree, frozenset(names))


def _check_call(node: Call) -> None:
    if node.target is None:
        known = node.name in OPERATORS or node.name in _FUNCTIONS
    else:
        known = _qualified(node) is not None or node.name in _METHODS
    if not known:
        raise CelUnknownFunction(node.name)
