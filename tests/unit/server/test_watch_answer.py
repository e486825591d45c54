"""A watch as an answer: a client that takes nothing is cut off, and what waited for it is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

from starlette.types import Message

from setpoint.apis.catalog import define
from setpoint.apis.core import ConfigMap
from setpoint.ports.objects import Told
from setpoint.ports.resources import WatchType
from setpoint.server.kubernetes._forms import Shown
from setpoint.server.kubernetes._options import Form
from setpoint.server.kubernetes._watching import WatchAnswer

SHOWN = Shown(kind=define(ConfigMap), form=Form.WHOLE, now=datetime(2026, 1, 1, tzinfo=UTC))
PATIENCE_SECONDS = 20.0


class Stalled:
    """A client that takes the head of the answer and nothing after it."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_a_client_that_takes_nothing_is_cut_off() -> None:
    let_go = asyncio.Event()

    async def events() -> AsyncGenerator[Told, None]:
        try:
            yield Told(WatchType.ADDED, b'{"metadata":{}}', 1)
            yield Told(WatchType.BOOKMARK, b"", 1)
            await asyncio.Event().wait()
        finally:
            let_go.set()

    client = Stalled()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await WatchAnswer(events(), SHOWN, patience=0.01)({"type": "http"}, client.receive, client.send)
    assert let_go.is_set()
    assert [message.get("more_body") for message in client.sent] == [None, True], "there is no end that looks like one"


async def test_a_watch_whose_time_is_over_does_not_wait_for_a_client_that_takes_nothing() -> None:
    async def events() -> AsyncGenerator[Told, None]:
        yield Told(WatchType.ADDED, b'{"metadata":{}}', 1)
        await asyncio.Event().wait()

    client = Stalled()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await WatchAnswer(events(), SHOWN, seconds=1, patience=0.01)({"type": "http"}, client.receive, client.send)
    assert client.sent[-1]["more_body"] is False
