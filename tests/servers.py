"""A real HTTP server over a store, and the client that a test talks to it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.routing import BaseRoute

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.clients.connection import Address, connect
from setpoint.clients.kubernetes import KubernetesClient
from setpoint.engines.customresources import CustomResourceEngine
from setpoint.engines.runner import Background
from setpoint.ports.resources import ResourceApi
from setpoint.server.access import ARGO, KUBERNETES, Access, AccessHooks, Surface
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.wiring.access import entrance
from setpoint.wiring.doors import open_doors
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.http import Listener, guarded_app, serve
from setpoint.wiring.kubernetes_api import CATALOG, ApiParts, kubernetes_backend
from setpoint.wiring.listeners import sockets
from setpoint.wiring.settings import Settings


@asynccontextmanager
async def guarded_server(
    routes: Sequence[BaseRoute], surface: Surface, store_resources: ResourceApi, home: Path
) -> AsyncIterator[Endpoint]:
    """Routes behind the guard of their surface, on a socket of their own; everybody needs the token."""
    settings, clock = Settings(home=home, require_token=True), SystemClock()
    with sockets(settings, lasting=False) as bound:
        endpoint = open_doors(settings, bound, clock).endpoint
        async with entrance(settings, endpoint, store_resources, clock) as gate:
            app = guarded_app(routes, gate.access, surface)
            sock = bound.argo if surface is ARGO else bound.kubernetes
            async with serve([Listener(sock=sock, app=app)]):
                yield endpoint


async def _anything(_: Workflow) -> None:
    """Lint is not what these tests are about."""


@asynccontextmanager
async def kubernetes_server(
    store: SqliteStore,
    settings: Settings,
    *,
    lasting: bool = False,
    change: Callable[[Access], Access] = lambda access: access,
) -> AsyncIterator[Endpoint]:
    """The guarded Kubernetes API over a store, by the settings; `change` may shorten its limits."""
    clock = SystemClock()
    kinds = CustomResourceEngine(store.objects, CATALOG, clock)
    await kinds.load()
    background = Background(clock)
    with sockets(settings, lasting=lasting) as bound:
        doors = open_doors(settings, bound, clock)
        found, endpoint = doors.certificates, doors.endpoint
        async with entrance(settings, endpoint, store.resources, clock) as gate:
            parts = ApiParts(
                objects=store.objects,
                resources=store.resources,
                kinds=kinds,
                clock=clock,
                hooks=AccessHooks(gate.view, gate.tokens),
                check_workflow=_anything,
            )
            app = guarded_app(KubernetesRoutes(kubernetes_backend(parts)).routes(), change(gate.access), KUBERNETES)
            listeners = [Listener(sock=bound.kubernetes, app=app)]
            for sock, certificate in ((bound.secure, found.own), (bound.public, found.public)):
                if sock is not None:
                    listeners.append(Listener(sock=sock, app=app, certificate=certificate))
            background.start("custom-resources", kinds.run)
            try:
                async with serve(listeners):
                    yield endpoint
            finally:
                await background.stop()


@asynccontextmanager
async def served_over_http(store: SqliteStore, home: Path) -> AsyncIterator[KubernetesClient]:
    """The store as somebody sees it who reaches this machine's API over a socket, with its token."""
    async with kubernetes_server(store, Settings(home=home, require_token=True)) as endpoint:
        http = connect(lambda: Address(url=endpoint.url, token=endpoint.token))
        try:
            yield KubernetesClient(http)
        finally:
            await http.aclose()
