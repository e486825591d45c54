"""Sets of fields: the form on the wire, and what can be done with them."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.core.apply.fields import (
    Node,
    collapsed,
    decode,
    difference,
    has,
    intersection,
    leaves,
    paths,
    union,
    with_named_parents,
)
from tests.unit.core.apply.follower import TYPED

A: Node = {"f:a": {".": {}, "f:b": {}}, "f:c": {}}
B: Node = {"f:a": {"f:b": {}, "f:d": {}}, "f:e": {}}


def test_operations() -> None:
    assert union(A, B) == {"f:a": {".": {}, "f:b": {}, "f:d": {}}, "f:c": {}, "f:e": {}}
    assert difference(A, B) == {"f:a": {}, "f:c": {}}
    assert difference(B, A) == {"f:a": {"f:d": {}}, "f:e": {}}
    assert intersection(A, B) == {"f:a": {"f:b": {}}}
    assert leaves(A) == {"f:a": {"f:b": {}}, "f:c": {}}


def test_of_a_parent_only_itself_is_taken_away() -> None:
    assert difference(A, {"f:a": {}}) == {"f:a": {"f:b": {}}, "f:c": {}}
    assert difference({"f:a": {}}, {"f:a": {"f:b": {}}}) == {"f:a": {}}


def test_nothing_is_none() -> None:
    assert union(None, A) == union(A, None) == A
    assert difference(A, A) is None
    assert difference(None, A) is intersection(A, None) is intersection(A, {"f:z": {}}) is leaves(None) is None
    assert list(paths(None)) == []


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (["f:a"], True),
        (["f:a", "f:b"], True),
        (["f:c"], True),
        (["f:a", "f:z"], False),
        (["f:c", "f:b"], False),
        (["f:z"], False),
        ([], False),
    ],
)
def test_has_a_path(path: list[str], found: bool) -> None:
    assert has(A, path) is found


def test_a_node_that_only_leads_to_members_is_none_itself() -> None:
    assert not has(B, ["f:a"])
    assert not has(None, ["f:a"])


@pytest.mark.parametrize(
    ("wire", "node"),
    [
        ({}, None),
        ({".": {}}, None),
        ({"f:a": {".": {}}}, {"f:a": {}}),
        ({"f:a": {"f:b": {}, ".": {}}}, {"f:a": {".": {}, "f:b": {}}}),
        ({'k:{ "b": 1,"a":"x" }': {}}, {'k:{"a":"x","b":1}': {}}),
        ({"v:1.0": {}}, {"v:1": {}}),
        ({'v:"\\u003c"': {}}, {'v:"<"': {}}),
        ({"i:01": {}}, {"i:1": {}}),
        ({"f:": {}}, {"f:": {}}),
        ({"f:.": {}}, {"f:.": {}}),
    ],
)
def test_what_comes_over_the_wire_is_written_in_one_way(wire: Any, node: Any) -> None:
    assert decode(wire) == node


@pytest.mark.parametrize("wire", [None, [], "f:a", {"a": {}}, {"": {}}, {"f:a": None}, {"k:{}": {}}, {"i:x": {}}])
def test_what_is_no_set_is_refused(wire: Any) -> None:
    with pytest.raises(InvalidSpec, match=r"metadata.managedFields"):
        decode(wire)


def test_paths_of_a_level_come_before_those_below_it() -> None:
    node: Node = {
        "f:z": {},
        "f:a": {".": {}, "f:b": {}, "f:c": {"f:d": {}}},
        "f:l": {'k:{"n":10}': {"f:x": {}}, 'k:{"n":9}': {}, 'k:{"n":"a"}': {}, "v:true": {}, 'v:"t"': {}, "i:3": {}},
    }
    assert list(paths(node)) == [
        ".a",
        ".z",
        ".a.b",
        ".a.c.d",
        ".l[n=9]",
        '.l[n="a"]',
        '.l[="t"]',
        ".l[=true]",
        ".l[3]",
        ".l[n=10].x",
    ]


def test_declared_fields_above_members_are_added_and_no_keys_of_maps_or_items() -> None:
    node: Node = {
        "f:spec": {
            "f:struct": {"f:name": {}},
            "f:nested": {"f:a": {"f:b": {}}},
            "f:list": {'k:{"name":"x"}': {"f:set": {'v:"s"': {}}}},
        }
    }
    assert with_named_parents(node, TYPED) == {
        "f:spec": {
            ".": {},
            "f:struct": {".": {}, "f:name": {}},
            "f:nested": {".": {}, "f:a": {"f:b": {}}},
            "f:list": {".": {}, 'k:{"name":"x"}': {"f:set": {".": {}, 'v:"s"': {}}}},
        }
    }


def test_members_of_what_has_become_atomic_are_one_member() -> None:
    node: Node = {
        "f:spec": {
            "f:atomicMap": {".": {}, "f:a": {}},
            "f:atomicList": {'v:"a"': {}},
            "f:list": {'k:{"name":"x"}': {".": {}, "f:name": {}}},
            "f:text": {},
        }
    }
    assert collapsed(node, TYPED) == {
        "f:spec": {
            "f:atomicMap": {},
            "f:atomicList": {},
            "f:list": {'k:{"name":"x"}': {".": {}, "f:name": {}}},
            "f:text": {},
        }
    }
