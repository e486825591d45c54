"""Requests and responses of the Open Inference Protocol V2: bytes to tensors and back, for server and client alike.

Decides what a well-formed body is, with and without the binary tensor extension. Knows no model: names, datatypes and
shapes are checked against a model by the server. Invariant: a body is either read whole or refused with the path of
the field that is wrong; trailing or missing binary bytes are never ignored.
Source: Open Inference Protocol V2, inference request and response objects; binary tensor data extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from setpoint.apis.errors import InvalidSpec
from setpoint.core.serving.tensors import (
    Tensor,
    check_datatype,
    decode_binary,
    decode_json,
    encode_binary,
    encode_json,
)

HEADER_LENGTH = "Inference-Header-Content-Length"
CONTENT_JSON = "application/json"
CONTENT_BINARY = "application/octet-stream"

Parameters = dict[str, str | int | float | bool]

_NO_DATA = msgspec.Raw()


class WireTensor(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An input of a request or an output of a response."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    parameters: Parameters = {}
    data: msgspec.Raw = _NO_DATA


class WireRequestedOutput(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An output that the request asks for."""

    name: str
    parameters: Parameters = {}


class WireRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The JSON of an inference request."""

    inputs: list[WireTensor]
    id: str | None = None
    parameters: Parameters = {}
    outputs: list[WireRequestedOutput] | None = None


class WireResponse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The JSON of an inference response."""

    model_name: str
    outputs: list[WireTensor]
    model_version: str | None = None
    id: str | None = None
    parameters: Parameters = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class InferRequest:
    """A request as tensors. `outputs` None means all; `binary` says per output whether it goes back as bytes."""

    inputs: tuple[Tensor, ...]
    id: str | None = None
    outputs: tuple[str, ...] | None = None
    binary: frozenset[str] = frozenset()  # outputs asked for in binary by name
    binary_default: bool = False  # for outputs that say nothing

    def wants_binary(self, name: str) -> bool:
        """Whether the output is to be sent as bytes."""
        return self.binary_default if self.outputs is None else name in self.binary


