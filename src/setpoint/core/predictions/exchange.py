"""One request and its answer as bytes, and how a file holds many of them.

A file is a sequence of records, each a length of four bytes (big-endian) and a msgpack array of that length. Whoever
writes it may be killed at any moment: a record that is cut off, and what follows it, is not there.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

MOST_RECORD_BYTES = 1 << 28
_LENGTH_BYTES = 4


class Exchange(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What the gateway saw. Bodies are None where they were too large, not asked for, or not there."""

    time_us: int  # microseconds since 1970, UTC, when the request's head came
    revision: str
    client: str
    method: str
    path: str  # behind the service, such as /v2/models/NAME/infer
    status: int
    seconds: float
    request_bytes: int
    response_bytes: int
    request: bytes | None = None
    request_json_length: str | None = None  # value of the header that binary tensors need
    response: bytes | None = None
    response_json_length: str | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Exchange).decode


def pack(exchange: Exchange) -> bytes:
    """The record of an exchange."""
    body = _encode(exchange)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def unpack(data: bytes) -> Iterator[Exchange]:
    """The exchanges of a file's bytes, up to the first record that is not whole."""
    view, at = memoryview(data), 0
    while at + _LENGTH_BYTES <= len(view):
        length = int.from_bytes(view[at : at + _LENGTH_BYTES], "big")
        end = at + _LENGTH_BYTES + length
        if length > MOST_RECORD_BYTES or end > len(view):
            return
        try:
            found = _decode(view[at + _LENGTH_BYTES : end])
        except msgspec.MsgspecError:
            return
        yield found
        at = end
