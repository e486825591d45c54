"""The gateway's process: one per state directory, on a port that is chosen once and kept.

Decides the port: the stored one, so that URLs outlive restarts; if something else has taken it meanwhile, a new one,
stored and announced in the address file (the control plane then updates each service's status). Invariant: while a
gateway runs it holds the lock of its directory, so two can never answer for one state.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import msgspec
import uvicorn
import uvloop

from setpoint.apis.errors import AlreadyExists, Unavailable
from setpoint.server.gateway.app import Gateway
from setpoint.server.gateway.metrics import GatewayMetrics
from setpoint.server.gateway.routes import ADDRESS_FILE, PORT_FILE, Address, RouteReader, replace_file
from setpoint.server.gateway.spool import Spool
from setpoint.server.gateway.upstream import Pool

HOST = "127.0.0.1"

logger = logging.getLogger("setpoint.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """All that the gateway is told."""

    home: Path
    max_body_bytes: int = 64 * 2**20
    grace_seconds: int = 20
    prediction_log_mb: int = 512  # MiB of each service's prediction log; 0 for none


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process by the signal instead of with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def run_gateway(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises: AlreadyExists if a gateway runs for this state directory; Unavailable if no port or file can be had.
    """
    directory = settings.home / "gateway"
    with _locked(directory):
        listener = _listen(directory)
        uvloop.run(_serve(settings, listener))


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[TextIO]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("a")
    except OSError as error:
        raise Unavailable(f"cannot use the state directory {directory}: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyExists("gateway", str(directory)) from error
        yield lock


def _listen(directory: Path) -> socket.socket:
    stored = directory / PORT_FILE
    try:
        wanted = int(stored.read_text())
    except (FileNotFoundError, ValueError):
        wanted = 0
    listener = _bind(wanted)
    if listener is None:
        logger.warning("port %d of former runs is taken by another program; services move to a new one", wanted)
        listener = _bind(0)
    if listener is None:
        raise Unavailable(f"no port of {HOST} can be listened on")
    port = listener.getsockname()[1]
    replace_file(stored, f"{port}\n".encode())
    address = Address(port=port, pid=os.getpid(), url=f"http://{HOST}:{port}")
    replace_file(directory / ADDRESS_FILE, msgspec.json.encode(address))
    return listener


def _bind(port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        return None
    return listener


async def _serve(settings: GatewaySettings, listener: socket.socket) -> None:
    pool = Pool()
    metrics = GatewayMetrics()
    spool = _spool(settings, metrics)
    app = Gateway(RouteReader(settings.home), pool, metrics, max_body_bytes=settings.max_body_bytes, spool=spool)
    config = uvicorn.Config(
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
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    logger.info("gateway on http://%s:%d (pid %d)", HOST, listener.getsockname()[1], os.getpid())
    try:
        await server.serve(sockets=[listener])
    finally:
        pool.close()
        if spool is not None:
            spool.close()


def _spool(settings: GatewaySettings, metrics: GatewayMetrics) -> Spool | None:
    if settings.prediction_log_mb <= 0:
        return None
    directory = settings.home / "predictions"
    return Spool(directory, cap_bytes=settings.prediction_log_mb * 2**20, on_drop=metrics.dropped)
