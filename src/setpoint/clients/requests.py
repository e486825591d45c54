"""`ports.http.HttpClient` over httpx, which follows redirects and proxies as Go's client does, and fails in its words.

A header's value or a password in the URL is in no message. Source: Go's net/http and net packages.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from setpoint.apis.http import HttpReply, HttpRequest, RequestFailed

if TYPE_CHECKING:
    import httpx

AT_ONCE = 128
MOST_BYTES = 32 * 1024 * 1024
_REDIRECTS = 10
_PASSWORD = re.compile(r"(://[^/@:]*):[^/@]*@")
_DIALLED = re.compile(r"\('([^']+)', (\d+)")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_CONNECTED = (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT)
_LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class RequestClient:
    """Sends requests; a new connection for each, since they are few and go anywhere; `AT_ONCE` at a time."""

    def __init__(self) -> None:
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def send(self, request: HttpRequest) -> HttpReply:
        """The reply, redirects followed.

        Raises: RequestFailed if there is none, or its body is larger than `MOST_BYTES`.
        """
        import httpx  # noqa: PLC0415  most runs send none, and it takes long to import

        if not _METHOD.fullmatch(request.method):
            raise RequestFailed(f'net/http: invalid method "{request.method}"')
        try:
            async with self._gate, asyncio.timeout(request.timeout_seconds):
                return await self._send(request)
        except TimeoutError:
            raise _failure(request, "context deadline exceeded") from None
        except httpx.InvalidURL as error:
            raise RequestFailed(f'parse "{_shown(request.url)}": {error}') from None
        except (httpx.HTTPError, ssl.SSLError, OSError, ValueError) as error:
            raise _failure(request, _reason(error, request)) from None

    async def _send(self, request: HttpRequest) -> HttpReply:
        import httpx  # noqa: PLC0415  as above

        async with httpx.AsyncClient(
            verify=_context(insecure=request.insecure_skip_verify),
            follow_redirects=True,
            max_redirects=_REDIRECTS,
            timeout=None,  # noqa: S113  the caller's time-out is for all of it
            mounts=dict.fromkeys(_LOOPBACK),  # never by a proxy
        ) as client:
            headers = list(request.headers)
            async with client.stream(request.method, request.url, headers=headers, content=request.body) as reply:
                body = bytearray()
                async for chunk in reply.aiter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise ValueError(f"the reply is larger than {MOST_BYTES} bytes")
                return HttpReply(status=reply.status_code, headers=_headers(reply.headers), body=bytes(body))


@cache
def _context(*, insecure: bool) -> ssl.SSLContext:
    """Made once: reading the host's certificates takes long."""
    import httpx  # noqa: PLC0415  as above

    return httpx.create_ssl_context(verify=not insecure)


def _headers(found: httpx.Headers) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in found.multi_items():
        headers.setdefault("-".join(part.capitalize() for part in name.split("-")), []).append(value)
    return headers


def _failure(request: HttpRequest, reason: str) -> RequestFailed:
    return RequestFailed(f'{request.method.capitalize()} "{_shown(request.url)}": {reason}')


def _shown(url: str) -> str:
    return _PASSWORD.sub(r"\1:***@", url)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, the innermost last."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from _causes(cause)


def _reason(error: BaseException, request: HttpRequest) -> str:
    import httpx  # noqa: PLC0415  as above

    if isinstance(error, httpx.TooManyRedirects):
        return f"stopped after {_REDIRECTS} redirects"
    url = httpx.URL(request.url)
    if isinstance(error, httpx.UnsupportedProtocol):
        return f'unsupported protocol scheme "{url.scheme}"'
    for cause in reversed(list(_causes(error))):
        if isinstance(cause, socket.gaierror):
            return f"dial tcp: lookup {url.host}: no such host"
        if isinstance(cause, OSError) and cause.errno in _NOT_CONNECTED:
            return f"dial tcp {_dialled(cause, url)}: connect: {os.strerror(cause.errno).lower()}"
        if isinstance(cause, ConnectionResetError | BrokenPipeError):
            return "read: connection reset by peer"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"tls: failed to verify certificate: {cause.verify_message}"
    if isinstance(error, httpx.RemoteProtocolError):
        return "EOF"
    if isinstance(error, httpx.LocalProtocolError | UnicodeEncodeError):
        return "net/http: invalid header field value"  # says nothing of the value, which may be a secret
    return str(error) or type(error).__name__


def _dialled(error: OSError, url: httpx.URL) -> str:
    found = _DIALLED.search(str(error))
    host, port = (found[1], found[2]) if found is not None else (url.host, str(url.port or 80))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
