"""Server-side apply under random writes of several managers; sets of fields as sets; patches that change nothing."""

from __future__ import annotations

import contextlib
import copy
import json
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.errors import ApplyConflict
from setpoint.apis.strategic_merge import strategic_merge
from setpoint.core.apply.fields import SELF, Node, decode, difference, has, intersection, is_member, leaves, union
from setpoint.core.apply.merging import merge, without
from setpoint.core.apply.typed import compare, everything, field_set, same
from tests.unit.core.apply.follower import DEDUCED, TYPED, Follower

WORDS = st.sampled_from(["a", "b", "c"])
NUMBERS = st.sampled_from([0, 1, 1.5])
SETS = st.lists(WORDS, unique=True, max_size=3)
NESTED = st.recursive(st.none(), lambda inner: st.dictionaries(WORDS, inner, max_size=2), max_leaves=4)


def _some_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


ITEMS = st.lists(
    st.builds(lambda name, rest: {"name": name, **rest}, WORDS, _some_of(value=NUMBERS, other=NUMBERS, set=SETS)),
    unique_by=lambda item: item["name"],
    max_size=3,
)
SPECS = _some_of(
    text=WORDS | st.none(),
    number=NUMBERS,
    set=SETS,
    atomicList=SETS,
    map=st.dictionaries(WORDS, WORDS, max_size=3) | st.none(),
    atomicMap=st.dictionaries(WORDS, WORDS, max_size=2),
    struct=_some_of(name=WORDS, value=NUMBERS),
    list=ITEMS,
    ports=st.lists(
        _some_of(protocol=st.sampled_from(["TCP", "UDP"]), name=WORDS).map(lambda item: {"port": 80, **item}),
        unique_by=lambda item: item.get("protocol", "TCP"),
        max_size=2,
    ),
    mapOfSets=st.dictionaries(WORDS, SETS, max_size=2),
    open=_some_of(num=NUMBERS, more=WORDS, deep=st.dictionaries(WORDS, SETS, max_size=2)),
    nested=st.dictionaries(WORDS, NESTED, max_size=2),
)
ANYTHING = st.dictionaries(
    WORDS,
    st.recursive(
        st.none() | NUMBERS | st.booleans(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
        max_leaves=5,
    ),
)
WRITES = st.tuples(st.sampled_from(["apply", "force", "update"]), st.sampled_from(["m", "n", "o"]), SPECS)
APPLIES = st.tuples(st.sampled_from(["apply", "force"]), st.sampled_from(["m", "n", "o"]), SPECS)


def _followed(writes: list[tuple[str, str, Any]]) -> Follower:
    follower = Follower()
    for verb, manager, spec in writes:
        with contextlib.suppress(ApplyConflict):
            if verb == "update":
                follower.update(manager, spec)
            else:
                follower.apply(manager, spec, force=verb == "force")
    return follower


def _fields(follower: Follower, manager: str, operation: str = "Apply") -> Node | None:
    found = [e["fieldsV1"] for e in follower.managed if (e["manager"], e["operation"]) == (manager, operation)]
    return found[0] if found else None


@given(st.lists(WRITES, max_size=5), SPECS)
def test_to_apply_twice_is_to_apply_once(writes: list[Any], spec: Any) -> None:
    follower = _followed(writes)
    spec = {**spec, "flag": True}  # an empty list has no owner, and an object without owners was never followed
    follower.apply("m", spec, force=True)
    before = follower.live, follower.managed
    follower.apply("m", spec)
    assert (follower.live, follower.managed) == before


@given(st.lists(WRITES, max_size=5), SPECS)
def test_what_is_applied_is_there_and_is_owned(writes: list[Any], spec: Any) -> None:
    follower = _followed(writes)
    follower.apply("m", spec, force=True)
    wanted = field_set({"spec": spec}, TYPED) if spec else {"f:spec": {}}
    assert _fields(follower, "m") == wanted
    there = field_set({"spec": merge(follower.spec, spec, TYPED.field("spec"))}, TYPED)
    assert there == field_set({"spec": follower.spec}, TYPED)


@given(st.lists(APPLIES, max_size=5), SPECS)
def test_an_apply_without_force_takes_nothing_from_other_appliers(applies: list[Any], spec: Any) -> None:
    follower = _followed(applies)
    before = {manager: _fields(follower, manager) for manager in "no"}
    values = follower.live
    with contextlib.suppress(ApplyConflict):
        follower.apply("m", spec)
    for manager, owned in before.items():
        assert _fields(follower, manager) == owned
        changed = compare(values or {}, follower.live or {}, TYPED)
        for found in (changed.added, changed.modified, changed.removed):
            assert intersection(owned, found) is None


@given(st.lists(WRITES, max_size=4), st.dictionaries(WORDS, WORDS, min_size=1), st.data())
def test_what_is_applied_no_more_goes_if_and_only_if_nobody_else_owns_it(
    writes: list[Any], entries: dict[str, str], data: st.DataObject
) -> None:
    follower = _followed(writes)
    follower.apply("m", {"text": "a", "map": entries}, force=True)
    gone = data.draw(st.sampled_from(sorted(entries)))
    path = ["f:spec", "f:map", f"f:{gone}"]
    entries_of_others = [e for e in follower.managed if (e["manager"], e["operation"]) != ("m", "Apply")]
    owned = any(has(entry["fieldsV1"], path) for entry in entries_of_others)
    follower.apply("m", {"text": "a", "map": {key: value for key, value in entries.items() if key != gone}})
    assert (gone in (follower.spec.get("map") or {})) is owned


@given(st.lists(WRITES, max_size=6))
def test_everything_that_is_owned_is_in_the_object(writes: list[Any]) -> None:
    follower = _followed(writes)
    there = everything(follower.live or {}, TYPED)
    for entry in follower.managed:
        assert difference(leaves(entry["fieldsV1"]), there) is None
        assert decode(json.loads(json.dumps(entry["fieldsV1"]))) == entry["fieldsV1"]


@given(SPECS, SPECS)
def test_differences_are_fields_of_either_side(old: Any, new: Any) -> None:
    spec = TYPED.field("spec")
    found = compare(old, new, spec)
    assert difference(found.added, everything(new, spec)) is None
    assert difference(found.removed, everything(old, spec)) is None
    assert intersection(found.added, found.removed) is None
    assert compare(old, copy.deepcopy(old), spec) == compare({}, {}, spec)


@given(SPECS, SPECS)
def test_merge(live: Any, applied: Any) -> None:
    spec = TYPED.field("spec")
    merged = merge(live, applied, spec)
    assert merge(live, {}, spec) == live
    assert merge(live, live, spec) == live
    assert merge(merged, applied, spec) == merged
    assert compare(live, merged, spec).removed is None or "null" in json.dumps(applied)


@given(SPECS)
def test_without_all_of_its_fields_nothing_is_left_of_an_object(spec: Any) -> None:
    structure = TYPED.field("spec")
    left = without(spec, everything(spec, structure), structure)
    assert left == {}
    assert without(spec, None, structure) == spec


@given(ANYTHING, ANYTHING)
def test_without_a_schema_values_are_told_apart_as_json_is(old: Any, new: Any) -> None:
    changed = compare(old, new, DEDUCED) != compare({}, {}, DEDUCED)
    assert changed is (json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True))
    assert same(old, new) is not changed


