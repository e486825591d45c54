"""Every pod that an engine runs, as a Pod object: made at its launch, kept right, ended with it.

What is to be written is collected for a moment and written in batches, so that a burst of steps is not held up: a pod
that ends within the moment costs one write. Nothing here is durable: at a start, objects and launcher are compared. Who
deletes such an object through the API ends the pod.
Invariant: the object of a pod that has ended is not held by our finalizer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from types import TracebackType
from typing import Any, Self

import msgspec

from setpoint.apis.errors import SetpointError, Unavailable
from setpoint.apis.pod import PodHead
from setpoint.apis.pods import POD_DELETED, ContainerEnd, PodExit, PodPhase, PodRequest, PodState
from setpoint.core.pods.document import FINALIZER, pod_body, pod_metadata, pod_uid
from setpoint.core.pods.status import ended_status, pending_status, running_status
from setpoint.engines.runner import Informer
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Launcher
from setpoint.ports.pod_objects import PodChange, PodObjects

MOMENT = timedelta(milliseconds=60)
_LOOK_AGAIN = timedelta(seconds=1)
_LOOK_AT = 200
_BATCH = 50
_LONGEST_DELAY = timedelta(seconds=10)

_log = logging.getLogger(__name__)

msgspec.json.Decoder(PodHead)  # before threads decode: msgspec is not safe against two that make one at once


@dataclass(slots=True, kw_only=True)
class _Known:
    """A pod from its launch until its end is written."""

    request: PodRequest
    launched: datetime
    made: bool = False  # the object was written
    running: bool = False  # the object says so
    ready: bool = False
    ends: dict[str, ContainerEnd] = field(default_factory=dict)  # of a set: containers that have ended
    waits: bool = False  # somebody waits for its readiness
    doomed: bool = False  # somebody has deleted the object
    grace: int | None = None  # the same: how many seconds it has
    exit: PodExit | None = None


class PodMirror:
    """Use as `async with PodMirror(...)` around the engines; at the end all is written that is known."""

    def __init__(self, *, heads: Informer[PodHead], objects: PodObjects, launcher: Launcher, clock: Clock) -> None:
        """Starts nothing yet; `heads` are all Pods that `OPEN` selects, kept by a runner."""
        self._heads, self._objects, self._launcher, self._clock = heads, objects, launcher, clock
        heads.on_change(self._saw)
        self._known: dict[str, _Known] = {}
        self._due: dict[str, None] = {}  # launches to write about
        self._watched: dict[str, None] = {}  # not running yet, or sets; who was looked at last is last
        self._next_look = clock.now()
        self._gone: list[str] = []
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._waits: set[asyncio.Task[bool]] = set()

    async def __aenter__(self) -> Self:
        self._launcher.listener = self
        work = (("pod objects", self._write), ("pod ends", self._watch_ends))
        self._tasks = [asyncio.create_task(self._keep(name, one), name=name) for name, one in work]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._launcher.listener = None
        running: list[asyncio.Task[Any]] = [*self._tasks, *self._waits]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with suppress(SetpointError):
            for launch, known in self._known.items():  # ends that nobody was told of yet
                state = await self._launcher.state(launch) if known.exit is None else None
                if state is not None and state.exit is not None:
                    known.exit = state.exit
                    self._due[launch] = None
            await self._write_due()

    async def _keep(self, name: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Go on whatever happens, short of the store's end."""
        while await self._guarded(name, work()):
            await self._clock.sleep_until(self._clock.now() + _LOOK_AGAIN)

    async def _guarded(self, name: str, work: Coroutine[object, object, None]) -> bool:
        """The supervision point: pods run whether they are shown or not. Whether it is worth another try."""
        try:
            await work
        except Unavailable as error:
            _log.info("%s: %s", name, error)  # the store is closed
            return False
        except Exception:  # noqa: BLE001  the supervision point
            _log.exception("%s: it is tried again", name)
        return True

    # --- what the launcher tells

    def launched(self, request: PodRequest) -> None:
        """A pod was launched, by this call or an earlier one."""
        if request.about is not None and request.id not in self._known:
            self._known[request.id] = _Known(request=request, launched=self._clock.now())
            self._touch(request.id)

    def removed(self, pod_id: str) -> None:
        """The directory of a pod was deleted."""
        self._known.pop(pod_id, None)
        self._due.pop(pod_id, None)
        self._gone.append(pod_id)
        self._wake.set()

    def _touch(self, launch: str) -> None:
        self._due[launch] = None
        self._wake.set()

    async def _watch_ends(self) -> None:
        await self._recover()
        async for state in self._launcher.exits():
            known = self._known.get(state.id)
            if known is not None and state.exit is not None:
                known.exit = state.exit
                self._touch(state.id)

    # --- what is stored already

    async def _recover(self) -> None:
        """Pods that ended, or were launched, while nobody wrote it down; those without a trace are lost."""
        await self._heads.synced()
        heads = {head.launch: head for head in self._heads.items() if head.launch}
        for request in await self._launcher.live():
            self._take_up(request, heads.get(request.id))
        for launch, head in heads.items():
            if launch in self._known or FINALIZER not in head.metadata.finalizers:
                continue
            state, request_found = await self._launcher.state(launch), await self._launcher.request(launch)
            end = state.exit if state is not None else PodExit(phase=PodPhase.ERROR, message=POD_DELETED)
            if request_found is not None:
                self._take_up(request_found, head)
            if launch in self._known:
                self._known[launch].exit = end
            elif end is not None:
                status = {"phase": "Failed", "message": end.message}
                await self._objects.record(
                    [PodChange(uid=head.metadata.uid, status=msgspec.json.encode(status), ended=True)]
                )

    def _take_up(self, request: PodRequest, head: PodHead | None) -> None:
        if request.about is None or request.id in self._known:
            return
        launched = head.metadata.creation_timestamp if head is not None else None
        self._known[request.id] = _Known(request=request, launched=launched or self._clock.now(), made=head is not None)
        self._touch(request.id)

    # --- what people do

    def _saw(self, old: PodHead | None, new: PodHead | None) -> None:
        """An object has changed: who deletes one ends its pod. One that has ended is not selected any more."""
        head = new or old
        if head is None or (new is not None and new.metadata.deletion_timestamp is None):
            return
        known, grace = self._known.get(head.launch), head.metadata.deletion_grace_period_seconds
        if known is not None and known.exit is None and (not known.doomed or known.grace != grace):
            known.doomed, known.grace = True, grace
            self._spawn(self._kill(head, grace), f"end of pod {head.key}")

    async def _kill(self, head: PodHead, grace: int | None) -> None:
        seconds = None if grace is None else float(grace)
        await self._launcher.kill(head.launch, grace_seconds=seconds, reason=POD_DELETED)

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.create_task(self._guarded(name, work), name=name)
        self._waits.add(task)
        task.add_done_callback(self._waits.discard)

    # --- what is written

    async def _write(self) -> None:
        """Batch by batch, until cancelled."""
        delay = MOMENT
        while True:
            if not (self._due or self._gone or self._watched):
                await self._wake.wait()
            self._wake.clear()
            await self._clock.sleep_until(self._clock.now() + delay)
            if not (self._due or self._gone):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN.total_seconds()):
                        await self._wake.wait()
            self._look_again()
            try:
                await self._write_due()
                delay = MOMENT
            except Unavailable as error:
                delay = min(delay * 2, _LONGEST_DELAY)
                _log.warning("pod objects wait: %s", error)

    def _look_again(self) -> None:
        """Once a second at pods of which nobody tells, at some of them where there are very many."""
        now = self._clock.now()
        if self._watched and now >= self._next_look:
            self._next_look = now + _LOOK_AGAIN
            self._due |= dict.fromkeys(islice(self._watched, _LOOK_AT))

    async def _write_due(self) -> None:
        while self._due or self._gone:
            launches = list(self._due)[:_BATCH]
            gone, self._gone = self._gone, []
            for launch in launches:
                del self._due[launch]
            changes = [change for launch in launches if (change := await self._change(launch)) is not None]
            changes += [PodChange(uid=pod_uid(launch), gone=True) for launch in gone]
            try:
                await self._objects.record(changes)
            except Unavailable:
                self._due = dict.fromkeys(launches) | self._due
                self._gone = gone + self._gone
                raise
            self._wrote(launches)

    def _wrote(self, launches: Sequence[str]) -> None:
        for launch in launches:
            known = self._known.get(launch)
            if known is None:
                continue
            known.made = True
            if known.exit is not None and launch not in self._due:
                del self._known[launch]
                self._watched.pop(launch, None)

    async def _change(self, launch: str) -> PodChange | None:
        """What is to be written of a pod now."""
        known = self._known.get(launch)
        if known is None:
            return None
        status = await self._status(known)
        if status is None and known.made:
            return None
        metadata = body = None
        if not known.made:
            metadata = pod_metadata(known.request, known.launched, ended=known.exit is not None)
            body = pod_body(known.request, self._launcher.machine().name)
        return PodChange(
            uid=pod_uid(launch),
            metadata=metadata,
            body=body,
            status=msgspec.json.encode(status or pending_status(known.request, known.launched)),
            ended=known.exit is not None,
        )

    async def _status(self, known: _Known) -> dict[str, Any] | None:
        """The status, None if it is as it was written."""
        launch, request = known.request.id, known.request
        if known.exit is None and (not known.running or request.fellows):
            state = await self._launcher.state(launch)
            if state is not None and state.exit is not None:
                known.exit = state.exit
            elif state is None or state.phase is not PodPhase.RUNNING:
                self._watch_closely(launch)
                return None
            else:
                self._starts(known, state)
        if known.exit is not None:
            return ended_status(request, known.launched, known.exit)
        return running_status(request, known.launched, known.launched, ready=known.ready, ends=known.ends)

    def _watch_closely(self, launch: str) -> None:
        """Nobody tells of what is to come: it has to be looked for."""
        self._watched.pop(launch, None)
        self._watched[launch] = None

    def _starts(self, known: _Known, state: PodState) -> None:
        """Main runs, or does so still."""
        launch, request = known.request.id, known.request
        if not known.running:
            known.running = True
            self._watched.pop(launch, None)
            known.ready = not any(item.probes.readiness for item in request.containers)
            if not known.ready and not known.waits:
                known.waits = True
                self._wait_for(launch)
        if request.fellows:
            known.ends = dict(state.containers)
            self._watch_closely(launch)

    def _wait_for(self, launch: str) -> None:
        """Tell of the pod's readiness once it has come."""

        async def wait() -> None:
            if await self._launcher.ready(launch) and (known := self._known.get(launch)) is not None:
                known.ready = True
                self._touch(launch)

        self._spawn(wait(), f"readiness of {launch}")
