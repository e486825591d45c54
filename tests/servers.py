"""A real HTTP server over a store, and the client that a test talks to it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.apis.catalog import CATALOG
from setpoint.clients.connection import Address, connect
from setpoint.clients.kubernetes import KubernetesClient
from setpoint.engines.customresources import CustomResourceEngine
from setpoint.engines.runner import Background
from setpoint.ports.clock import Clock
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.wiring.endpoint import Endpoint, listen, write_endpoint
from setpoint.wiring.http import serve
from setpoint.wiring.kubernetes_api import kubernetes_backend


async def _anything(_: Workflow) -> None:
    """Lint is not what these tests are about."""


@asynccontextmanager
async def kubernetes_server(store: SqliteStore, home: Path, clock: Clock | None = None) -> AsyncIterator[Endpoint]:
    """The Kubernetes API over `store` on a real socket, with kinds that come and go by CustomResourceDefinitions."""
    clock = clock or SystemClock()
    sock = listen(home, 0)
    endpoint = write_endpoint(home, sock)
    kinds = CustomResourceEngine(store.objects, CATALOG, clock)
    await kinds.load()
    background = Background(clock)
    background.start("custom-resources", kinds.run)
    backend = kubernetes_backend(store.objects, kinds, clock, check_workflow=_anything)
    try:
        async with serve(list(KubernetesRoutes(backend).routes()), sock, endpoint.token):
            yield endpoint
    finally:
        await background.stop()


@asynccontextmanager
async def served_over_http(store: SqliteStore, home: Path) -> AsyncIterator[KubernetesClient]:
    """The store as somebody sees it who reaches this machine's API over a socket."""
    async with kubernetes_server(store, home) as endpoint:
        http = connect(lambda: Address(url=endpoint.url, token=endpoint.token))
        try:
            yield KubernetesClient(http)
        finally:
            await http.aclose()
