"""Rules of a schema, and what an object is told that breaks them."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.core.customresources import evaluate_rules
from tests.unit.core.customresources.crds import of_spec


def ruled(rule: str, kind: str = "object", **more: Any) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    for name in ("properties", "items", "additionalProperties"):
        if name in more:
            extra[name] = more.pop(name)
    return {"type": kind, "x-kubernetes-validations": [{"rule": rule, **more}]} | extra


def broken(field: dict[str, Any], value: Any, old: Any = None) -> list[str]:
    before = None if old is None else {"spec": {"a": old}}
    return [str(problem) for problem in evaluate_rules({"spec": {"a": value}}, of_spec(a=field), before)]


def test_a_rule_that_holds_is_silent() -> None:
    assert broken(ruled("self.min <= self.max"), {"min": 1, "max": 2}) == []


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, 'spec.a: Invalid value: "object": failed rule: self.min <= self.max'),
        ({"message": "min above max"}, 'spec.a: Invalid value: "object": min above max'),
        (
            {"message": "m", "messageExpression": "'min is ' + string(self.min)"},
            'spec.a: Invalid value: "object": min is 3',
        ),
        ({"message": "m", "messageExpression": "self.nothing"}, 'spec.a: Invalid value: "object": m'),
        ({"message": "m", "reason": "FieldValueForbidden"}, "spec.a: Forbidden: m"),
        ({"message": "m", "reason": "FieldValueRequired", "fieldPath": ".min"}, "spec.a.min: Required value: m"),
        ({"message": "m", "reason": "FieldValueDuplicate"}, 'spec.a: Duplicate value: "object"'),
    ],
)
def test_a_broken_rule_says_its_message(more: dict[str, Any], wanted: str) -> None:
    assert broken(ruled("self.min <= self.max", **more), {"min": 3, "max": 2}) == [wanted]


def test_an_error_in_a_rule_is_a_problem() -> None:
    assert broken(ruled("self.nothing > 1"), {}) == [
        'spec.a: Invalid value: "object": no such key: nothing evaluating rule: self.nothing > 1'
    ]
    assert broken(ruled("self > 1", "string"), "x") == [
        'spec.a: Invalid value: "string": call arguments did not match a supported operator, function or macro '
        "signature for rule: self > 1"
    ]


def test_rules_of_a_null_are_not_asked() -> None:
    assert broken(ruled("self == 'x'", "string") | {"nullable": True}, None) == []


def test_a_transition_rule_compares_with_the_old_value() -> None:
    field = ruled("self == oldSelf", "string", message="field is immutable")
    assert broken(field, "x") == []
    assert broken(field, "x", "x") == []
    assert broken(field, "y", "x") == ['spec.a: Invalid value: "string": field is immutable']


def test_an_optional_old_value_is_asked_for_a_new_object_too() -> None:
    field = ruled("!oldSelf.hasValue() || oldSelf.value() == self", "string", optionalOldSelf=True)
    assert broken(field, "x") == []
    assert len(broken(field, "y", "x")) == 1
    assert len(broken(ruled("oldSelf.hasValue()", "string", optionalOldSelf=True), "x")) == 1


def test_items_of_a_list_that_is_a_map_are_compared_by_their_keys() -> None:
    item = ruled("self.port == oldSelf.port", properties={"name": {"type": "string"}, "port": {"type": "integer"}})
    field = {
        "type": "array",
        "items": item,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }
    old = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
    assert broken(field, [{"name": "b", "port": 2}, {"name": "a", "port": 1}, {"name": "c", "port": 9}], old) == []
    assert broken(field, [{"name": "b", "port": 3}], old)[0].startswith("spec.a[0]: Invalid value")


def test_rules_are_asked_wherever_a_value_stands() -> None:
    item = ruled("self.startsWith('x')", "string", message="x is wanted")
    assert broken({"type": "array", "items": item}, ["x", "y"]) == ['spec.a[1]: Invalid value: "string": x is wanted']
    assert broken({"type": "object", "additionalProperties": item}, {"k": "y"}) == [
        'spec.a[k]: Invalid value: "string": x is wanted'
    ]


def test_rules_that_cost_too_much_are_one_problem_and_the_last() -> None:
    costly = "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))"
    field = ruled(costly, "array", items={"type": "integer"})
    field["x-kubernetes-validations"].append({"rule": "false"})
    found = broken(field, list(range(300)))
    assert len(found) == 1
    assert "no further validation rules will be run due to call cost exceeds limit" in found[0]


def test_a_rule_with_an_unknown_function_is_left_out() -> None:
    assert broken(ruled("self.soundsLike('x')", "string"), "y") == []
