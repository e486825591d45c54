"""One workflow while it runs: its events folded as they come, committed in batches, its orders carried out after.

Order of things, which the crash story rests on: what a step decided is durable before any order of it is carried
out, and an order is marked done only after it was. So after a kill at any point the next engine finds every order
either done or pending, and pending ones are carried out again by id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from setpoint.apis.argo import (
    LABEL_CLUSTER_WORKFLOW_TEMPLATE,
    LABEL_WORKFLOW_TEMPLATE,
    ClusterWorkflowTemplate,
    NodePhase,
    NodeType,
    Workflow,
    WorkflowMetadata,
    WorkflowPhase,
    WorkflowTemplate,
    merge_specs,
    resolve_spec,
)
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import InvalidSpec, NotFound, Transient
from setpoint.apis.meta import to_wire
from setpoint.apis.pods import ContainerEnd, PodExit
from setpoint.core.workflow import (
    ANNOTATION_MEMOIZED_FROM,
    ActionCommand,
    Cache,
    Claims,
    Command,
    ContainersEnded,
    ContextMissing,
    ControlsChanged,
    Event,
    Kind,
    LaunchPod,
    Library,
    LocksChanged,
    MakeClaims,
    PodEnded,
    PodLost,
    PodStarted,
    ProgressReported,
    SaveCacheEntry,
    SetTimer,
    Step,
    StepContext,
    WorkflowLoaded,
    WorkflowStarted,
    WorkflowState,
    carried_nodes,
    decode_request,
    open_containers,
    pod_id,
    steps,
)
from setpoint.core.workflow.artifact_gc import needs_finalizer
from setpoint.core.workflow.pod_labels import labels_of
from setpoint.engines.workflow.artifact_gc import FINALIZER, is_held
from setpoint.engines.workflow.caches import shelved, with_entries
from setpoint.engines.workflow.head import WorkflowHead
from setpoint.engines.workflow.journal_record import Batch, commands_of, state_of
from setpoint.engines.workflow.locks import claimant, claims_key
from setpoint.engines.workflow.orders import Orders
from setpoint.engines.workflow.world import World
from setpoint.ports.journal import Change

_log = logging.getLogger(__name__)
_FIRST_DELAY = timedelta(milliseconds=200)
_LONGEST_DELAY = timedelta(seconds=30)
_AT_ONCE = 64  # events folded together; all of them are folded again where something has to be fetched first


class Worker:
    """Runs one workflow until it has ended and all its orders are done."""

    def __init__(self, head: WorkflowHead, world: World) -> None:
        self.uid = head.metadata.uid
        self._key = claims_key(head)
        self._head = head
        self._world = world
        self._state = WorkflowState()
        self._library = Library(defaults=world.defaults.spec if world.defaults is not None else None)
        self._inbox: deque[Event] = deque()
        self._done: list[str] = []
        self._nodes: dict[str, str] = {}  # launch id -> node, of pods that run
        self._orders = Orders(self, world)
        self._wake = asyncio.Event()
        self._asked = False
        self.deleted = False
        self.ended = False

    # --- what comes in

    def post(self, event: Event, done: str = "") -> None:
        """An event for the workflow; `done` is the order it answers."""
        self._inbox.append(event)
        self.finish(done)

    def finish(self, command: str) -> None:
        """An order is done, with nothing to tell."""
        if command:
            self._done.append(command)
            self._orders.done(command)
        self._wake.set()

    def expect(self, launch: str, node: str) -> None:
        """The pod `launch` of `node` is about to run."""
        self._nodes[launch] = node
        self._world.pods[launch] = self

    def workflow(self) -> Workflow:
        """The object as last seen."""
        return self._head.workflow()

    def pod_ended(self, launch: str, end: PodExit) -> None:
        """A pod of this workflow has ended."""
        self._orders.started(launch)
        node = self._nodes.pop(launch, None)
        self._world.pods.pop(launch, None)
        if node is not None:
            self._world.metrics.pod_entered(end.phase.value, self._head.metadata.namespace)
            self.post(PodEnded(node=node, pod=launch, exit=end))

    def pod_progressed(self, launch: str, progress: str) -> None:
        """A running pod of this workflow has come as far as `N/M`."""
        node = self._state.nodes.get(self._nodes.get(launch, ""))
        if node is not None and node.progress != progress:
            self.post(ProgressReported(node=node.id, pod=launch, progress=progress))

    def open_containers(self, launch: str) -> frozenset[str]:
        """Names of containers of a pod that have nodes of their own and run; empty unless it is a set."""
        nodes = self._state.nodes
        pod = nodes.get(self._nodes.get(launch, ""))
        if pod is None:
            return frozenset()
        found = open_containers(pod, nodes.get, lambda node: nodes[node].children)
        return frozenset(item.name.removeprefix(f"{pod.name}.") for item in found)

    def containers_ended(self, launch: str, ends: Mapping[str, ContainerEnd]) -> None:
        """Containers of a pod, which goes on, have ended."""
        self._orders.started(launch)
        node = self._nodes.get(launch)
        if node is not None:
            self.post(ContainersEnded(node=node, pod=launch, containers=dict(ends)))

    def locks_changed(self) -> None:
        """Locks that this workflow waits for may be free now."""
        self.post(LocksChanged())

    def asked(self) -> None:
        """There is a request in the inbox of the journal."""
        self._asked = True
        self._wake.set()

    def object_changed(self, head: WorkflowHead) -> None:
        """The object was written; only its controls matter to a workflow that runs."""
        if int(head.metadata.resource_version or 0) < int(self._head.metadata.resource_version or 0):
            return
        self._head = head
        controls, seen = _controls(head), self._state.engine
        if (controls.shutdown, controls.suspend) != (seen.seen_shutdown, seen.seen_suspend):
            self._wake.set()
            self._inbox.append(controls)

    def object_deleted(self) -> None:
        """The object is gone: its pods end, nothing is stored any more."""
        self.deleted = True
        self._wake.set()

    # --- the loop

    async def run(self) -> None:
        """Until the workflow has ended and every order is done."""
        self._world.locks.join(self._key, self)
        try:
            await self._load()
            self._world.locks.settle(claimant(self._head, self._state.claims))  # not what one before it left there
            while not self._at_end():
                await self._wake.wait()
                self._wake.clear()
                if self.deleted:
                    await self._abandon()
                    return
                await self._batch()
        except NotFound:
            await self._abandon()
        finally:
            self.ended = True
            self._world.locks.leave(self._key, self)
            await self._orders.stop()
            for launch in self._nodes:
                self._world.pods.pop(launch, None)

    def _at_end(self) -> bool:
        if not self._state.status.completed or self._inbox or self._asked or self._done or self.deleted:
            return False
        # what a pod that is told to end still saves is to be deleted too
        return self._orders.at_rest and not (self._nodes and needs_finalizer(self._state.status))

    async def _load(self) -> None:
        record = await self._world.journal.load(self.uid)
        self._state = state_of(record)
        self._world.metrics.custom.emitted(self.uid, self._state.engine.metrics)
        self._asked = self._asked or bool(record.requests)
        if self._state.status.phase is WorkflowPhase.UNKNOWN:
            await self._take_defaults()
            await self._adopt_metadata()
            invalid = await self._invalid()
            started = await self._carrying(WorkflowStarted(invalid=invalid))
            self._inbox.appendleft(started)  # before what came in meanwhile
        elif not self._state.status.completed:
            self._inbox.appendleft(WorkflowLoaded())
            self._inbox.append(_controls(self._head))
        pending, taken_up = commands_of(record), frozenset(self._state.nodes)
        if self._inbox:
            await self._batch(known={command.id for command in pending})
        launched: set[str] = set()
        for command in pending:
            if self._state.status.completed and isinstance(command, SetTimer | LaunchPod | MakeClaims | ActionCommand):
                self._done.append(command.id)  # a pod may have been launched, and only this not been written down
            else:
                self._orders.carry_out(command, again=True)
                if isinstance(command, LaunchPod):
                    launched.add(command.id)
        await self._find_pods(taken_up, launched)
        self._wake.set()

    async def _take_defaults(self) -> None:
        """What lies below every workflow becomes part of the object; below a template that it refers to, later."""
        defaults, head = self._world.defaults, self._head
        if defaults is None:
            return
        labels = {**defaults.metadata.labels, **head.metadata.labels}
        annotations = {**defaults.metadata.annotations, **head.metadata.annotations}
        patch: dict[str, object] = {"metadata": {"labels": labels, "annotations": annotations}}
        if head.spec.workflow_template_ref is None:
            patch["spec"] = to_wire(merge_specs(head.spec, defaults.spec))
        await self._world.resources.patch(Workflow, head.metadata.namespace, head.metadata.name, patch)
        self._head = await self._world.resources.get(WorkflowHead, head.metadata.namespace, head.metadata.name)

    async def _adopt_metadata(self) -> None:
        """Labels and annotations of `workflowMetadata`, own or of the template referred to, land on the object."""
        spec, ref = self._head.spec, self._head.spec.workflow_template_ref
        labels = {}
        if ref is not None:
            await self._fetch(
                ContextMissing(
                    Kind.CLUSTER_WORKFLOW_TEMPLATE if ref.cluster_scope else Kind.WORKFLOW_TEMPLATE, ref.name
                )
            )
            labels[LABEL_CLUSTER_WORKFLOW_TEMPLATE if ref.cluster_scope else LABEL_WORKFLOW_TEMPLATE] = ref.name
            with contextlib.suppress(InvalidSpec):  # the step says what is wrong
                spec = resolve_spec(self.workflow(), self._library)
        wanted = spec.workflow_metadata or WorkflowMetadata()
        meta = self._head.metadata
        labels = {**labels, **wanted.labels, **meta.labels}
        annotations = {**wanted.annotations, **meta.annotations}
        if (labels, annotations) != (meta.labels, meta.annotations):
            await self._patch({"labels": labels, "annotations": annotations})

    async def _patch(self, metadata: dict[str, object]) -> None:
        meta = self._head.metadata
        await self._world.resources.patch(Workflow, meta.namespace, meta.name, {"metadata": metadata})
        self._head = await self._world.resources.get(WorkflowHead, meta.namespace, meta.name)

    async def _hold(self) -> None:
        """Have a deletion wait for artifacts, from before the first of them is stored."""
        finalizers, status = self._head.metadata.finalizers, self._state.status
        if FINALIZER not in finalizers and needs_finalizer(status) and not self._head.metadata.deletion_timestamp:
            await self._patch({"finalizers": [*finalizers, FINALIZER]})

    async def _carrying(self, event: WorkflowStarted) -> WorkflowStarted:
        """With what a memoized resubmission takes over of the workflow it is one of."""
        old = self._head.metadata.annotations.get(ANNOTATION_MEMOIZED_FROM, "")
        if not old:
            return event
        namespace, archive = self._head.metadata.namespace, self._world.archive
        try:
            workflow = await self._world.resources.get(Workflow, namespace, old)
        except NotFound:
            if archive is None:
                return event
            try:
                workflow = await archive.find(namespace, old)
            except NotFound:
                return event
        carried = carried_nodes(workflow.status.nodes.values())
        return WorkflowStarted(invalid=event.invalid, resubmitted=old, carried=carried)

    async def _invalid(self) -> str:
        try:
            await self._world.validate(self.workflow())
        except InvalidSpec as error:
            return str(error)
        return ""

    async def _find_pods(self, taken_up: Set[str], pending: set[str]) -> None:
        """Tell apart, for every node taken up that runs a pod: it still runs, it has ended, it is lost."""
        for node_id in (*self._state.leaves, *self._state.parting):
            if node_id not in taken_up:
                continue
            node, leaf = self._state.nodes[node_id], self._state.leaves.get(node_id)
            if node.type is not NodeType.POD or (leaf is not None and (leaf.action or leaf.waits is not None)):
                continue
            launch = pod_id(self.uid, node_id, node.started_at)
            if launch in pending or self._orders.under_way(launch):
                continue
            self.expect(launch, node_id)
            found = await self._world.launcher.state(launch)
            if found is None:
                self._nodes.pop(launch, None)
                self.post(PodLost(node=node_id, pod=launch))
            elif found.exit is not None:
                self.pod_ended(launch, found.exit)
            elif node.phase is NodePhase.PENDING:
                self.post(PodStarted(node=node_id, pod=launch))

    async def _batch(self, known: Set[str] = frozenset()) -> None:
        """Fold all that waits, commit it as one transaction, then start the new orders."""
        requests = await self._requests() if self._asked else []
        if not self._inbox and not requests and not self._done:
            return
        before = self._state
        batch = Batch(before)
        refusals: list[str] = []
        while self._inbox:
            result = await self._fold(tuple(islice(self._inbox, _AT_ONCE)), batch)
            for _ in range(1 if result is None else result.folded):
                self._inbox.popleft()
        for _, event in requests:
            result = await self._fold((event,), batch)
            if result is not None and result.refused:
                refusals.append(result.refused)
        done, self._done = self._done, []
        if self._state.status.completed and not before.status.completed:
            done += self._orders.drop_timers()
        change = batch.change(self._state, done_commands=done, done_requests=[number for number, _ in requests])
        if not batch.empty or done or requests or change.status is not None or change.engine is not None:
            await self._commit(change)
        if self._state.claims is not before.claims:
            self._world.locks.settle(claimant(self._head, self._state.claims))
        self._library = replace(self._library, config_maps={}, caches={})  # they are read again for the next batch
        for command in batch.commands.values():
            if isinstance(command, SaveCacheEntry):
                await self._orders.keep(command)  # what starts next may look it up
            if command.id not in known and not self._overtaken(command):
                self._orders.carry_out(command)
        self._collect_pods(before, batch)
        await self._tell(before, refusals)

    def _collect_pods(self, before: WorkflowState, batch: Batch) -> None:
        """Pods that have ended since, all of them if the workflow has, may be due to be deleted."""
        spec, phase = self._state.spec, self._state.status.phase
        if spec is None or spec.pod_gc is None:
            return
        everything = phase.completed and not before.status.completed
        ids = self._state.nodes if everything or not before.loaded else batch.changed
        nodes = [self._state.nodes[node] for node in ids if node in self._state.nodes]
        labels = partial(labels_of, workflow=self.workflow(), spec=spec, stored=self._state.status.stored_templates)
        self._world.collector.collect(spec.pod_gc, self.uid, nodes, phase, labels)

    async def _commit(self, change: Change) -> None:
        """Store, waiting as long as the store cannot be reached. Raises: NotFound if the object is gone."""
        delay = _FIRST_DELAY
        while True:
            try:
                await self._hold()
                await self._world.journal.commit(self.uid, change)
                return
            except Transient as error:
                _log.warning("workflow %s: the journal did not take a commit: %s", self._head.key, error)
                await self._world.clock.sleep_until(self._world.clock.now() + delay)
                delay = min(delay * 2, _LONGEST_DELAY)

    def _overtaken(self, command: Command) -> bool:
        """A timer of a workflow that ended in the same batch would only wait."""
        if self._state.status.completed and isinstance(command, SetTimer):
            self._done.append(command.id)
            self._wake.set()
            return True
        return False

    async def _requests(self) -> list[tuple[int, Event]]:
        self._asked = False
        record = await self._world.journal.load(self.uid)
        if record.requests:
            self._head = await self._world.resources.get(
                WorkflowHead, self._head.metadata.namespace, self._head.metadata.name
            )
        return [(number, decode_request(data)) for number, data in record.requests]

    async def _fold(self, events: Sequence[Event], batch: Batch) -> Step | None:
        """Some of the events, fetching what they ask for; a bug of ours ends the workflow, not the engine."""
        workflow = self.workflow()
        now = self._world.clock.now()
        while True:
            context = StepContext(
                now=now,
                workflow=workflow,
                library=self._library,
                locks=self._world.locks.table,
                admission=self._world.locks.admission(self._head.metadata.namespace),
                pod_environment=self._world.pod_environment,
            )
            try:
                result = steps(self._state, events, context)
            except ContextMissing as missing:
                await self._fetch(missing)
                continue
            except Exception as error:  # noqa: BLE001  the supervision point of steps
                if len(events) > 1:  # those before the one that breaks are folded
                    events = events[:1]
                    continue
                _log.exception("workflow %s: folding %s failed", self._head.key, type(events[0]).__name__)
                self._state = _broken(self._state, f"internal error: {error}", now)
                batch.labels |= {"workflows.argoproj.io/phase": "Error", "workflows.argoproj.io/completed": "true"}
                return None
            if result.state.claims is not self._state.claims:
                self._world.locks.note(claimant(self._head, result.state.claims))
            self._state = result.state
            self._library = with_entries(self._library, result.commands)
            batch.add(result)
            return result

    async def _fetch(self, missing: ContextMissing) -> None:
        held, resources, namespace = self._library, self._world.resources, self._head.metadata.namespace
        try:
            if missing.kind is Kind.CONFIG_MAP:
                elsewhere, _, name = missing.name.rpartition("/")
                data = (await resources.get(ConfigMap, elsewhere or namespace, name)).data
                self._library = shelved(held, missing, config_map=data)
            elif missing.kind is Kind.CACHE:
                found = await resources.get(ConfigMap, namespace, missing.name)
                meta = found.metadata
                cache = Cache(data=found.data, labels=meta.labels, annotations=meta.annotations)
                self._library = shelved(held, missing, cache=cache)
            elif missing.kind is Kind.WORKFLOW_TEMPLATE:
                template = await resources.get(WorkflowTemplate, namespace, missing.name)
                self._library = shelved(held, missing, spec=template.spec)
            else:
                cluster = await resources.get(ClusterWorkflowTemplate, "", missing.name)
                self._library = shelved(held, missing, spec=cluster.spec)
        except NotFound:
            self._library = shelved(held, missing)

    async def _tell(self, before: WorkflowState, refusals: list[str]) -> None:
        """Events people see: the workflow's phases, and requests that were refused; and its metrics."""
        self._world.metrics.custom.emitted(self.uid, self._state.engine.metrics)
        workflow = self.workflow()
        for reason in refusals:
            await self._world.recorder.warning(workflow, "RequestRefused", reason)
        status = self._state.status
        if status.phase is before.status.phase:
            return
        self._world.metrics.entered(status.phase, workflow.metadata.namespace)
        tell = self._world.recorder.warning if status.phase.failed_or_error else self._world.recorder.normal
        text = f"Workflow {status.phase.value.lower()}" + (f": {status.message}" if status.message else "")
        await tell(workflow, f"Workflow{status.phase.value}", text)

    async def _abandon(self) -> None:
        """The object is gone: end its pods, free its locks."""
        self._world.locks.drop(self._key, self)
        for launch in list(self._nodes):
            await self._world.launcher.kill(launch, reason="workflow deleted")


def _controls(head: WorkflowHead) -> ControlsChanged:
    """What the object wants; one that is deleted once its artifacts have gone is to end."""
    shutdown = "Terminate" if is_held(head) else head.spec.shutdown
    return ControlsChanged(shutdown=shutdown, suspend=bool(head.spec.suspend))


def _broken(state: WorkflowState, message: str, now: datetime) -> WorkflowState:
    """The workflow in phase Error after a bug of ours."""
    status = state.status.replace(phase=WorkflowPhase.ERROR, message=message, finished_at=now, synchronization=None)
    return replace(state, status=status, claims=Claims())
