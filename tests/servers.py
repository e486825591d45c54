"""A real HTTP server over a store, and the client that a test talks to it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from setpoint.apis.kinds import KINDS
from setpoint.clients.connection import Address, connect
from setpoint.clients.kubernetes import KubernetesClient
from setpoint.ports.resources import ResourceApi
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.wiring.endpoint import listen, write_endpoint
from setpoint.wiring.http import serve


@asynccontextmanager
async def served_over_http(resources: ResourceApi, home: Path) -> AsyncIterator[KubernetesClient]:
    """`resources` as somebody sees them who reaches this machine's API over a socket."""
    sock = listen(home, 0)
    endpoint = write_endpoint(home, sock)
    async with serve(list(KubernetesRoutes(resources, KINDS).routes()), sock, endpoint.token):
        http = connect(lambda: Address(url=endpoint.url, token=endpoint.token))
        try:
            yield KubernetesClient(http)
        finally:
            await http.aclose()
