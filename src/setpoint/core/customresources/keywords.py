"""The words that a schema in a CustomResourceDefinition may have; others are unknown fields like any.

Source: apiextensions.k8s.io/v1 JSONSchemaProps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.core.customresources.problems import child, element, note

_MAPS = frozenset({"properties", "patternProperties", "definitions"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
_SINGLE = frozenset({"items", "additionalProperties", "additionalItems", "not"})
_PLAIN = frozenset(
    (
        *("$ref", "$schema", "default", "dependencies", "description", "enum", "example", "exclusiveMaximum"),
        *("exclusiveMinimum", "externalDocs", "format", "id", "maxItems", "maxLength", "maxProperties", "maximum"),
        *("minItems", "minLength", "minProperties", "minimum", "multipleOf", "nullable", "pattern", "required"),
        *("title", "type", "uniqueItems", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"),
        *("x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-map-type"),
        *("x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"),
    )
)


def prune_schemas(crd: Mapping[str, Any], unknown: list[str]) -> dict[str, Any]:
    """The definition without words in its schemas that no schema has, and without their nulls.

    Args:
        crd: A CustomResourceDefinition, any map of JSON that `core.admission.check_shape` lets through.
        unknown: Takes the paths of what was dropped.
    """
    spec = crd.get("spec")
    versions = spec.get("versions") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(versions, list):
        return dict(crd)
    kept = [_version(item, f"spec.versions[{index}]", unknown) for index, item in enumerate(versions)]
    return {**crd, "spec": {**spec, "versions": kept}}


def _version(version: Any, path: str, unknown: list[str]) -> Any:
    outer = version.get("schema") if isinstance(version, dict) else None
    if not isinstance(version, dict) or not isinstance(outer, dict) or "openAPIV3Schema" not in outer:
        return version
    schema = _schema(outer["openAPIV3Schema"], f"{path}.schema.openAPIV3Schema", unknown)
    return {**version, "schema": {**outer, "openAPIV3Schema": schema}}


def _schema(schema: Any, path: str, unknown: list[str]) -> Any:
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for word, value in schema.items():
        place = child(path, word)
        if word in _MAPS and isinstance(value, dict):
            kept[word] = {name: _schema(inner, child(place, name), unknown) for name, inner in value.items()}
        elif word in _LISTS and isinstance(value, list):
            kept[word] = [_schema(inner, element(place, index), unknown) for index, inner in enumerate(value)]
        elif word in _SINGLE:
            kept[word] = _schema(value, place, unknown)
        elif word in _PLAIN or word in _MAPS or word in _LISTS:
            kept[word] = value
        else:
            note(unknown, place)
    return {word: value for word, value in kept.items() if value is not None}
