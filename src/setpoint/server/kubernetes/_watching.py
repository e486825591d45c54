"""A watch as an answer that does not end: one JSON object a line, what waits together in one piece.

Source: Kubernetes API concepts, "Efficient detection of changes", "Watch bookmarks", "Streaming lists".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import msgspec
from starlette.types import Receive, Scope, Send

from setpoint.apis.errors import Expired, SetpointError
from setpoint.ports.objects import Told
from setpoint.ports.resources import WatchType
from setpoint.server.kubernetes._forms import Shown
from setpoint.server.kubernetes._status import make_status, status_of

_PIECE_BYTES = 256 * 1024
_PATIENCE_SECONDS = 60.0


class WatchAnswer:
    """An ASGI application that tells one client of changes until it leaves, or its time is over.

    Args:
        events: What happens; ends never.
        shown: In which form.
        bookmarks: Tell how far the watch has come, from time to time.
        initial_end: Tell when all that there was has been told.
        seconds: How long; None for ever.
        patience: For so many seconds a client may take nothing of what waits for it; then it is cut off, since all that
            its watch begins with is in memory until it does. An API server closes watches that cannot keep up, too.
    """

    def __init__(
        self,
        events: AsyncGenerator[Told, None],
        shown: Shown,
        *,
        bookmarks: bool = False,
        initial_end: bool = False,
        seconds: int | None = None,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._events, self._shown = events, shown
        self._bookmarks, self._initial_end = bookmarks, initial_end
        self._seconds, self._patience = seconds, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream; see the class."""
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-cache, private")]
        telling = asyncio.ensure_future(self._tell(send, headers))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait({telling, leaving}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = telling.done()
            for task in (telling, leaving):
                task.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)
        if ended and (error := telling.exception()) is not None:
            if isinstance(error, TimeoutError):
                return  # without an end, which would wait as well: the connection is closed
            raise error
        with suppress(OSError):  # a TimeoutError is one, too
            async with asyncio.timeout(self._patience):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        waiting: list[bytes] = []
        size = 0
        async with aclosing(self._events), aclosing(self._lines()) as lines:
            async for line in lines:
                waiting.append(line)
                size += len(line)
                if not line or size > _PIECE_BYTES:
                    async with asyncio.timeout(self._patience):
                        await send({"type": "http.response.body", "body": b"".join(waiting), "more_body": True})
                    waiting.clear()
                    size = 0
                    await asyncio.sleep(0)  # `send` need not wait for anything, and others have their turn
        if waiting:
            await send({"type": "http.response.body", "body": b"".join(waiting), "more_body": True})

    async def _lines(self) -> AsyncGenerator[bytes, None]:
        """Lines; an empty one says that nothing more is there at present."""
        first = True
        try:
            async for told in self._events:
                if told.type != WatchType.BOOKMARK:
                    yield self._shown.event(told)
                    continue
                if (first and self._initial_end) or (self._bookmarks and not first):
                    yield self._shown.bookmark(told.version, initial_end=first and self._initial_end)
                first = False
                yield b""
        except SetpointError as error:
            status = make_status(410, "Expired", str(error)) if isinstance(error, Expired) else status_of(error)
            yield b'{"type":"ERROR","object":%b}\n' % msgspec.json.encode(status)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
