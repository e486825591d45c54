"""Pruning, nulls and defaults."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from setpoint.core.customresources import apply_defaults, check_embedded, coerce_metadata, drop_nulls, prune
from tests.unit.core.customresources.crds import of_spec

KEEP = {"x-kubernetes-preserve-unknown-fields": True}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "value", "kept", "unknown"),
    [
        (of_spec(a=TEXT), {"spec": {"a": "x", "b": 1}}, {"spec": {"a": "x"}}, ["spec.b"]),
        (of_spec(a=TEXT), {"apiVersion": "v1", "kind": "X", "metadata": {"q": 1}, "z": 1}, None, ["z"]),
        (
            of_spec(a={"type": "array", "items": {"type": "object", "properties": {"n": TEXT}}}),
            {"spec": {"a": [{"n": "x"}, {"m": 1}]}},
            {"spec": {"a": [{"n": "x"}, {}]}},
            ["spec.a[1].m"],
        ),
        (of_spec(a={"type": "object", **KEEP}), {"spec": {"a": {"b": {"c": [1]}}}}, None, []),
        (
            of_spec(a={**KEEP, "properties": {"b": {"type": "object", "properties": {"c": TEXT}}}}),
            {"spec": {"a": {"x": {"y": 1}, "b": {"c": "1", "d": 2}}}},
            {"spec": {"a": {"x": {"y": 1}, "b": {"c": "1"}}}},
            ["spec.a.b.d"],
        ),
        (of_spec(a={"type": "object", "additionalProperties": TEXT}), {"spec": {"a": {"x": "1", "y": "2"}}}, None, []),
        (
            of_spec(a={"type": "object", "additionalProperties": {"type": "object", "properties": {"n": TEXT}}}),
            {"spec": {"a": {"x": {"n": "1", "m": 2}}}},
            {"spec": {"a": {"x": {"n": "1"}}}},
            ["spec.a.x.m"],
        ),
        (
            of_spec(a={"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": KEEP}}),
            {"spec": {"a": {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"x": 1}, "status": {}}}},
            {"spec": {"a": {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"x": 1}}}},
            ["spec.a.status"],
        ),
    ],
)
def test_what_the_schema_does_not_name_is_pruned(
    schema: dict[str, Any], value: dict[str, Any], kept: dict[str, Any] | None, unknown: list[str]
) -> None:
    before = copy.deepcopy(value)
    found: list[str] = []
    wanted = {name: item for name, item in value.items() if name != "z"} if kept is None else kept
    assert prune(value, schema, found) == wanted
    assert found == unknown
    assert value == before


def test_nulls_that_are_no_values_are_dropped() -> None:
    schema = of_spec(
        a=TEXT,
        b={"type": "string", "nullable": True},
        c={"type": "string", "default": "x"},
        d={"type": "array", "items": {"type": "string"}},
        e=KEEP,
    )
    value = {"spec": {"a": None, "b": None, "c": None, "d": [None], "e": {"f": None}}}
    assert drop_nulls(value, schema) == {"spec": {"b": None, "c": None, "d": [None], "e": {"f": None}}}


def test_defaults_fill_what_is_missing_or_null_and_not_nullable() -> None:
    schema = of_spec(
        a={"type": "string", "default": "x"},
        b={"type": "string", "nullable": True, "default": "y"},
        c={"type": "integer", "default": 0},
        d={"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}}},
        e={"type": "object", "additionalProperties": {"type": "integer", "default": 5}},
        f={"type": "object", "default": {}, "properties": {"g": {"type": "boolean", "default": False}}},
    )
    value = {"spec": {"a": None, "b": None, "d": [{}, {"n": 2}], "e": {"k": None}}}
    assert apply_defaults(value, schema) == {
        "spec": {"a": "x", "b": None, "c": 0, "d": [{"n": 1}, {"n": 2}], "e": {"k": 5}, "f": {"g": False}}
    }


def test_a_default_is_a_copy() -> None:
    schema = of_spec(a={"type": "array", "items": TEXT, "default": ["x"]})
    filled = apply_defaults({"spec": {}}, schema)
    filled["spec"]["a"].append("y")
    assert apply_defaults({"spec": {}}, schema) == {"spec": {"a": ["x"]}}


def test_a_missing_object_without_default_gets_none_of_its_defaults() -> None:
    assert apply_defaults({}, of_spec(a={"type": "string", "default": "x"})) == {}


EMBEDDED = of_spec(
    pod={"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
)


def test_fields_that_metadata_does_not_have_are_dropped() -> None:
    unknown: list[str] = []
    value = {
        "metadata": {"name": "x", "odd": 1, "labels": None, "ownerReferences": [{"uid": "u", "x": 1}]},
        "spec": {"pod": {"metadata": {"name": "p", "zone": "z"}, "x": 1}},
    }
    coerced, problems = coerce_metadata(value, EMBEDDED, unknown)
    assert coerced == {
        "metadata": {"name": "x", "ownerReferences": [{"uid": "u"}]},
        "spec": {"pod": {"metadata": {"name": "p"}, "x": 1}},
    }
    assert unknown == ["metadata.odd", "metadata.ownerReferences[0].x", "spec.pod.metadata.zone"]
    assert [problem.path for problem in problems] == ["metadata.ownerReferences[0]"]


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"labels": {"a": 1}}, "metadata.labels[...]"),
        ({"name": 5}, "metadata.name"),
        ({"finalizers": "x"}, "metadata.finalizers"),
        ("text", "metadata"),
    ],
)
def test_metadata_of_the_wrong_type_is_a_problem(metadata: Any, path: str) -> None:
    _, problems = coerce_metadata({"metadata": metadata}, {}, [])
    assert [problem.path for problem in problems] == [path]


def test_an_embedded_resource_needs_its_type_and_legal_metadata() -> None:
    value = {"spec": {"pod": {"kind": "?", "metadata": {"labels": {"-bad": "x"}}}}}
    found = check_embedded(value, EMBEDDED)
    assert [problem.path for problem in found] == ["spec.pod.apiVersion", "spec.pod.kind", "spec.pod.metadata.labels"]
    assert str(found[0]) == "spec.pod.apiVersion: Required value: must not be empty"
