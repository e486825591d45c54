"""Field selectors: which objects a person means by what stands in them, such as `status.phase=Running`.

Pure. Only equality is known to them, and of each kind only some fields. Source: Kubernetes documentation, "Field
Selectors"; apimachinery's pkg/fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import Malformed

Fields = Callable[[Mapping[str, Any]], bool]

_TERM = re.compile(r"(?P<field>[^=!,\\]+?)\s*(?P<sign>==|!=|=)(?P<value>(?:[^,=\\]|\\[\\,=])*)(?:,|$)")
_ESCAPED = re.compile(r"\\([\\,=])")
_ALWAYS = ("metadata.name", "metadata.namespace")


def parse_field_selector(text: str, definition: ResourceDefinition) -> Fields | None:
    """The selector as a predicate on objects as JSON; None if it selects everything.

    Raises: Malformed if it is no selector, or the kind does not know a field of it.
    """
    terms: list[tuple[tuple[str, ...], bool, str]] = []
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None or found.end() == position:
            raise Malformed(
                f"{text[:200]!r} is not a field selector: write FIELD=VALUE,FIELD!=VALUE", path="fieldSelector"
            )
        field = found["field"].strip()
        allowed = (*_ALWAYS, *definition.fields)
        if field not in allowed:
            raise Malformed(f"field label not supported: {field}", path="fieldSelector", allowed=allowed)
        value = _ESCAPED.sub(r"\1", found["value"])
        terms.append((tuple(field.split(".")), found["sign"] != "!=", value))
        position = found.end()
    if not terms:
        return None
    return lambda wire: all((_text(wire, path) == value) is wanted for path, wanted, value in terms)


def name_of(text: str) -> str:
    """The one name that a selector asks for and nothing else, "" if it asks otherwise."""
    found = _TERM.fullmatch(text)
    return found["value"] if found and found["field"].strip() == "metadata.name" and found["sign"] != "!=" else ""


def _text(wire: Mapping[str, Any], path: tuple[str, ...]) -> str:
    value: Any = wire
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
