"""Streams: one JSON value a line, or server-sent events for who accepts them.

An event is `data: {...}` and an empty line; a comment every 15 seconds keeps proxies from cutting an idle stream.
Source: Argo Server API; grpc-gateway, `ForwardResponseStream`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from setpoint.apis.errors import SetpointError
from setpoint.server.argo._errors import stream_error

KEEPALIVE_SECONDS = 15.0
_EVENTS = "text/event-stream"


class Stream(StreamingResponse):
    """The values of a source, each as `{"result": ...}`; an error ends it as `{"error": ...}`.

    Args:
        request: Says by its `Accept` how the values are written.
        source: The values; it is closed with the stream.
        keepalive: Seconds after which an event stream that has nothing to say says so.
    """

    def __init__(self, request: Request, source: AsyncIterator[Any], *, keepalive: float = KEEPALIVE_SECONDS) -> None:
        events = _EVENTS in request.headers.get("accept", "")
        self._frames = _frames(source, keepalive, events=events)
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        super().__init__(self._frames, media_type=_EVENTS if events else "application/json", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; the source is closed also if the client goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._frames.aclose()


async def first_of(source: AsyncIterator[Any], seconds: float | None) -> AsyncIterator[Any]:
    """The same values, once the first is there or the time is over; what is wrong from the start is raised here.

    So a missing workflow is an error of the request and not of a stream that has begun.
    """
    pending = asyncio.ensure_future(_next(source))
    try:
        await asyncio.wait({pending}, timeout=seconds)
        if pending.done() and pending.exception() is not None:
            await pending
    except BaseException:
        pending.cancel()
        raise
    return _rest(pending, source)


async def _rest(pending: asyncio.Future[tuple[bool, Any]], source: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    try:
        there, value = await pending
        if there:
            yield value
            async for value in source:
                yield value
    finally:
        pending.cancel()
        await _close(source)


async def _next(source: AsyncIterator[Any]) -> tuple[bool, Any]:
    """Whether there was a value, and which; the end of an iterator cannot be the exception of a task."""
    try:
        return True, await anext(source)
    except StopAsyncIteration:
        return False, None


async def _frames(source: AsyncIterator[Any], keepalive: float, *, events: bool) -> AsyncGenerator[bytes, None]:
    pending = asyncio.ensure_future(_next(source))
    try:
        while True:
            done, _ = await asyncio.wait({pending}, timeout=keepalive if events else None)
            if not done:
                yield b":\n"
                continue
            try:
                there, value = pending.result()
            except SetpointError as error:
                yield _frame(stream_error(error), events=events)
                return
            if not there:
                return
            yield _frame({"result": value}, events=events)
            pending = asyncio.ensure_future(_next(source))
    finally:
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        await _close(source)


def _frame(value: Any, *, events: bool) -> bytes:
    line = msgspec.json.encode(value)
    return b"data: %b\n\n" % line if events else line + b"\n"


async def _close(source: AsyncIterator[Any]) -> None:
    if isinstance(source, AsyncGenerator):
        await source.aclose()
