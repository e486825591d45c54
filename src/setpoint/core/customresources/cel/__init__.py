"""The Common Expression Language, as far as rules of CustomResourceDefinitions use it; bounded in work and depth.

`compile_expression(text).run({"self": adapt(value, schema)}, cost)` gives a value. There is no type checker: what CEL
refuses when it compiles, such as a field that the schema does not have, is an error here when it is evaluated.
"""

from setpoint.core.customresources.cel._errors import CelCostExceeded, CelError, CelSyntaxError, CelUnknownFunction
from setpoint.core.customresources.cel._evaluate import Program, compile_expression
from setpoint.core.customresources.cel._values import Maybe, adapt

__all__ = [
    "CelCostExceeded",
    "CelError",
    "CelSyntaxError",
    "CelUnknownFunction",
    "Maybe",
    "Program",
    "adapt",
    "compile_expression",
]
