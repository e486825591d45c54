"""Bodies of requests: of limited size, JSON or YAML, always one object.

Source: Kubernetes API concepts, "Alternate representations of resources", "Resource field validation".
"""

from __future__ import annotations

from starlette.requests import Request

from setpoint.apis.errors import Malformed, TooLarge, UnsupportedMedia
from setpoint.core.admission import decode_json, decode_yaml
from setpoint.ports.objects import Json
from setpoint.server.kubernetes._options import Validation

MAX_BODY_BYTES = 3 * 1024 * 1024  # what an API server takes


async def body_of(request: Request, validation: Validation) -> tuple[Json, tuple[str, ...]]:
    """The object that was sent, and what is to be warned of. Raises: UnsupportedMedia, TooLarge, Malformed."""
    media = media_of(request)
    raw = await raw_of(request)
    match media:
        case "application/json" | "" | "*/*" | "application/merge-patch+json":
            value, told = decode_json(raw, validation)
        case "application/yaml":
            value, told = decode_yaml(raw, validation)
        case _:
            allowed = ("application/json", "application/yaml")
            raise UnsupportedMedia(f"{media[:80]!r} is not read here", path="Content-Type", allowed=allowed)
    if not isinstance(value, dict):
        raise Malformed("the body is no object")
    return value, told


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
    value, _ = decode_yaml(raw, "Ignore") if "yaml" in media_of(request) else decode_json(raw, "Ignore")
    if not isinstance(value, dict):
        raise Malformed("DeleteOptions are an object")
    return value
