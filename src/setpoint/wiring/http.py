"""The control plane's HTTP server inside its event loop: routes from the `server` layer behind the token guard."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from setpoint.server.access import TokenGuard
from setpoint.server.kubernetes import make_status

_GRACE_SECONDS = 0  # open watches end by being cut; their clients list again
_LOGGER = "uvicorn.error"


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process that embeds it has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def _healthz(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def _whoami(_: Request) -> JSONResponse:
    """Behind the token: proof that the one who listens is the one who wrote the endpoint file."""
    return JSONResponse({"pid": os.getpid()})


@asynccontextmanager
async def serve(routes: Sequence[BaseRoute], sock: socket.socket, token: str) -> AsyncIterator[None]:
    """Serve the routes on the socket for as long as the context lasts.

    The socket listens already, so that a client that comes before the server has started only waits.
    """
    app = Starlette(routes=[Route("/healthz", _healthz), Route("/whoami", _whoami), *routes])
    config = uvicorn.Config(
        TokenGuard(app, token=token, error_body=make_status),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[sock]), name="http-server")
    try:
        yield
    finally:
        # That a watch was cut is no error; it is logged after the server has ended. The next one sets the level anew.
        logging.getLogger(_LOGGER).setLevel(logging.CRITICAL)
        server.should_exit = True
        await running
