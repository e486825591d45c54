"""Sending HTTP requests to anywhere, for http and plugin templates."""

from __future__ import annotations

from typing import Protocol

from setpoint.apis.http import HttpReply, HttpRequest


class HttpClient(Protocol):
    """Sends one request at a time or many; keeps nothing between them."""

    async def send(self, request: HttpRequest) -> HttpReply:
        """The reply, redirects followed.

        Raises: RequestFailed if there is none.
        """
        ...
