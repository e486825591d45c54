"""Servers that start when somebody connects."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from setpoint.wiring.on_demand import on_demand


async def test_the_first_client_starts_them_and_is_served(bound_port: Callable[[], socket.socket]) -> None:
    first, second = bound_port(), bound_port()
    told: list[str] = []

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()

    @asynccontextmanager
    async def servers() -> AsyncIterator[None]:
        told.append("up")
        async with await asyncio.start_server(answer, sock=first), await asyncio.start_server(answer, sock=second):
            yield
        told.append("down")

    for sock in (first, second):
        sock.setblocking(False)
    async with on_demand((first, second), servers):
        assert told == []
        for sock in (second, first):
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            assert await asyncio.wait_for(reader.read(), 20) == b"here"
            writer.close()
        assert told == ["up"]
    assert told == ["up"]  # cut off, as a control plane that ends cuts off its clients


async def test_nobody_asks_and_nothing_is_started(bound_port: Callable[[], socket.socket]) -> None:
    def never() -> AbstractAsyncContextManager[None]:
        raise AssertionError("nobody asked")

    async with on_demand((bound_port(),), never):
        await asyncio.sleep(0)


async def test_what_goes_wrong_at_the_start_comes_out(bound_port: Callable[[], socket.socket]) -> None:
    sock = bound_port()

    def broken() -> AbstractAsyncContextManager[None]:
        raise RuntimeError("no servers")

    with pytest.raises(RuntimeError, match="no servers"):
        async with on_demand((sock,), broken):
            _, writer = await asyncio.open_connection(*sock.getsockname())
            for _ in range(10):
                await asyncio.sleep(0)
            writer.close()
