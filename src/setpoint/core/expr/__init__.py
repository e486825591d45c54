"""Expressions, conditions, dependencies and template tags, in Argo's dialects; pure text in, values out.

`evaluate_when` is the language of `when` fields, `evaluate` that of `{{=...}}` tags, hooks and retry conditions,
`parse_depends` that of DAG dependencies. The only error that leaves the package is `ExpressionError`.
"""

from setpoint.core.expr._errors import ExpressionError
from setpoint.core.expr._function import Ambient
from setpoint.core.expr._gotext import render_result, to_json
from setpoint.core.expr._gotime import GoTime, parse_duration
from setpoint.core.expr._jsonpath import jsonpath_values
from setpoint.core.expr._re2 import Regex, compile_regex
from setpoint.core.expr.depends import (
    And,
    Depends,
    Not,
    Operand,
    Or,
    depends_tasks,
    evaluate_depends,
    operands_of,
    parse_depends,
)
from setpoint.core.expr.exprlang import check_syntax, evaluate, evaluate_condition, referenced_names
from setpoint.core.expr.govaluate import evaluate_when
from setpoint.core.expr.places import WHOLE, Places, places_of
from setpoint.core.expr.scope import Scope, unfold
from setpoint.core.expr.tags import Mode, Tag, find_tags, substitute, tags_of, unresolved_names

__all__ = [
    "WHOLE",
    "Ambient",
    "And",
    "Depends",
    "ExpressionError",
    "GoTime",
    "Mode",
    "Not",
    "Operand",
    "Or",
    "Places",
    "Regex",
    "Scope",
    "Tag",
    "check_syntax",
    "compile_regex",
    "depends_tasks",
    "evaluate",
    "evaluate_condition",
    "evaluate_depends",
    "evaluate_when",
    "find_tags",
    "jsonpath_values",
    "operands_of",
    "parse_depends",
    "parse_duration",
    "places_of",
    "referenced_names",
    "render_result",
    "substitute",
    "tags_of",
    "to_json",
    "unfold",
    "unresolved_names",
]
