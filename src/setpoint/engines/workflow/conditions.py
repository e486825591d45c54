"""successCondition and failureCondition of resource templates: label-selector syntax over paths into the object. Pure.

Source: SEMANTICS section 13 (resource); argo-workflows `executor/resource.go`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.selectors import Selector, parse_selector


def lookup(document: Any, path: str) -> str | None:
    """The value at a dotted path, as text; None if there is nothing. Lists are indexed by number, `#` counts them."""
    value = document
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part == "#":
            value = len(value)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else str(value)


@dataclass(frozen=True, slots=True)
class Condition:
    """A selector, and each of its requirements as Kubernetes prints it."""

    parts: tuple[tuple[Selector, str], ...]


def read_condition(text: str, kind: str) -> Condition:
    """A successCondition (`kind` is "success") or failureCondition ("fail"), empty or not. Raises: InvalidSpec."""
    try:
        found = parse_selector(text).requirements
    except InvalidSpec as error:
        raise InvalidSpec(f"{kind} condition '{text}' failed to parse: {error.reason}") from error
    written = [part for part in _COMMAS.split(text) if part.strip()]
    return Condition(tuple((Selector((one,)), _shown(part)) for one, part in zip(found, written, strict=True)))


_COMMAS = re.compile(r",(?![^(]*\))")
_SET = re.compile(r"\s*(\S+)\s+(in|notin)\s*\((.*)\)\s*")


def _shown(part: str) -> str:
    """One requirement without the author's blanks; a set in order."""
    found = _SET.fullmatch(part)
    if found is None:
        return "".join(part.split())
    values = ",".join(sorted(item.strip() for item in found[3].split(",")))
    return f"{found[1]} {found[2]} ({values})"


def holds(condition: Condition, document: Any) -> bool:
    """Whether all requirements hold for the object."""
    return all(_matches(selector, document) for selector, _ in condition.parts)


def failed_requirement(condition: Condition, document: Any) -> str:
    """The first requirement of a failureCondition that holds, as Kubernetes prints it; empty if none does."""
    return next((shown for selector, shown in condition.parts if _matches(selector, document)), "")


def _matches(selector: Selector, document: Any) -> bool:
    keys = {requirement.key for requirement in selector.requirements}
    found = {key: value for key in keys if (value := lookup(document, key)) is not None}
    return selector.matches(found)
