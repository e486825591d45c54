"""Bodies to values: what is refused, what is warned of."""

from __future__ import annotations

import json

import pytest

from setpoint.apis.errors import InvalidSpec, StrictDecodingError
from setpoint.core.admission import MAX_BYTES, MAX_DEPTH, check_shape, decode_json, decode_yaml


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_json_is_decoded() -> None:
    raw = b'{"a": [1, 2.5, null, true, "\\u00e9\\ud83d\\ude00"], "b": {}}'
    assert decode_json(raw, "Strict") == ({"a": [1, 2.5, None, True, "é😀"], "b": {}}, ())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": 1',
        b"NaN",
        b"[Infinity]",
        b"[1e999]",
        b'"\xff"',
        b'{"\xff": 1}',
        b"\xff\xfe",
        b'["\\ud800"]',
        b"[18446744073709551615]",
        b"[-99999999999999999999999]",
        b"9" * 100_000,
        b"{'a': 1}",
        nested(MAX_DEPTH + 1),
        nested(500_000),
        b'{"a":' * 500_000,
        b'"' + b'\\"' * 500_000,
        b" " * (MAX_BYTES + 1),
    ],
)
def test_what_is_no_good_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidSpec):
        decode_json(raw, "Ignore")
    with pytest.raises(InvalidSpec):
        decode_json(raw, "Strict")


def test_as_deep_as_allowed_is_taken() -> None:
    decode_json(nested(MAX_DEPTH), "Strict")
    decode_yaml(nested(MAX_DEPTH), "Strict")


TWICE = b'{"spec": {"a": 1, "a": 2, "list": [{"b": 1, "b": 2, "b": 3}]}, "x": "\\u0041"}'


def test_fields_that_stand_there_twice_are_refused_warned_of_or_ignored() -> None:
    found = ('duplicate field "spec.a"', 'duplicate field "spec.list[0].b"')
    with pytest.raises(StrictDecodingError) as caught:
        decode_json(TWICE, "Strict")
    assert str(caught.value) == f"strict decoding error: {found[0]}, {found[1]}"
    value, warnings = decode_json(TWICE, "Warn")
    assert value == {"spec": {"a": 2, "list": [{"b": 3}]}, "x": "A"}
    assert warnings == found
    assert decode_json(TWICE, "Ignore") == (value, ())


def test_the_order_and_spelling_of_json_does_not_make_it_twice() -> None:
    raw = b'{"b": 1e2, "a": "\\/\\u003c", "c": 1.50}'
    assert decode_json(raw, "Strict") == ({"b": 100.0, "a": "/<", "c": 1.5}, ())


def test_many_findings_are_counted() -> None:
    raw = "{" + ",".join(f'"k{index}": 1, "k{index}": 2' for index in range(500)) + "}"
    _, warnings = decode_json(raw.encode(), "Warn")
    assert len(warnings) == 101
    assert warnings[-1] == "and 400 more"


def test_yaml_is_decoded() -> None:
    assert decode_yaml(b"a: &x [1, yes]\nb: *x\n", "Strict") == ({"a": [1, True], "b": [1, True]}, ())


def test_a_key_that_stands_in_a_map_twice_is_told_with_its_line() -> None:
    raw = b"a: 1\nb:\n  c: 1\n  c: 2\n"
    with pytest.raises(StrictDecodingError, match='line 4: key "c" already set in map'):
        decode_yaml(raw, "Strict")
    assert decode_yaml(raw, "Warn") == ({"a": 1, "b": {"c": 2}}, ('line 4: key "c" already set in map',))


BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))])
LONG = f"a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 100_000)}]"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"a: 1\n---\nb: 2\n",
        b"a: [",
        b"a: .nan",
        b"\xff",
        b"a: \x00",
        b"a: 99999999999999999999",
        b"? [a]\n: b",
        b"[" * 100_000,
        b"- " * 100_000,
        BOMB.encode(),
        LONG.encode(),
        b"a: *b",
        b"a: !!python/object:os.system x",
    ],
)
def test_what_is_no_good_yaml_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidSpec):
        decode_yaml(raw, "Warn")


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**63, -(2**63) - 1, "\ud800", {"\udfff": 1}, {1: 2}, (1,), b"x", object()],
)
def test_what_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(InvalidSpec):
        check_shape({"a": [value]})


def test_a_value_nested_without_end_is_one_error() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidSpec, match="nested deeper than 100 levels"):
        check_shape(value)
    while value:  # taken apart here: freeing it in one go would recurse
        value = value[0]  # type: ignore[assignment]


def test_the_limits_of_json_are_no_error() -> None:
    check_shape({"a": [2**63 - 1, -(2**63), 1.5, None, True, "é", json.loads('"\\ud83d\\ude00"')]})
