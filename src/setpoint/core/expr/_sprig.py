"""sprig's functions."""

from setpoint.core.expr._function import Function

SPRIG: dict[str, Function] = {}
