"""Finding the API server and staying connected while it restarts.

The address is asked anew for each attempt, since a restarted control plane may listen elsewhere. A request that never
reached a server is repeated for a while; one that was cut off is repeated only if repeating it does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

_SAFE_METHODS = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is and who asks; the repr shows no token.

    Args:
        url: Base URL; a path in it lies before that of each request.
        token: Bearer token; empty for none.
        headers: What else each request carries.
        server_name: The name to expect in the server's certificate; empty means that of the URL.
    """

    url: str
    token: str
    headers: Mapping[str, str] = field(default_factory=dict)
    server_name: str = ""

    def __repr__(self) -> str:
        """The URL only."""
        return f"Address({self.url!r})"


class Reconnecting(httpx.AsyncBaseTransport):
    """Sends each request to the present address, and waits for a server that restarts.

    Args:
        locate: The present address, or None if nobody listens now.
        patience_seconds: How long to try before the transport error is raised.
        inner: What sends; for TLS options of a cluster.
    """

    def __init__(
        self,
        locate: Callable[[], Address | None],
        *,
        patience_seconds: float,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._locate, self._patience_seconds = locate, patience_seconds
        self._inner = inner or httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send; the body was read before, so that it can be sent again."""
        await request.aread()
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_seconds
        while True:
            address = self._locate()
            try:
                if address is None:
                    raise httpx.ConnectError("no control plane is up", request=request)
                return await self._inner.handle_async_request(_aimed(request, address))
            except httpx.TransportError as error:
                never_arrived = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if loop.time() > until or not (never_arrived or request.method in _SAFE_METHODS):
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _aimed(request: httpx.Request, address: Address) -> httpx.Request:
    base = httpx.URL(address.url)
    path = base.raw_path.rstrip(b"/") + request.url.raw_path
    url = request.url.copy_with(scheme=base.scheme, host=base.host, port=base.port, raw_path=path)
    headers = request.headers.copy()
    headers["host"] = url.netloc.decode("ascii")
    if address.token:
        headers["authorization"] = f"Bearer {address.token}"
    headers.update(dict(address.headers))
    extensions = dict(request.extensions)
    if address.server_name:
        extensions["sni_hostname"] = address.server_name
    return httpx.Request(request.method, url, headers=headers, content=request.content, extensions=extensions)


def connect(
    locate: Callable[[], Address | None],
    *,
    patience_seconds: float = 0.0,
    timeout_seconds: float = 30.0,
    inner: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """An HTTP client of the API line; close it with `aclose`."""
    return httpx.AsyncClient(
        base_url="http://control-plane",  # replaced by the present address
        transport=Reconnecting(locate, patience_seconds=patience_seconds, inner=inner),
        timeout=httpx.Timeout(timeout_seconds, connect=5.0),
    )
