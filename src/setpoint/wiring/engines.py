"""Engines and API over a store and a launcher: what makes stored objects happen."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector

from setpoint.adapters import places
from setpoint.adapters.artifact_reader import StoredArtifactReader
from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.adapters.jq import JqProcess
from setpoint.adapters.pods.host import HostView
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.batch import Job
from setpoint.apis.kinds import KINDS
from setpoint.apis.pod import PodHead
from setpoint.apis.serving import InferenceService
from setpoint.clients.readiness import probe_ready
from setpoint.clients.requests import RequestClient
from setpoint.components import IMAGE
from setpoint.core.pods.document import OPEN
from setpoint.engines.cron import CronEngine, CronJobEngine
from setpoint.engines.job import JobEngine
from setpoint.engines.pod import PodEngine, PodMirror
from setpoint.engines.runner import Runner
from setpoint.engines.serving import GatewayKeeper, ServingEngine, ServingSettings
from setpoint.engines.workflow import Outside, WorkflowEngine
from setpoint.operations.metrics import keep_node
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import WorkflowVerbs
from setpoint.server.argo import ArgoRoutes
from setpoint.server.gateway import RouteFile
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.server.metrics import metrics_route
from setpoint.wiring.defaults import workflow_defaults
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.http import serve
from setpoint.wiring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Substrate:
    """What engines stand on. `clock` is the machine's; `steady` never goes back, for what counts durations."""

    settings: Settings
    store: SqliteStore
    launcher: Launcher
    verbs: WorkflowVerbs
    clock: Clock
    steady: Clock


@asynccontextmanager
async def engines_up(
    substrate: Substrate, sock: socket.socket, endpoint: Endpoint, *, serve_stored: bool, keep_services: bool
) -> AsyncIterator[None]:
    """Engines run and the API answers on `sock`, for as long as the context lasts; see `control_plane`."""
    settings, store, launcher, clock = substrate.settings, substrate.store, substrate.launcher, substrate.clock
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    routes = [
        *KubernetesRoutes(store.resources, KINDS).routes(),
        *ArgoRoutes(substrate.verbs, store.resources, clock).routes(),
    ]
    runner = Runner(store.resources, clock, registry)
    serving = _serving_engine(settings, store.resources, launcher, clock)
    resting = frozenset() if serve_stored else await _stored(store.resources)
    serving.attach(runner, resting=resting)
    JobEngine(store.resources, launcher, clock).attach(runner, resting=resting)
    pods = PodEngine(store.resources, launcher, clock)
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
    )
    runner.background("workflow-engine", workflows.run)
    view = HostView(launcher.machine(), settings.home)
    runner.background("node", partial(keep_node, store.resources, view, clock))
    heads = runner.informer(PodHead, selector=OPEN)
    mirror = PodMirror(heads=heads, objects=store.pods, launcher=launcher, clock=substrate.steady)
    async with serve([*routes, metrics_route(registry)], sock, endpoint.token):
        async with mirror:
            async with runner:
                yield
            await pods.close()
        if not keep_services:
            await serving.stop_services()


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
