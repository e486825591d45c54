"""uvicorn's HTTP protocol with what it lacks: a time and a size for the head of a request.

A client that opens connections and sends its headers a byte a minute would otherwise hold them for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from setpoint.adapters.access.peers import CONNECTION_KEY

HEAD_SECONDS = 30.0
HEAD_BYTES = 128 * 1024


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request does not have its headers in time, or has too many."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: Any) -> None:
        """The first request is awaited."""
        super().connection_made(transport)
        self._memory: dict[str, Any] = {}
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head; more than allowed closes the connection."""
        if not self._in_head and self.cycle is not None and self.cycle.response_complete and not self.cycle.more_body:
            self._begin_head()
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Requests of one connection share what was found out of it, such as who is at its other end."""
        super().on_message_begin()
        self.scope[CONNECTION_KEY] = self._memory  # type: ignore[literal-required]  # scopes are open

    def on_headers_complete(self) -> None:
        """The head is there; the guard has limits for the rest."""
        self._end_head()
        super().on_headers_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: the guard refuses it, and audits that."""

    def _begin_head(self) -> None:
        self._end_head()
        self._in_head, self._head_bytes = True, 0
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _end_head(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
