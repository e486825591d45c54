"""The orders of one workflow under way: each a task of its own, done at most once at a time, answered with an event.

An order is known by its id. Carrying one out twice is harmless, since what is behind it (the launcher, the embedded
API, the clock) knows the id too; so pending orders of a killed engine are simply carried out again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Protocol

from setpoint.apis.argo import NodePhase, Workflow
from setpoint.apis.errors import InvalidSpec, Transient
from setpoint.apis.pods import PodExit, PodPhase
from setpoint.core.workflow import (
    ActionCommand,
    ActionReported,
    CancelAction,
    Command,
    DeleteClaims,
    Event,
    KillPod,
    LaunchPod,
    MakeClaims,
    PodPending,
    PodReady,
    PodStarted,
    SaveCacheEntry,
    SetTimer,
    TimerFired,
)
from setpoint.engines.workflow.caches import save_entry
from setpoint.engines.workflow.environment import Unschedulable, complete_request
from setpoint.engines.workflow.volume_claims import delete_claims, make_claims
from setpoint.engines.workflow.world import World

_log = logging.getLogger(__name__)
_FIRST_DELAY = timedelta(milliseconds=200)
_LONGEST_DELAY = timedelta(seconds=30)
_LOOK_AGAIN = timedelta(seconds=1)  # for what people wait for
_MOMENT_SECONDS = 0.015
_TIMER = "timer"
LOOPBACK = "127.0.0.1"
"""Where a pod listens: processes share the host's network."""


class OrderGiver(Protocol):
    """The workflow whose orders these are."""

    def post(self, event: Event, done: str = "") -> None:
        """An event for the workflow; `done` is the order it answers."""

    def finish(self, command: str) -> None:
        """An order is done, with nothing to tell."""

    def expect(self, launch: str, node: str) -> None:
        """The pod `launch` of `node` is about to run."""

    def pod_ended(self, launch: str, end: PodExit) -> None:
        """A pod of this workflow has ended."""

    def workflow(self) -> Workflow:
        """The object as last seen."""


