"""Tensors of the Open Inference Protocol V2, as JSON values and as the binary extension's bytes.

Decides how a datatype maps to numpy and refuses every value that does not fit its declared type and shape. Knows no
message, model or transport. Invariant: what `encode_*` writes, `decode_*` reads back equal, and no value is ever
coerced in silence (a text is no number, 2.5 is no integer, a truncated buffer is no tensor).
Source: Open Inference Protocol V2 (tensor data, tensor data types) and its binary tensor data extension.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from setpoint.apis.errors import InvalidSpec, InvariantViolation, NotSupported

Array: TypeAlias = npt.NDArray[Any]

BYTES = "BYTES"
MAX_RANK = 8  # no model here takes more; a bound on the nesting that a request can make us build

_NUMERIC: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
DATATYPES: tuple[str, ...] = (*_NUMERIC, BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """What a model takes or gives: -1 in `shape` is a variable size."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Whether a concrete shape fits."""
        return len(shape) == len(self.shape) and all(
            want in (-1, size) for want, size in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A named array. BYTES tensors are object arrays of `bytes`; the others have the numpy type of their datatype."""

    name: str
    datatype: str
    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.array.shape


def make_tensor(name: str, array: Array) -> Tensor:
    """A tensor of an array, its datatype taken from the array's; text and bytes become BYTES.

    Raises: InvalidSpec if the protocol has no datatype for it.
    """
    if array.dtype.kind in "OSU":
        flat = [item.encode() if isinstance(item, str) else bytes(item) for item in array.ravel().tolist()]
        return Tensor(name=name, datatype=BYTES, array=_object_array(flat, array.shape))
    for datatype, dtype in _NUMERIC.items():
        if array.dtype == dtype:
            return Tensor(name=name, datatype=datatype, array=array)
    raise InvalidSpec(f"tensor {name!r}: the protocol has no datatype for {array.dtype}", allowed=DATATYPES)


def check_datatype(datatype: str, where: str) -> None:
    """InvalidSpec if the protocol has no such datatype."""
    if datatype not in DATATYPES:
        raise InvalidSpec(f"unknown datatype {datatype!r}", path=where, allowed=DATATYPES)


def decode_json(data: msgspec.Raw, *, datatype: str, shape: tuple[int, ...], where: str) -> Array:
    """The array of a JSON `data` value, flat in row-major order or nested as `shape` says.

    Raises: InvalidSpec (at `where`) for a value of another type, out of range, null, or of another shape;
        NotSupported for FP16, which has no JSON form.
    """
    check_datatype(datatype, where)
    if datatype == "FP16":
        raise NotSupported("FP16 has no JSON form; send it by the binary tensor extension", path=where)
    nested = _is_nested(data)
    rank = len(shape) if nested else 1
    if not 1 <= rank <= MAX_RANK:
        raise InvalidSpec(f"shape {list(shape)} does not fit nested data (rank 1 to {MAX_RANK})", path=where)
    try:
        values = _decoder(_json_type(datatype), rank).decode(data)
    except msgspec.MsgspecError as error:
        raise InvalidSpec(f"not {datatype} data of rank {rank}: {error}", path=where) from error
    return _shaped(values, datatype=datatype, shape=shape, nested=nested, where=where)


def decode_instances(data: msgspec.Raw, *, spec: TensorSpec, where: str) -> Array:
    """The array of protocol V1's `instances`: nested as the model's first input is, its shape taken from the data.

    Raises: InvalidSpec (at `where`) for values of another type or nesting.
    """
    try:
        values = _decoder(_json_type(spec.datatype), len(spec.shape)).decode(data)
    except msgspec.MsgspecError as error:
        raise InvalidSpec(f"not {spec.datatype} data of rank {len(spec.shape)}: {error}", path=where) from error
    try:
        return np.array(values, dtype=object if spec.datatype == BYTES else _NUMERIC[spec.datatype])
    except (ValueError, OverflowError) as error:
        raise InvalidSpec("rows of unequal length, or a number out of range", path=where) from error


def decode_binary(data: memoryview, *, datatype: str, shape: tuple[int, ...], where: str) -> Array:
    """The array of the binary extension's bytes: little-endian, row-major.

    Raises: InvalidSpec (at `where`) if the bytes are too few or too many for the shape.
    """
    check_datatype(datatype, where)
    if datatype == BYTES:
        return _object_array(_split_bytes(data, math.prod(shape), where), shape)
    dtype = _NUMERIC[datatype]
    want = math.prod(shape) * dtype.itemsize
    if want != len(data):
        raise InvalidSpec(f"{len(data)} bytes where shape {list(shape)} of {datatype} takes {want}", path=where)
    if datatype == "BOOL":
        flags: Array = np.frombuffer(data, dtype=np.uint8) != 0
        return flags.reshape(shape)
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def encode_json(tensor: Tensor) -> list[Any]:
    """The flat, row-major JSON list.

    Raises: NotSupported for FP16 and for bytes that are not text; InvariantViolation for NaN and infinity, which JSON
        cannot hold (the binary extension can).
    """
    if tensor.datatype == "FP16":
        raise NotSupported(f"tensor {tensor.name!r}: FP16 has no JSON form; ask for binary data")
    if tensor.datatype == BYTES:
        try:
            return [item.decode() for item in tensor.array.ravel().tolist()]
        except UnicodeDecodeError as error:
            raise NotSupported(f"tensor {tensor.name!r}: bytes that are not UTF-8 need binary data") from error
    if tensor.array.dtype.kind == "f" and not np.isfinite(tensor.array).all():
        raise InvariantViolation(f"tensor {tensor.name!r} holds NaN or infinity, which JSON cannot carry")
    values: list[Any] = tensor.array.ravel().tolist()
    return values


def encode_binary(tensor: Tensor) -> bytes:
    """The bytes of the binary extension."""
    if tensor.datatype == BYTES:
        return b"".join(struct.pack("<I", len(item)) + item for item in tensor.array.ravel().tolist())
    return np.ascontiguousarray(tensor.array, dtype=_NUMERIC[tensor.datatype]).tobytes()


def _is_nested(data: msgspec.Raw) -> bool:
    view = memoryview(data)
    for position in range(1, len(view)):
        if view[position] not in b" \t\r\n":
            return bool(view[0] == 0x5B and view[position] == 0x5B)  # "[["
    return False


def _json_type(datatype: str) -> type:
    if datatype == BYTES:
        return str
    kind = _NUMERIC[datatype].kind
    return {"b": bool, "f": float}.get(kind, int)


@lru_cache(maxsize=64)
def _decoder(element: type, rank: int) -> msgspec.json.Decoder[Any]:
    nested: Any = element
    for _ in range(rank):
        nested = list[nested]
    return msgspec.json.Decoder(nested)


def _shaped(values: list[Any], *, datatype: str, shape: tuple[int, ...], nested: bool, where: str) -> Array:
    if datatype == BYTES:
        flat, found = _flatten(values, len(shape) if nested else 1, where)
        if nested and found != shape:
            raise InvalidSpec(f"data of shape {list(found)} where shape says {list(shape)}", path=where)
        _check_count(len(flat), shape, where)
        return _object_array([item.encode() for item in flat], shape)
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype=_NUMERIC[datatype])
    except (ValueError, OverflowError) as error:
        what = "out of range" if isinstance(error, OverflowError) else "rows of unequal length"
        raise InvalidSpec(f"{what} for {datatype} data of shape {list(shape)}", path=where) from error
    if datatype == "FP32" and not np.isfinite(array).all():
        raise InvalidSpec("out of range for FP32", path=where)
    if nested and array.shape != shape:
        raise InvalidSpec(f"data of shape {list(array.shape)} where shape says {list(shape)}", path=where)
    _check_count(array.size, shape, where)
    return array.reshape(shape)


def _check_count(count: int, shape: tuple[int, ...], where: str) -> None:
    if count != math.prod(shape):
        raise InvalidSpec(f"{count} values where shape {list(shape)} takes {math.prod(shape)}", path=where)


def _flatten(values: list[Any], rank: int, where: str) -> tuple[list[str], tuple[int, ...]]:
    shape: list[int] = [len(values)]
    level = values
    for _ in range(rank - 1):
        sizes = {len(item) for item in level}
        if len(sizes) > 1:
            raise InvalidSpec("rows of unequal length", path=where)
        shape.append(sizes.pop() if sizes else 0)
        level = [inner for item in level for inner in item]
    return level, tuple(shape)


def _split_bytes(data: memoryview, count: int, where: str) -> list[bytes]:
    items: list[bytes] = []
    position = 0
    while position < len(data):
        if len(items) == count or position + 4 > len(data):
            raise InvalidSpec(f"bytes left over after {len(items)} elements of {count}", path=where)
        (length,) = struct.unpack_from("<I", data, position)
        position += 4 + length
        if position > len(data):
            raise InvalidSpec(f"element {len(items)} is cut off: {length} bytes announced", path=where)
        items.append(bytes(data[position - length : position]))
    if len(items) != count:
        raise InvalidSpec(f"{len(items)} elements where the shape takes {count}", path=where)
    return items


def _object_array(items: list[bytes], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)
