"""Ordinary writes: who owns what was created, changed and taken away."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.core.apply import managed_fields_of, track_update
from tests.unit.core.apply.follower import DEDUCED, START, TYPED, Follower, Json, document

CREATED = document(
    {"text": "x", "map": {"k": "v"}, "list": [{"name": "a"}]},
    metadata={"name": "o", "namespace": "n", "uid": "1", "generation": 1, "labels": {"l": "m"}, "finalizers": ["f/g"]},
    status={"ready": True},
)


def test_who_creates_an_object_owns_all_of_it_but_what_names_it_and_its_status() -> None:
    (entry,) = track_update(None, CREATED, [], manager="m", api_version="v1", time=START, structure=TYPED)
    assert entry == {
        "manager": "m",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:l": {}}, "f:finalizers": {".": {}, 'v:"f/g"': {}}},
            "f:spec": {
                ".": {},
                "f:text": {},
                "f:map": {".": {}, "f:k": {}},
                "f:list": {".": {}, 'k:{"name":"a"}': {".": {}, "f:name": {}}},
            },
        },
    }


def test_who_creates_nothing_but_a_name_owns_nothing() -> None:
    assert track_update(None, document(), [], manager="m", api_version="v1", time=START, structure=TYPED) == []


def test_the_status_of_a_kind_without_such_a_subresource_is_a_field_as_others_are() -> None:
    follower = Follower(has_status=False)
    follower.update("m", CREATED)
    assert ".status" in follower.owned("m")
    assert ".status.ready" in follower.owned("m")


def test_below_the_status_nothing_else_is_owned() -> None:
    follower = Follower()
    follower.update("m", CREATED)
    follower.update("c", {**CREATED, "status": {"ready": False, "count": 1}, "spec": {}}, subresource="status")
    assert follower.owned("c") == [".status.count", ".status.ready"]
    assert ".text" in follower.owned("m")
    assert [entry.get("subresource") for entry in follower.managed] == [None, "status"]


def test_an_object_that_nobody_followed_is_not_followed_by_an_update() -> None:
    changed = {**CREATED, "spec": {}}
    assert track_update(CREATED, changed, [], manager="m", api_version="v1", time=START, structure=TYPED) == []


def test_a_write_that_changes_nothing_leaves_moments_as_they_are() -> None:
    follower = Follower()
    follower.update("m", CREATED)
    before = follower.managed
    follower.update("n", {**CREATED, "metadata": {**CREATED["metadata"], "generation": 2, "resourceVersion": "7"}})
    assert follower.managed == before


def test_what_is_changed_changes_hands_and_what_is_removed_belongs_to_nobody() -> None:
    follower = Follower()
    follower.update("m", {"text": "x", "map": {"k": "v", "l": "w"}, "list": [{"name": "a"}, {"name": "b"}]})
    follower.update("n", {"text": "y", "map": {"k": "v"}, "list": [{"name": "a", "value": 1}], "number": 2})
    assert follower.owned("m") == [".", ".list", '.list[name="a"]', '.list[name="a"].name', ".map", ".map.k"]
    assert follower.owned("n") == ['.list[name="a"].value', ".number", ".text"]


def test_a_manager_that_owns_nothing_any_more_is_dropped() -> None:
    follower = Follower()
    follower.update("m", {"text": "x"})
    follower.update("n", {"text": "x", "number": 1})
    follower.update("o", {"text": "x"})
    assert follower.managers() == ["m"]


def test_writes_of_one_manager_are_one_entry_of_the_last_moment() -> None:
    follower = Follower()
    follower.update("m", {"text": "x"})
    follower.update("m", {"text": "x", "number": 1})
    (entry,) = follower.managed
    assert entry["time"] == "2026-01-01T00:00:02Z"
    assert follower.owned("m") == [".", ".number", ".text"]


def test_true_that_becomes_1_is_a_change() -> None:
    follower = Follower(DEDUCED)
    follower.update("m", {"a": [True]})
    follower.update("n", {"a": [1]})
    assert follower.owned("n") == [".a"]
    follower.update("o", {"a": [1.0]})
    assert follower.managers() == ["m", "n"]


@pytest.mark.parametrize(
    ("old", "new", "lost", "won"),
    [
        ({"a": "x"}, {"a": {"b": 1}}, [".a"], [".a", ".a.b"]),
        ({"a": {"b": 1}}, {"a": "x"}, [".a", ".a.b"], [".a"]),
        ({"a": None}, {"a": {"b": 1}}, [], [".a.b"]),
        ({"a": {"b": 1}}, {"a": None}, [".a.b"], []),
        ({"a": {}}, {"a": None}, [".a"], [".a"]),
    ],
)
def test_a_value_that_becomes_one_of_another_kind(old: Any, new: Any, lost: list[str], won: list[str]) -> None:
    follower = Follower(DEDUCED)
    follower.update("m", old)
    before = follower.owned("m")
    follower.update("n", new)
    assert sorted(set(before) - set(follower.owned("m"))) == lost
    assert follower.owned("n") == won


def test_each_version_and_subresource_is_an_entry_and_entries_have_an_order() -> None:
    follower = Follower()
    follower.update("z", {"text": "x"})
    follower.update("b", {"text": "x", "number": 1}, version="v2")
    follower.update("b", {"text": "x", "number": 1, "flag": True}, version="v1")
    follower.apply("y", {"flag": True})
    told = [(entry["operation"], entry["manager"], entry["apiVersion"]) for entry in follower.managed]
    assert told == [("Apply", "y", "v1"), ("Update", "z", "v1"), ("Update", "b", "v2"), ("Update", "b", "v1")]


def test_managers_in_versions_that_are_gone_are_dropped() -> None:
    follower = Follower(DEDUCED)
    follower.update("one", {"v1": 0}, version="v1", served={"v1", "v2"})
    follower.update("two", {"v1": 0, "v2": 0}, version="v2", served={"v1", "v2"})
    follower.update("three", {"v1": 0, "v2": 0, "v3": 0}, version="v3", served={"v2", "v3"})
    assert (follower.owned("two"), follower.owned("three")) == ([".v2"], [".v3"])
    assert follower.managers() == ["two", "three"]


def _updates(count: int, versions: tuple[str, ...] = ("v1",)) -> Follower:
    follower, spec = Follower(DEDUCED), dict[str, int]()
    for index in range(count):
        spec = {**spec, f"f{index:02}": index}
        follower.update(f"m{index:02}", spec, version=versions[index % len(versions)])
    return follower


def test_ten_updaters_are_kept_and_the_oldest_of_more_become_one() -> None:
    assert _updates(10).managers() == [f"m{index:02}" for index in range(10)]
    follower = _updates(13)
    assert follower.managers() == ["ancient-changes", *(f"m{index:02}" for index in range(4, 13))]
    assert follower.owned("ancient-changes") == [".", ".f00", ".f01", ".f02", ".f03"]
    assert follower.managed[0]["time"] == "2026-01-01T00:00:04Z"


def test_old_updaters_of_two_versions_become_one_for_each() -> None:
    follower = _updates(14, versions=("v1", "v2"))
    old = [entry for entry in follower.managed if entry["manager"] == "ancient-changes"]
    assert sorted(entry["apiVersion"] for entry in old) == ["v1", "v2"]
    assert len(follower.managed) == 10


def test_appliers_do_not_count_among_the_ten() -> None:
    follower = Follower(DEDUCED)
    for index in range(12):
        follower.apply(f"a{index:02}", {f"f{index}": 1})
    follower.update("u", {**follower.spec, "g": 1})
    assert len(follower.managed) == 13


DUPLICATES: dict[str, tuple[Any, Any, list[str], list[str]]] = {
    "a value comes to be there twice": ({"set": ["1", "3"]}, {"set": ["1", "1", "3"]}, ['.set[="3"]'], ['.set[="1"]']),
    "a value is there once again": ({"set": ["1", "1", "3"]}, {"set": ["1", "3"]}, ['.set[="3"]'], ['.set[="1"]']),
    "one of two items changes": (
        {"list": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]},
        {"list": [{"name": "a", "value": 1}, {"name": "a", "value": 3}]},
        [],
        ['.list[name="a"]'],
    ),
    "an item comes to be there twice": (
        {"list": [{"name": "a", "value": 1}]},
        {"list": [{"name": "a", "value": 1}, {"name": "a", "other": 2}]},
        [],
        ['.list[name="a"]'],
    ),
    "another item beside two that are the same": (
        {"list": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]},
        {"list": [{"name": "a", "value": 1}, {"name": "a", "value": 2}, {"name": "b"}]},
        ['.list[name="a"]'],
        ['.list[name="b"]', '.list[name="b"].name'],
    ),
}


@pytest.mark.parametrize("name", list(DUPLICATES))
def test_items_that_are_there_twice_are_one_field(name: str) -> None:
    first, second, kept, won = DUPLICATES[name]
    follower = Follower()
    follower.update("m", first)
    follower.update("n", second)
    (field,) = first
    assert follower.owned("m") == [".", f".{field}", *kept]
    assert follower.owned("n") == won


def test_items_without_keys_leave_owners_as_they_are() -> None:
    follower = Follower()
    follower.update("m", {"list": [{"name": "a"}]})
    before = follower.managed
    follower.update("n", {"list": [{"value": 1}]})
    assert follower.managed == before


@pytest.mark.parametrize("broken", [{"f:a": 1}, {"k:": {}}, {"x:a": {}}, {"k:[]": {}}, {"v:}": {}}, {"i:a": {}}])
def test_managed_fields_that_are_none_stay_as_they_are_in_an_update(broken: Any) -> None:
    entry = {"operation": "Update", "manager": "m", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": broken}
    made = track_update(
        CREATED, {**CREATED, "spec": {}}, [entry], manager="n", api_version="v1", time=START, structure=TYPED
    )
    assert made == [entry]


ENTRY: Json = {
    "manager": "x",
    "operation": "Apply",
    "apiVersion": "v1",
    "fieldsType": "FieldsV1",
    "fieldsV1": {"f:spec": {}},
}


@pytest.mark.parametrize(
    ("given", "subresource", "expected"),
    [
        (None, "", "present"),
        ([ENTRY], "", [ENTRY]),
        ([ENTRY], "status", "present"),
        ([], "", []),
        ([{}], "", []),
        ([], "scale", "present"),
        ([{**ENTRY, "operation": "Take"}], "", "present"),
        ([{**ENTRY, "apiVersion": ""}], "", "present"),
        ([{**ENTRY, "fieldsType": ""}], "", "present"),
        (["text"], "", "present"),
    ],
)
def test_an_update_may_bring_managed_fields_or_take_them_away(given: Any, subresource: str, expected: Any) -> None:
    present = [{**ENTRY, "manager": "old"}]
    before = document(metadata={"name": "o", "managedFields": present})
    after = document(metadata={"name": "o"} if given is None else {"name": "o", "managedFields": given})
    found = managed_fields_of(before, after, subresource)
    assert found == (present if expected == "present" else expected)
