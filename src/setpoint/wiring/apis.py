"""The APIs of a control plane, served: each at its sockets, behind its guard."""

from __future__ import annotations

import platform
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from prometheus_client import CollectorRegistry

from setpoint.adapters.artifact_files import StoredArtifactFiles
from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.apis.kinds import SERVED
from setpoint.apis.shapes import prepare
from setpoint.engines.access import store_defaults
from setpoint.engines.customresources import CustomResourceEngine
from setpoint.engines.runner import Background
from setpoint.operations.metrics import Metrics
from setpoint.ports.machine import MachineView
from setpoint.server.access import ARGO, KUBERNETES, AccessHooks
from setpoint.server.argo import ArgoRoutes, ServerInfo
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.server.metrics import metrics_route
from setpoint.wiring.access import Entrance, entrance, keep_fresh
from setpoint.wiring.doors import Doors
from setpoint.wiring.http import Listener, guarded_app, serve
from setpoint.wiring.kubernetes_api import CATALOG, ApiParts, kubernetes_backend
from setpoint.wiring.substrate import Served, Substrate
from setpoint.wiring.verbs import LocalArchivedVerbs

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # to the words of Go


@asynccontextmanager
async def apis_up(
    substrate: Substrate, doors: Doors, view: MachineView, registry: CollectorRegistry
) -> AsyncIterator[Served]:
    """Answer at all doors for as long as the context lasts."""
    settings, store, clock = substrate.settings, substrate.store, substrate.clock
    prepare(SERVED)
    if doors.lasting:
        await store_defaults(store.resources)
    kinds = CustomResourceEngine(store.objects, CATALOG, clock)
    await kinds.load()
    async with AsyncExitStack() as stack:
        gate = await stack.enter_async_context(entrance(settings, doors.endpoint, store.resources, clock))
        background = Background(clock)
        background.start("custom-resources", kinds.run)
        stack.push_async_callback(background.stop)
        listeners = _listeners(substrate, doors, gate, kinds, view, registry)
        contexts = await stack.enter_async_context(serve(listeners))
        fresh = partial(keep_fresh, settings, gate.tokens, contexts, doors.certificates, clock)
        yield Served(tokens=gate.tokens, keep_fresh=fresh)


def _listeners(
    substrate: Substrate,
    doors: Doors,
    gate: Entrance,
    kinds: CustomResourceEngine,
    view: MachineView,
    registry: CollectorRegistry,
) -> list[Listener]:
    """Each API at each of its sockets."""
    store, sockets, found = substrate.store, doors.sockets, doors.certificates
    backend = kubernetes_backend(
        ApiParts(
            objects=store.objects,
            resources=store.resources,
            launcher=substrate.launcher,
            kinds=kinds,
            clock=substrate.clock,
            hooks=AccessHooks(gate.view, gate.tokens),
            metrics=Metrics(store.resources, substrate.launcher, view, substrate.clock),
            check_workflow=substrate.verbs.check,
        )
    )
    routes = [*KubernetesRoutes(backend).routes(), metrics_route(registry)]
    kubernetes = guarded_app(routes, gate.access, KUBERNETES)
    argo = guarded_app(argo_routes(substrate).routes(), gate.access, ARGO)
    listeners = [Listener(sock=sockets.kubernetes, app=kubernetes), Listener(sock=sockets.argo, app=argo)]
    for sock, app, certificate in (
        (sockets.secure, kubernetes, found.own),
        (sockets.public, kubernetes, found.public),
        (sockets.public_argo, argo, found.public),
    ):
        if sock is not None:
            listeners.append(Listener(sock=sock, app=app, certificate=certificate))
    return listeners


def argo_routes(substrate: Substrate) -> ArgoRoutes:
    """The Argo Server API over a substrate."""
    store = substrate.store
    return ArgoRoutes(
        substrate.verbs,
        store.resources,
        substrate.clock,
        archived=LocalArchivedVerbs(store.resources, store.journal, store.archive),
        artifacts=StoredArtifactFiles(LocalArtifactStore(substrate.settings.home / "artifacts")),
        info=ServerInfo(platform=f"{sys.platform}/{_MACHINES.get(platform.machine(), platform.machine())}"),
    )
