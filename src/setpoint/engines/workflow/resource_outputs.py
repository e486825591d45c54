"""Outputs of resource templates, read from the object: by kubectl's jsonpath templates and by jq.

A jsonpath template is text with expressions in braces; an expression's results are joined by a blank, lists and maps
print as JSON, what is not there prints nothing. A jq filter's results stand one per line, strings as they are.
Source: SEMANTICS section 13 (resource); kubectl's "JSONPath Support"; argo-workflows `SaveResourceParameters`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from setpoint.apis.argo import Parameter
from setpoint.apis.errors import InvalidSpec
from setpoint.core.expr import ExpressionError, jsonpath_values, render_result
from setpoint.ports.jq import JqFilter

_EXPRESSION = re.compile(r"""\{((?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^{}'"])*)\}""")


async def output_value(jq: JqFilter, parameter: Parameter, document: dict[str, Any] | None) -> str | None:
    """The parameter's value; of an object that is not there the default or nothing. None if it has no source.

    Raises: InvalidSpec for a path or filter that cannot be read or fails.
    """
    source = parameter.value_from
    if source is None:
        return parameter.value
    if document is None:
        return source.default or ""
    if source.json_path:
        return jsonpath_text(source.json_path, document)
    if source.jq_filter:
        results = await jq.run(source.jq_filter, document)
        return "\n".join("null" if item is None else render_result(item) for item in results).strip()
    return None


def jsonpath_text(template: str, document: Any) -> str:
    """A jsonpath template filled in from an object.

    Raises: InvalidSpec for an expression that cannot be read.

    >>> jsonpath_text("{.metadata.name}: {.spec.n}", {"metadata": {"name": "x"}, "spec": {"n": [1, 2]}})
    'x: [1,2]'
    >>> jsonpath_text("{range .spec.n[*]}<{@}>{end}", {"spec": {"n": [1, 2]}})
    '<1><2>'
    """
    rest = _EXPRESSION.sub("", template)
    if "{" in rest or "}" in rest:
        raise InvalidSpec(f"jsonPath {template!r} has a brace without its other one")
    parts = _EXPRESSION.split(template)  # text and expressions in turn
    found, end = _filled(parts, 0, document, document)
    if end < len(parts):
        raise InvalidSpec(f"jsonPath {template!r} has an {{end}} without its {{range}}")
    return found


def _filled(parts: list[str], start: int, current: Any, document: Any) -> tuple[str, int]:
    """The text of the parts from `start` to the end of the range they are in, and the index of that end."""
    text, at = "", start
    while at < len(parts):
        if at % 2 == 0:
            text += parts[at]
        else:
            word, _, path = parts[at].strip().partition(" ")
            if word == "end":
                return text, at
            if word == "range":
                inner, at = _ranged(parts, at, _values(path.strip(), current, document), document)
                text += inner
            else:
                text += _expression(parts[at].strip(), current, document)
        at += 1
    return text, at


def _ranged(parts: list[str], start: int, items: list[Any], document: Any) -> tuple[str, int]:
    """The body of a range once per item, and the index of its end."""
    _, end = _filled(parts, start + 1, None, document)
    if end >= len(parts):
        raise InvalidSpec("a {range} in a jsonPath has no {end}")
    return "".join(_filled(parts, start + 1, item, document)[0] for item in items), end


def _expression(text: str, current: Any, document: Any) -> str:
    if text[:1] in ("'", '"'):
        return _quoted(text)
    return " ".join(_printed(item) for item in _values(text, current, document))


def _values(text: str, current: Any, document: Any) -> list[Any]:
    """What a path finds: from the object with `$`, else from the item of the range it is in."""
    path = text.removeprefix("$").removeprefix("@")
    path = path if path.startswith((".", "[")) or not path else f".{path}"
    try:
        return jsonpath_values(document if text.startswith("$") else current, f"${path}")
    except ExpressionError as error:
        raise InvalidSpec(f"error parsing jsonpath {{{text}}}: {error.reason}") from error


def _printed(value: Any) -> str:
    return "null" if value is None else render_result(value)


def _quoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text[1:-1]}"'))
    except ValueError:
        return text[1:-1]
