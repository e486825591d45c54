"""A real HTTP server over a store, and the client that a test talks to it with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from setpoint.adapters.clock import SystemClock
from setpoint.apis.kinds import KINDS
from setpoint.clients.connection import Address, connect
from setpoint.clients.kubernetes import KubernetesClient
from setpoint.ports.resources import ResourceApi
from setpoint.server.access import KUBERNETES, Access, AccessHooks, ReviewRoutes
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.wiring.access import entrance
from setpoint.wiring.doors import open_doors
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.http import Listener, guarded_app, serve
from setpoint.wiring.listeners import sockets
from setpoint.wiring.settings import Settings


@asynccontextmanager
async def kubernetes_server(
    resources: ResourceApi,
    settings: Settings,
    *,
    lasting: bool = False,
    change: Callable[[Access], Access] = lambda access: access,
) -> AsyncIterator[Endpoint]:
    """The guarded Kubernetes API over `resources`, by the settings; `change` may shorten its limits."""
    clock = SystemClock()
    with sockets(settings, lasting=lasting) as bound:
        doors = open_doors(settings, bound, clock)
        found, endpoint = doors.certificates, doors.endpoint
        async with entrance(settings, endpoint, resources, clock) as gate:
            routes = [
                *ReviewRoutes(AccessHooks(gate.view, gate.tokens)).routes(),
                *KubernetesRoutes(resources, KINDS).routes(),
            ]
            app = guarded_app(routes, change(gate.access), KUBERNETES)
            listeners = [Listener(sock=bound.kubernetes, app=app)]
            for sock, certificate in ((bound.secure, found.own), (bound.public, found.public)):
                if sock is not None:
                    listeners.append(Listener(sock=sock, app=app, certificate=certificate))
            async with serve(listeners):
                yield endpoint


@asynccontextmanager
async def served_over_http(resources: ResourceApi, home: Path) -> AsyncIterator[KubernetesClient]:
    """`resources` as somebody sees them who reaches this machine's API over a socket, with its token."""
    async with kubernetes_server(resources, Settings(home=home, require_token=True)) as endpoint:
        http = connect(lambda: Address(url=endpoint.url, token=endpoint.token))
        try:
            yield KubernetesClient(http)
        finally:
            await http.aclose()
