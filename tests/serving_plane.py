"""A control plane for serving, in this process: real store, kubelet, gateway and engine over one state directory."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.errors import NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.serving import InferenceService, InferenceServiceSpec, ModelFormat, ModelSpec, PredictorSpec
from setpoint.clients.readiness import probe_ready
from setpoint.core.serving.plan import Limits, ServingState
from setpoint.core.serving.status import load_state
from setpoint.engines.runner import Runner
from setpoint.engines.serving import GatewayKeeper, ServingEngine, ServingSettings
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi
from setpoint.server.gateway.routes import RouteFile

IMAGE = "setpoint/setpoint:test"
LIMITS = Limits(
    start_deadline=timedelta(seconds=30),
    backoff_first=timedelta(milliseconds=200),
    backoff_most=timedelta(seconds=2),
    drain=timedelta(milliseconds=300),
    poll_starting=timedelta(milliseconds=50),
    poll_serving=timedelta(milliseconds=200),
)


@dataclass(frozen=True)
class Plane:
    home: Path
    resources: ResourceApi
    launcher: Launcher
    engine: ServingEngine

    async def get(self, name: str = "reactor") -> InferenceService:
        return await self.resources.get(InferenceService, "default", name)

    async def state(self, name: str = "reactor") -> ServingState:
        return load_state((await self.get(name)).status)

    async def put(self, model: Path | str, name: str = "reactor", **predictor: object) -> InferenceService:
        """Create the service, or give it another model."""
        wanted = make_inference_service(name, model, **predictor)
        for _ in range(20):
            try:
                present = await self.get(name)
            except NotFound:
                return await self.resources.create(wanted)
            with contextlib.suppress(Exception):
                return await self.resources.update(present.replace(spec=wanted.spec))
        raise AssertionError("the service changes all the time")

    async def until(
        self, condition: Callable[[InferenceService], bool], what: str, name: str = "reactor"
    ) -> InferenceService:
        """The service once the condition holds."""
        deadline = time.monotonic() + 30
        while True:
            service = await self.get(name)
            if condition(service):
                return service
            assert time.monotonic() < deadline, f"not in time: {what}\n{service.status}"
            await asyncio.sleep(0.03)

    async def ready(self, name: str = "reactor") -> InferenceService:
        """The service, Ready at its present generation."""
        return await self.until(is_ready, "Ready", name)


def is_ready(service: InferenceService) -> bool:
    condition = service.status.condition("Ready")
    current = service.status.observed_generation == service.metadata.generation
    return current and condition is not None and condition.status == "True"


def make_inference_service(name: str, model: Path | str, **predictor: object) -> InferenceService:
    spec = PredictorSpec(
        model=ModelSpec(model_format=ModelFormat(name="mlflow"), storage_uri=str(model), protocol_version="v2")
    )
    return InferenceService(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=InferenceServiceSpec(predictor=spec.replace(**predictor)),
    )


@contextlib.asynccontextmanager
async def control_plane(home: Path, *, stop_services: bool = True, rest: bool = False) -> AsyncIterator[Plane]:
    """The control plane; at its end the services go too, unless told otherwise. `rest`: stored ones are left alone."""
    clock = SystemClock()
    with SqliteStore(home, clock) as store:
        async with HostLauncher(PodSettings(home=str(home))) as launcher:
            engine = ServingEngine(
                resources=store.resources,
                launcher=launcher,
                routes=RouteFile(home),
                probe=probe_ready,
                gateway=GatewayKeeper(
                    home=home, launcher=launcher, clock=clock, image=IMAGE, arguments=("--prediction-log-mb", "16")
                ),
                clock=clock,
                settings=ServingSettings(home=home, image=IMAGE, limits=LIMITS),
            )
            runner = Runner(store.resources, clock, CollectorRegistry())
            stored = (await store.resources.list(InferenceService)).items if rest else ()
            engine.attach(runner, resting=frozenset(item.metadata.resource_version for item in stored))
            try:
                async with runner:
                    yield Plane(home=home, resources=store.resources, launcher=launcher, engine=engine)
            finally:
                if stop_services:
                    await engine.stop_services()
                    await _until_ended(launcher, home)


async def _until_ended(launcher: HostLauncher, home: Path) -> None:
    deadline = time.monotonic() + 20
    for folder in (home / "pods").iterdir():
        while (state := await launcher.state(folder.name)) is not None and state.exit is None:
            assert time.monotonic() < deadline, f"pod {folder.name} goes on"
            await asyncio.sleep(0.03)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + 30
    while not await condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.03)


async def status_code(url: str) -> int:
    """Of a GET."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        return (await http.get(url)).status_code
