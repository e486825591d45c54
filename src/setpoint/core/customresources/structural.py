"""Whether an OpenAPI v3 schema is structural: types everywhere, junctors that only narrow, extensions where they fit.

Works on any value of JSON: what is no schema at all is a problem like others, never an exception. Depth and number of
schemas are bounded, so that what was accepted once can be walked recursively for ever after.
Source: Kubernetes documentation, "Specifying a structural schema"; apiextensions-apiserver, apiserver/schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from setpoint.apis.errors import Problem
from setpoint.core.customresources.completeness import check_complete
from setpoint.core.customresources.problems import child, forbidden, invalid, key, required, type_name, unsupported
from setpoint.core.expr import ExpressionError, compile_regex

MAX_SCHEMA_DEPTH = 60
MOST_PROBLEMS = 100
MAX_SCHEMAS = 50_000
"""Schemas in one version of a definition, nested ones counted."""

MAX_PATTERNS = 1_000_000
"""Instructions of all patterns of one version together; some seconds of work to make."""

_WORDS: dict[str, str] = {
    **dict.fromkeys(("type", "format", "title", "description", "pattern", "$ref", "$schema", "id"), "string"),
    **dict.fromkeys(("maximum", "minimum", "multipleOf"), "number"),
    **dict.fromkeys(("exclusiveMaximum", "exclusiveMinimum", "uniqueItems", "nullable"), "boolean"),
    **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"), "integer"),
    **dict.fromkeys(("enum", "required", "allOf", "anyOf", "oneOf"), "array"),
    **dict.fromkeys(
        ("properties", "not", "externalDocs", "definitions", "patternProperties", "dependencies"), "object"
    ),
    "x-kubernetes-preserve-unknown-fields": "boolean",
    "x-kubernetes-embedded-resource": "boolean",
    "x-kubernetes-int-or-string": "boolean",
    "x-kubernetes-list-type": "string",
    "x-kubernetes-list-map-keys": "array",
    "x-kubernetes-map-type": "string",
    "x-kubernetes-validations": "array",
}
_OTHERS = frozenset({"items", "additionalProperties", "additionalItems", "default", "example"})
_NEVER = ("$ref", "definitions", "patternProperties", "dependencies", "additionalItems", "id")
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_SCALARS = ("boolean", "integer", "number", "string")
_NESTED_FORBIDDEN = {
    "type": "must be empty to be structural",
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "externalDocs": "must be undefined to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}
_EMPTY_AT = {"root": "at the root", "items": "for specified array items", "field": "for specified object fields"}
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_JUNCTORS = ("allOf", "anyOf", "oneOf")


@dataclass(slots=True)
class _Walk:
    """One pass over a schema; `problems` grows."""

    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    patterns: int = 0

    def schema(self, schema: Any, path: str, level: str, depth: int = 0) -> None:
        """A schema outside of junctors; `level` is root, items or field."""
        if not self._readable(schema, path, depth):
            return
        self._type(schema, path, level)
        self._extensions(schema, path)
        self._lists(schema, path)
        self._metadata(schema, path, level)
        self._values(schema, path, depth)
        items, additional = schema.get("items"), schema.get("additionalProperties")
        if items is not None:
            self.schema(items, child(path, "items"), "items", depth + 1)
        for name, inner in (schema.get("properties") or {}).items():
            self.schema(inner, key(child(path, "properties"), name), "field", depth + 1)
        self._additional(schema, path, level)
        if isinstance(additional, dict):
            self.schema(additional, child(path, "additionalProperties"), "field", depth + 1)

    def _readable(self, schema: Any, path: str, depth: int) -> bool:
        """Whether it is a schema that can be walked: a map, not too deep, each keyword of its type."""
        self.count += 1
        if self.count > MAX_SCHEMAS:
            if self.count == MAX_SCHEMAS + 1:
                self.problems.append(invalid(path, "", f"a schema has at most {MAX_SCHEMAS} schemas inside"))
            return False
        if depth > MAX_SCHEMA_DEPTH:
            self.problems.append(invalid(path, "", f"schemas are nested at most {MAX_SCHEMA_DEPTH} levels deep"))
            return False
        if not isinstance(schema, dict):
            self.problems.append(invalid(path, type_name(schema), "must be a schema"))
            return False
        before = len(self.problems)
        for word, value in schema.items():
            self._word(word, value, child(path, word))
        return len(self.problems) == before

    def _word(self, word: str, value: Any, path: str) -> None:
        wanted = _WORDS.get(word)
        if wanted is None:
            return
        found = type_name(value)
        if found != wanted and not (wanted == "number" and found == "integer"):
            self.problems.append(invalid(path, found, f"must be of type {wanted}"))
        elif wanted == "integer" and value < 0:
            self.problems.append(invalid(path, value, "must be greater than or equal to 0"))
        elif word in ("required", "x-kubernetes-list-map-keys") and not all(isinstance(item, str) for item in value):
            self.problems.append(invalid(path, value, "must be a list of strings"))

    def _type(self, schema: Mapping[str, Any], path: str, level: str) -> None:
        kind = schema.get("type", "")
        place = child(path, "type")
        preserves = schema.get("x-kubernetes-preserve-unknown-fields", False)
        if kind and kind not in _TYPES:
            self.problems.append(unsupported(place, kind, _TYPES))
        elif schema.get("x-kubernetes-embedded-resource") and kind != "object":
            detail = "must be object if x-kubernetes-embedded-resource is true"
            self.problems.append(invalid(place, kind, detail) if kind else required(place, detail))
        elif not kind and not schema.get("x-kubernetes-int-or-string") and (not preserves or level == "root"):
            self.problems.append(required(place, f"must not be empty {_EMPTY_AT[level]}"))
        elif level == "root" and kind != "object":
            self.problems.append(invalid(place, kind, "must be object at the root"))
        if kind == "array" and schema.get("items") is None:
            self.problems.append(required(child(path, "items"), "must be specified"))

    def _extensions(self, schema: Mapping[str, Any], path: str) -> None:
        preserve, embedded = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"
        if schema.get("x-kubernetes-int-or-string"):
            for word in (preserve, embedded):
                if schema.get(word):
                    detail = "must be false if x-kubernetes-int-or-string is true"
                    self.problems.append(invalid(child(path, word), True, detail))
            if schema.get("type"):
                detail = "must be empty if x-kubernetes-int-or-string is true"
                self.problems.append(invalid(child(path, "type"), schema["type"], detail))
        if preserve in schema and schema[preserve] is not True:
            self.problems.append(invalid(child(path, preserve), schema[preserve], "must be true or undefined"))
        if schema.get(embedded) and not schema.get(preserve) and not schema.get("properties"):
            detail = f"must not be empty if {embedded} is true without {preserve}"
            self.problems.append(required(child(path, "properties"), detail))
        kind = schema.get("x-kubernetes-map-type")
        if kind is not None:
            place = child(path, "x-kubernetes-map-type")
            if kind not in ("atomic", "granular"):
                self.problems.append(unsupported(place, kind, ("atomic", "granular")))
            elif schema.get("type") != "object":
                detail = "must be object if x-kubernetes-map-type is specified"
                self.problems.append(invalid(child(path, "type"), schema.get("type", ""), detail))

    def _lists(self, schema: Mapping[str, Any], path: str) -> None:
        kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", [])
        place, keys_place = child(path, "x-kubernetes-list-type"), child(path, "x-kubernetes-list-map-keys")
        if kind is not None and kind not in ("atomic", "set", "map"):
            self.problems.append(unsupported(place, kind, ("atomic", "set", "map")))
        elif kind is not None and schema.get("type") != "array":
            detail = "must be array if x-kubernetes-list-type is specified"
            self.problems.append(invalid(child(path, "type"), schema.get("type", ""), detail))
        if keys and kind != "map":
            detail = "must be map if x-kubernetes-list-map-keys is non-empty"
            self.problems.append(invalid(place, kind, detail) if kind else required(place, detail))
        if kind == "map":
            if keys:
                self._map_keys(schema.get("items"), keys, path, keys_place)
            else:
                self.problems.append(required(keys_place, "must not be empty if x-kubernetes-list-type is map"))
        items = schema.get("items")
        if kind == "set" and isinstance(items, dict):
            self._set_items(items, path)

    def _map_keys(self, items: Any, keys: list[str], path: str, keys_place: str) -> None:
        if not isinstance(items, dict):
            return
        if items.get("type") != "object":
            detail = "must be object if parent array's x-kubernetes-list-type is map"
            self.problems.append(invalid(f"{path}.items.type", items.get("type", ""), detail))
            return
        properties = items.get("properties")
        needed = items.get("required")
        for index, name in enumerate(keys):
            if name in keys[:index]:
                self.problems.append(invalid(f"{keys_place}[{index}]", name, "must not be given twice"))
            inner = properties.get(name) if isinstance(properties, dict) else None
            if not isinstance(inner, dict):
                detail = "entries must all be names of item properties"
                self.problems.append(invalid(f"{keys_place}[{index}]", name, detail))
                continue
            place = f"{path}.items.properties[{name}]"
            if inner.get("type") not in _SCALARS:
                detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
                self.problems.append(invalid(f"{place}.type", inner.get("type", ""), detail))
            if inner.get("default") is None and not (isinstance(needed, list) and name in needed):
                detail = "is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
                self.problems.append(required(f"{place}.default", detail))
            if inner.get("nullable"):
                detail = "is in x-kubernetes-list-map-keys, so it cannot be nullable"
                self.problems.append(forbidden(f"{place}.nullable", detail))

    def _set_items(self, items: Mapping[str, Any], path: str) -> None:
        if items.get("nullable"):
            detail = "cannot be nullable when x-kubernetes-list-type is set"
            self.problems.append(forbidden(f"{path}.items.nullable", detail))
        kind, word = items.get("type"), {"object": "x-kubernetes-map-type", "array": "x-kubernetes-list-type"}
        if isinstance(kind, str) and kind in word and items.get(word[kind]) != "atomic":
            detail = f"must be atomic as item of a list with x-kubernetes-list-type=set if it is {kind}"
            self.problems.append(invalid(f"{path}.items.{word[kind]}", items.get(word[kind], ""), detail))

    def _metadata(self, schema: Mapping[str, Any], path: str, level: str) -> None:
        if level != "root" and not schema.get("x-kubernetes-embedded-resource"):
            return
        properties = schema.get("properties") or {}
        for name, wanted in (("kind", "string"), ("apiVersion", "string"), ("metadata", "object")):
            inner = properties.get(name)
            if isinstance(inner, dict) and inner.get("type") != wanted:
                place = f"{key(child(path, 'properties'), name)}.type"
                self.problems.append(invalid(place, inner.get("type", ""), f"must be {wanted}"))
        inner = properties.get("metadata")
        if level != "root" or not isinstance(inner, dict):
            return
        said = {word for word, value in inner.items() if value} - {"type", "properties", "description", "default"}
        named = inner.get("properties") or {}
        if said or not isinstance(named, dict) or not named.keys() <= {"name", "generateName"}:
            detail = "must not specify anything other than name and generateName, but metadata is implicitly specified"
            self.problems.append(forbidden(key(child(path, "properties"), "metadata"), detail))

    def _additional(self, schema: Mapping[str, Any], path: str, level: str) -> None:
        if "additionalProperties" not in schema:
            return
        place = child(path, "additionalProperties")
        additional = schema["additionalProperties"]
        if level == "root":
            self.problems.append(forbidden(place, "must not be used at the root"))
        if schema.get("x-kubernetes-embedded-resource"):
            self.problems.append(forbidden(place, "must not be used if x-kubernetes-embedded-resource is set"))
        if additional is False:
            self.problems.append(forbidden(place, "additionalProperties cannot be set to false"))
        elif schema.get("properties") and additional is not True:
            self.problems.append(forbidden(place, "additionalProperties and properties are mutual exclusive"))
        elif additional is not True and not isinstance(additional, dict):
            self.problems.append(invalid(place, type_name(additional), "must be a schema or true"))

    def _values(self, schema: Mapping[str, Any], path: str, depth: int) -> None:
        """What stands in any schema, nested in a junctor or not."""
        for word in _NEVER:
            if word in schema:
                self.problems.append(forbidden(child(path, word), f"{word} is not supported"))
        if schema.get("uniqueItems"):
            detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
            self.problems.append(forbidden(child(path, "uniqueItems"), detail))
        if pattern := schema.get("pattern"):
            self._pattern(pattern, child(path, "pattern"))
        skipped = _int_or_string(schema)
        for word in _JUNCTORS:
            for index, inner in enumerate(schema.get(word) or ()):
                if word != skipped:
                    self._nested(inner, f"{child(path, word)}[{index}]", depth + 1)
                elif word == "allOf" and isinstance(inner, dict):
                    rest = {name: value for name, value in inner.items() if index or name != "anyOf"}
                    self._nested(rest, f"{child(path, word)}[{index}]", depth + 1)
        if "not" in schema:
            self._nested(schema["not"], child(path, "not"), depth + 1)

    def _pattern(self, pattern: str, path: str) -> None:
        if self.patterns > MAX_PATTERNS:
            return
        try:
            self.patterns += compile_regex(pattern).work("")
        except ExpressionError as error:
            self.patterns += 1_000
            detail = f"must be a valid regular expression, but isn't: {error.reason}"
            self.problems.append(invalid(path, pattern, detail))
        if self.patterns > MAX_PATTERNS:
            self.problems.append(invalid(path, pattern, "the patterns of this version are too large together"))

    def _nested(self, schema: Any, path: str, depth: int) -> None:
        """A schema below a junctor: it may narrow values and say nothing else."""
        if not self._readable(schema, path, depth):
            return
        for word, detail in _NESTED_FORBIDDEN.items():
            if schema.get(word) or (word in ("additionalProperties", "default") and word in schema):
                self.problems.append(forbidden(child(path, word), detail))
        self._values(schema, path, depth)
        if schema.get("items") is not None:
            self._nested(schema["items"], child(path, "items"), depth + 1)
        for name, inner in (schema.get("properties") or {}).items():
            place = key(child(path, "properties"), name)
            if name == "metadata":
                self.problems.append(forbidden(place, "must not be specified in a nested context"))
            self._nested(inner, place, depth + 1)


def _int_or_string(schema: Mapping[str, Any]) -> str:
    """The junctor in which `type` is allowed: that of int-or-string's two usual spellings; else empty."""
    if not schema.get("x-kubernetes-int-or-string"):
        return ""
    if schema.get("anyOf") == _INT_OR_STRING:
        return "anyOf"
    every = schema.get("allOf") or ()
    if every and isinstance(every[0], dict) and every[0].get("anyOf") == _INT_OR_STRING:
        return "allOf"
    return ""


def check_structural(schema: Any, path: str) -> tuple[Problem, ...]:
    """Why a schema is not structural, empty if it is; sorted as an API server sorts them.

    Args:
        schema: The `openAPIV3Schema` of a version, any value of JSON.
        path: Its path in the CustomResourceDefinition.
    """
    walk = _Walk()
    walk.schema(schema, path, "root")
    problems = walk.problems or check_complete(schema, path)
    return tuple(sorted(problems, key=str))[:MOST_PROBLEMS]
