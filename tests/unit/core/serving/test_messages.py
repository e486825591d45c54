"""Protocol V2's codec: what is written is read back, and nothing malformed gets through."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from setpoint.apis.errors import InvalidSpec, InvariantViolation, NotSupported, SetpointError
from setpoint.core.serving.messages import (
    InferResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
    parse_json_length,
)
from setpoint.core.serving.tensors import DATATYPES, Tensor, TensorSpec, decode_json, make_tensor

_DTYPES = [np.dtype(name) for name in ["?", "u1", "<u2", "<u4", "<u8", "i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8"]]
_SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


@st.composite
def tensors(draw: st.DrawFn, *, json_safe: bool) -> Tensor:
    if draw(st.booleans()):
        items = draw(st.lists(st.text(max_size=8), max_size=5))
        return make_tensor(draw(st.text(max_size=5)), np.array(items, dtype=object))
    dtypes = [dtype for dtype in _DTYPES if not (json_safe and dtype == np.dtype("<f2"))]
    dtype = draw(st.sampled_from(dtypes))
    elements = None
    if dtype.kind == "f":
        elements = hnp.from_dtype(dtype, allow_nan=not json_safe, allow_infinity=not json_safe)
    return make_tensor(draw(st.text(max_size=5)), draw(hnp.arrays(dtype, draw(_SHAPES), elements=elements)))


def _same(one: Tensor, other: Tensor) -> bool:
    if (one.name, one.datatype, one.shape) != (other.name, other.datatype, other.shape):
        return False
    if one.array.dtype.kind == "O":
        return bool(one.array.tolist() == other.array.tolist())
    return one.array.tobytes() == other.array.tobytes() or np.array_equal(one.array, other.array, equal_nan=True)


@given(tensors(json_safe=True), st.one_of(st.none(), st.text(max_size=5)))
def test_json_requests_come_back_equal(tensor: Tensor, request_id: str | None) -> None:
    body = encode_request([tensor], request_id=request_id)
    request = decode_request(body.content, body.json_length)
    assert request.id == request_id
    assert _same(request.inputs[0], tensor)


@given(st.lists(tensors(json_safe=False), max_size=4, unique_by=lambda item: item.name))
def test_binary_requests_come_back_equal(items: list[Tensor]) -> None:
    body = encode_request(items, binary=True)
    request = decode_request(body.content, body.json_length)
    assert all(_same(found, item) for found, item in zip(request.inputs, items, strict=True))
    assert request.wants_binary("anything")


@given(tensors(json_safe=True), tensors(json_safe=True), st.booleans())
def test_responses_come_back_equal(one: Tensor, two: Tensor, binary: bool) -> None:
    outputs = (
        Tensor(name="a", datatype=one.datatype, array=one.array),
        Tensor(name="b", datatype=two.datatype, array=two.array),
    )
    asked = encode_request([], request_id="7", outputs=["b"], binary=binary)
    request = decode_request(asked.content, asked.json_length)
    body = encode_response(InferResponse(model_name="m", model_version="1", outputs=outputs), request)
    response = decode_response(body.content, body.json_length)
    assert (response.model_name, response.model_version, response.id) == ("m", "1", "7")
    assert len(response.outputs) == 1
    assert _same(response.output("b"), outputs[1])


@given(st.binary(max_size=60), st.one_of(st.none(), st.integers(0, 60)))
def test_arbitrary_bytes_are_read_or_refused(body: bytes, length: int | None) -> None:
    try:
        decode_request(body, None if length is None else min(length, len(body)))
    except SetpointError as error:
        assert str(error)


@given(
    st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=3), st.lists, max_leaves=8)
)
def test_arbitrary_data_never_becomes_another_value(data: Any) -> None:
    body = {"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": data}]}
    try:
        request = decode_request(json.dumps(body).encode())
    except InvalidSpec:
        return
    assert request.inputs[0].array.tolist() == data


@pytest.mark.parametrize(
    ("datatype", "data", "words"),
    [
        ("UINT8", "[1, 256]", "out of range"),
        ("UINT8", "[1, -1]", "out of range"),
        ("INT64", "[1, 9223372036854775808]", "out of range"),
        ("INT8", "[1, 2.5]", "Expected `int`"),
        ("FP32", "[1, 1e39]", "out of range"),
        ("FP64", "[1, 1e999]", "out of range"),
        ("BOOL", "[1, 0]", "Expected `bool`"),
        ("BYTES", "[1, 2]", "Expected `str`"),
        ("BYTES", '[["a"], ["b", "c"]]', "rank"),
        ("FP64", "[1]", "1 values"),
        ("FP64", "[[1, 2]]", "rank"),
    ],
)
def test_values_that_do_not_fit(datatype: str, data: str, words: str) -> None:
    body = b'{"inputs":[{"name":"x","shape":[2],"datatype":"%s","data":%s}]}' % (datatype.encode(), data.encode())
    with pytest.raises(InvalidSpec, match=words.replace("[", r"\[")) as caught:
        decode_request(body)
    assert caught.value.path.startswith("inputs[0]")


def test_nested_text_takes_its_shape() -> None:
    body = b'{"inputs":[{"name":"x","shape":[2,2],"datatype":"BYTES","data":[["a","b"],["c","d"]]}]}'
    assert decode_request(body).inputs[0].array.tolist() == [[b"a", b"b"], [b"c", b"d"]]
    with pytest.raises(InvalidSpec, match="unequal"):
        decode_request(body.replace(b'"c","d"', b'"c"'))
    with pytest.raises(InvalidSpec, match="where shape says"):
        decode_request(body.replace(b"[2,2]", b"[4,1]"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_json_cannot_carry_nan_and_does_not_hide_it(value: float) -> None:
    tensor = make_tensor("x", np.array([value]))
    with pytest.raises(InvariantViolation):
        encode_request([tensor])
    body = encode_request([tensor], binary=True)
    found = decode_request(body.content, body.json_length).inputs[0].array[0]
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_half_precision_is_binary_only() -> None:
    tensor = make_tensor("x", np.array([1.5], dtype="<f2"))
    with pytest.raises(NotSupported):
        encode_request([tensor])
    body = encode_request([tensor], binary=True)
    assert decode_request(body.content, body.json_length).inputs[0].array.tolist() == [1.5]


def test_binary_text_that_is_cut_off() -> None:
    tensor = make_tensor("x", np.array(["abc", "d"], dtype=object))
    body = encode_request([tensor], binary=True)
    for cut in (1, 2, 5):
        with pytest.raises(InvalidSpec, match="announced"):
            decode_request(body.content[:-cut], body.json_length)


def test_an_output_may_overrule_the_request() -> None:
    request = decode_request(
        b'{"inputs":[],"parameters":{"binary_data_output":true},'
        b'"outputs":[{"name":"a"},{"name":"b","parameters":{"binary_data":false}}]}'
    )
    assert (request.wants_binary("a"), request.wants_binary("b")) == (True, False)


@pytest.mark.parametrize("text", ["-1", "1.0", "", "x", "٣", "11"])
def test_a_length_that_is_none(text: str) -> None:
    with pytest.raises(InvalidSpec):
        parse_json_length(text, 10)


def test_arrays_without_datatype_are_refused() -> None:
    with pytest.raises(InvalidSpec, match="complex128"):
        make_tensor("x", np.array([1j]))
    assert len(DATATYPES) == 13


@pytest.mark.parametrize(
    ("declared", "shape", "fits"),
    [((-1, 4), (7, 4), True), ((-1, 4), (7, 3), False), ((-1, 4), (4,), False), ((), (), True)],
)
def test_variable_sizes(declared: tuple[int, ...], shape: tuple[int, ...], fits: bool) -> None:
    assert TensorSpec(name="x", datatype="FP64", shape=declared).admits(shape) is fits


def test_deeply_nested_data_is_refused_before_it_is_built() -> None:
    data = msgspec.Raw(b"[" * 50 + b"]" * 50)
    with pytest.raises(InvalidSpec, match="rank"):
        decode_json(data, datatype="FP64", shape=(1,) * 50, where="x")
