"""successCondition and failureCondition of resource templates: label-selector syntax over paths into the object. Pure.

Source: SEMANTICS section 13 (resource); argo-workflows `executor/resource.go`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from setpoint.apis.argo import Parameter
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.selectors import Selector, parse_selector
from setpoint.core.expr import ExpressionError, evaluate, render_result


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


def holds(selector: Selector, document: Any) -> bool:
    """Whether all requirements hold for the object."""
    keys = {requirement.key for requirement in selector.requirements}
    found = {key: value for key in keys if (value := lookup(document, key)) is not None}
    return selector.matches(found)


def failed_requirement(condition: str, document: Any) -> str:
    """The first requirement of a failureCondition that holds; empty if none does. Raises: InvalidSpec."""
    for requirement in parse_selector(condition).requirements:
        if holds(Selector((requirement,)), document):
            return str(requirement)
    return ""


def output_value(parameter: Parameter, document: Any) -> str | None:
    """A resource template's output, read from the object by its jsonPath; None if there is nothing and no default.

    Raises: InvalidSpec for a path that cannot be read.
    """
    source = parameter.value_from
    if source is None:
        return parameter.value
    if document is None:
        return source.default or ""
    path = source.json_path.strip()
    path = path[1:-1] if path.startswith("{") and path.endswith("}") else path
    path = path if path.startswith("$") else f"${path if path.startswith(('.', '[')) else '.' + path}"
    try:
        value = evaluate("jsonpath(document, path)", {"document": json.dumps(document), "path": path})
    except ExpressionError as error:
        if source.default is not None:
            return source.default
        raise InvalidSpec(f"output parameter {parameter.name!r}: {error.reason}") from error
    if isinstance(value, list):
        return "\n".join(render_result(item) for item in value).strip()
    return render_result(value).strip()
