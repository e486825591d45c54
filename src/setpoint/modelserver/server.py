"""The model server's process: one socket, one event loop, one model; a clean start and a clean end.

Decides the order: bind first (so that liveness answers while the model loads), write the port file, load and verify,
become ready; at SIGTERM lose readiness, answer what is inside, end with 0. A model that cannot be loaded or whose
golden rows differ ends the process with 1 and one line on stderr, because nothing would change by waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
import uvloop

from setpoint.apis.errors import SetpointError, Unavailable
from setpoint.modelserver.app import ModelServerApp
from setpoint.modelserver.metrics import ServerMetrics
from setpoint.modelserver.servable import Servable
from setpoint.modelserver.service import ModelService

logger = logging.getLogger("setpoint.modelserver")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """All that the server is told."""

    model_name: str
    model_dir: Path
    version: str | None = None
    host: str = "127.0.0.1"
    port: int = 0  # 0: the system chooses
    port_file: Path | None = None  # where the bound port is written
    max_body_bytes: int = 64 * 2**20
    max_queue: int = 128  # requests inside at once; more are shed with 503
    grace_seconds: int = 20  # how long requests may take to end after SIGTERM


Loader = Callable[[Path], Servable]


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process by the signal instead of with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def serve(settings: ServerSettings, load: Loader) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises: Unavailable if the port is taken."""
    return uvloop.run(_serve(settings, load, bind(settings.host, settings.port)))  # type: ignore[no-any-return,unused-ignore]


def bind(host: str, port: int) -> socket.socket:
    """A listening socket's address, claimed. Raises: Unavailable if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}; choose another port or 0") from error
    return listener


def write_port_file(path: Path, port: int) -> None:
    """Write the port so that a reader sees all of it or nothing."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(f"{port}\n")
    partial.replace(path)


async def _serve(settings: ServerSettings, load: Loader, listener: socket.socket) -> int:
    service = ModelService(
        name=settings.model_name,
        version=settings.version,
        max_queue=settings.max_queue,
        metrics=ServerMetrics(settings.model_name),
    )
    server = _Server(_uvicorn_config(ModelServerApp(service, max_body_bytes=settings.max_body_bytes), settings))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        service.drain()
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    port = listener.getsockname()[1]
    if settings.port_file is not None:
        write_port_file(settings.port_file, port)
    logger.info("listening on http://%s:%d (pid %d)", settings.host, port, os.getpid())
    loading = asyncio.create_task(_load(service, settings.model_dir, load, stop))
    try:
        await server.serve(sockets=[listener])
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await loading
        return 0
    finally:
        service.close()


async def _load(service: ModelService, directory: Path, load: Loader, stop: Callable[[], None]) -> int:
    """Load in a thread; 0 when ready, 1 (after stopping the server) when that cannot be."""
    try:
        model = await asyncio.to_thread(load, directory)
    except SetpointError as error:
        logger.error("model %s cannot be served: %s", service.name, error)
        stop()
        return 1
    service.put(model)
    logger.info("model %s version %s is ready (%s)", service.name, service.version or "-", model.platform)
    return 0


def _uvicorn_config(app: ModelServerApp, settings: ServerSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.grace_seconds,
    )
