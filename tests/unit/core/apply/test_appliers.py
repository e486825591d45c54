"""Managers that apply to one object: what becomes of it, and who owns what.

The cases are those of structured-merge-diff (merge/*_test.go), on objects of ours.
"""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.apis.errors import ApplyConflict
from tests.unit.core.apply.follower import DEDUCED, Follower

Step = tuple[str, str, Any]
"""`apply`, `force` or `update`; the manager; the spec."""

CASES: dict[str, tuple[list[Step], Any, dict[str, list[str]]]] = {
    "a configuration grows": (
        [("apply", "a", {"text": "x"}), ("apply", "a", {"text": "y", "number": 1})],
        {"text": "y", "number": 1},
        {"a": [".number", ".text"]},
    ),
    "a field that nobody else owns goes with its configuration": (
        [("apply", "a", {"text": "x", "number": 1}), ("apply", "a", {"number": 1})],
        {"number": 1},
        {"a": [".number"]},
    ),
    "a field that another applies stays": (
        [("apply", "a", {"text": "x", "number": 1}), ("apply", "b", {"text": "x"}), ("apply", "a", {"number": 1})],
        {"text": "x", "number": 1},
        {"a": [".number"], "b": [".text"]},
    ),
    "a field that another wrote stays": (
        [("update", "u", {"text": "x"}), ("apply", "a", {"text": "x", "number": 1}), ("apply", "a", {"number": 1})],
        {"text": "x", "number": 1},
        {"a": [".number"], "u": [".", ".text"]},
    ),
    "what was written over belongs to the writer": (
        [("apply", "a", {"text": "x", "number": 1}), ("update", "u", {"text": "y", "number": 1})],
        {"text": "y", "number": 1},
        {"a": [".number"], "u": [".text"]},
    ),
    "what was written over is not taken away again": (
        [
            ("apply", "a", {"struct": {"name": "x"}}),
            ("update", "u", {"struct": {"name": "y", "value": 1}}),
            ("apply", "a", {"struct": None}),
        ],
        {"struct": {"name": "y", "value": 1}},
        {"a": [".struct"], "u": [".struct.name", ".struct.value"]},
    ),
    "a struct goes when all of it was applied": (
        [("apply", "a", {"text": "x", "struct": {"name": "x", "value": 1}}), ("apply", "a", {"text": "x"})],
        {"text": "x"},
        {"a": [".text"]},
    ),
    "of a struct the rest of others stays": (
        [
            ("apply", "a", {"struct": {"name": "x"}}),
            ("update", "u", {"struct": {"name": "x", "value": 1}}),
            ("apply", "a", {"text": "y"}),
        ],
        {"struct": {"value": 1}, "text": "y"},
        {"a": [".text"], "u": [".struct.value"]},
    ),
    "an empty struct empties, and is owned": (
        [("apply", "a", {"struct": {"name": "x"}}), ("apply", "a", {"struct": {}})],
        {"struct": {}},
        {"a": [".struct"]},
    ),
    "values of a set": (
        [("apply", "a", {"set": ["a", "c"]}), ("apply", "a", {"set": ["a", "b", "c", "d"]})],
        {"set": ["a", "b", "c", "d"]},
        {"a": ['.set[="a"]', '.set[="b"]', '.set[="c"]', '.set[="d"]']},
    ),
    "values of a set by two": (
        [
            ("apply", "a", {"set": ["a", "c"]}),
            ("update", "u", {"set": ["a", "b", "c", "d"]}),
            ("apply", "a", {"set": ["a", "e", "c", "f"]}),
        ],
        {"set": ["a", "b", "e", "c", "d", "f"]},
        {"a": ['.set[="a"]', '.set[="c"]', '.set[="e"]', '.set[="f"]'], "u": ['.set[="b"]', '.set[="d"]']},
    ),
    "the order of a set is that of the configuration": (
        [("apply", "a", {"set": ["a", "b", "c", "d"]}), ("apply", "a", {"set": ["a", "d", "c", "b"]})],
        {"set": ["a", "d", "c", "b"]},
        {"a": ['.set[="a"]', '.set[="b"]', '.set[="c"]', '.set[="d"]']},
    ),
    "values of others stay where they are when a set is applied in another order": (
        [("update", "u", {"set": ["a", "x", "b", "y"]}), ("force", "a", {"set": ["b", "a"]})],
        {"set": ["x", "b", "y", "a"]},
        {
            "a": ['.set[="a"]', '.set[="b"]'],
            "u": [".", ".set", '.set[="a"]', '.set[="b"]', '.set[="x"]', '.set[="y"]'],
        },
    ),
    "items by their key": (
        [
            ("apply", "a", {"list": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
            ("apply", "b", {"list": [{"name": "c"}, {"name": "d"}]}),
            ("apply", "a", {"list": [{"name": "a"}]}),
        ],
        {"list": [{"name": "a"}, {"name": "c"}, {"name": "d"}]},
        {
            "a": ['.list[name="a"]', '.list[name="a"].name'],
            "b": ['.list[name="c"]', '.list[name="c"].name', '.list[name="d"]', '.list[name="d"].name'],
        },
    ),
    "one value by two managers": (
        [("apply", "a", {"list": [{"name": "a", "value": 0}]}), ("apply", "b", {"list": [{"name": "a", "value": 0}]})],
        {"list": [{"name": "a", "value": 0}]},
        {who: ['.list[name="a"]', '.list[name="a"].name', '.list[name="a"].value'] for who in "ab"},
    ),
    "of an item that two apply, each takes its own away": (
        [
            ("apply", "a", {"list": [{"name": "a"}, {"name": "b", "set": ["c"]}]}),
            ("apply", "b", {"list": [{"name": "b", "set": ["d"]}]}),
            ("update", "u", {"list": [{"name": "a"}, {"name": "b", "set": ["c", "d", "e"]}]}),
            ("apply", "a", {"list": [{"name": "a"}]}),
        ],
        {"list": [{"name": "a"}, {"name": "b", "set": ["d", "e"]}]},
        {
            "a": ['.list[name="a"]', '.list[name="a"].name'],
            "b": ['.list[name="b"]', '.list[name="b"].name', '.list[name="b"].set[="d"]'],
            "u": ['.list[name="b"].set[="e"]'],
        },
    ),
    "an item goes with what others only added to it": (
        [
            ("apply", "a", {"list": [{"name": "a"}, {"name": "b", "set": ["c"]}]}),
            ("update", "u", {"list": [{"name": "a"}, {"name": "b", "set": ["c", "d"]}]}),
            ("apply", "a", {"list": [{"name": "a"}]}),
        ],
        {"list": [{"name": "a"}]},
        {"a": ['.list[name="a"]', '.list[name="a"].name'], "u": []},
    ),
    "a key that is not said has its default": (
        [("apply", "a", {"ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}]})],
        {"ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}]},
        {
            "a": [
                '.ports[port=80,protocol="TCP"]',
                '.ports[port=80,protocol="TCP"].port',
                '.ports[port=80,protocol="UDP"]',
                '.ports[port=80,protocol="UDP"].port',
                '.ports[port=80,protocol="UDP"].protocol',
            ]
        },
    ),
    "entries of a map": (
        [
            ("apply", "a", {"map": {"a": "1", "b": "2"}}),
            ("apply", "b", {"map": {"c": "3"}}),
            ("apply", "a", {"map": {"b": "4"}}),
        ],
        {"map": {"b": "4", "c": "3"}},
        {"a": [".map.b"], "b": [".map.c"]},
    ),
    "a set in a map": (
        [("apply", "a", {"mapOfSets": {"a": ["b", "c"]}}), ("apply", "a", {"mapOfSets": {"b": ["a", "c"]}})],
        {"mapOfSets": {"b": ["a", "c"]}},
        {"a": [".mapOfSets.b", '.mapOfSets.b[="a"]', '.mapOfSets.b[="c"]']},
    ),
    "an atomic list is one field": (
        [("apply", "a", {"atomicList": ["a", "b"]}), ("apply", "a", {"atomicList": ["c"]})],
        {"atomicList": ["c"]},
        {"a": [".atomicList"]},
    ),
    "an atomic map is one field": (
        [("apply", "a", {"atomicMap": {"a": "1"}}), ("force", "b", {"atomicMap": {"b": "2"}})],
        {"atomicMap": {"b": "2"}},
        {"a": [], "b": [".atomicMap"]},
    ),
    "fields that no schema names": (
        [("apply", "a", {"open": {"num": 5, "more": "x"}}), ("apply", "a", {"open": {"num": 6, "other": ["y"]}})],
        {"open": {"num": 6, "other": ["y"]}},
        {"a": [".open.num", ".open.other"]},
    ),
    "a null takes a scalar away and leaves what is in a map": (
        [("apply", "a", {"text": "x", "map": {"k": "v"}}), ("apply", "b", {"map": None})],
        {"text": "x", "map": {"k": "v"}},
        {"a": [".map.k", ".text"], "b": [".map"]},
    ),
    "maps in maps": (
        [
            ("apply", "a", {"nested": {"a": {"b": {"c": None}}}}),
            ("apply", "a", {"nested": {"a": {"d": {"c": None}}}}),
        ],
        {"nested": {"a": {"d": {"c": None}}}},
        {"a": [".nested.a", ".nested.a.d", ".nested.a.d.c"]},
    ),
}


def _follow(follower: Follower, steps: list[Step]) -> None:
    for verb, manager, spec in steps:
        if verb == "update":
            follower.update(manager, spec)
        else:
            follower.apply(manager, spec, force=verb == "force")


@pytest.mark.parametrize("name", list(CASES))
def test_what_becomes_of_an_object_and_who_owns_it(name: str) -> None:
    steps, spec, owners = CASES[name]
    follower = Follower()
    _follow(follower, steps)
    assert follower.spec == spec
    assert {manager: follower.owned(manager) for manager in owners} == owners
    assert set(follower.managers()) == {manager for manager, owned in owners.items() if owned}


def test_without_a_schema_entries_that_one_manager_applied_go_with_all_that_was_put_into_them() -> None:
    follower = Follower(DEDUCED)
    follower.apply("one", {"a": {"b": None}, "c": {"d": None}})
    follower.apply("two", {"a": None, "c": {"d": None}})
    follower.update("u", {"a": {"b": {"c": None}}, "c": {"d": {"e": None}}})
    follower.update("w", {"a": {"b": {"c": {"d": None}}}, "c": {"d": {"e": {"f": None}}}})
    follower.apply("one", {"z": 1})
    assert follower.spec == {"a": {}, "c": {"d": {"e": {"f": None}}}, "z": 1}
    assert follower.owned("two") == [".", ".a", ".c", ".c.d"]
    assert follower.owned("u") == [".c.d.e"]
    assert follower.owned("w") == [".c.d.e.f"]


CONFLICTS: dict[str, tuple[list[Step], Step, list[tuple[str, str]]]] = {
    "a value": ([("apply", "a", {"text": "x"})], ("apply", "b", {"text": "y"}), [('"a"', ".spec.text")]),
    "true is not 1": ([("apply", "a", {"flag": True})], ("apply", "b", {"flag": 1}), [('"a"', ".spec.flag")]),
    "a field of an item": (
        [("apply", "a", {"list": [{"name": "a", "value": 0}]})],
        ("apply", "b", {"list": [{"name": "a", "value": 1}]}),
        [('"a"', '.spec.list[name="a"].value')],
    ),
    "an item by a default key": (
        [("apply", "a", {"ports": [{"port": 80, "protocol": "TCP", "name": "x"}]})],
        ("apply", "b", {"ports": [{"port": 80, "name": "y"}]}),
        [('"a"', '.spec.ports[port=80,protocol="TCP"].name')],
    ),
    "an atomic list": (
        [("apply", "a", {"atomicList": ["x"]})],
        ("apply", "b", {"atomicList": ["y"]}),
        [('"a"', ".spec.atomicList")],
    ),
    "a null": ([("apply", "a", {"text": "x"})], ("apply", "b", {"text": None}), [('"a"', ".spec.text")]),
    "two managers of one field": (
        [("apply", "a", {"text": "x"}), ("apply", "b", {"text": "x"}), ("update", "u", {"text": "x", "number": 1})],
        ("apply", "c", {"text": "y", "number": 2}),
        [('"a"', ".spec.text"), ('"b"', ".spec.text"), ('"u" using v1', ".spec.number")],
    ),
}


@pytest.mark.parametrize("name", list(CONFLICTS))
def test_what_others_own_is_refused_and_taken_by_force(name: str) -> None:
    steps, (_, manager, spec), expected = CONFLICTS[name]
    follower = Follower()
    _follow(follower, steps)
    with pytest.raises(ApplyConflict) as refused:
        follower.apply(manager, spec)
    assert list(refused.value.causes) == [(f"conflict with {who}", path) for who, path in expected]
    follower.apply(manager, spec, force=True)
    taken = {path.removeprefix(".spec") for _, path in expected}
    assert taken <= set(follower.owned(manager))
    for other in follower.managers():
        assert other == manager or not taken & set(follower.owned(other))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"text": "y"}, 'Apply failed with 1 conflict: conflict with "kubectl" using v1: .spec.text'),
        (
            {"text": "y", "struct": {"name": "n"}, "map": {"b": "1", "a": "2"}, "number": 3},
            'Apply failed with 5 conflicts: conflicts with "first":\n- .spec.number\n'
            'conflicts with "kubectl" using v1:\n'
            "- .spec.text\n- .spec.map.a\n- .spec.map.b\n- .spec.struct.name",
        ),
    ],
)
def test_conflicts_are_told_in_the_words_of_an_api_server(spec: Any, said: str) -> None:
    follower = Follower()
    follower.apply("first", {"number": 1})
    follower.update("kubectl", {"number": 1, "text": "x", "struct": {"name": "m"}, "map": {"a": "0", "b": "0"}})
    with pytest.raises(ApplyConflict) as refused:
        follower.apply("second", spec)
    assert str(refused.value) == said
