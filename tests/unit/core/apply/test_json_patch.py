"""JSON patches, RFC 6902."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.apis.errors import InvalidSpec, Malformed, TooLarge
from setpoint.core.apply import apply_json_patch

DOCUMENT: dict[str, Any] = {"a": {"b": 1}, "list": ["x", "y"], "t/~": True}

CASES: list[tuple[list[dict[str, Any]], Any]] = [
    ([], DOCUMENT),
    ([{"op": "add", "path": "/a/c", "value": [1]}], {**DOCUMENT, "a": {"b": 1, "c": [1]}}),
    ([{"op": "add", "path": "/list/-", "value": "z"}], {**DOCUMENT, "list": ["x", "y", "z"]}),
    ([{"op": "add", "path": "/list/0", "value": "w"}], {**DOCUMENT, "list": ["w", "x", "y"]}),
    ([{"op": "remove", "path": "/a/b"}], {**DOCUMENT, "a": {}}),
    ([{"op": "replace", "path": "/t~1~0", "value": None}], {**DOCUMENT, "t/~": None}),
    ([{"op": "replace", "path": "", "value": {"z": 1}}], {"z": 1}),
    ([{"op": "move", "from": "/a/b", "path": "/c"}], {**DOCUMENT, "a": {}, "c": 1}),
    ([{"op": "copy", "from": "/a", "path": "/c"}, {"op": "remove", "path": "/c/b"}], {**DOCUMENT, "c": {}}),
    ([{"op": "test", "path": "/a/b", "value": 1.0}, {"op": "remove", "path": "/a"}], {"list": ["x", "y"], "t/~": True}),
]


@pytest.mark.parametrize(("patch", "expected"), CASES)
def test_operations(patch: list[dict[str, Any]], expected: Any) -> None:
    before = repr((DOCUMENT, patch))
    assert apply_json_patch(DOCUMENT, patch) == expected
    assert repr((DOCUMENT, patch)) == before


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"op": "test", "path": "/a/b", "value": 2}, "[1]: the test of '/a/b' failed: another value is there"),
        ({"op": "test", "path": "/t~1~0", "value": 1}, "[1]: the test of '/t~1~0' failed: another value is there"),
        ({"op": "test", "path": "/z", "value": 1}, "[1]: test cannot be done at '/z': "),
        ({"op": "remove", "path": "/z"}, "[1]: remove cannot be done at '/z': "),
        ({"op": "replace", "path": "/z", "value": 1}, "[1]: replace cannot be done at '/z': "),
        ({"op": "add", "path": "/z/y", "value": 1}, "[1]: add cannot be done at '/z/y': "),
        ({"op": "add", "path": "/list/7", "value": 1}, "[1]: add cannot be done at '/list/7': "),
        ({"op": "add", "path": "/list/x", "value": 1}, "[1]: add cannot be done at '/list/x': "),
        ({"op": "add", "path": "/a/b/c", "value": 1}, "[1]: add cannot be done at '/a/b/c': "),
        ({"op": "move", "from": "/a", "path": "/a/b"}, "[1]: move cannot be done at '/a/b': "),
        ({"op": "copy", "from": "/z", "path": "/y"}, "[1]: copy cannot be done at '/y': "),
    ],
)
def test_an_operation_that_cannot_be_done_is_said(operation: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        apply_json_patch(DOCUMENT, [{"op": "add", "path": "/n", "value": 1}, operation])
    assert str(refused.value).startswith(said)
    assert not isinstance(refused.value, Malformed)


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({}, ""),
        ("text", ""),
        ([1], "[0].op"),
        ([{}], "[0].op"),
        ([{"op": "swap", "path": "/a"}], "[0].op"),
        ([{"op": "add", "value": 1}], "[0].path"),
        ([{"op": "add", "path": 1, "value": 1}], "[0].path"),
        ([{"op": "add", "path": "a", "value": 1}], "[0].path"),
        ([{"op": "add", "path": "/~2", "value": 1}], "[0].path"),
        ([{"op": "add", "path": "/a"}], "[0].value"),
        ([{"op": "move", "path": "/a"}], "[0].from"),
    ],
)
def test_what_is_no_patch_is_malformed(patch: Any, path: str) -> None:
    with pytest.raises(Malformed) as refused:
        apply_json_patch(DOCUMENT, patch)
    assert refused.value.path == path


def test_a_patch_has_at_most_ten_thousand_operations() -> None:
    operation = {"op": "test", "path": "/a/b", "value": 1}
    assert apply_json_patch(DOCUMENT, [operation] * 10_000) == DOCUMENT
    with pytest.raises(TooLarge, match="10000, got 10001"):
        apply_json_patch(DOCUMENT, [operation] * 10_001)


def test_copies_that_grow_beyond_all_bounds_are_refused() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/{index}"} for index in range(30)]
    with pytest.raises(InvalidSpec, match="copies at most 3145728 bytes"):
        apply_json_patch(DOCUMENT, doubling)
