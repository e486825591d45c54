"""Answers of the Kubernetes API: JSON with warnings, `Status` objects, streams of text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse


def json_answer(body: bytes, status: int = 200, warnings: tuple[str, ...] = ()) -> Response:
    """An answer of JSON, with what is to be warned of."""
    answer = Response(body, status, media_type="application/json")
    for text in warnings:
        shown = "".join(
            char if char.isprintable() else "?" for char in " ".join(text.split())
        )  # a header has no others
        plain = shown.replace("\\", "\\\\").replace('"', '\\"')
        answer.headers.append("Warning", f'299 - "{plain.encode("ascii", "replace").decode()}"')
    return answer


def status_answer(status: dict[str, Any]) -> Response:
    """The answer of a request that failed."""
    answer = json_answer(msgspec.json.encode(status), status["code"])
    if "retryAfterSeconds" in status.get("details", {}):
        answer.headers["retry-after"] = str(status["details"]["retryAfterSeconds"])
    return answer


async def text_stream(pieces: AsyncIterator[bytes]) -> Response:
    """Text as it comes. What is refused before the first piece is raised here, so that it is no broken stream."""
    first = await anext(pieces, None)

    async def stream() -> AsyncIterator[bytes]:
        if first is not None:
            yield first
        async for piece in pieces:
            yield piece

    return StreamingResponse(stream(), media_type="text/plain")
