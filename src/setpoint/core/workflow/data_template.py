"""Data templates: the list that is sourced, through one expression after the other. Pure.

Source: SEMANTICS section 13 (data); argo-workflows `workflow/data`.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.argo import Data
from setpoint.core.expr import ExpressionError, evaluate


def transform(data: Data, value: Any) -> Any:
    """The value after all steps; each sees that of the one before as `data`, and the language's own functions only.

    Raises: ExpressionError that says which step failed.
    """
    for index, item in enumerate(data.transformation):
        if not item.expression:
            continue
        try:
            value = evaluate(item.expression, {"data": value}, argo=False)
        except ExpressionError as error:
            reason = f"unable to process data transformation: error processing data step {index}: {error.reason}"
            raise ExpressionError(reason, text=item.expression) from error
    return value


def result_text(value: Any) -> str:
    """The value as JSON text, as it stands in `outputs.result`."""
    return str(evaluate("toJson(value)", {"value": value}))
