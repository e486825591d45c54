"""What somebody who creates a CustomResourceDefinition should know although it is accepted.

Source: Kubernetes, warnings of apiextensions-apiserver; rules that are not evaluated here are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.core.customresources.formats import BOUNDS, FORMATS
from setpoint.core.customresources.problems import child, key
from setpoint.core.customresources.rules import rule_warnings

_KNOWN_FORMATS = frozenset({*FORMATS, *BOUNDS, "float", "double", "password", "binary", "int-or-string"})


def crd_warnings(crd: Mapping[str, Any]) -> tuple[str, ...]:
    """The warnings for a CustomResourceDefinition that `check_crd` accepts: odd formats, rules not evaluated."""
    found: list[str] = []
    for index, version in enumerate(crd["spec"]["versions"]):
        schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        path = f"spec.versions[{index}].schema.openAPIV3Schema"
        _formats(schema, path, found)
        found.extend(rule_warnings(schema, path))
    return tuple(found)


def _formats(schema: Mapping[str, Any], path: str, found: list[str]) -> None:
    name = schema.get("format")
    if name and name not in _KNOWN_FORMATS:
        found.append(f'{child(path, "format")}: unrecognized format "{name}"')
    for field, inner in (schema.get("properties") or {}).items():
        _formats(inner, key(child(path, "properties"), field), found)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), Mapping):
            _formats(schema[word], child(path, word), found)
