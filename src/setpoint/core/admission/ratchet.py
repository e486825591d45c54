"""What is not held against an edit: values that a schema refuses now and that were there before.

A schema may become stricter than objects that are stored. Such an object can still be edited elsewhere, as by a
controller that takes its finalizer off. Pure.
Source: Kubernetes documentation, "Validation ratcheting" (CustomResourceDefinitions, on since 1.30).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.apis.errors import Problem
from setpoint.core.apply.typed import same


def ratcheted(
    problems: tuple[Problem, ...], new: Mapping[str, Any], old: Mapping[str, Any] | None
) -> tuple[Problem, ...]:
    """The problems that the edit is to blame for.

    A list counts as one value, as do the members that a map should have and has not: they are the map's problem.

    Args:
        problems: Of the new object, by the schema.
        new: The object after the edit.
        old: Before; None for a new object, which is to blame for all of them.
    """
    if old is None:
        return problems
    return tuple(problem for problem in problems if not _unchanged(problem.path, new, old))


def _unchanged(path: str, new: Any, old: Any) -> bool:
    for part in path.partition("[")[0].split("."):
        if not isinstance(new, Mapping) or part not in new:
            break
        if not isinstance(old, Mapping) or part not in old:
            return False
        new, old = new[part], old[part]
    return same(new, old)
