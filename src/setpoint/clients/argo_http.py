"""Requests to the Argo Server REST API: bodies out, bodies and streams in, its errors as our tree.

Source: Argo Server API; errors are grpc-gateway's `{"code", "message", "error"}`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

import httpx
import msgspec

from setpoint.apis import errors
from setpoint.ports.archive import WorkflowQuery

_INTERNAL = 13  # the gRPC code that the server has for a verb on a workflow which has ended


class Refused(errors.SetpointError):
    """An answer of the server that is none of the known kinds."""


class ArgoHttp:
    """One server, by an HTTP client that knows its address."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> bytes:
        """The body of the answer.

        Raises: The error of our tree that the server told; Unavailable without an answer; Refused for any other.
        """
        content = msgspec.json.encode(dict(body)) if body is not None else None
        try:
            answer = await self._http.request(method, path, content=content, params=dict(query or {}))
        except httpx.TransportError as error:
            raise errors.Unavailable(f"no answer from the control plane: {error or type(error).__name__}") from error
        if answer.is_error:
            raise_error(answer.status_code, answer.content)
        return answer.content

    async def stream(self, path: str, query: Mapping[str, str], *, lines: bool) -> AsyncIterator[bytes]:
        """Lines, or chunks, of a body that may take its time. Raises: As `send`."""
        timeout = httpx.Timeout(30.0, read=None)
        try:
            async with self._http.stream("GET", path, params=dict(query), timeout=timeout) as answer:
                if answer.is_error:
                    raise_error(answer.status_code, await answer.aread())
                if lines:
                    async for line in answer.aiter_lines():
                        yield line.encode()
                else:
                    async for chunk in answer.aiter_bytes():
                        yield chunk
        except httpx.TransportError as error:
            raise errors.Unavailable(f"the control plane went away: {error}") from error


def query_of(query: WorkflowQuery) -> dict[str, str]:
    """The keys of a list's query string."""
    fields = []
    if query.started_after is not None:
        fields.append(f"spec.startedAt>{query.started_after.isoformat()}")
    if query.started_before is not None:
        fields.append(f"spec.startedAt<{query.started_before.isoformat()}")
    if query.name:
        fields.append(f"metadata.name={query.name}")
    found = {
        "listOptions.labelSelector": str(query.selector),
        "listOptions.fieldSelector": ",".join((*fields, "ext.showRemainingItemCount=true")),
        "listOptions.limit": str(query.limit or ""),
        "listOptions.continue": str(query.offset or ""),
        "nameFilter": query.name_filter.value,
        "createdAfter": query.created_after.isoformat() if query.created_after else "",
        "finishedBefore": query.finished_before.isoformat() if query.finished_before else "",
    }
    return {key: text for key, text in found.items() if text}


def raise_error(number: int, content: bytes) -> NoReturn:
    """The error that an answer of that HTTP status tells."""
    try:
        body = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = {"message": content[:200].decode(errors="replace")}
    message = str(body.get("message", ""))
    match number:
        case httpx.codes.NOT_FOUND:
            raise _told(errors.NotFound("", ""), message)
        case httpx.codes.CONFLICT if body.get("code") == 6:
            raise _told(errors.AlreadyExists("", ""), message)
        case httpx.codes.CONFLICT:
            raise _told(errors.Conflict("", "", found="", wanted=""), message)
        case httpx.codes.BAD_REQUEST:
            raise errors.InvalidSpec(message)
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            raise errors.Forbidden(message)
        case httpx.codes.SERVICE_UNAVAILABLE | httpx.codes.GATEWAY_TIMEOUT:
            raise errors.Unavailable(message)
        case httpx.codes.INTERNAL_SERVER_ERROR if body.get("code") == _INTERNAL:
            raise errors.AlreadyEnded(message)
    raise Refused(message)


def _told(error: errors.SetpointError, message: str) -> errors.SetpointError:
    """The error with the server's sentence in place of its own."""
    error.args = (message,)
    return error
