"""Reconciles InferenceServices: observe, plan, store, route, act, in this order.

The deciding is `core.serving.plan`'s. This shell asks launcher, port files and readiness probes, stores the plan's
state with the status before it acts on it, and points the gateway's route at the active server. Whatever is cut off by
a kill is done again by the next reconciliation, since pod ids are derived and launches of a known id do nothing.
Invariant: the route leads to a server only after it was ready, and a server is ended only after the route has left it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.apis.serving import InferenceService
from setpoint.core.serving.plan import (
    Action,
    Forget,
    Kill,
    Launch,
    Limits,
    Seen,
    ServingState,
    make_plan,
    make_shutdown,
    make_stopped,
    pods_of,
)
from setpoint.core.serving.revisions import Replica, make_pod_id, make_replica
from setpoint.core.serving.status import STOPPED, load_state, make_status, same_status, serving_replica_port
from setpoint.core.serving.validation import check_inference_service, log_mode, warnings_of
from setpoint.engines.runner import Controller, EventRecorder, Result, Runner
from setpoint.engines.serving.files import prepare_revision, read_port, remove_tree
from setpoint.engines.serving.gateway import GatewayKeeper
from setpoint.engines.serving.pods import FETCH, MAIN, ServerLayout, make_pod_request
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Launcher, PodState
from setpoint.ports.resources import ResourceApi

logger = logging.getLogger(__name__)

FINALIZER = "serving.setpoint.dev/servers"
_TAIL_LINES = 6
_WORKERS = 4


class Probe(Protocol):
    """Asks a server whether its model is ready; False whatever goes wrong, soon."""

    async def __call__(self, url: str, model: str) -> bool:
        """Whether `url/v2/models/model/ready` says yes."""
        ...


class Routes(Protocol):
    """The gateway's route table, by `namespace/name`."""

    def set(
        self, key: str, *, port: int | None, revision: str, timeout_seconds: float, message: str, keep: str = "all"
    ) -> None:
        """Make the route so; `keep` says what of its requests is logged: all, request or response."""
        ...

    def remove(self, key: str) -> None:
        """Drop the route."""
        ...

    def url(self, key: str) -> str:
        """The stable URL; "" while no gateway has listened yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSettings:
    """What the engine is told."""

    home: Path  # the state directory
    image: str  # the image that stands for this installation
    limits: Limits = field(default_factory=Limits)


class ServingEngine:
    """The reconciler of InferenceServices."""

    def __init__(
        self,
        *,
        resources: ResourceApi,
        launcher: Launcher,
        routes: Routes,
        probe: Probe,
        gateway: GatewayKeeper,
        clock: Clock,
        settings: ServingSettings,
    ) -> None:
        """Starts nothing yet."""
        self._resources, self._launcher, self._routes, self._probe = resources, launcher, routes, probe
        self._gateway, self._clock, self._settings = gateway, clock, settings
        self._events = EventRecorder(resources, clock, "serving-engine")
        self._resting: set[str] = set()

    def attach(self, runner: Runner, *, resting: frozenset[str] = frozenset()) -> Controller:
        """Have the runner reconcile every InferenceService; before it starts.

        Args:
            runner: Whose informers and workers are used.
            resting: resourceVersions of services that are left at rest until somebody changes them, unless one of
                their servers is still up.
        """
        self._resting = set(resting)
        controller = runner.controller("serving", self.reconcile, workers=_WORKERS)
        controller.watches(runner.informer(InferenceService))
        return controller

    async def reconcile(self, key: str) -> Result | None:
        """One pass over the service `namespace/name`; says when to look again, None if it is gone.

        Raises: Conflict if the object was changed meanwhile, and whatever store, launcher or disk raise: try again.
        """
        namespace, _, name = key.partition("/")
        try:
            service = await self._resources.get(InferenceService, namespace, name)
        except NotFound:
            self._routes.remove(key)
            return None
        if service.metadata.deletion_timestamp is not None:
            return Result(requeue_after=await self._end(service))
        if service.metadata.resource_version in self._resting and await self._rest(service):
            return None
        await self._gateway.ensure()
        if FINALIZER not in service.metadata.finalizers:
            finalizers = (*service.metadata.finalizers, FINALIZER)
            service = await self._resources.update(
                service.replace(metadata=service.metadata.replace(finalizers=finalizers))
            )
        return Result(requeue_after=await self._serve(service))

    async def stop_services(self) -> None:
        """End every server and the gateway, whose state stays: a later control plane starts them again.

        Call it when the engine does not reconcile any more.
        """
        for service in (await self._resources.list(InferenceService)).items:
            state = load_state(service.status)
            pod_id = partial(make_pod_id, service.metadata.uid)
            for action in make_shutdown(state, await self._observe(service, state), pod_id):
                if isinstance(action, Kill):
                    await self._act(service, action)
            await self._store_stopped(service, state)
        await self._gateway.stop()

    async def _rest(self, service: InferenceService) -> bool:
        """Leave the service at rest, its status saying so; False if one of its servers is up: it goes on."""
        state = load_state(service.status)
        seen = await self._observe(service, state)
        if any(look.found and not look.ended for look in seen.values()):
            return False
        stored = await self._store_stopped(service, state)
        self._resting.add(stored.metadata.resource_version)
        return True

    async def _store_stopped(self, service: InferenceService, state: ServingState) -> InferenceService:
        self._routes.set(
            service.key, port=None, revision="", timeout_seconds=1.0, message=STOPPED, keep=log_mode(service)
        )
        if state == ServingState():
            return service
        status = make_status(
            service, make_stopped(state), problems=(), url="", serving=False, now=self._clock.now(), stopped=True
        )
        if same_status(status, service.status):
            return service
        return await self._resources.update_status(service.replace(status=status))

    async def _serve(self, service: InferenceService) -> timedelta:
        problems = check_inference_service(service)
        state = load_state(service.status)
        pod_id = partial(make_pod_id, service.metadata.uid)
        seen = await self._observe(service, state)
        plan = make_plan(
            state,
            None if problems else make_replica(service),
            seen,
            now=self._clock.now(),
            limits=self._settings.limits,
            pod_id=pod_id,
        )
        active = plan.state.active
        port = serving_replica_port(plan.state, seen, pod_id(active)) if active is not None else None
        await self._store(service, plan.state, problems, serving=port is not None)
        self._route(service, plan.state, port)
        for action in plan.actions:
            await self._act(service, action)
        await self._tell(service, state, plan.state)
        listening = self._gateway.listening
        return plan.look_again if listening else min(plan.look_again, self._settings.limits.poll_starting)

    async def _store(
        self, service: InferenceService, state: ServingState, problems: tuple[InvalidSpec, ...], *, serving: bool
    ) -> None:
        """Store state and status in one write, before anything is done about them; nothing if nothing changed."""
        status = make_status(
            service,
            state,
            problems=problems,
            url=self._routes.url(service.key) if self._gateway.listening else "",
            serving=serving,
            now=self._clock.now(),
        )
        if not same_status(status, service.status):
            await self._resources.update_status(service.replace(status=status))

    async def _tell(self, service: InferenceService, before: ServingState, after: ServingState) -> None:
        """Events of what changed, for people."""
        latest = after.candidate
        if latest is not None and (before.candidate is None or before.candidate.revision != latest.revision):
            await self._events.normal(service, "RevisionCreated", f"{latest.revision}: {latest.server.storage_uri}")
            if ignored := warnings_of(service):
                message = f"no meaning on one machine, ignored: {', '.join(ignored)}"
                await self._events.warning(service, "FieldsIgnored", message)
        if after.failure is not None and after.failure != before.failure:
            message = f"{after.failure.model_revision_name}: {after.failure.message}"
            await self._events.warning(service, after.failure.reason.value, message)
        active = after.active
        if active is not None and (before.active is None or before.active.revision != active.revision):
            await self._events.normal(service, "RevisionReady", f"{active.revision} takes the traffic")

    def _route(self, service: InferenceService, state: ServingState, port: int | None) -> None:
        active = state.active
        if active is None:
            message = state.failure.message if state.failure else "the first revision is starting"
            self._routes.set(
                service.key, port=None, revision="", timeout_seconds=1.0, message=message, keep=log_mode(service)
            )
            return
        self._routes.set(
            service.key,
            port=port,
            revision=active.revision,
            timeout_seconds=float(active.server.timeout_seconds),
            message="" if port is not None else "its server is being started again",
            keep=log_mode(service),
        )

    async def _end(self, service: InferenceService) -> timedelta | None:
        """Deletion: first the route, then the servers, then the files, then the finalizer."""
        if FINALIZER not in service.metadata.finalizers:
            return None
        self._routes.remove(service.key)
        state = load_state(service.status)
        actions = make_shutdown(state, await self._observe(service, state), partial(make_pod_id, service.metadata.uid))
        for action in actions:
            await self._act(service, action)
        if actions:
            return self._settings.limits.poll_starting
        await asyncio.to_thread(remove_tree, Path(self._layout(service).directory))
        finalizers = tuple(item for item in service.metadata.finalizers if item != FINALIZER)
        await self._resources.update(service.replace(metadata=service.metadata.replace(finalizers=finalizers)))
        return None

    async def _act(self, service: InferenceService, action: Action) -> None:
        layout = self._layout(service)
        match action:
            case Launch(replica=replica):
                if await self._launcher.state(make_pod_id(service.metadata.uid, replica)) is None:
                    fetched = await asyncio.to_thread(prepare_revision, layout, replica)
                    request = make_pod_request(service, replica, layout, fetch=not fetched)
                    logger.info("%s: starting %s", service.key, request.name)
                    await self._launcher.launch(request)
            case Kill(pod_id=pod_id, grace_seconds=grace, reason=reason):
                logger.info("%s: ending pod %s (%s)", service.key, pod_id, reason)
                await self._launcher.kill(pod_id, grace_seconds=grace, reason=reason)
            case Forget(pod_id=pod_id, revision=revision):
                if await self._launcher.state(pod_id) is not None:
                    await self._launcher.remove(pod_id)
                if revision:
                    await asyncio.to_thread(remove_tree, Path(layout.revision_directory(revision)))

    async def _observe(self, service: InferenceService, state: ServingState) -> dict[str, Seen]:
        """What is true of every pod that may exist; probes run side by side."""
        pod_id = partial(make_pod_id, service.metadata.uid)
        current = {pod_id(replica): replica for replica in (state.active, state.candidate) if replica is not None}
        identities = pods_of(state, pod_id)
        looks = await asyncio.gather(*(self._look(service, item, current.get(item)) for item in identities))
        return dict(zip(identities, looks, strict=True))

    async def _look(self, service: InferenceService, pod_id: str, replica: Replica | None) -> Seen:
        pod = await self._launcher.state(pod_id)
        if pod is None:
            return Seen()
        if pod.exit is not None:
            message = "" if replica is None else await self._story(pod)
            return Seen(found=True, ended=True, exit_code=pod.exit.exit_code, message=message)
        if replica is None:
            return Seen(found=True)
        port = read_port(self._layout(service), replica)
        ready = port is not None and await self._probe(f"http://127.0.0.1:{port}", service.metadata.name)
        return Seen(found=True, port=port, ready=ready)

    async def _story(self, pod: PodState) -> str:
        """Why a pod ended: the launcher's message and the last lines that it wrote."""
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        for container in (FETCH, MAIN):
            with suppress(NotFound):
                async for line in self._launcher.logs(pod.id, container=container):
                    if line.content.strip():
                        tail.append(line.content.strip())
        message = pod.exit.message if pod.exit is not None else ""
        return ": ".join(part for part in (message or "the server ended", " | ".join(tail)) if part)

    def _layout(self, service: InferenceService) -> ServerLayout:
        directory = self._settings.home / "serving" / service.metadata.uid
        return ServerLayout(directory=str(directory), image=self._settings.image)
