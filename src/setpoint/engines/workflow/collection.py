"""What is deleted by itself after a while: workflows by `ttlStrategy`, pods by `podGC`.

A pod here is its record, its directory and its logs. Nothing of it is durable: what is due follows from the objects,
which are all seen again at a start. Source: SEMANTICS section 18; argo-workflows `gccontroller`, `podGC`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush

from setpoint.apis.argo import NodeStatus, NodeType, PodGC, TTLStrategy, Workflow, WorkflowPhase
from setpoint.apis.errors import InvalidSpec, NotFound, SetpointError
from setpoint.apis.selectors import selector_from_spec
from setpoint.core.workflow import pod_id
from setpoint.core.workflow.durations import parse_duration
from setpoint.engines.workflow.head import WorkflowHead
from setpoint.ports.clock import Clock
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi

_POD_DELAY = timedelta(seconds=5)
_OF_PODS = ("OnPodCompletion", "OnPodSuccess")

_log = logging.getLogger(__name__)


def time_to_live(strategy: TTLStrategy | None, phase: WorkflowPhase) -> timedelta | None:
    """How long a workflow that ended in the phase is kept; None for ever. The more specific field wins."""
    if strategy is None:
        return None
    seconds = strategy.seconds_after_completion
    if phase is WorkflowPhase.SUCCEEDED and strategy.seconds_after_success is not None:
        seconds = strategy.seconds_after_success
    elif phase is WorkflowPhase.FAILED and strategy.seconds_after_failure is not None:
        seconds = strategy.seconds_after_failure
    return None if seconds is None else timedelta(seconds=seconds)


def is_collected(gc: PodGC, node: NodeStatus, workflow: WorkflowPhase) -> bool:
    """Whether the strategy lets the pod of a node go now."""
    if node.type is not NodeType.POD or not node.completed:
        return False
    match gc.strategy:
        case "OnPodCompletion":
            return True
        case "OnPodSuccess":
            return not node.failed_or_error
        case "OnWorkflowCompletion":
            return workflow.completed
        case "OnWorkflowSuccess":
            return workflow is WorkflowPhase.SUCCEEDED
    return False


class Collector:
    """Deletes what is due. With `workflows` False only pods are: a control plane for one command keeps its workflow."""

    def __init__(self, resources: ResourceApi, launcher: Launcher, clock: Clock, *, workflows: bool) -> None:
        self._resources = resources
        self._launcher = launcher
        self._clock = clock
        self._workflows = workflows
        self._due: dict[str, tuple[datetime, Callable[[], Awaitable[None]]]] = {}
        self._queue: list[tuple[datetime, str]] = []  # a heap; what is not so in `_due` any more is passed over
        self._wake = asyncio.Event()

    def see(self, head: WorkflowHead) -> None:
        """A workflow as it is now: due, or not any more since it was retried."""
        uid, status = head.metadata.uid, head.status
        stored = status.stored_workflow_template_spec
        strategy = head.spec.ttl_strategy or (stored.ttl_strategy if stored is not None else None)
        wait = time_to_live(strategy, status.phase) if status.phase.completed and self._workflows else None
        if wait is None or status.finished_at is None:
            self._due.pop(uid, None)
            return
        work = partial(self._delete, head.metadata.namespace, head.metadata.name, uid)
        self._add(uid, status.finished_at + wait, work)

    def collect(
        self,
        gc: PodGC | None,
        uid: str,
        nodes: Iterable[NodeStatus],
        workflow: WorkflowPhase,
        labels: Callable[[NodeStatus], Mapping[str, str]],
    ) -> None:
        """Nodes of a workflow in a phase: the pods that the strategy lets go are due after its delay.

        `labels` tells those of a node's pod, for the strategy's selector.
        """
        if gc is None or not gc.strategy:
            return
        try:
            selector = selector_from_spec(gc.label_selector)
        except InvalidSpec:
            return  # lint has said so
        due = self._clock.now() + _delay(gc)
        for node in nodes:
            if is_collected(gc, node, workflow) and (not selector or selector.matches(labels(node))):
                pod = pod_id(uid, node.id, node.started_at)
                self._add(pod, due, partial(self._launcher.remove, pod))

    def _add(self, key: str, due: datetime, work: Callable[[], Awaitable[None]]) -> None:
        if key not in self._due or self._due[key][0] != due:
            self._due[key] = (due, work)
            heappush(self._queue, (due, key))
            if self._queue[0] == (due, key):  # it is the next one now
                self._wake.set()

    async def _delete(self, namespace: str, name: str, uid: str) -> None:
        await self._resources.delete(Workflow, namespace, name, uid=uid)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            now = self._clock.now()
            while (moment := self._next()) is not None and moment <= now:
                await self._do(heappop(self._queue)[1])
            await self._wait()

    def _next(self) -> datetime | None:
        """When the next thing is due, None if nothing is."""
        while self._queue:
            due, key = self._queue[0]
            if key in self._due and self._due[key][0] == due:
                return due
            heappop(self._queue)
        return None

    async def _do(self, key: str) -> None:
        _, work = self._due.pop(key)
        try:
            await work()
        except NotFound:
            return
        except SetpointError as error:
            _log.warning("what is due is not deleted: %s", error)

    async def _wait(self) -> None:
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self._wake.wait())]
        if (moment := self._next()) is not None:
            waits.append(asyncio.ensure_future(self._clock.sleep_until(moment)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _delay(gc: PodGC) -> timedelta:
    if not gc.delete_delay_duration:
        return _POD_DELAY
    try:
        return parse_duration(gc.delete_delay_duration)
    except InvalidSpec:
        return _POD_DELAY  # lint has said so
