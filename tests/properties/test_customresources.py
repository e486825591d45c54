"""Custom resources and their schemas under random input: pruning, defaults, validation, expressions, bodies."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import InvalidSpec, StrictDecodingError
from setpoint.core.admission import admit, decode_json, decode_yaml
from setpoint.core.customresources import (
    CRD_DEFINITION,
    apply_defaults,
    check_crd,
    check_crd_update,
    definitions_of,
    drop_nulls,
    prune,
    validate,
)
from setpoint.core.customresources.cel import (
    CelCostExceeded,
    CelError,
    CelSyntaxError,
    CelUnknownFunction,
    adapt,
    compile_expression,
)
from tests.unit.core.customresources.crds import SCHEMA, crontab_crd

FIELD_NAMES = ["a", "b", "c", "d"]
FIELDS = st.sampled_from(FIELD_NAMES)
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 1.5]) | st.text("abc", max_size=3)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3), max_leaves=12
)
OBJECTS = st.dictionaries(FIELDS, VALUES, max_size=4)


def limits(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


SMALL = st.integers(0, 3)
TEXTS = limits(
    minLength=SMALL, maxLength=SMALL, pattern=st.sampled_from(["^a", "b+$", "^[ab]*$", "c"]), enum=st.just(["a", "bc"])
).map(lambda found: {"type": "string"} | found)
NUMBERS = st.tuples(
    st.sampled_from(["integer", "number"]),
    limits(
        minimum=st.integers(-3, 3), maximum=st.integers(-3, 3), multipleOf=st.integers(1, 3), enum=st.just([1, 2, 3])
    ),
).map(lambda found: {"type": found[0]} | found[1])
LEAVES = TEXTS | NUMBERS | st.just({"type": "boolean"})


def junctors(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The schema with some that narrow it: each a copy of its own limits, without what is structure."""
    if schema["type"] != "string":
        return st.just(schema)
    narrow = limits(minLength=SMALL, maxLength=SMALL, enum=st.just(["a", "b"]))
    some = st.lists(narrow, min_size=1, max_size=3)
    return limits(allOf=some, anyOf=some, oneOf=some, **{"not": narrow}).map(lambda found: schema | found)


