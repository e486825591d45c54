"""What can go wrong with an expression: it cannot be read, calls what is not here, fails, or costs too much."""

from __future__ import annotations

from setpoint.apis.errors import InvalidSpec


class CelSyntaxError(InvalidSpec):
    """The text is no expression of the Common Expression Language."""


class CelUnknownFunction(InvalidSpec):
    """The expression is well-formed and calls a function that is not here."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the function {name} is not known here")


class CelError(InvalidSpec):
    """Evaluation failed, such as with `no such key: foo`; `&&`, `||` and macros may absorb it."""


class CelCostExceeded(InvalidSpec):
    """Evaluation took more steps than it may; nothing absorbs it."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")
