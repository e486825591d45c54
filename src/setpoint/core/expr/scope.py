"""What names mean while tags are filled in: a flat table of dotted names, and the nested view expressions need.

Invariant: a `Scope` never changes after it was made, so its nested view is built at most once and only when an
expression asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from setpoint.core.expr._errors import MAX_DEPTH, ExpressionError
from setpoint.core.expr._function import Ambient


def unfold(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Nested maps out of dotted keys: `{"a.b": "1"}` gives `{"a": {"b": "1"}}`.

    A key that is also a prefix of another one is dropped: with `workflow.parameters` and `workflow.parameters.n`, the
    former is a map.

    Raises:
        ExpressionError: For a key of more parts than the bound on nesting.
    """
    root: dict[str, Any] = {}
    # Longest first: a shorter key then finds the map that a longer one made, and never the other way round.
    for key in sorted(flat, key=lambda name: name.count("."), reverse=True):
        parts = key.split(".")
        if len(parts) > MAX_DEPTH:
            raise ExpressionError(f"the name {key[:60]!r}... has more than {MAX_DEPTH} parts")
        node = root
        for part in parts[:-1]:
            node = node.setdefault(part, {})
        node.setdefault(parts[-1], flat[key])
    return root


@dataclass(frozen=True, eq=False)
class Scope:
    """The names that may be used in tags at one place.

    Args:
        values: Dotted name to value; text nearly always, other JSON values are seen by expressions only.
        absent: Names of declared outputs whose producer was skipped or omitted. A simple tag on one fails for good, an
            expression sees nil.
        ambient: Time and randomness for expressions that ask for them; without it they fail.
    """

    values: Mapping[str, Any]
    absent: frozenset[str] = field(default_factory=frozenset)
    ambient: Ambient | None = None

    @cached_property
    def environment(self) -> dict[str, Any]:
        """The nested view; treat it as read-only."""
        return unfold({**self.values, **dict.fromkeys(self.absent)})

    def __contains__(self, name: str) -> bool:
        return name in self.values
