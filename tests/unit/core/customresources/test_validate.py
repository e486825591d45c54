"""What is wrong with a value, in Kubernetes' words."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.core.customresources import validate
from setpoint.core.customresources.formats import has_format
from tests.unit.core.customresources.crds import SCHEMA, of_spec

LISTED = {"type": "object", "properties": {"name": {"type": "string"}, "port": {"type": "integer"}}}


def problems(field: dict[str, Any], value: Any) -> list[str]:
    return [str(problem) for problem in validate({"spec": {"a": value}}, of_spec(a=field))]


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ({"type": "integer"}, "3", 'Invalid value: "string": spec.a in body must be of type integer: "string"'),
        ({"type": "integer"}, 1.5, 'Invalid value: "number": spec.a in body must be of type integer: "number"'),
        ({"type": "string"}, 5, 'Invalid value: "integer": spec.a in body must be of type string: "integer"'),
        ({"type": "string"}, None, 'Invalid value: "null": spec.a in body must be of type string: "null"'),
        ({"type": "boolean"}, "true", 'Invalid value: "string": spec.a in body must be of type boolean: "string"'),
        ({"type": "number"}, True, 'Invalid value: "boolean": spec.a in body must be of type number: "boolean"'),
        ({"type": "array", "items": {}}, {}, 'Invalid value: "object": spec.a in body must be of type array: "object"'),
        (
            {"x-kubernetes-int-or-string": True},
            1.5,
            'Invalid value: "number": spec.a in body must be of type integer,string: "number"',
        ),
        (
            {"type": "string", "enum": ["red", "blue"]},
            "green",
            'Unsupported value: "green": supported values: "red", "blue"',
        ),
        ({"type": "integer", "enum": [1, 2]}, 3, 'Unsupported value: 3: supported values: "1", "2"'),
        ({"type": "string", "maxLength": 2}, "abc", "Too long: may not be more than 2 bytes"),
        ({"type": "string", "minLength": 2}, "a", 'Invalid value: "a": spec.a in body should be at least 2 chars long'),
        (
            {"type": "string", "pattern": "^[a-z]+$"},
            "A",
            "Invalid value: \"A\": spec.a in body should match '^[a-z]+$'",
        ),
        ({"type": "integer", "maximum": 5}, 6, "Invalid value: 6: spec.a in body should be less than or equal to 5"),
        (
            {"type": "integer", "minimum": 5, "exclusiveMinimum": True},
            5,
            "Invalid value: 5: spec.a in body should be greater than 5",
        ),
        ({"type": "integer", "multipleOf": 3}, 4, "Invalid value: 4: spec.a in body should be a multiple of 3"),
        (
            {"type": "integer", "format": "int32"},
            2**31,
            "Invalid value: 2147483648: Checked value must be of type integer with format int32",
        ),
        (
            {"type": "string", "format": "date-time"},
            "soon",
            'Invalid value: "soon": spec.a in body must be of type date-time: "soon"',
        ),
        ({"type": "array", "items": {}, "maxItems": 1}, [1, 2], "Too many: 2: must have at most 1 items"),
        (
            {"type": "array", "items": {}, "minItems": 1},
            [],
            "Invalid value: 0: spec.a in body should have at least 1 items",
        ),
        (
            {"type": "object", "minProperties": 1},
            {},
            "Invalid value: 0: spec.a in body should have at least 1 properties",
        ),
        ({"type": "object", "maxProperties": 0}, {"x": 1}, "Too many: 1: must have at most 0 items"),
        (
            {"not": {"required": ["x"]}, "type": "object"},
            {"x": 1},
            'Invalid value: "": "spec.a" must not validate the schema (not)',
        ),
    ],
)
def test_a_wrong_value_is_one_problem(field: dict[str, Any], value: Any, wanted: str) -> None:
    assert problems(field, value) == [f"spec.a: {wanted}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"type": "integer"}, 1.0),
        ({"type": "number"}, 1),
        ({"type": "string", "nullable": True}, None),
        ({"type": "string", "maxLength": 2}, "äö"),
        ({"x-kubernetes-int-or-string": True}, "50%"),
        ({"x-kubernetes-preserve-unknown-fields": True}, {"a": [None, 1.5]}),
        ({"type": "number", "enum": [1]}, 1.0),
        ({"type": "string", "format": "nobody-knows"}, "x"),
        ({"type": "object", "additionalProperties": True}, {"x": 1}),
    ],
)
def test_a_right_value_is_none(field: dict[str, Any], value: Any) -> None:
    assert problems(field, value) == []


def test_a_required_field_that_is_missing_is_named() -> None:
    assert [str(problem) for problem in validate({"spec": {}}, SCHEMA)] == ["spec.cronSpec: Required value"]


def test_all_problems_are_found_each_with_its_type() -> None:
    found = validate({"spec": {"cronSpec": "", "replicas": 11, "color": "green"}}, SCHEMA)
    assert [(problem.path, problem.type) for problem in found] == [
        ("spec.cronSpec", "FieldValueInvalid"),
        ("spec.replicas", "FieldValueInvalid"),
        ("spec.color", "FieldValueNotSupported"),
    ]


def test_entries_of_maps_and_lists_have_their_paths() -> None:
    assert problems({"type": "object", "additionalProperties": {"type": "string"}}, {"x.y/z": 1}) == [
        'spec.a[x.y/z]: Invalid value: "integer": spec.a[x.y/z] in body must be of type string: "integer"'
    ]
    assert problems({"type": "array", "items": {"type": "string"}}, ["x", 1]) == [
        'spec.a[1]: Invalid value: "integer": spec.a[1] in body must be of type string: "integer"'
    ]


ONE_OF = {"type": "object", "properties": {"x": {}, "y": {}}, "oneOf": [{"required": ["x"]}, {"required": ["y"]}]}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"x": 1}, []),
        (
            {},
            [
                'spec.a: Invalid value: "": "spec.a" must validate one and only one schema (oneOf). Found none valid',
                "spec.a.x: Required value",
            ],
        ),
        (
            {"x": 1, "y": 2},
            [
                'spec.a: Invalid value: "": "spec.a" must validate one and only one schema (oneOf). '
                "Found 2 valid alternatives"
            ],
        ),
    ],
)
def test_one_of_wants_one(value: Any, wanted: list[str]) -> None:
    assert problems(ONE_OF, value) == wanted


def test_any_of_and_all_of_say_what_failed() -> None:
    some = {"type": "string", "anyOf": [{"maxLength": 1}, {"pattern": "^a"}]}
    assert problems(some, "b") == []
    assert problems(some, "bb")[0] == 'spec.a: Invalid value: "": "spec.a" must validate at least one schema (anyOf)'
    every = {"type": "string", "allOf": [{"maxLength": 1}, {"pattern": "^a"}]}
    assert problems(every, "ab") == [
        'spec.a: Invalid value: "": "spec.a" must validate all the schemas (allOf)',
        "spec.a: Too long: may not be more than 1 bytes",
    ]
    assert "None validated" in problems(every, "bb")[0]


def test_a_set_has_each_item_once() -> None:
    field = {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}
    assert problems(field, ["a", "b", "a", "a"]) == ['spec.a[2]: Duplicate value: "a"']
    assert problems(field, ["a", "b"]) == []


def test_a_list_that_is_a_map_has_each_key_once() -> None:
    field = {
        "type": "array",
        "items": LISTED,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name", "port"],
    }
    same = [{"name": "a", "port": 1}, {"name": "a", "port": 2}, {"port": 1, "name": "a"}]
    assert problems(field, same) == ['spec.a[2]: Duplicate value: {"name":"a","port":1}']
    assert problems(field, ["x"])[0].endswith("must be an object for an array of list-type map")


def test_a_pattern_that_would_run_away_elsewhere_ends() -> None:
    assert len(problems({"type": "string", "pattern": "^(a+)+$"}, "a" * 500 + "b")) == 1


def test_patterns_over_too_much_text_are_one_problem_each() -> None:
    field = {"type": "array", "items": {"type": "string", "pattern": "^b*$"}}
    found = problems(field, ["a" * 100_000] * 60)
    assert found[-1] == "spec.a[59]: the patterns of this object cost too much to check: make it smaller"


def test_no_more_problems_are_looked_for_than_anybody_reads() -> None:
    assert len(problems({"type": "array", "items": {"type": "string"}}, [1] * 5_000)) == 100


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date-time", "2026-01-02T03:04:05.5+01:00", "2026-13-02T03:04:05Z"),
        ("date", "2024-02-29", "2023-02-29"),
        ("byte", "YQ==", "YQ="),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("uuid4", "123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("ipv6", "::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("uri", "https://example.com/x", "not a uri"),
        ("hostname", "a.example.com", "-a"),
        ("email", "a@example.com", "a"),
        ("mac", "00:11:22:33:44:55", "00:11"),
        ("duration", "1h30m", "soon"),
    ],
)
def test_formats_are_checked(name: str, right: str, wrong: str) -> None:
    assert has_format(right, name)
    assert not has_format(wrong, name)
