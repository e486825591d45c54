"""What an API server does to an object of a CustomResourceDefinition before it looks at it.

It drops the fields that the schema does not name, drops nulls where null is no value, and fills in defaults.

All functions leave their argument as it is and give a new value (or the same, where nothing changes). Recursion is as
deep as the schema at most, or as the value: callers bound both (`core.admission.check_shape`, `check_crd`).
Source: Kubernetes documentation, "Field pruning", "Defaulting and Nullable"; apiextensions-apiserver, pruning and
defaulting.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from setpoint.core.customresources.problems import child, element, note

Schema = Mapping[str, Any]

META_FIELDS = frozenset({"apiVersion", "kind", "metadata"})
_NOTHING: Schema = {}


def field_schema(schema: Schema | None, name: str) -> Schema | None:
    """The schema of a field or map entry; None where there is none."""
    if schema is None:
        return None
    found = schema.get("properties", _NOTHING).get(name)
    if found is None:
        found = schema.get("additionalProperties")
    return found if isinstance(found, Mapping) else None


def keeps_unknown(schema: Schema) -> bool:
    """Whether the schema takes fields that it does not name."""
    return schema.get("x-kubernetes-preserve-unknown-fields") is True


def prune(value: Any, schema: Schema, unknown: list[str] | None = None) -> Any:
    """The object without the fields that its schema does not name; TypeMeta and metadata stay.

    Args:
        value: The object.
        schema: Its structural schema.
        unknown: Takes the paths of what was dropped, such as `spec.containers[0].foo`.
    """
    found: list[str] = [] if unknown is None else unknown
    return _prune(value, {**schema, "x-kubernetes-embedded-resource": True}, "", found)


def _prune(value: Any, schema: Schema | None, path: str, unknown: list[str]) -> Any:
    if isinstance(value, dict):
        return _prune_map(value, _NOTHING if schema is None else schema, path, unknown)
    if isinstance(value, list):
        items = None if schema is None else schema.get("items")
        if items is None and schema is not None and keeps_unknown(schema):
            return value
        if items is not None and schema is not None and keeps_unknown(schema) and not keeps_unknown(items):
            items = {**items, "x-kubernetes-preserve-unknown-fields": True}  # below what keeps all, all is kept
        return [_prune(inner, items, element(path, index), unknown) for index, inner in enumerate(value)]
    return value


def _prune_map(value: dict[str, Any], schema: Schema, path: str, unknown: list[str]) -> dict[str, Any]:
    properties = schema.get("properties", _NOTHING)
    additional = schema.get("additionalProperties")
    embedded = schema.get("x-kubernetes-embedded-resource") is True
    keeps = keeps_unknown(schema)
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        if embedded and name in META_FIELDS:
            kept[name] = inner
        elif name in properties:
            kept[name] = _prune(inner, properties[name], child(path, name), unknown)
        elif isinstance(additional, Mapping):
            kept[name] = _prune(inner, additional, child(path, name), unknown)
        elif keeps:
            kept[name] = inner
        elif additional is True:  # any entry, but nobody names the fields of one that is an object
            kept[name] = _prune(inner, None, child(path, name), unknown)
        else:
            note(unknown, child(path, name))
    return kept


def drop_nulls(value: Any, schema: Schema | None) -> Any:
    """The value without nulls of fields that are not nullable and have no default; those of lists stay."""
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for name, item in value.items():
            inner = field_schema(schema, name)
            if item is None and inner is not None and not inner.get("nullable") and inner.get("default") is None:
                continue
            kept[name] = drop_nulls(item, inner)
        return kept
    if isinstance(value, list):
        items = None if schema is None else schema.get("items")
        return [drop_nulls(item, items) for item in value]
    return value


def apply_defaults(value: Any, schema: Schema | None) -> Any:
    """The value with the schema's defaults where a field is missing, or null and not nullable."""
    if schema is None:
        return value
    if isinstance(value, dict):
        return _default_map(value, schema)
    if isinstance(value, list):
        items = schema.get("items")
        if items is None:
            return value
        return [apply_defaults(_or_default(item, items), items) for item in value]
    return value


def _or_default(value: Any, schema: Schema) -> Any:
    default = schema.get("default")
    if value is None and default is not None and not schema.get("nullable"):
        return copy.deepcopy(default)
    return value


def _default_map(value: dict[str, Any], schema: Schema) -> dict[str, Any]:
    properties = schema.get("properties", _NOTHING)
    filled = dict(value)
    for name, inner in properties.items():
        default = inner.get("default")
        if default is not None and name not in filled:
            filled[name] = copy.deepcopy(default)
    for name, item in filled.items():
        found = field_schema(schema, name)
        if found is not None:
            filled[name] = apply_defaults(_or_default(item, found), found)
    return filled
