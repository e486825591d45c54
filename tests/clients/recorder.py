"""A relay between a client and a server that takes down what both say; it changes no byte of it.

It runs in a thread with an event loop of its own. Bytes go on as they come, so watches, long polls and refusals to
upgrade pass as without it; beside that both directions are parsed, and each request is put together with its answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httptools

_CHUNK = 65536
_PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Seen:
    """A request and its answer as they passed.

    Args:
        number: Place among the requests of all connections, by their ends.
        server: Which of the servers was asked.
        early: How much of the answer's body had come when the next request of anybody did; None: none came since.
    """

    number: int
    server: str
    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    early: int | None = None


class Recorder:
    """Relays to servers, and what passed through them."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="recorder")
        self._servers: list[asyncio.Server] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def relay(self, server: str, port: int) -> int:
        """A new loopback port whose connections go on to this one."""
        future = asyncio.run_coroutine_threadsafe(self._listen(server, port), self._loop)
        return future.result(_PATIENCE_SECONDS)

    def stop(self) -> None:
        """Cut all connections."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_SECONDS)
        self._loop.close()

    async def _listen(self, server: str, port: int) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connected(server, port, reader, writer)

        listening = await asyncio.start_server(connected, "127.0.0.1", 0)
        self._servers.append(listening)
        number: int = listening.sockets[0].getsockname()[1]
        return number

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(
        self, server: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            upstream, onward = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        conversation = _Conversation(self.seen, server)
        ways = [
            asyncio.create_task(_pump(reader, onward, conversation.asked)),
            asyncio.create_task(_pump(upstream, writer, conversation.answered)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (onward, writer):
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, took: Callable[[bytes], None]) -> None:
    try:
        while data := await reader.read(_CHUNK):
            took(data)
            writer.write(data)
            await writer.drain()
    except OSError:
        return


class _Conversation:
    """The requests and answers of one connection, in order."""

    def __init__(self, seen: list[Seen], server: str) -> None:
        self._seen, self._server = seen, server
        self._requests = httptools.HttpRequestParser(_Asked(self))
        self._answers = httptools.HttpResponseParser(_Answered(self))
        self._waiting: list[Seen] = []
        self.draft = Seen(0, server)

    def asked(self, data: bytes) -> None:
        """Bytes of the client."""
        try:
            self._requests.feed_data(data)
        except httptools.HttpParserUpgrade:  # asked for; what follows is no HTTP
            return

    def answered(self, data: bytes) -> None:
        """Bytes of the server."""
        self._answers.feed_data(data)

    def complete(self) -> None:
        """The request is whole."""
        done, self.draft = self.draft, Seen(0, self._server)
        done.method = self._requests.get_method().decode()
        done.number = len(self._seen)
        for other in self._seen:
            if other.early is None:
                other.early = len(other.answer)
        self._seen.append(done)
        self._waiting.append(done)

    def status(self) -> None:
        """The answer's head is whole."""
        self._waiting[0].status = self._answers.get_status_code()

    @property
    def answering(self) -> Seen:
        """The request whose answer is coming."""
        return self._waiting[0]

    def ended(self) -> None:
        """The answer is whole."""
        self._waiting.pop(0)


class _Asked:
    def __init__(self, owner: _Conversation) -> None:
        self._owner = owner

    def on_url(self, url: bytes) -> None:
        self._owner.draft.target += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._owner.draft.headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._owner.draft.body += body

    def on_message_complete(self) -> None:
        self._owner.complete()


class _Answered:
    def __init__(self, owner: _Conversation) -> None:
        self._owner = owner

    def on_header(self, name: bytes, value: bytes) -> None:
        self._owner.answering.answer_headers[name.decode().lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._owner.status()

    def on_body(self, body: bytes) -> None:
        self._owner.answering.answer += body

    def on_message_complete(self) -> None:
        self._owner.ended()


@contextmanager
def recorder() -> Iterator[Recorder]:
    """It runs as long as the block lasts."""
    made = Recorder()
    made.start()
    try:
        yield made
    finally:
        made.stop()
