"""Expressions of the expr-lang dialect, with Argo's functions: those of `{{=...}}` tags, hooks and retry conditions.

Texts are parsed once and kept. Invariant: evaluation is pure; the same text and environment give the same value, but
for the functions that read the `Ambient` they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._expr_ast import Chain, Let, Literal, Member, Name, Node, children
from setpoint.core.expr._expr_check import check, type_of
from setpoint.core.expr._expr_evaluate import run
from setpoint.core.expr._expr_parser import parse
from setpoint.core.expr._function import Ambient
from setpoint.core.expr._gotext import format_value, go_type


def evaluate(text: str, env: Mapping[str, Any], *, argo: bool = True, ambient: Ambient | None = None) -> Any:
    """The value of an expression.

    Args:
        text: The expression, without `{{=` and `}}`.
        env: Names to values, nested maps for dotted ones (see `unfold`).
        argo: Whether `asInt`, `asFloat`, `toJson`, `jsonpath` and `sprig.*` exist; they do not in http, data, stop
            conditions and event selectors.
        ambient: Time and randomness, for the functions that need them.

    Returns:
        None, bool, int, float, str, list, dict, or a time, duration or zone.

    Raises:
        ExpressionError: If it cannot be parsed, does not fit the types known in advance, or fails.
    """
    node = parse(text, argo)
    types = tuple((name, type_of(env[name])) for name in _roots(text, argo) if name in env)
    _checked(text, argo, types)
    try:
        return run(node, env, ambient)
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply", text=text) from None
    except (OverflowError, MemoryError) as error:
        raise ExpressionError(f"the expression's values are too large: {error}", text=text) from error


def evaluate_condition(text: str, env: Mapping[str, Any], *, argo: bool = True, ambient: Ambient | None = None) -> bool:
    """The truth of an expression that must be boolean.

    Raises:
        ExpressionError: As `evaluate` does, or if the value is no boolean.
    """
    value = evaluate(text, env, argo=argo, ambient=ambient)
    if not isinstance(value, bool):
        shown = format_value(value)[:60]
        raise ExpressionError(f"expected a boolean from {text!r}, got {go_type(value)} {shown}", text=text)
    return value


def check_syntax(text: str, *, argo: bool = True) -> None:
    """Refuse a text that is no expression, or calls a function that is not there; for validation.

    Raises:
        ExpressionError: With the position.
    """
    parse(text, argo)


@lru_cache(maxsize=4096)
def _roots(text: str, argo: bool) -> tuple[str, ...]:
    """The undotted names in an expression, local ones too."""
    found: dict[str, None] = {}
    pending: list[Node] = [parse(text, argo)]
    while pending:
        node = pending.pop()
        if isinstance(node, Name | Let):
            found[node.name] = None
        pending += children(node)
    return tuple(found)


@lru_cache(maxsize=4096)
def _checked(text: str, argo: bool, types: tuple[tuple[str, str], ...]) -> str:
    """The type of an expression for given types of its names; errors are found anew each time."""
    try:
        return check(parse(text, argo), dict(types), text)
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply", text=text) from None


@lru_cache(maxsize=4096)
def _referenced(text: str, argo: bool) -> frozenset[str]:
    return frozenset(_paths(parse(text, argo), frozenset()))


def referenced_names(text: str, *, argo: bool = True) -> set[str]:
    """The dotted names an expression refers to, each as long as it is known from the text.

    `inputs.parameters['a-b']` is `inputs.parameters.a-b`; of `steps[item].status` the names are `steps` and `item`.
    Names declared by `let` are left out.

    Raises:
        ExpressionError: If the text is no expression.
    """
    return set(_referenced(text, argo))


def _paths(node: Node, local: frozenset[str]) -> Iterator[str]:
    parts: list[str] = []
    inner = node
    while True:
        if isinstance(inner, Member) and isinstance(inner.key, Literal) and isinstance(inner.key.value, str):
            parts.append(inner.key.value)
            inner = inner.target
        elif isinstance(inner, Member):  # a computed key: what stands before it is all that is known
            yield from _paths(inner.key, local)
            parts = []
            inner = inner.target
        elif isinstance(inner, Chain):
            inner = inner.inner
        else:
            break
    if isinstance(inner, Name):
        if inner.name not in local and inner.name != "$env":
            yield ".".join((inner.name, *reversed(parts)))
    elif isinstance(inner, Let):
        yield from _paths(inner.value, local)
        yield from _paths(inner.body, local | {inner.name})
    else:
        for child in children(inner):
            yield from _paths(child, local)
