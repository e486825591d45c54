"""The metadata of an object of a CustomResourceDefinition and of the objects embedded in it.

A schema says nothing of metadata: its fields are ObjectMeta's, wherever the schema has an embedded resource.
Source: apiextensions-apiserver, schema/objectmeta.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from setpoint.apis import names
from setpoint.apis.errors import InvalidSpec, Problem
from setpoint.apis.meta import ObjectMeta, OwnerReference
from setpoint.core.customresources.problems import child, element, invalid, note, required, wrong_type
from setpoint.core.customresources.prune import field_schema

Schema = Mapping[str, Any]

_FIELDS = {item.encode_name: item for item in msgspec.structs.fields(ObjectMeta)}
_OWNER_FIELDS = {item.encode_name: item for item in msgspec.structs.fields(OwnerReference)}
_API_VERSION = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z]([-a-z0-9]*[a-z0-9])?")
_KIND = re.compile(r"[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?")


def coerce_metadata(
    value: Any, schema: Schema | None, unknown: list[str], *, root: bool = True, path: str = ""
) -> tuple[Any, tuple[Problem, ...]]:
    """The object with metadata as ObjectMeta takes it, here and in all embedded resources, and what it does not take.

    Args:
        value: The object.
        schema: Its structural schema.
        unknown: Takes the paths of fields that metadata does not have; they are dropped.
        root: Whether the value itself has metadata.
        path: The path of the value.
    """
    problems: list[Problem] = []
    return _coerce(value, schema, path, root, unknown, problems), tuple(problems)


def _coerce(
    value: Any, schema: Schema | None, path: str, embedded: bool, unknown: list[str], problems: list[Problem]
) -> Any:
    if isinstance(value, list):
        items = None if schema is None else schema.get("items")
        if items is None:
            return value
        inside = items.get("x-kubernetes-embedded-resource") is True
        return [_coerce(v, items, element(path, i), inside, unknown, problems) for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    changed: dict[str, Any] = {}
    for name, item in value.items():
        if embedded and name == "metadata":
            changed[name] = _object_meta(item, child(path, name), unknown, problems)
            continue
        if embedded and name in ("apiVersion", "kind") and not isinstance(item, str) and item is not None:
            problems.append(wrong_type(child(path, name), type(item).__name__, "string"))
        inner = field_schema(schema, name)
        inside = inner is not None and inner.get("x-kubernetes-embedded-resource") is True
        changed[name] = item if inner is None else _coerce(item, inner, child(path, name), inside, unknown, problems)
    return changed


def _object_meta(value: Any, path: str, unknown: list[str], problems: list[Problem]) -> Any:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(invalid(path, value, "must be an object with name, labels, annotations and the like"))
        return value
    kept: dict[str, Any] = {}
    for name, item in value.items():
        if name not in _FIELDS:
            note(unknown, child(path, name))
        elif item is not None:
            kept[name] = _owners(item, child(path, name), unknown) if name == "ownerReferences" else item
    for name, item in kept.items():
        try:
            msgspec.convert(item, _FIELDS[name].type)
        except msgspec.ValidationError as error:
            reason, _, where = str(error).partition(" - at `")
            place = where.rstrip("`").removeprefix("$")
            problems.append(invalid(child(path, name) + place, item, reason))
    return kept


def _owners(value: Any, path: str, unknown: list[str]) -> Any:
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    for index, owner in enumerate(value):
        if isinstance(owner, dict):
            for name in owner.keys() - _OWNER_FIELDS.keys():
                note(unknown, child(element(path, index), name))
            kept.append({name: inner for name, inner in owner.items() if name in _OWNER_FIELDS and inner is not None})
        else:
            kept.append(owner)
    return kept


def check_embedded(value: Any, schema: Schema | None, path: str = "") -> tuple[Problem, ...]:
    """What is wrong with the apiVersion, kind and metadata of embedded resources; the root is not looked at."""
    problems: list[Problem] = []
    _embedded(value, schema, path, problems, inside=False)
    return tuple(problems)


def _embedded(value: Any, schema: Schema | None, path: str, problems: list[Problem], *, inside: bool) -> None:
    if schema is None:
        return
    if inside and schema.get("x-kubernetes-embedded-resource") is True and isinstance(value, dict):
        _check_embedded_object(value, path, problems)
    if isinstance(value, dict):
        for name, item in value.items():
            _embedded(item, field_schema(schema, name), child(path, name), problems, inside=True)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _embedded(inner, schema.get("items"), element(path, index), problems, inside=True)


def _check_embedded_object(value: dict[str, Any], path: str, problems: list[Problem]) -> None:
    for name, form in (("apiVersion", _API_VERSION), ("kind", _KIND)):
        text = value.get(name)
        if not text:
            problems.append(required(child(path, name), "must not be empty"))
        elif isinstance(text, str) and not form.fullmatch(text):
            problems.append(invalid(child(path, name), text, f"is not a legal {name}"))
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        return
    place = child(path, "metadata")
    checks: tuple[tuple[str, Callable[[], None]], ...] = (
        ("labels", lambda: names.check_labels(metadata["labels"], path=child(place, "labels"))),
        ("annotations", lambda: names.check_annotations(metadata["annotations"], path=child(place, "annotations"))),
        ("finalizers", lambda: names.check_finalizers(metadata["finalizers"], path=child(place, "finalizers"))),
    )
    for name, check in checks:
        if name in metadata:
            try:
                check()
            except InvalidSpec as error:
                problems.append(invalid(error.path, metadata[name], error.reason))
