"""The Argo Server API over a whole workflow engine, behind a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from setpoint.adapters.artifact_files import StoredArtifactFiles
from setpoint.adapters.clock import SystemClock
from setpoint.clients.argo import ArchivedClient, ArgoClient
from setpoint.clients.connection import Address, connect
from setpoint.ports.workflows import ArchivedWorkflowVerbs, WorkflowVerbs
from setpoint.server.access import ARGO
from setpoint.server.argo import ArgoRoutes
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.verbs import LocalArchivedVerbs, LocalVerbs
from tests.pods import store_of
from tests.servers import guarded_server
from tests.workflow_engine import Plane, running_plane


@dataclass(frozen=True)
class Steered:
    """A plane, and verbs that reach it."""

    plane: Plane
    verbs: WorkflowVerbs
    archived: ArchivedWorkflowVerbs


@dataclass(frozen=True)
class Served(Steered):
    """The same over HTTP, and a client for plain requests."""

    endpoint: Endpoint
    http: httpx.AsyncClient


@asynccontextmanager
async def steered_in_process(home: Path, **settings: Any) -> AsyncIterator[Steered]:
    """Verbs without a network between."""
    async with running_plane(home, **settings) as plane:
        verbs = LocalVerbs(
            plane.resources, plane.journal, plane.launcher, store_of(home), clock=SystemClock(), archive=plane.archive
        )
        yield Steered(plane, verbs, LocalArchivedVerbs(plane.resources, plane.journal, plane.archive))


@asynccontextmanager
async def served_argo(home: Path, *, keepalive: float = 15.0, **settings: Any) -> AsyncIterator[Served]:
    """Verbs over a socket."""
    async with steered_in_process(home, **settings) as local:
        routes = ArgoRoutes(
            local.verbs,
            local.plane.resources,
            SystemClock(),
            archived=local.archived,
            artifacts=StoredArtifactFiles(store_of(home)),
            keepalive=keepalive,
        )
        async with guarded_server(routes.routes(), ARGO, local.plane.resources, home) as endpoint:
            http = connect(lambda: Address(url=endpoint.argo_url, token=endpoint.token))
            try:
                yield Served(local.plane, ArgoClient(http), ArchivedClient(http), endpoint, http)
            finally:
                await http.aclose()
