"""The Argo Server API over a whole workflow engine, behind a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import httpx

from setpoint.adapters.artifact_files import StoredArtifactFiles
from setpoint.adapters.clock import SystemClock
from setpoint.apis.argo import LABEL_WORKFLOW, NodeType, Workflow
from setpoint.apis.pod import Pod
from setpoint.clients.argo import ArchivedClient, ArgoClient
from setpoint.clients.connection import Address, connect
from setpoint.ports.workflows import ArchivedWorkflowVerbs, WorkflowVerbs
from setpoint.server.access import ARGO
from setpoint.server.argo import ArgoRoutes
from setpoint.wiring.cluster import cluster_session, find_cluster
from setpoint.wiring.control_plane import control_plane
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.kubeconfig import make_kubeconfig, write_kubeconfig
from setpoint.wiring.settings import Settings
from setpoint.wiring.verbs import LocalArchivedVerbs, LocalVerbs
from tests.pods import store_of
from tests.servers import guarded_server
from tests.workflow_engine import LIMIT_SECONDS, Plane, running_plane


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


class _PlaneOfPods(Plane):
    """One whose workflows have ended when their Pods, which are shown a little later, have."""

    async def until(
        self, name: str, condition: Any, *, seconds: float = LIMIT_SECONDS, namespace: str = "default"
    ) -> Workflow:
        found = await super().until(name, condition, seconds=seconds, namespace=namespace)
        wanted = sum(node.type is NodeType.POD for node in found.status.nodes.values())
        async with asyncio.timeout(seconds):
            while found.status.completed:
                pods = await self.resources.list(Pod, namespace, selector=f"{LABEL_WORKFLOW}={name}")
                if sum(pod.status.ended for pod in pods.items) == wanted:
                    break
                await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def steered_by_kubernetes(home: Path) -> AsyncIterator[Steered]:
    """Verbs by the Kubernetes API of a control plane alone, found by its kubeconfig."""
    settings = Settings(home=home / "home", audit_mb=0)
    async with control_plane(settings, serve_stored=False) as up:
        path = home / "kubeconfig"
        write_kubeconfig(path, make_kubeconfig(up.endpoint))
        found = find_cluster("setpoint", {"KUBECONFIG": str(path)})
        async with cluster_session(replace(found, argo_server=""), environment={}) as session:
            inside = cast("Any", None)  # of the plane only the objects are looked at
            plane = _PlaneOfPods(resources=up.resources, journal=inside, launcher=inside, archive=inside)
            yield Steered(plane, session.verbs, session.archived)


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
