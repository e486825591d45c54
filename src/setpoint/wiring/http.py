"""The control plane's HTTP servers inside its event loop: one for each listening socket."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from socket import socket

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp
from uvicorn.config import LOGGING_CONFIG

from setpoint.adapters.access.certificates import ServerCertificate
from setpoint.server.access import Access, AccessGuard, Surface
from setpoint.wiring.http_protocol import LimitedProtocol

_GRACE_SECONDS = 0  # open watches end by being cut; their clients list again
_LOGGER = "uvicorn.error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A socket that listens already, so that a client that comes before the server has started only waits."""

    sock: socket
    app: ASGIApp
    certificate: ServerCertificate | None = None


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process that embeds it has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def _probe(_: Request) -> Response:
    """Ready as soon as it answers: sockets listen before, and the store is open then."""
    return PlainTextResponse("ok")


async def _whoami(_: Request) -> JSONResponse:
    """Behind the token: proof that the one who listens is the one who wrote the endpoint file."""
    return JSONResponse({"pid": os.getpid()})


def guarded_app(routes: Sequence[BaseRoute], access: Access, surface: Surface) -> ASGIApp:
    """The routes of a surface, and probes, behind its guard."""
    own = [Route(path, _probe) for path in ("/healthz", "/livez", "/readyz")]
    words = {404: ("NotFound", "the server could not find the requested resource"), 405: ("MethodNotAllowed", "")}

    async def refused(_: Request, error: Exception) -> Response:
        """What no route takes, and what no route foresaw, in the words of the surface."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        reason, message = words.get(status, ("InternalError", "an internal error: see the log of the control plane"))
        body = surface.error_body(status, reason, message or f"{reason} ({status})")
        return JSONResponse(body, status_code=status)

    app = Starlette(
        routes=[*routes, *own, Route("/whoami", _whoami)],
        exception_handlers={HTTPException: refused, Exception: refused},
    )
    return AccessGuard(app, access, surface)


@asynccontextmanager
async def serve(listeners: Sequence[Listener]) -> AsyncIterator[Sequence[ssl.SSLContext]]:
    """Serve for as long as the context lasts.

    Gives the TLS contexts of listeners with a certificate of our own making, into which a new one may be loaded.
    """
    servers = [_Server(_config(item, first=not number)) for number, item in enumerate(listeners)]
    for server in servers:
        server.config.load()
    running = [
        asyncio.create_task(server.serve(sockets=[item.sock]), name="http-server")
        for server, item in zip(servers, listeners, strict=True)
    ]
    try:
        yield [
            server.config.ssl
            for server, item in zip(servers, listeners, strict=True)
            if server.config.ssl is not None and item.certificate is not None and item.certificate.renewable
        ]
    finally:
        # That a watch was cut is no error; it is logged after the server has ended. The next one sets the level anew.
        logging.getLogger(_LOGGER).setLevel(logging.CRITICAL)
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


def _config(listener: Listener, *, first: bool) -> uvicorn.Config:
    config = uvicorn.Config(
        listener.app,
        http=LimitedProtocol,
        ws="none",
        log_config=LOGGING_CONFIG if first else None,  # it is the process's; once is enough
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # whose the other end is, is what the kernel says, not a header
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    if listener.certificate is not None:
        config.ssl_certfile, config.ssl_keyfile = listener.certificate.certificate, listener.certificate.key
    return config
