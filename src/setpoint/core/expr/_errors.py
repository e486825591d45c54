"""The one error that expressions, conditions, dependencies and tags raise.

Invariant: whatever text is given, the functions of this package return a value or raise `ExpressionError`; nothing else
leaves them.
"""

from __future__ import annotations

from setpoint.apis.errors import InvalidSpec

MAX_TEXT = 1 << 18
"""Longest text, in characters, that is parsed as one expression."""

MAX_DEPTH = 100
"""Deepest nesting, of brackets, operators or values, that is followed."""


class ExpressionError(InvalidSpec):
    """An expression, condition, `depends` or tag that cannot be parsed or evaluated.

    Args:
        reason: What is wrong and what to do, in one sentence.
        text: The text that was parsed, empty when it does not matter.
        position: Index of the offending character in `text`, from 0; None when the whole is meant.
        path: Field path, when the caller knows it.
    """

    def __init__(self, reason: str, *, text: str = "", position: int | None = None, path: str = "") -> None:
        self.text = text
        self.position = position
        super().__init__(reason, path=path)


def error_at(reason: str, text: str, position: int) -> ExpressionError:
    """An error whose reason ends in the line and column, from 1, and the text there."""
    position = min(position, len(text))
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    rest = text[position : position + 20].split("\n", 1)[0]
    near = f" near {rest!r}" if rest else " at the end"
    return ExpressionError(f"{reason} ({line}:{column}{near})", text=text, position=position)
