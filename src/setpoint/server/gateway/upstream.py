"""HTTP/1.1 connections from the gateway to model servers: kept alive, one exchange at a time, read as they arrive.

Decides when a connection can be used again and what a lost one means: `Lost.untouched` says that not one byte of an
answer had come, which is what makes another try safe to consider. Knows no route and no client. Invariant: a connection
in the pool is idle, open, and at a message boundary.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast

import httptools

from setpoint.apis.errors import Unavailable

_READ_AHEAD_BYTES = 256 * 1024  # buffered of one response before reading pauses
_MAX_IDLE = 128  # connections kept per server
_CONNECT_SECONDS = 5.0

Headers = list[tuple[bytes, bytes]]


class Lost(Unavailable):
    """The connection ended in the middle of an exchange."""

    def __init__(self, reason: str, *, untouched: bool) -> None:
        """`untouched`: no byte of a response had come."""
        self.untouched = untouched
        super().__init__(reason)


class Connection(asyncio.Protocol):
    """One connection; call `start`, `write` the body, `head`, then `chunk` until it returns b""."""

    def __init__(self, pool: Pool, port: int) -> None:
        """Made by the pool."""
        self._pool = pool
        self.port = port
        self.reused = False
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._headers: Headers = []
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._touched = False
        self._complete = False
        self._has_length = False
        self._error: Lost | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._no_body = False
        self._spoilt = False
        self._keep_alive = False

    # What the gateway calls

    def start(self, head: bytes, *, no_body: bool) -> None:
        """Begin an exchange with the request's head (and as much of its body as is there).

        `no_body`: the response has none whatever its headers say (HEAD).
        """
        self._reset()
        self._no_body = no_body
        self._write(head)

    async def write(self, data: bytes) -> None:
        """More of the request's body; waits while the server does not read. Raises: Lost."""
        self._write(data)
        await self._writable.wait()

    async def head(self) -> tuple[int, Headers]:
        """Status and headers of the response. Raises: Lost."""
        while not self._status:
            await self._wait()
        return self._status, self._headers

    async def chunk(self) -> bytes:
        """The next bytes of the response's body; b"" at its end. Raises: Lost."""
        while not self._chunks:
            if self._complete:
                return b""
            await self._wait()
        data = b"".join(self._chunks) if len(self._chunks) > 1 else self._chunks[0]
        self._chunks.clear()
        if self._buffered > _READ_AHEAD_BYTES and self._transport is not None:
            self._transport.resume_reading()
        self._buffered = 0
        return data

    @property
    def answered(self) -> bool:
        """Whether a response has begun."""
        return self._status != 0

    def spoil(self) -> None:
        """The request was not sent whole: the connection cannot be used again."""
        self._spoilt = True

    @property
    def complete(self) -> bool:
        """Whether the whole response has arrived."""
        return self._complete

    def release(self) -> None:
        """Back to the pool if the exchange ended cleanly, else closed."""
        usable = self._complete and not (self._chunks or self._closed or self._no_body or self._spoilt)
        if usable and self._keep_alive:
            self._pool.put(self)
        else:
            self.close()

    def close(self) -> None:
        """End it, whatever state it is in."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class, only by what it can

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._touched = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the server's answer is not HTTP: {error}")
            self.close()
        except httptools.HttpParserUpgrade:
            self._fail("the server switched protocols")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end: of the response, if it was to be read until here, else an error."""
        self._closed = True
        self._pool.forget(self)
        self._writable.set()
        if self._status and not self._has_length and exc is None:
            self._complete = True
        if not self._complete:
            self._fail("the server closed the connection")
        self._wake()

    def pause_writing(self) -> None:
        """The server reads slower than the client sends."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._has_length = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole; an interim one (100) is passed over."""
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._headers = []
            return
        self._status = status
        if self._no_body:
            self._complete = True
        self._wake()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._chunks.append(body)
        self._buffered += len(body)
        if self._buffered > _READ_AHEAD_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """The body is whole."""
        if self._status:
            self._complete = True
            self._keep_alive = self._parser.should_keep_alive()  # the parser knows it only here
            self._wake()

    def _write(self, data: bytes) -> None:
        if self._closed or self._transport is None:
            raise Lost("the connection to the server is closed", untouched=not self._touched)
        self._transport.write(data)

    def _fail(self, reason: str) -> None:
        if self._error is None:
            self._error = Lost(reason, untouched=not self._touched)
        self._wake()

    async def _wait(self) -> None:
        self._check()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if not self._chunks:
            self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Pool:
    """Idle connections by port; all servers are on this machine."""

    def __init__(self) -> None:
        """Empty."""
        self._idle: dict[int, list[Connection]] = {}

    async def get(self, port: int) -> Connection:
        """An idle connection, or a new one. Raises: Unavailable if nothing listens there."""
        idle = self._idle.get(port)
        if idle:
            connection = idle.pop()
            connection.reused = True
            return connection
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, made = await loop.create_connection(lambda: Connection(self, port), "127.0.0.1", port)
        except TimeoutError as error:
            raise Lost(f"no connection to port {port} within {_CONNECT_SECONDS:g} s", untouched=True) from error
        except OSError as error:
            raise Lost(f"nothing listens on port {port}", untouched=True) from error
        return made

    def put(self, connection: Connection) -> None:
        """Keep it for later; the newest is used first."""
        idle = self._idle.setdefault(connection.port, [])
        if len(idle) < _MAX_IDLE:
            idle.append(connection)
        else:
            connection.close()

    def forget(self, connection: Connection) -> None:
        """It was closed by the server."""
        idle = self._idle.get(connection.port)
        if idle and connection in idle:
            idle.remove(connection)
            if not idle:
                del self._idle[connection.port]

    def close(self) -> None:
        """Close all idle connections."""
        for idle in list(self._idle.values()):
            for connection in list(idle):
                connection.close()
        self._idle.clear()
