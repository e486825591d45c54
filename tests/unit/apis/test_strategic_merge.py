"""Strategic merge as `kubectl patch` does it: lists by key, directives, null."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.strategic_merge import POD_MERGE_KEYS, strategic_merge

POD: dict[str, Any] = {
    "containers": [
        {"name": "wait"},
        {"name": "main", "args": ["a", "b"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
    ],
    "volumes": [{"name": "v", "emptyDir": {}}],
    "nodeSelector": {"a": "b"},
}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an item by its key": (
        {"containers": [{"name": "main", "args": ["c"]}]},
        {"containers": [{"name": "wait"}, {**POD["containers"][1], "args": ["c"]}]},
    ),
    "a list in an item": (
        {"containers": [{"name": "main", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}]},
        {
            "containers": [
                {"name": "wait"},
                {
                    "name": "main",
                    "args": ["a", "b"],
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
                },
            ]
        },
    ),
    "a new item comes first": (
        {"volumes": [{"name": "w", "hostPath": {"path": "/w"}}]},
        {"volumes": [{"name": "w", "hostPath": {"path": "/w"}}, {"name": "v", "emptyDir": {}}]},
    ),
    "an item is deleted": ({"volumes": [{"name": "v", "$patch": "delete"}]}, {"volumes": []}),
    "a list is replaced": (
        {"volumes": [{"$patch": "replace"}, {"name": "w", "emptyDir": {}}]},
        {"volumes": [{"name": "w", "emptyDir": {}}]},
    ),
    "other sources go": (
        {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/w"}}]},
        {"volumes": [{"name": "v", "hostPath": {"path": "/w"}}]},
    ),
    "null removes": ({"nodeSelector": None}, {"nodeSelector": "gone"}),
    "a map is replaced": ({"nodeSelector": {"$patch": "replace", "c": "d"}}, {"nodeSelector": {"c": "d"}}),
    "the order is not told": ({"$setElementOrder/containers": [{"name": "main"}]}, {}),
}


@pytest.mark.parametrize("name", list(CASES))
def test_patch(name: str) -> None:
    patch, changed = CASES[name]
    expected = {key: value for key, value in {**POD, **changed}.items() if value != "gone"}
    before = repr(POD)
    assert strategic_merge(POD, patch, POD_MERGE_KEYS) == expected
    assert repr(POD) == before


def test_primitive_items_are_deleted() -> None:
    merged = strategic_merge({"f": ["a", "b"]}, {"$deleteFromPrimitiveList/f": ["a"]}, {})
    assert merged == {"f": ["b"]}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"volumes": [{"emptyDir": {}}]}, "map does not contain declared merge key: name"),
        ({"volumes": ["v"]}, "an item of a list merged by 'name' must be a map, found 'v'"),
        ({"nodeSelector": {"$patch": "drop"}}, "'drop' is no $patch directive (allowed: merge, replace, delete)"),
    ],
)
def test_what_cannot_be_merged_is_said(patch: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSpec) as error:
        strategic_merge(POD, patch, POD_MERGE_KEYS)
    assert str(error.value) == said
