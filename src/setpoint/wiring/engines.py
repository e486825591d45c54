"""Engines and API over a store and a launcher: what makes stored objects happen."""

from __future__ import annotations

import platform
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector

from setpoint.adapters import places
from setpoint.adapters.artifact_files import StoredArtifactFiles
from setpoint.adapters.artifact_reader import StoredArtifactReader
from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.adapters.jq import JqProcess
from setpoint.adapters.pods.host import HostView
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.batch import Job
from setpoint.apis.pod import PodHead
from setpoint.apis.serving import InferenceService
from setpoint.clients.readiness import probe_ready
from setpoint.clients.requests import RequestClient
from setpoint.components import IMAGE
from setpoint.core.pods.document import OPEN
from setpoint.engines.access import store_defaults
from setpoint.engines.cron import CronEngine, CronJobEngine
from setpoint.engines.customresources import CustomResourceEngine
from setpoint.engines.job import JobEngine
from setpoint.engines.pod import PodEngine, PodMirror
from setpoint.engines.runner import Runner
from setpoint.engines.serving import GatewayKeeper, ServingEngine, ServingSettings
from setpoint.engines.workflow import Outside, WorkflowEngine
from setpoint.operations.metrics import Metrics, keep_node
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Launcher
from setpoint.ports.machine import MachineView
from setpoint.ports.resources import ResourceApi
from setpoint.server.access import ARGO, KUBERNETES, AccessHooks
from setpoint.server.argo import ArgoRoutes, ServerInfo
from setpoint.server.gateway import RouteFile
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.server.metrics import metrics_route
from setpoint.wiring.access import Certificates, Entrance, entrance, keep_fresh
from setpoint.wiring.defaults import workflow_defaults
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.http import Listener, guarded_app, serve
from setpoint.wiring.kubernetes_api import CATALOG, ApiParts, kubernetes_backend
from setpoint.wiring.listeners import Sockets
from setpoint.wiring.settings import Settings
from setpoint.wiring.verbs import LocalArchivedVerbs, LocalVerbs

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # to the words of Go


@dataclass(frozen=True, slots=True, kw_only=True)
class Substrate:
    """What engines stand on. `clock` is the machine's; `steady` never goes back, for what counts durations."""

    settings: Settings
    store: SqliteStore
    launcher: Launcher
    verbs: LocalVerbs
    clock: Clock
    steady: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the APIs listen, by which certificates, and what was told of it."""

    sockets: Sockets
    certificates: Certificates
    endpoint: Endpoint


@asynccontextmanager
async def engines_up(
    substrate: Substrate, doors: Doors, *, serve_stored: bool, keep_services: bool
) -> AsyncIterator[None]:
    """Engines run and the APIs answer, for as long as the context lasts; see `control_plane`."""
    async with entrance(substrate.settings, doors.endpoint, substrate.store.resources, substrate.clock) as gate:
        if serve_stored:
            await store_defaults(substrate.store.resources)
        async with _engines(substrate, doors, gate, serve_stored=serve_stored, keep_services=keep_services):
            yield


@asynccontextmanager
async def _engines(
    substrate: Substrate, doors: Doors, gate: Entrance, *, serve_stored: bool, keep_services: bool
) -> AsyncIterator[None]:
    settings, store, launcher, clock = substrate.settings, substrate.store, substrate.launcher, substrate.clock
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    credentials = gate.tokens if doors.sockets.secure is not None else None
    runner = Runner(store.resources, clock, registry)
    serving = _serving_engine(settings, store.resources, launcher, clock)
    resting = frozenset() if serve_stored else await _stored(store.resources)
    serving.attach(runner, resting=resting)
    JobEngine(store.resources, launcher, clock, credentials=credentials).attach(runner, resting=resting)
    pods = PodEngine(store.resources, launcher, clock, credentials=credentials)
    pods.attach(runner, leave_stored=not serve_stored)
    if serve_stored:  # a control plane for one command starts nothing of its own accord
        CronEngine(store.resources, clock, substrate.verbs.submit, substrate.verbs.terminate).attach(runner)
        CronJobEngine(store.resources, clock).attach(runner)
    workflows = WorkflowEngine(
        resources=store.resources,
        journal=store.journal,
        launcher=launcher,
        clock=substrate.steady,
        outside=outside(settings),
        pod_environment={"SETPOINT_HOME": str(settings.home)},
        registry=registry,
        collect=serve_stored,
        parallelism=settings.parallelism,
        namespace_parallelism=settings.namespace_parallelism,
        defaults=workflow_defaults(settings),
        validate=substrate.verbs.checks.check,
        credentials=credentials,
        archive=store.archive,
    )
    runner.background("workflow-engine", workflows.run)
    view = HostView(launcher.machine(), settings.home)
    runner.background("node", partial(keep_node, store.resources, view, clock))
    heads = runner.informer(PodHead, selector=OPEN)
    mirror = PodMirror(heads=heads, objects=store.pods, launcher=launcher, clock=substrate.steady)
    kinds = CustomResourceEngine(store.objects, CATALOG, clock)
    await kinds.load()
    runner.background("custom-resources", kinds.run)
    async with serve(_listeners(substrate, doors, gate, kinds, view, registry)) as contexts:
        if serve_stored:
            fresh = partial(keep_fresh, settings, gate.tokens, contexts, doors.certificates, clock)
            runner.background("access", fresh)
        async with mirror:
            async with runner:
                yield
            await pods.close()
        if not keep_services:
            await serving.stop_services()


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


def outside(settings: Settings) -> Outside:
    """What actions of workflows reach beside the API."""
    artifacts = LocalArtifactStore(settings.home / "artifacts")
    return Outside(
        artifacts=artifacts,
        places=places,
        reader=StoredArtifactReader(lambda: artifacts),
        http=RequestClient(),
        jq=JqProcess(),
        plugins=settings.plugin_addresses,
    )


async def _stored(resources: ResourceApi) -> frozenset[str]:
    """Versions of services and jobs as they lie there now: who is touched has another one afterwards."""
    services, jobs = await resources.list(InferenceService), await resources.list(Job)
    return frozenset(item.metadata.resource_version for item in (*services.items, *jobs.items))


def _serving_engine(settings: Settings, resources: ResourceApi, launcher: Launcher, clock: Clock) -> ServingEngine:
    return ServingEngine(
        resources=resources,
        launcher=launcher,
        routes=RouteFile(settings.home),
        probe=probe_ready,
        gateway=GatewayKeeper(
            home=settings.home,
            launcher=launcher,
            clock=clock,
            image=IMAGE,
            arguments=("--prediction-log-mb", str(settings.prediction_log_mb)),
        ),
        clock=clock,
        settings=ServingSettings(home=settings.home, image=IMAGE),
    )
