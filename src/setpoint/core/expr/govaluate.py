"""Conditions of `when` fields."""

from setpoint.core.expr._errors import ExpressionError


def evaluate_when(text: str) -> bool:
    """The truth of a `when` text after its tags were filled in."""
    raise ExpressionError("conditions are not built yet")
