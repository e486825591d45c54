"""Who may talk to the servers of this machine: loopback names only, and one bearer token.

A browser on the same machine reaches loopback too; the check of the Host header stops DNS rebinding, and the
token, which no page can know, stops forged requests. Pure ASGI, so that streams are not buffered.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})

ErrorBody = Callable[[int, str, str], Mapping[str, Any]]


class TokenGuard:
    """Lets a request through if its Host is loopback and its bearer token is the right one.

    Args:
        app: What is guarded.
        token: The secret; compared in constant time.
        error_body: `(HTTP status, reason, message) -> JSON` in the shape of the guarded surface.
        public: Paths that need no token (liveness).
    """

    def __init__(
        self, app: ASGIApp, *, token: str, error_body: ErrorBody, public: frozenset[str] = frozenset({"/healthz"})
    ) -> None:
        self._app, self._token, self._error_body, self._public = app, token.encode(), error_body, public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 or 401, or hand the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in (b"host", b"authorization")}
        host = headers.get(b"host", b"").decode("latin-1")
        if _without_port(host) not in LOOPBACK_HOSTS:
            await self._refuse(403, "Forbidden", f"host {host!r} is not this machine")(scope, receive, send)
            return
        if scope["path"] not in self._public and not self._knows_token(headers.get(b"authorization", b"")):
            await self._refuse(401, "Unauthorized", "a valid bearer token is needed")(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows_token(self, authorization: bytes) -> bool:
        scheme, _, credentials = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(credentials.strip(), self._token)

    def _refuse(self, status: int, reason: str, message: str) -> JSONResponse:
        return JSONResponse(self._error_body(status, reason, message), status_code=status)


def _without_port(host: str) -> str:
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host