@dataclass(frozen=True, slots=True, kw_only=True)
class InferResponse:
    """A response as tensors."""

    model_name: str
    outputs: tuple[Tensor, ...]
    model_version: str | None = None
    id: str | None = None

    def output(self, name: str) -> Tensor:
        """The output of that name; InvalidSpec if the response has none."""
        for tensor in self.outputs:
            if tensor.name == name:
                return tensor
        raise InvalidSpec(f"the response has no output {name!r}", allowed=tuple(item.name for item in self.outputs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Bytes for the wire; `json_length` is the value of the length header, None for plain JSON."""

    content: bytes
    json_length: int | None = None

    @property
    def content_type(self) -> str:
        """The matching content type."""
        return CONTENT_JSON if self.json_length is None else CONTENT_BINARY


_REQUESTS = msgspec.json.Decoder(WireRequest)
_RESPONSES = msgspec.json.Decoder(WireResponse)
_ENCODER = msgspec.json.Encoder()


def parse_json_length(header: str | None, size: int) -> int | None:
    """The value of the length header, None if absent. Raises: InvalidSpec if it is no length within the body."""
    if header is None:
        return None
    if not (header.isascii() and header.isdigit()) or int(header) > size:
        raise InvalidSpec(f"{HEADER_LENGTH} {header!r} is not a length within the body of {size} bytes")
    return int(header)


def decode_request(body: bytes, json_length: int | None = None) -> InferRequest:
    """A request body as tensors. Raises: InvalidSpec with the field's path; NotSupported for FP16 in JSON."""
    wire, rest = _decode(_REQUESTS, body, json_length, "request")
    inputs = _decode_tensors(wire.inputs, rest, "inputs")
    binary_default = _flag(wire.parameters, "binary_data_output", "parameters", default=False)
    if wire.outputs is None:
        return InferRequest(inputs=inputs, id=wire.id, binary_default=binary_default)
    binary = {
        output.name
        for index, output in enumerate(wire.outputs)
        if _flag(output.parameters, "binary_data", f"outputs[{index}].parameters", default=binary_default)
    }
    names = tuple(output.name for output in wire.outputs)
    if len(set(names)) != len(names):
        raise InvalidSpec("an output is named twice", path="outputs")
    return InferRequest(inputs=inputs, id=wire.id, outputs=names, binary=frozenset(binary))


def encode_request(
    inputs: Iterable[Tensor],
    *,
    request_id: str | None = None,
    outputs: Iterable[str] | None = None,
    binary: bool = False,
    parameters: Mapping[str, str | int | float | bool] | None = None,
) -> Body:
    """A request body; `binary` sends the inputs as bytes and asks for all outputs as bytes."""
    tensors, chunks = _encode_tensors(inputs, lambda _: binary)
    wire = WireRequest(
        inputs=tensors,
        id=request_id,
        parameters=dict(parameters or {}) | ({"binary_data_output": True} if binary else {}),
        outputs=None if outputs is None else [WireRequestedOutput(name=name) for name in outputs],
    )
    return _encode(wire, chunks)


def decode_response(body: bytes, json_length: int | None = None) -> InferResponse:
    """A response body as tensors. Raises: InvalidSpec with the field's path."""
    wire, rest = _decode(_RESPONSES, body, json_length, "response")
    outputs = _decode_tensors(wire.outputs, rest, "outputs")
    return InferResponse(model_name=wire.model_name, model_version=wire.model_version, id=wire.id, outputs=outputs)


def encode_response(response: InferResponse, request: InferRequest) -> Body:
    """A response body with the outputs, and in the form, that the request asked for."""
    wanted = response.outputs if request.outputs is None else tuple(response.output(name) for name in request.outputs)
    tensors, chunks = _encode_tensors(wanted, request.wants_binary)
    wire = WireResponse(
        model_name=response.model_name,
        model_version=response.model_version,
        id=request.id if response.id is None else response.id,
        outputs=tensors,
    )
    return _encode(wire, chunks)


W = TypeVar("W", WireRequest, WireResponse)


def _decode(decoder: msgspec.json.Decoder[W], body: bytes, json_length: int | None, what: str) -> tuple[W, memoryview]:
    view = memoryview(body)
    size = len(view) if json_length is None else json_length
    try:
        return decoder.decode(view[:size]), view[size:]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidSpec(f"malformed inference {what}: {error}") from error


def _decode_tensors(wires: list[WireTensor], rest: memoryview, field: str) -> tuple[Tensor, ...]:
    tensors = []
    for index, wire in enumerate(wires):
        where = f"{field}[{index}]"
        if any(size < 0 for size in wire.shape):
            raise InvalidSpec(f"shape {list(wire.shape)} has a negative size", path=where)
        check_datatype(wire.datatype, where)
        size = _binary_size(wire, where)
        if size is None:
            array = decode_json(wire.data, datatype=wire.datatype, shape=wire.shape, where=f"{where}.data")
        else:
            if size > len(rest):
                raise InvalidSpec(f"{size} binary bytes announced, {len(rest)} left in the body", path=where)
            array = decode_binary(rest[:size], datatype=wire.datatype, shape=wire.shape, where=where)
            rest = rest[size:]
        tensors.append(Tensor(name=wire.name, datatype=wire.datatype, array=array))
    if len(rest):
        raise InvalidSpec(f"{len(rest)} binary bytes that belong to no tensor")
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise InvalidSpec("a tensor is named twice", path=field)
    return tuple(tensors)


def _binary_size(wire: WireTensor, where: str) -> int | None:
    size = wire.parameters.get("binary_data_size")
    has_data = len(memoryview(wire.data)) > 0
    if size is None:
        if not has_data:
            raise InvalidSpec("neither data nor parameters.binary_data_size", path=where)
        return None
    if has_data or isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise InvalidSpec("binary_data_size must be a size in bytes and stand alone, without data", path=where)
    return size


def _encode_tensors(tensors: Iterable[Tensor], binary: Any) -> tuple[list[WireTensor], list[bytes]]:
    wires: list[WireTensor] = []
    chunks: list[bytes] = []
    for tensor in tensors:
        wire = WireTensor(name=tensor.name, shape=tensor.shape, datatype=tensor.datatype)
        if binary(tensor.name):
            chunk = encode_binary(tensor)
            wire.parameters = {"binary_data_size": len(chunk)}
            chunks.append(chunk)
        else:
            wire.data = msgspec.Raw(_ENCODER.encode(encode_json(tensor)))
        wires.append(wire)
    # Even an empty tensor sent as bytes needs the length header: an empty chunk marks it.
    return wires, chunks


def _encode(wire: WireRequest | WireResponse, chunks: list[bytes]) -> Body:
    head = _ENCODER.encode(wire)
    return Body(content=b"".join((head, *chunks)), json_length=len(head)) if chunks else Body(content=head)


def _flag(parameters: Parameters, name: str, where: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidSpec(f"{name} must be true or false", path=where)
    return value
