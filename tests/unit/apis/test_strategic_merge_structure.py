"""Strategic merge by the structure of a kind: which lists merge, in which order, and what directives do.

The cases are those of strategicpatch (patch_test.go), on objects of ours.
"""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.strategic_merge import strategic_merge
from setpoint.apis.structure import Structure

_MERGES = {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name"}
_ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "inner": {"type": "array", "items": {"type": "object"}, **_MERGES},
        "ints": {"type": "array", "x-kubernetes-patch-strategy": "merge"},
    },
}
STRUCTURE = Structure.of(
    {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": _ITEM, **_MERGES},
            "ints": {"type": "array", "x-kubernetes-patch-strategy": "merge"},
            "plain": {"type": "array", "items": _ITEM},
            "maps": {"type": "array", "x-kubernetes-patch-strategy": "merge"},
            "replaced": {"type": "object", "x-kubernetes-patch-strategy": "replace"},
            "retained": {"type": "object", "x-kubernetes-patch-strategy": "retainKeys"},
        },
    }
)
ONE, TWO, THREE = {"name": 1}, {"name": 2, "value": "b"}, {"name": 3}

CASES: dict[str, tuple[Any, Any, Any]] = {
    "a list that does not merge is replaced": ({"plain": [ONE]}, {"plain": [TWO]}, {"plain": [TWO]}),
    "numbers that merge are there once": ({"ints": [1, 2]}, {"ints": [2, 3]}, {"ints": [1, 2, 3]}),
    "numbers in the order of the patch": ({"ints": [1, 2, 3]}, {"ints": [3, 1, 2]}, {"ints": [3, 1, 2]}),
    "numbers of which the patch names some": ({"ints": [1, 2, 3]}, {"ints": [3, 1]}, {"ints": [2, 3, 1]}),
    "items in the order of the patch": (
        {"list": [ONE, TWO, THREE]},
        {"list": [{"name": 3, "value": "c"}, {"name": 1, "value": "a"}, {"name": 2, "other": "x"}]},
        {"list": [{"name": 3, "value": "c"}, {"name": 1, "value": "a"}, {"name": 2, "value": "b", "other": "x"}]},
    ),
    "items of which the patch names some": (
        {"list": [ONE, TWO, THREE]},
        {"list": [{"name": 3, "value": "c"}, {"name": 1, "value": "a"}]},
        {"list": [TWO, {"name": 3, "value": "c"}, {"name": 1, "value": "a"}]},
    ),
    "lists in items": (
        {"list": [{"name": 1, "inner": [{"name": 1}, {"name": 2}]}]},
        {"list": [{"name": 1, "inner": [{"name": 2, "value": "x"}]}]},
        {"list": [{"name": 1, "inner": [{"name": 1}, {"name": 2, "value": "x"}]}]},
    ),
    "a list that was not there": (
        {},
        {"list": [{"name": 1, "gone": None, "inner": [{"name": 2, "$patch": "delete"}, {"name": 3}]}]},
        {"list": [{"name": 1, "inner": [{"name": 3}]}]},
    ),
    "all items go": ({"list": [ONE, TWO]}, {"list": [{"$patch": "replace"}]}, {"list": []}),
    "other items come": ({"list": [ONE, TWO]}, {"list": [{"$patch": "replace"}, THREE]}, {"list": [THREE]}),
    "items are deleted, as often as they are there": (
        {"list": [ONE, ONE, TWO, THREE]},
        {"list": [{"name": 1, "$patch": "delete"}, {"name": 3, "value": 1}]},
        {"list": [TWO, {"name": 3, "value": 1}]},
    ),
    "an empty list": ({"list": []}, {"list": []}, {"list": []}),
    "numbers are deleted": (
        {"ints": [1, 2, 3]},
        {"$deleteFromPrimitiveList/ints": [1, 3], "$setElementOrder/ints": [4, 2], "ints": [4]},
        {"ints": [4, 2]},
    ),
    "numbers are deleted where none are": ({}, {"$deleteFromPrimitiveList/ints": [1]}, {}),
    "true is no number": ({"ints": [1, True]}, {"$deleteFromPrimitiveList/ints": [True]}, {"ints": [1]}),
    "the order is told": (
        {"list": [ONE, TWO, THREE]},
        {"$setElementOrder/list": [{"name": 3}, {"name": 1}]},
        {"list": [TWO, THREE, ONE]},
    ),
    "the order names what is not there": (
        {"list": [ONE, THREE]},
        {"$setElementOrder/list": [{"name": 3}, {"name": 2}, {"name": 1}], "list": [{"name": 3, "value": 3}, ONE]},
        {"list": [{"name": 3, "value": 3}, ONE]},
    ),
    "a new item has its place by the order": (
        {"list": [ONE, TWO]},
        {"$setElementOrder/list": [{"name": 1}, {"name": 3}, {"name": 2}], "list": [THREE]},
        {"list": [ONE, THREE, TWO]},
    ),
    "items of the server stay before what followed them": (
        {"list": [{"name": 9}, ONE, {"name": 8}, TWO]},
        {"$setElementOrder/list": [{"name": 2}, {"name": 1}], "list": [{"name": 2, "value": "c"}]},
        {"list": [{"name": 9}, {"name": 8}, {"name": 2, "value": "c"}, ONE]},
    ),
    "deleted items need no place in the order": (
        {"list": [ONE, TWO]},
        {"$setElementOrder/list": [{"name": 2}], "list": [{"name": 1, "$patch": "delete"}]},
        {"list": [TWO]},
    ),
    "the order of numbers": ({"ints": [1, 3]}, {"$setElementOrder/ints": [3, 2, 1]}, {"ints": [3, 1]}),
    "a map is emptied": ({"retained": {"a": 1}}, {"retained": {"$patch": "delete"}}, {"retained": {}}),
    "a map is replaced by a directive": (
        {"retained": {"a": 1}},
        {"retained": {"$patch": "replace", "b": 2}},
        {"retained": {"b": 2}},
    ),
    "a map that its structure replaces": ({"replaced": {"a": 1}}, {"replaced": {"b": 2}}, {"replaced": {"b": 2}}),
    "a map merges if no keys are named": (
        {"retained": {"a": 1, "c": 3}},
        {"retained": {"a": None, "b": 2}},
        {"retained": {"b": 2, "c": 3}},
    ),
    "keys that are not named go": (
        {"retained": {"a": 1, "c": 3}},
        {"retained": {"$retainKeys": ["a", "b"], "b": 2}},
        {"retained": {"a": 1, "b": 2}},
    ),
    "the whole object is replaced": ({"list": [ONE]}, {"$patch": "replace", "other": 1}, {"other": 1}),
    "finalizers": (
        {"metadata": {"finalizers": ["a", "b"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}},
        {"metadata": {"finalizers": ["c", "b"]}},
    ),
    "owners": (
        {"metadata": {"ownerReferences": [{"uid": "1", "name": "x"}]}},
        {"metadata": {"ownerReferences": [{"uid": "1", "$patch": "delete"}]}},
        {"metadata": {"ownerReferences": []}},
    ),
    "a value of another kind": (
        {"list": "text", "retained": 1},
        {"list": [ONE], "retained": {"a": 1}},
        {"list": [ONE], "retained": {"a": 1}},
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_becomes_of_a_document(name: str) -> None:
    target, patch, expected = CASES[name]
    before = repr((target, patch))
    assert strategic_merge(target, patch, STRUCTURE) == expected
    assert repr((target, patch)) == before


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"list": [{"value": "b"}]}, "map does not contain declared merge key: name"),
        ({"list": [{"$patch": "delete"}]}, "map does not contain declared merge key: name"),
        ({"list": [1]}, "an item of a list merged by 'name' must be a map, found 1"),
        ({"list": [{"name": 1, "$patch": "drop"}]}, "'drop' is no $patch directive"),
        ({"maps": [{"a": 1}]}, "a list of maps merges by a key, and there is none for this one"),
        ({"$setElementOrder/list": 1}, "$setElementOrder/list must be a list"),
        ({"$deleteFromPrimitiveList/ints": {}}, "$deleteFromPrimitiveList/ints must be a list"),
        ({"retained": {"$retainKeys": "a"}}, "$retainKeys must be a list"),
        ({"retained": {"$retainKeys": ["a"], "b": 1}}, "$retainKeys must name 'b', which the patch sets"),
        (
            {"$setElementOrder/list": [{"name": 1}, {"name": 3}], "list": [{"name": 3}, {"name": 1}]},
            "$setElementOrder/list has not the items of the patch in their order: {'name': 1}",
        ),
        (
            {"$setElementOrder/ints": [1, 3], "ints": [2]},
            "$setElementOrder/ints has not the items of the patch in their order: 2",
        ),
    ],
)
def test_what_cannot_be_merged_is_said(patch: Any, said: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        strategic_merge({"list": [ONE], "retained": {}}, patch, STRUCTURE)
    assert str(refused.value).startswith(said)
