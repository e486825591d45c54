"""The control plane: store, launcher, engines and API of one state directory, in one event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector

from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.adapters.clock import SystemClock
from setpoint.adapters.pods.images import ImageRule
from setpoint.adapters.pods.isolation import Isolation
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.settings import PodSettings, read_image_rules
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.kinds import KINDS
from setpoint.apis.serving import InferenceService
from setpoint.clients.readiness import probe_ready
from setpoint.components import IMAGE
from setpoint.engines.runner import Runner
from setpoint.engines.serving import GatewayKeeper, ServingEngine, ServingSettings
from setpoint.engines.workflow import WorkflowEngine
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import WorkflowVerbs
from setpoint.server.argo import ArgoRoutes
from setpoint.server.gateway import RouteFile
from setpoint.server.kubernetes import KubernetesRoutes
from setpoint.server.metrics import metrics_route
from setpoint.wiring.endpoint import Endpoint, listen, write_endpoint
from setpoint.wiring.http import serve
from setpoint.wiring.images import check_images, component_rules
from setpoint.wiring.session import Session
from setpoint.wiring.settings import Settings, component_environment
from setpoint.wiring.verbs import LocalVerbs

# What component steps import at once; a warm process has it imported when they come.
PRELOAD = (
    "setpoint.cli.component",
    "setpoint.components.data_processing",
    "setpoint.components.model_training.training",
    "setpoint.components.model_evaluation.evaluation",
    "setpoint.components.model_evaluation.exports",
    "setpoint.components.model_evaluation.plots",
    "setpoint.components.model_deployment",
    "setpoint.components.run_summary",
    "setpoint.adapters.mlflow_registry",
    "lightgbm",
    "matplotlib.figure",
    "mlflow.artifacts",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking",
    "sklearn.linear_model",
)
ENTRY_POINTS = {"setpoint": "setpoint.cli:main"}
_WARM_PATIENCE_SECONDS = 0.5  # importing takes seconds: a step that comes first starts cold beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """What is up, as ports, and where others reach it."""

    resources: ResourceApi
    verbs: WorkflowVerbs
    clock: Clock
    endpoint: Endpoint


@asynccontextmanager
async def control_plane(
    settings: Settings, *, serve_stored: bool, keep_services: bool = False, visible: Sequence[str] = ()
) -> AsyncIterator[ControlPlane]:
    """Everything up, for as long as the context lasts; running pods outlive it.

    Args:
        settings: Whose state directory, and how.
        serve_stored: Start the InferenceServices that are stored; else only those that are touched from now on, and
            those whose servers a killed predecessor left running.
        keep_services: Leave model servers and gateway running at the end; a later control plane adopts them.
        visible: Host paths that pods shall see even where a pod has its own directory, as below /tmp.

    Raises:
        Unavailable: Another process has the state directory, or a port that was asked for is in use.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        store = stack.enter_context(SqliteStore(settings.home / "store", clock))
        sock = stack.enter_context(listen(settings.home, settings.port))
        launcher = await stack.enter_async_context(HostLauncher(_pod_settings(settings, visible, lasting=serve_stored)))
        artifacts = LocalArtifactStore(settings.home / "artifacts")
        rules = _pod_settings(settings).rules
        verbs = LocalVerbs(store.resources, store.journal, launcher, artifacts, check=partial(check_images, rules))
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        routes = [*KubernetesRoutes(store.resources, KINDS).routes(), *ArgoRoutes(verbs, store.resources).routes()]
        endpoint = write_endpoint(settings.home, sock)
        runner = Runner(store.resources, clock, registry)
        serving = _serving_engine(settings, store.resources, launcher, clock)
        serving.attach(runner, resting=frozenset() if serve_stored else await _stored(store.resources))
        workflows = WorkflowEngine(
            resources=store.resources,
            journal=store.journal,
            launcher=launcher,
            clock=clock,
            pod_environment={"SETPOINT_HOME": str(settings.home)},
            registry=registry,
        )
        runner.background("workflow-engine", workflows.run)
        async with serve([*routes, metrics_route(registry)], sock, endpoint.token):
            async with runner:
                yield ControlPlane(resources=store.resources, verbs=verbs, clock=clock, endpoint=endpoint)
            if not keep_services:
                await serving.stop_services()


@asynccontextmanager
async def own_session(settings: Settings, *, keep_services: bool, visible: Sequence[str]) -> AsyncIterator[Session]:
    """A control plane for as long as one command lasts; see `control_plane`."""
    async with control_plane(settings, serve_stored=False, keep_services=keep_services, visible=visible) as plane:
        yield Session(resources=plane.resources, verbs=plane.verbs, clock=plane.clock, owns=True)


@asynccontextmanager
async def store_only(settings: Settings) -> AsyncIterator[Session]:
    """Objects and logs of a state directory where no control plane is up; nothing is started."""
    with SqliteStore(settings.home / "store", SystemClock()) as store:
        launcher = HostLauncher(_pod_settings(settings))
        verbs = LocalVerbs(store.resources, store.journal, launcher, LocalArtifactStore(settings.home / "artifacts"))
        yield Session(resources=store.resources, verbs=verbs, clock=SystemClock(), owns=False)


def _pod_settings(settings: Settings, visible: Sequence[str] = (), *, lasting: bool = False) -> PodSettings:
    """`lasting`: the control plane stays, so that it pays to have the warm process before the first step asks."""
    images: tuple[ImageRule, ...] = ()
    if settings.images:
        images = read_image_rules(Path(settings.images).read_text(encoding="utf-8"), file=settings.images)
    return PodSettings(
        home=str(settings.home),
        isolation=Isolation(settings.isolation),
        images=(*images, *component_rules(component_environment(settings))),
        entry_points=ENTRY_POINTS,
        preload=PRELOAD,
        visible=(str(Path.cwd()), *visible),
        warm_patience_seconds=_WARM_PATIENCE_SECONDS,
        warm_on_demand=not lasting,
    )


async def _stored(resources: ResourceApi) -> frozenset[str]:
    """Versions of the services as they lie there now: who is touched has another one afterwards."""
    services = await resources.list(InferenceService)
    return frozenset(item.metadata.resource_version for item in services.items)


def _serving_engine(settings: Settings, resources: ResourceApi, launcher: Launcher, clock: Clock) -> ServingEngine:
    return ServingEngine(
        resources=resources,
        launcher=launcher,
        routes=RouteFile(settings.home),
        probe=probe_ready,
        gateway=GatewayKeeper(home=settings.home, launcher=launcher, clock=clock, image=IMAGE),
        clock=clock,
        settings=ServingSettings(home=settings.home, image=IMAGE),
    )