def compound(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Lists, maps and objects of schemas."""
    lists = st.tuples(inner, limits(minItems=SMALL, maxItems=SMALL)).map(
        lambda found: {"type": "array", "items": found[0]} | found[1]
    )
    maps = st.tuples(inner, limits(minProperties=SMALL, maxProperties=SMALL)).map(
        lambda found: {"type": "object", "additionalProperties": found[0]} | found[1]
    )
    objects = st.tuples(
        st.dictionaries(FIELDS, inner, min_size=1, max_size=3), st.lists(FIELDS, max_size=2, unique=True)
    ).map(lambda found: {"type": "object", "properties": found[0], "required": found[1]})
    return lists | maps | objects


FIELD_SCHEMAS = st.recursive(LEAVES.flatmap(junctors), compound, max_leaves=6)
SCHEMAS = st.tuples(
    st.dictionaries(FIELDS, FIELD_SCHEMAS, min_size=1, max_size=3), st.lists(FIELDS, max_size=2, unique=True)
).map(lambda found: {"type": "object", "properties": found[0], "required": found[1]})


def with_defaults(schema: dict[str, Any], draw: Any) -> dict[str, Any]:
    """The schema with defaults and nullable fields here and there."""
    made = copy.deepcopy(schema)
    stack = [made]
    while stack:
        found = stack.pop()
        for inner in found.get("properties", {}).values():
            stack.append(inner)
            if draw(st.booleans()):
                inner["default"] = draw(VALUES)
            if draw(st.booleans()):
                inner["nullable"] = True
        for word in ("items", "additionalProperties"):
            if isinstance(found.get(word), dict):
                stack.append(found[word])
    return made


@given(SCHEMAS, OBJECTS)
def test_validation_agrees_with_json_schema(schema: dict[str, Any], value: dict[str, Any]) -> None:
    pruned = prune(value, schema)
    wanted = jsonschema.Draft202012Validator(schema).is_valid(pruned)
    assert (not validate(pruned, schema)) is wanted


@given(SCHEMAS, OBJECTS)
def test_pruning_again_finds_nothing(schema: dict[str, Any], value: dict[str, Any]) -> None:
    before = copy.deepcopy(value)
    pruned = prune(value, schema)
    unknown: list[str] = []
    assert prune(pruned, schema, unknown) == pruned
    assert unknown == []
    assert value == before


@given(SCHEMAS, OBJECTS, st.data())
def test_defaults_and_nulls_are_done_once(schema: dict[str, Any], value: dict[str, Any], data: st.DataObject) -> None:
    full = with_defaults(schema, data.draw)
    filled = apply_defaults(drop_nulls(value, full), full)
    assert apply_defaults(filled, full) == filled


@given(SCHEMAS, OBJECTS, st.data())
def test_what_was_admitted_is_admitted_again(
    schema: dict[str, Any], value: dict[str, Any], data: st.DataObject
) -> None:
    crd = crontab_crd(schema=with_defaults(schema, data.draw))
    if check_crd(crd):
        return  # a default that its own schema refuses
    (definition,) = definitions_of(crd)
    try:
        first = admit(definition, value, "Warn")
    except InvalidSpec:
        return
    again = admit(definition, first.document, "Strict")
    assert again.document == first.document
    assert again.warnings == ()


RICH: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}}},
        "spec": {
            "type": "object",
            "properties": {
                "a": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "b": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["a"],
                    "items": {
                        "type": "object",
                        "required": ["a"],
                        "properties": {"a": {"type": "string"}, "b": {"type": "integer", "default": 1}},
                    },
                },
                "c": {"type": "object", "additionalProperties": {"type": "string", "pattern": "^a*$"}, "default": {}},
                "d": {
                    "type": "object",
                    "x-kubernetes-embedded-resource": True,
                    "x-kubernetes-preserve-unknown-fields": True,
                },
            },
            "oneOf": [{"required": ["a"]}, {"not": {"properties": {"b": {"minItems": 1}}}}],
            "x-kubernetes-validations": [{"rule": "!has(self.b) || self.b.all(x, x.b > 0)", "message": "no"}],
        },
    },
}
WORDS = st.sampled_from(
    (
        *("type", "properties", "items", "additionalProperties", "allOf", "anyOf", "oneOf", "not", "required", "enum"),
        *("default", "pattern", "minLength", "maximum", "multipleOf", "nullable", "format", "x-kubernetes-list-type"),
        *("x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-validations", "a", "metadata"),
        *("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"),
    )
)
PARTS = (
    VALUES
    | st.sampled_from(["object", "string", "array", "integer", "map", "set", "atomic", "date-time"])
    | FIELD_SCHEMAS
    | st.lists(FIELD_SCHEMAS | FIELDS, max_size=2)
    | st.dictionaries(FIELDS, FIELD_SCHEMAS, max_size=2)
    | st.just([{"rule": "self == oldSelf"}])
)


def mutated(value: Any, data: st.DataObject) -> Any:
    """The value with one to three of its parts replaced or added."""
    made = copy.deepcopy(value)
    for _ in range(data.draw(st.integers(1, 3))):
        found = made
        while True:
            keys = list(found) if isinstance(found, dict) else list(range(len(found)))
            if not keys or data.draw(st.integers(0, 3)) == 0:
                break
            inner = found[data.draw(st.sampled_from(keys))]
            if not isinstance(inner, (dict, list)):
                break
            found = inner
        part = copy.deepcopy(data.draw(PARTS))
        if isinstance(found, dict):
            names = st.sampled_from([*found, *FIELD_NAMES]) if data.draw(st.booleans()) else WORDS
            found[data.draw(names)] = part
        elif found:
            found[data.draw(st.integers(0, len(found) - 1))] = part
    return made


@settings(max_examples=300)
@given(st.data(), OBJECTS)
def test_any_schema_is_judged_and_an_accepted_one_can_be_used(data: st.DataObject, spec: dict[str, Any]) -> None:
    try:
        crd = admit(CRD_DEFINITION, mutated(crontab_crd(schema=RICH), data), "Ignore").document
    except InvalidSpec:
        return
    assert admit(CRD_DEFINITION, crd, "Strict", crd).document == crd
    for definition in definitions_of(crd):
        with contextlib.suppress(InvalidSpec):
            first = admit(definition, {"metadata": {"name": "x"}, "spec": spec}, "Ignore")
            assert admit(definition, first.document, "Strict", first.document) == first


@given(st.dictionaries(st.sampled_from(["spec", "metadata", "status", "kind"]), VALUES), VALUES)
def test_any_definition_is_judged(crd: dict[str, Any], spec: Any) -> None:
    assert check_crd(crd)
    for name in crontab_crd()["spec"]:
        check_crd(crontab_crd(**{name: spec}))
        check_crd_update(crontab_crd(), crontab_crd(**{name: spec}))


EXPRESSIONS = st.lists(
    st.sampled_from(
        [
            *("self", "self.a", "self.b", "x", "1", "2.5", "'a'", "true", "null", "[", "]", "(", ")", "{", "}", ":"),
            *("+", "-", "*", "/", "%", "==", "!=", "<", ">=", "in", "&&", "||", "!", "?", ".", ",", "has(", "size("),
            *(".all(x,", ".map(x,", ".filter(x,", ".exists(x,", ".split('a')", ".size()", "string(", "duration('1s')"),
        ]
    ),
    max_size=12,
).map(" ".join)


@settings(max_examples=500)
@given(EXPRESSIONS | st.text(max_size=20), VALUES)
def test_an_expression_gives_a_value_or_one_of_its_errors(text: str, value: Any) -> None:
    try:
        program = compile_expression(text)
    except (CelSyntaxError, CelUnknownFunction):
        return
    with contextlib.suppress(CelError, CelCostExceeded):
        program.run({"self": adapt(value, {})}, 2_000)


@given(VALUES)
def test_json_comes_back_and_is_never_twice(value: Any) -> None:
    raw = json.dumps(value, indent=1).encode()
    assert decode_json(raw, "Strict") == (value, ())
    assert decode_json(raw, "Ignore") == (value, ())


@settings(max_examples=300)
@given(st.binary(max_size=40) | st.text('{}[]:,"abc1.- \n*&', max_size=40).map(str.encode))
def test_any_bytes_give_a_value_or_an_error(raw: bytes) -> None:
    for decode in (decode_json, decode_yaml):
        with contextlib.suppress(InvalidSpec, StrictDecodingError):
            decode(raw, "Strict")


@given(VALUES)
def test_any_value_is_admitted_or_refused(value: Any) -> None:
    definition = ResourceDefinition(group="x.y", version="v1", kind="K", plural="ks", schema=SCHEMA)
    with contextlib.suppress(InvalidSpec):
        admit(definition, value, "Strict")
