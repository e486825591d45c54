"""The table of functions an expression may call: expr-lang's built-ins, Argo's own, and sprig's.

Invariant: a function is either in the table and does what its original does, or an expression that calls it is refused
when it is parsed; there are no stand-ins.
"""

from __future__ import annotations

from setpoint.core.expr._builtins import BUILTINS as _PLAIN
from setpoint.core.expr._builtins_time import TIME_BUILTINS
from setpoint.core.expr._expr_values import text
from setpoint.core.expr._function import Function
from setpoint.core.expr._gotext import to_json
from setpoint.core.expr._jsonpath import query
from setpoint.core.expr._sprig import SPRIG as _SPRIG
from setpoint.core.expr._sprig import WITHHELD

PREDICATES = {
    **dict.fromkeys(
        ("all", "none", "any", "one", "filter", "map", "find", "findIndex", "findLast", "findLastIndex", "groupBy"),
        (2, 2),
    ),
    "count": (1, 2),
    "sum": (1, 2),
    "sortBy": (2, 3),
    "reduce": (2, 3),
}
"""Functions that take a predicate, with the least and the most arguments."""

BUILTINS: dict[str, Function] = {**_PLAIN, **TIME_BUILTINS}

ARGO_FUNCTIONS: dict[str, Function] = {
    "asInt": Function(BUILTINS["int"].run, 1, 1, "int"),
    "asFloat": Function(BUILTINS["float"].run, 1, 1, "float"),
    "toJson": Function(lambda ambient, value: to_json(value), 1, 1, "string"),
    "jsonpath": Function(lambda ambient, source, path: query(text(source, "jsonpath"), text(path, "jsonpath")), 2, 2),
}
"""What Argo adds; not there in http, data and stop conditions."""

SPRIG: dict[str, Function] = {f"sprig.{name}": function for name, function in _SPRIG.items()}


def refusal(name: str, known: dict[str, Function]) -> str:
    """Why a function cannot be called, and which is the nearest one."""
    short = name.removeprefix("sprig.")
    near = [other for other in (*known, *PREDICATES) if other.removeprefix("sprig.").lower() == short.lower()]
    hint = f"; did you mean {near[0]}?" if near else ""
    if short in ("env", "expandenv"):
        return f"function {name} is not available: expressions cannot read the environment"
    if name.startswith("sprig.") and short in WITHHELD:
        return f"function {name} is not available: expressions make no secrets and do not use the network"
    return f"unknown or unsupported function {name}{hint}"
