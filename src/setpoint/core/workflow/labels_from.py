"""Labels of the workflow object whose values are expressions: worked out once, when it begins.

Source: SEMANTICS section 2; argo-workflows `updateWorkflowMetadata`.
"""

from __future__ import annotations

import json
import re

from setpoint.core.expr import ExpressionError, evaluate, render_result
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.variables import global_scope, workflow_variables

_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LONGEST = 63
_LONG = "must be no more than 63 characters"
_ILLEGAL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def take_labels(d: Draft) -> None:
    """Work out the labels and make them variables. Raises: BuildError if one is no text, or no legal value."""
    metadata = d.spec.workflow_metadata
    if metadata is None or not metadata.labels_from:
        return
    environment = global_scope(d).environment
    for name, source in metadata.labels_from.items():
        said = f"label {json.dumps(name)} expression {json.dumps(source.expression)}"
        try:
            value = evaluate(source.expression, environment, ambient=d.ambient)
        except ExpressionError as error:
            raise BuildError(f"failed to evaluate {said}: {error}") from error
        if not isinstance(value, str):
            raise BuildError(f"failed to evaluate {said} evaluted to {_kind(value)} but must be a string")
        d.labels[name] = _legal(name, source.expression, value)
    workflow = d.ctx.workflow
    labelled = workflow.metadata.replace(labels={**workflow.metadata.labels, **d.labels})
    d.variables = d.variables.update(workflow_variables(workflow.replace(metadata=labelled), d.spec))


def _legal(name: str, expression: str, value: str) -> str:
    wrong = [_LONG] if len(value) > _LONGEST else []
    wrong += [] if _LABEL_VALUE.fullmatch(value) else [_ILLEGAL]
    if wrong:
        where = f"label {json.dumps(name)} and expression {json.dumps(expression)}"
        raise BuildError(f"invalid label value {json.dumps(value)} for {where}: {';'.join(wrong)}")
    return value


def _kind(value: object) -> str:
    """As Go calls the type of a value."""
    names = {bool: "bool", int: "int", float: "float64", list: "[]interface {}", dict: "map[string]interface {}"}
    return names.get(type(value), "<nil>" if value is None else render_result(value))
