"""Servers that are loaded and started by the first client that connects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from socket import socket
from typing import Any


@asynccontextmanager
async def on_demand(
    sockets: Sequence[socket], start: Callable[[], AbstractAsyncContextManager[Any]]
) -> AsyncIterator[None]:
    """Enter `start()` when the first client connects to one of the listening sockets, which waits until then.

    What it raises comes out at the end of the context.
    """
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def deaf() -> None:
        for sock in sockets:
            loop.remove_reader(sock)

    def hear() -> None:
        deaf()
        asked.set()

    async def serve() -> None:
        await asked.wait()
        async with start():
            await asyncio.Event().wait()

    for sock in sockets:
        loop.add_reader(sock, hear)
    serving = asyncio.create_task(serve(), name="servers on demand")
    try:
        yield
    finally:
        if not asked.is_set():
            deaf()
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