class Orders:
    """Carries out the orders of one workflow."""

    def __init__(self, giver: OrderGiver, world: World) -> None:
        self._giver = giver
        self._world = world
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pending: set[str] = set()
        self._waiting: set[str] = set()  # launches that wait for room, or for a claim
        self._doomed: set[str] = set()  # launches whose pod is to be ended
        self._told: set[str] = set()
        self._starts: dict[str, tuple[PodStarted, asyncio.TimerHandle]] = {}

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way that an event could come from, timers apart."""
        return not self._pending and all(task.get_name() == _TIMER for task in self._tasks.values() if not task.done())

    def under_way(self, command: str) -> bool:
        """Whether the order with this id is not done yet."""
        return command in self._pending

    def done(self, command: str) -> None:
        """The order with this id was answered."""
        self._pending.discard(command)

    def drop_timers(self) -> list[str]:
        """Timers of a workflow that has ended would only wait; their ids, which are done."""
        dropped = [key for key, task in self._tasks.items() if task.get_name() == _TIMER]
        for key in dropped:
            self._tasks.pop(key).cancel()
            self._pending.discard(key)
        return dropped

    async def stop(self) -> None:
        """Leave everything as it is stored."""
        for _, moment in self._starts.values():
            moment.cancel()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def carry_out(self, command: Command, *, again: bool = False) -> None:
        """Begin, unless it is under way; `again` if a killed predecessor may have begun."""
        if command.id in self._tasks and not self._tasks[command.id].done():
            return
        self._pending.add(command.id)
        work: Coroutine[object, object, None]
        match command:
            case LaunchPod():
                self._giver.expect(command.id, command.node)
                work = self._launch(command, again=again)
            case KillPod():
                work = self._kill(command)
            case SetTimer():
                work = self._wait(command)
            case SaveCacheEntry():
                work = self.keep(command)
            case MakeClaims():
                work = self._make_claims(command)
            case DeleteClaims():
                work = self._delete_claims(command)
            case CancelAction():
                work = self._cancel(command)
            case _:
                work = self._act(command)
        name = _TIMER if isinstance(command, SetTimer) else type(command).__name__
        self._begin(command.id, self._guarded(command, work), name)

    def _begin(self, key: str, work: Coroutine[object, object, None], name: str) -> None:
        task = self._tasks[key] = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda ended: self._forget(key, ended))

    def _forget(self, command: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(command) is task:
            del self._tasks[command]
        self._giver.finish("")

    async def _guarded(self, command: Command, work: Coroutine[object, object, None]) -> None:
        """The supervision point of orders: what cannot be done is logged, and the workflow hears of it."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  the supervision point of orders
            _log.exception("workflow %s: order %s failed", self._key, type(command).__name__)
            message = f"internal error: {error}"
            if isinstance(command, LaunchPod):
                self._giver.pod_ended(command.id, PodExit(phase=PodPhase.ERROR, message=message))
            elif isinstance(command, ActionCommand):
                report = ActionReported(node=command.node, command=command.id, phase=NodePhase.ERROR, message=message)
                self._giver.post(report)
            self._giver.finish(command.id)

    @property
    def _key(self) -> str:
        return self._giver.workflow().key

    async def _insist(
        self, work: Callable[[], Awaitable[None]], what: str, waits: Callable[[str], None] = lambda _: None
    ) -> None:
        """Until what is behind it can be reached; `waits` hears what a pod waits for."""
        delay = _FIRST_DELAY
        while True:
            try:
                return await work()
            except Unschedulable as error:
                waits(str(error))
                delay = min(delay, _LOOK_AGAIN)
            except Transient as error:
                _log.warning("workflow %s: %s waits: %s", self._key, what, error)
            await self._world.clock.sleep_until(self._world.clock.now() + delay)
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _launch(self, command: LaunchPod, *, again: bool) -> None:
        world = self._world

        async def launch() -> None:
            request = command.request
            if request.requests:
                request = await world.launcher.reserve(request, partial(self._wait_for_room, command))
            self._waiting.discard(command.id)
            async with world.launches:
                machine = world.launcher.machine()
                request = await complete_request(world.resources, command, request, machine, world.credentials)
                await world.launcher.launch(request)

        launched = False
        try:
            await self._insist(launch, f"pod {command.request.name}", partial(self._wait_for_room, command))
            launched = True
        except InvalidSpec as error:
            self._giver.pod_ended(command.id, PodExit(phase=PodPhase.ERROR, message=str(error)))
            self._giver.finish(command.id)
            return
        finally:
            self._waiting.discard(command.id)
            if command.request.requests and not launched:
                world.launcher.release(command.id)
        self._world.metrics.pod_entered(PodPhase.RUNNING.value, self._giver.workflow().metadata.namespace)
        if command.request.daemon:
            self._begin(f"{command.id}/ready", self._guarded(command, self._await_ready(command)), "AwaitReady")
        else:
            loop = asyncio.get_running_loop()
            moment = loop.call_later(_MOMENT_SECONDS, self.started, command.id)
            self._starts[command.id] = PodStarted(node=command.node, pod=command.id), moment
        # a pod that a killed predecessor had launched may have ended, and been told of, before we waited for it
        found = await self._world.launcher.state(command.id) if again else None
        if found is not None and found.exit is not None:
            self._giver.pod_ended(command.id, found.exit)

    def started(self, launch: str) -> None:
        """A pod that was launched runs. One that ends in a moment is told of with its end, by one commit."""
        start, moment = self._starts.pop(launch, (None, None))
        if start is not None and moment is not None:
            moment.cancel()
            self._giver.post(start, launch)

    def _wait_for_room(self, command: LaunchPod, message: str) -> None:
        """The pod has to wait: its node shows why, and an event tells of each reason once. Nobody ends it but here."""
        self._waiting.add(command.id)
        self._giver.post(PodPending(node=command.node, pod=command.id, message=message))
        if message not in self._told:
            self._told.add(message)
            text = f"pod {command.request.name}: {message}"
            work = self._world.recorder.warning(self._giver.workflow(), "FailedScheduling", text)
            task = self._tasks[f"{command.id}/event"] = asyncio.create_task(work, name=_TIMER)
            task.add_done_callback(lambda _: self._tasks.pop(f"{command.id}/event", None))
        if command.id in self._doomed:
            self._tasks[command.id].cancel()

    async def _await_ready(self, command: LaunchPod) -> None:
        """The order of a daemon is done when it is ready, or has ended."""
        if await self._world.launcher.ready(command.id):
            self._giver.post(PodReady(node=command.node, pod=command.id, ip=LOOPBACK), command.id)
        else:
            self._giver.finish(command.id)

    async def _kill(self, command: KillPod) -> None:
        launch = self._tasks.get(command.pod)
        if launch is not None and not launch.done():
            self._doomed.add(command.pod)
            if command.pod in self._waiting:
                launch.cancel()
            await asyncio.wait([launch])  # a pod must have been launched to be ended
            if launch.cancelled():
                self._giver.pod_ended(command.pod, PodExit(phase=PodPhase.FAILED, message=command.reason))
                self._giver.finish(command.pod)
        await self._world.launcher.kill(command.pod, grace_seconds=command.grace_seconds, reason=command.reason)
        self._giver.finish(command.id)

    async def _make_claims(self, command: MakeClaims) -> None:
        async def make() -> None:
            self._giver.post(await make_claims(self._world.resources, self._giver.workflow(), command), command.id)

        await self._insist(make, "claims")

    async def _delete_claims(self, command: DeleteClaims) -> None:
        namespace = self._giver.workflow().metadata.namespace
        await self._insist(lambda: delete_claims(self._world.resources, namespace, command), "claims")
        self._giver.finish(command.id)

    async def _wait(self, command: SetTimer) -> None:
        await self._world.clock.sleep_until(command.at)
        self._giver.post(TimerFired(timer=command.id, kind=command.kind, node=command.node), command.id)

    async def keep(self, command: SaveCacheEntry) -> None:
        """Write an entry of a cache; an order that others do not overtake."""
        namespace = self._giver.workflow().metadata.namespace
        await self._insist(partial(save_entry, self._world.resources, namespace, command), "an entry of a cache")
        self._giver.finish(command.id)

    async def _act(self, command: ActionCommand) -> None:
        async def act() -> None:
            ended = await self._world.actions.run(command, self._giver.workflow(), self._giver.post)
            self._giver.post(ended, command.id)

        await self._insist(act, type(command).__name__)

    async def _cancel(self, command: CancelAction) -> None:
        task = self._tasks.pop(command.command, None)
        if task is not None:
            task.cancel()
        self._giver.finish(command.command)
        self._giver.finish(command.id)
