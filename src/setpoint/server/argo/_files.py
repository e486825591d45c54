"""Files as answers: streamed in pieces, parts of them on request, and such that a browser runs nothing in them.

Source: RFC 9110 (ranges), RFC 6266 (file names); argo-workflows `server/artifacts`.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import AsyncGenerator
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from setpoint.ports.artifacts import ArtifactFile

SANDBOX = {
    "Content-Security-Policy": (
        "sandbox; base-uri 'none'; default-src 'none'; img-src 'self'; style-src 'self' 'unsafe-inline'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
}
"""What keeps a page that a workflow made from acting as the server's own."""

_CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_UNFIT = re.compile(r'[^\x20-\x7e]|["\\]')
_TYPES = mimetypes.MimeTypes()  # the table of the language, not the machine's
for _suffix, _type in (
    (".log", "text/plain"),
    (".yaml", "text/plain"),
    (".yml", "text/plain"),
    (".md", "text/plain"),
    (".parquet", "application/vnd.apache.parquet"),
):
    _TYPES.add_type(_type, _suffix)


def media_type(name: str) -> str:
    """The content type by a file's name."""
    kind, packed = _TYPES.guess_type(name.lower())
    if packed == "gzip":
        return "application/gzip"
    if kind is None or packed is not None:
        return "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


class FileAnswer(StreamingResponse):
    """A file, or the part of it that the request asks for; the file is closed with it."""

    def __init__(self, request: Request, found: ArtifactFile) -> None:
        begin, end, status = _part(request.headers.get("range", ""), found.size)
        self._file = found.file
        headers = {
            **SANDBOX,
            "Content-Disposition": _disposition(found.name),
            "Content-Length": str(end - begin),
            "Accept-Ranges": "bytes",
        }
        if status == 206:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{found.size}"
        body = _pieces(found.file, begin, end - begin)
        super().__init__(body, status, headers=headers, media_type=media_type(found.name))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; the file is closed also if the client goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def file_answer(request: Request, found: ArtifactFile) -> Response:
    """The answer to a request for a file."""
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted is not None and wanted[1] and int(wanted[1]) >= found.size:
        found.file.close()
        return Response(status_code=416, headers={**SANDBOX, "Content-Range": f"bytes */{found.size}"})
    return FileAnswer(request, found)


def _part(text: str, size: int) -> tuple[int, int, int]:
    """Begin, end and status; a header that is not understood means the whole, as the RFC has it."""
    wanted = _RANGE.fullmatch(text)
    if wanted is None or not (wanted[1] or wanted[2]) or not size:
        return 0, size, 200
    if not wanted[1]:
        return max(0, size - int(wanted[2])), size, 206 if int(wanted[2]) else 200
    begin, end = int(wanted[1]), min(int(wanted[2]) + 1 if wanted[2] else size, size)
    return (begin, end, 206) if begin < end else (0, size, 200)


async def _pieces(file: BinaryIO, begin: int, left: int) -> AsyncGenerator[bytes, None]:
    await asyncio.to_thread(file.seek, begin)
    while left > 0 and (chunk := await asyncio.to_thread(file.read, min(_CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk


def _disposition(name: str) -> str:
    plain = _UNFIT.sub("_", name)
    return f'filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name, errors='replace')}")
