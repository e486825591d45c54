"""One request and its answer as the gateway saw them, and the frames in which they lie in a spool file.

A frame is length (4 bytes), CRC-32 of the payload (4 bytes), both little-endian, then a MessagePack array. Decides
nothing of what the bytes mean: that is `rows`, later and elsewhere, so that writing costs a copy and no more.
Invariant: of a spool cut off at any byte, all frames before the cut are read and none after it.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

import msgspec

from setpoint.apis.errors import InvalidSpec

_HEAD = struct.Struct("<II")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
MAX_FRAME_BYTES = 16 * 2**20  # no frame is larger: what says so is damage


class Exchange(msgspec.Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=False):
    """What passed through the gateway; new fields are added at the end, with defaults."""

    time: int  # microseconds since 1970, UTC: when the request's head came
    seconds: float
    method: str
    path: str  # behind the service's own URL, as it was sent
    status: int
    client: str
    revision: str
    request_bytes: int
    response_bytes: int
    request: bytes | None = None  # None: too large, or not wanted
    request_json: str | None = None  # the header that says where JSON ends and binary data begin
    response: bytes | None = None
    response_json: str | None = None
    keep: str = "all"  # what the service wants written down: all, request or response


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Exchange)


def encode_frame(exchange: Exchange) -> bytes:
    """The frame of one exchange."""
    payload = _encoder.encode(exchange)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


class FrameReader:
    """Reads the frames of one spool; `position` is where the first frame that is not whole begins."""

    def __init__(self, data: bytes) -> None:
        """`data` is the file's content."""
        self._data = memoryview(data)
        self.position = 0
        self.damage = ""

    def __iter__(self) -> Iterator[Exchange]:
        """Whole frames, up to the end or the first that is torn or damaged (`damage` then says which)."""
        size = len(self._data)
        while size - self.position >= _HEAD.size:
            length, checksum = _HEAD.unpack_from(self._data, self.position)
            begin = self.position + _HEAD.size
            if length > MAX_FRAME_BYTES:
                self.damage = f"no frame at byte {self.position}"
                return
            if begin + length > size:
                return
            payload = self._data[begin : begin + length]
            try:
                if zlib.crc32(payload) != checksum:
                    raise ValueError("checksum")
                exchange = _decoder.decode(payload)
            except (ValueError, msgspec.MsgspecError):
                self.damage = f"damaged frame at byte {self.position}"
                return
            self.position = begin + length
            yield exchange


def decode_frames(data: bytes) -> list[Exchange]:
    """All whole frames of a spool's content."""
    return list(FrameReader(data))


def log_parts(namespace: str, service: str) -> tuple[str, str]:
    """The two directory names of a service's log.

    Raises:
        InvalidSpec: One of them is no Kubernetes name, so it might lead elsewhere.
    """
    for path, name in (("namespace", namespace), ("service", service)):
        if not _NAME.match(name) or ".." in name:
            raise InvalidSpec(f"{name!r} is no name: lower-case letters, digits, '-' and '.'", path=path)
    return namespace, service
