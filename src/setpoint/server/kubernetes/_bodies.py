"""Bodies of requests: of limited size, JSON or YAML, always one object.

Source: Kubernetes API concepts, "Alternate representations of resources", "Resource field validation".
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from setpoint.apis.errors import InvalidSpec, Malformed, TooLarge, UnsupportedMedia
from setpoint.core.admission import Mode, decode_json, decode_yaml
from setpoint.core.protobuf import MEDIA_TYPE as PROTOBUF
from setpoint.core.protobuf import decode_protobuf
from setpoint.ports.objects import Json

_JSON = ("application/json", "", "*/*", "application/merge-patch+json")
_YAML = "application/yaml"

MAX_BODY_BYTES = 3 * 1024 * 1024  # what an API server takes


async def body_of(request: Request, validation: Mode) -> tuple[Json, tuple[str, ...]]:
    """The object that was sent, and what is to be warned of. Raises: UnsupportedMedia, TooLarge, Malformed."""
    media = media_of(request)
    if media not in (*_JSON, _YAML, PROTOBUF):
        allowed = (_JSON[0], _YAML, PROTOBUF)
        raise UnsupportedMedia(f"{media[:80]!r} is not read here", path="Content-Type", allowed=allowed)
    raw = await raw_of(request)
    if media == PROTOBUF:
        return decode_protobuf(raw), ()
    value, told = decoded(raw, validation, yaml=media == _YAML)
    if not isinstance(value, dict):
        raise Malformed("the body is no object")
    return value, told


def decoded(raw: bytes, validation: Mode, *, yaml: bool) -> tuple[Any, tuple[str, ...]]:
    """The value of a body, and what is to be warned of. Raises: Malformed, StrictDecodingError."""
    try:
        return (decode_yaml if yaml else decode_json)(raw, validation)
    except Malformed:
        raise
    except InvalidSpec as error:
        raise Malformed(error.reason, path=error.path, location=error.location) from error


def media_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def raw_of(request: Request) -> bytes:
    """The body, of limited size; what is announced as too large is not read."""
    announced = request.headers.get("content-length", "0")
    size = int(announced) if announced.isascii() and announced.isdecimal() else 0
    chunks: list[bytes] = []
    limit = f"the body is larger than {MAX_BODY_BYTES} bytes"
    if size > MAX_BODY_BYTES:
        raise TooLarge(limit)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise TooLarge(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def delete_options_of(request: Request) -> Json:
    raw = await raw_of(request)
    if not raw:
        return {}
    if media_of(request) == PROTOBUF:
        return decode_protobuf(raw)
    value, _ = decoded(raw, "Ignore", yaml="yaml" in media_of(request))
    if not isinstance(value, dict):
        raise Malformed("DeleteOptions are an object")
    return value
