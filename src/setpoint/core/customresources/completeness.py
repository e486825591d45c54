"""Whether the schema around a junctor has what the junctor speaks of: a part of being structural.

Source: Kubernetes documentation, "Specifying a structural schema", second rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.apis.errors import Problem
from setpoint.core.customresources.problems import child, key, required

_JUNCTORS = ("allOf", "anyOf", "oneOf")


def check_complete(schema: Mapping[str, Any], path: str) -> list[Problem]:
    """Fields that a junctor speaks of although the schema around it does not have them."""
    problems: list[Problem] = []
    _complete(schema, path, problems)
    return problems


def _complete(schema: Mapping[str, Any], path: str, problems: list[Problem]) -> None:
    for word in _JUNCTORS:
        for index, inner in enumerate(schema.get(word) or ()):
            _named(inner, schema, f"{child(path, word)}[{index}]", path, problems)
    if isinstance(schema.get("not"), dict):
        _named(schema["not"], schema, child(path, "not"), path, problems)
    if isinstance(schema.get("items"), dict):
        _complete(schema["items"], child(path, "items"), problems)
    if isinstance(schema.get("additionalProperties"), dict):
        _complete(schema["additionalProperties"], child(path, "additionalProperties"), problems)
    for name, inner in (schema.get("properties") or {}).items():
        _complete(inner, key(child(path, "properties"), name), problems)


def _named(
    nested: Mapping[str, Any], around: Mapping[str, Any] | None, path: str, outside: str, problems: list[Problem]
) -> None:
    """Reports what `nested` speaks of and `around` lacks; `outside` is the path of `around`."""
    if around is None:
        problems.append(required(outside, f"because it is defined in {path}"))
        return
    for word in _JUNCTORS:
        for index, inner in enumerate(nested.get(word) or ()):
            _named(inner, around, f"{child(path, word)}[{index}]", outside, problems)
    if isinstance(nested.get("not"), dict):
        _named(nested["not"], around, child(path, "not"), outside, problems)
    if isinstance(nested.get("items"), dict):
        _named(nested["items"], around.get("items"), child(path, "items"), child(outside, "items"), problems)
    known = around.get("properties") or {}
    for name, inner in (nested.get("properties") or {}).items():
        place = key(child(outside, "properties"), name)
        _named(inner, known.get(name), key(child(path, "properties"), name), place, problems)