ELEMENTS = st.sampled_from(["f:a", "f:b", 'k:{"n":"x"}', 'k:{"n":1,"p":true}', 'v:"s"', "v:2", "i:0"])
PATHS = st.lists(st.lists(ELEMENTS, min_size=1, max_size=3).map(tuple), max_size=8).map(frozenset)
Paths = frozenset[tuple[str, ...]]


def _set_of(paths: Paths) -> Node | None:
    def one(path: tuple[str, ...]) -> Node:
        node: Node = {}
        for element in reversed(path):
            node = {element: node}
        return node

    return reduce(union, map(one, sorted(paths)), None)


def _members(node: Node | None, at: tuple[str, ...] = ()) -> Paths:
    if node is None:
        return frozenset()
    below = [_members(value, (*at, key)) for key, value in node.items() if key != SELF]
    return frozenset({at} if at and is_member(node) else ()).union(*below)


@given(PATHS, PATHS)
def test_sets_of_fields_are_sets(one: Paths, other: Paths) -> None:
    first, second = _set_of(one), _set_of(other)
    before = repr((first, second))
    assert _members(first) == one
    assert _members(union(first, second)) == one | other
    assert _members(difference(first, second)) == one - other
    assert _members(intersection(first, second)) == one & other
    assert all(has(first, path) is (path in one) for path in one | other)
    assert _members(leaves(first)) == {
        path for path in one if not any(path == more[: len(path)] != more for more in one)
    }
    assert repr((first, second)) == before


@given(PATHS)
def test_sets_of_fields_survive_the_wire(paths: Paths) -> None:
    node = _set_of(paths)
    assert decode(json.loads(json.dumps(node or {}))) == node


@given(SPECS)
def test_an_empty_strategic_patch_changes_nothing(spec: Any) -> None:
    assert strategic_merge({"spec": spec}, {"spec": {}}, TYPED) == {"spec": spec}
