"""Expressions in the expr-lang dialect, with Argo's functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.core.expr._errors import ExpressionError


def evaluate(text: str, env: Mapping[str, Any]) -> Any:
    """The value of an expression."""
    raise ExpressionError("expressions are not built yet")


def evaluate_condition(text: str, env: Mapping[str, Any]) -> bool:
    """The truth of an expression that must be boolean."""
    return bool(evaluate(text, env))


def referenced_names(text: str) -> set[str]:
    """Dotted names an expression refers to."""
    return set()
