"""Deletion of artifacts by `artifactGC`: when their workflow completes, or when it is deleted.

A workflow whose artifacts are to be deleted carries a finalizer, so that its deletion waits for them. They are deleted
while nobody works on the workflow: one that runs is ended first, so no pod saves one afterwards. What cannot be deleted
is tried again, ever more seldom. Source: argo-workflows `artifact_gc.go`; SEMANTICS section 10.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from setpoint.apis.argo import Artifact, NodeStatus, Workflow, WorkflowSpec, WorkflowStatus
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import NotFound, SetpointError
from setpoint.apis.pods import ArtifactPlace
from setpoint.core.workflow import Cache, Library
from setpoint.core.workflow import artifact_gc as gc
from setpoint.core.workflow.repository import Repository, read_repository
from setpoint.engines.runner import EventRecorder
from setpoint.engines.workflow.environment import filled_place
from setpoint.engines.workflow.head import WorkflowHead
from setpoint.engines.workflow.journal_record import state_of
from setpoint.ports.artifacts import ArtifactPlaces, ArtifactStore
from setpoint.ports.clock import Clock
from setpoint.ports.journal import Change, WorkflowJournal
from setpoint.ports.resources import ResourceApi

FINALIZER = "workflows.argoproj.io/artifact-gc"
_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=10)

_log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]


def is_held(head: WorkflowHead) -> bool:
    """Whether the workflow is deleted as soon as its artifacts have gone."""
    return head.metadata.deletion_timestamp is not None and FINALIZER in head.metadata.finalizers


@dataclass(slots=True)
class _Round:
    """What one round of deletions did."""

    nodes: dict[str, NodeStatus] = field(default_factory=dict)
    pods: set[str] = field(default_factory=set)
    failure: str = ""


class ArtifactCollector:
    """Deletes the artifacts of workflows that have ended or are about to go.

    Args:
        resources: Where workflows, secrets and config maps are.
        journal: Holds nodes and status.
        store: The embedded artifact store.
        places: Stores of other kinds.
        recorder: Tells what went wrong.
        clock: Time.
        spawn: Begins a task with a name.
    """

    def __init__(
        self,
        *,
        resources: ResourceApi,
        journal: WorkflowJournal,
        store: ArtifactStore,
        places: ArtifactPlaces,
        recorder: EventRecorder,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._resources, self._journal, self._recorder = resources, journal, recorder
        self._store, self._places = store, places
        self._clock, self._spawn = clock, spawn
        self._heads: dict[str, WorkflowHead] = {}  # those with the finalizer, as last seen
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake: dict[str, asyncio.Event] = {}

    def see(self, head: WorkflowHead, *, at_work: bool) -> None:
        """A workflow as it is now; `at_work` while it runs or a worker has not left it."""
        uid = head.metadata.uid
        before = self._heads.pop(uid, None)
        if FINALIZER not in head.metadata.finalizers:
            return
        self._heads[uid] = head
        if before is not None and before.metadata.deletion_timestamp != head.metadata.deletion_timestamp:
            self._wake_up(uid)
        if not at_work:
            self.begin(uid)

    def begin(self, uid: str) -> None:
        """Nobody works on the workflow any more: what is due is deleted."""
        head = self._heads.get(uid)
        if head is None or uid in self._tasks:
            return
        if head.status.phase.completed or head.metadata.deletion_timestamp is not None:
            self._wake[uid] = asyncio.Event()
            self._tasks[uid] = self._spawn(self._insist(uid), f"artifacts of {head.key}")

    def gone(self, uid: str) -> None:
        """The workflow is not there any more."""
        self._heads.pop(uid, None)
        self._wake_up(uid)

    async def leave(self, uid: str) -> None:
        """Somebody is about to work on the workflow; returns when nothing of it is touched here any more."""
        if uid in self._tasks:
            self.gone(uid)
            await asyncio.wait([self._tasks[uid]])

    def _wake_up(self, uid: str) -> None:
        if uid in self._wake:
            self._wake[uid].set()

    async def _insist(self, uid: str) -> None:
        delay = _FIRST_DELAY
        try:
            while (head := self._heads.get(uid)) is not None:
                self._wake[uid].clear()
                try:
                    whole = await self._collect(head)
                except NotFound:  # it went meanwhile
                    return
                except SetpointError as error:
                    _log.warning("the artifacts of workflow %s are not deleted: %s", head.key, error)
                    whole = False
                if whole and self._heads.get(uid) is head:
                    return
                if not whole:
                    await self._pause(uid, delay)
                    delay = min(2 * delay, _LONGEST_DELAY)
        finally:
            del self._tasks[uid], self._wake[uid]

    async def _pause(self, uid: str, delay: timedelta) -> None:
        waits: list[asyncio.Future[object]] = [
            asyncio.ensure_future(self._wake[uid].wait()),
            asyncio.ensure_future(self._clock.sleep_until(self._clock.now() + delay)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _collect(self, head: WorkflowHead) -> bool:
        """One round; whether all of it went."""
        state = state_of(await self._journal.load(head.metadata.uid))
        status, deleted = state.status, head.metadata.deletion_timestamp is not None
        spec = status.stored_workflow_template_spec or head.spec
        strategies = (gc.ON_COMPLETION, gc.ON_DELETION) if deleted else (gc.ON_COMPLETION,)
        done = _Round()
        repository: Repository | None = None
        for strategy in strategies:
            for node in state.nodes.values():
                for artifact in gc.due(node, spec, strategy):
                    done.pods.add(gc.gc_pod_name(head.metadata.name, strategy, artifact, spec))
                    try:
                        repository = repository or await self._repository(head, status)
                        await self._delete(head, artifact, node, spec, status, repository)
                        done.nodes[node.id] = gc.without(done.nodes.get(node.id, node), (artifact.name,))
                    except (SetpointError, OSError) as error:
                        done.failure = done.failure or f"strategy {strategy}, err:{artifact.name}: {error}"
        await self._note(head, status, strategies, done)
        nodes = {**state.nodes, **done.nodes}.values()
        left = any(gc.due(node, spec, each) for node in nodes for each in (gc.ON_COMPLETION, gc.ON_DELETION))
        if not left or (deleted and spec.artifact_gc is not None and spec.artifact_gc.force_finalizer_removal):
            await self._let_go(head)
            return True
        return not done.failure

    async def _repository(self, head: WorkflowHead, status: WorkflowStatus) -> Repository:
        ref = status.artifact_repository_ref or {}
        name = str(ref.get("configMap", ""))
        if not name:
            return Repository()
        try:
            found = await self._resources.get(ConfigMap, head.metadata.namespace, name)
            held = Cache(data=found.data, annotations=found.metadata.annotations)
        except NotFound:
            held = None
        return read_repository(ref, Library(caches={name: held}))

    async def _delete(
        self,
        head: WorkflowHead,
        artifact: Artifact,
        node: NodeStatus,
        spec: WorkflowSpec,
        status: WorkflowStatus,
        repository: Repository,
    ) -> None:
        where = gc.lies_at(artifact, gc.template_of(node, spec, status.stored_templates), repository)
        if isinstance(where, ArtifactPlace):
            place = await filled_place(self._resources, head.metadata.namespace, where)
            await asyncio.to_thread(self._places.delete, place)
        else:
            await asyncio.to_thread(self._store.delete, where)

    async def _note(
        self, head: WorkflowHead, before: WorkflowStatus, strategies: tuple[str, ...], done: _Round
    ) -> None:
        """Store what went, and tell of what did not, once."""
        message = f"Artifact Garbage Collection failed for {done.failure}" if done.failure else ""
        after = gc.processed(before, strategies, sorted(done.pods), message)
        rows = {key: msgspec.json.encode(node) for key, node in done.nodes.items()}
        if rows or after != before:
            change = Change(nodes=rows, status=msgspec.json.encode(after), archive=after.completed)
            await self._journal.commit(head.metadata.uid, change)
        if message and message not in [item.message for item in before.conditions]:
            await self._recorder.warning(head.workflow(), "ArtifactGCFailed", message)

    async def _let_go(self, head: WorkflowHead) -> None:
        try:
            found = await self._resources.get(WorkflowHead, head.metadata.namespace, head.metadata.name)
            if found.metadata.uid == head.metadata.uid and FINALIZER in found.metadata.finalizers:
                left = [item for item in found.metadata.finalizers if item != FINALIZER]
                patch = {"metadata": {"finalizers": left}}
                await self._resources.patch(Workflow, head.metadata.namespace, head.metadata.name, patch)
        except NotFound:
            return
