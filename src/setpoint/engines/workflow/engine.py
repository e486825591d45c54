"""The workflow engine: a worker for every workflow that runs, fed from the object watch, the pods and the inbox.

Events of one workflow are folded one at a time by its worker; workflows go on side by side. A workflow that has ended
leaves the memory. Invariant: at most one worker per uid.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import islice

from prometheus_client import CollectorRegistry

from setpoint.apis.argo import Workflow, WorkflowPhase
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import Conflict, NotFound, SetpointError
from setpoint.core.workflow.pod_labels import labels_of
from setpoint.engines.runner import EventRecorder
from setpoint.engines.workflow.actions import Actions, Outside
from setpoint.engines.workflow.artifact_gc import ArtifactCollector, is_held
from setpoint.engines.workflow.collection import Collector
from setpoint.engines.workflow.custom_metrics import may_measure
from setpoint.engines.workflow.head import WorkflowHead
from setpoint.engines.workflow.journal_record import state_of
from setpoint.engines.workflow.locks import LockKeeper, claims_key
from setpoint.engines.workflow.metrics import WorkflowMetrics
from setpoint.engines.workflow.volume_claims import follow_claims
from setpoint.engines.workflow.worker import Worker
from setpoint.engines.workflow.world import PodOwner, Validate, World
from setpoint.operations.workflows import check
from setpoint.ports.archive import WorkflowArchive
from setpoint.ports.clock import Clock
from setpoint.ports.credentials import PodCredentials
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi, WatchType

LAUNCHES_AT_ONCE = 16
COMPONENT = "workflow-engine"
RESTART_DELAY = timedelta(seconds=1)
PROGRESS_PERIOD = timedelta(seconds=1)
PROGRESS_PODS = 200

_log = logging.getLogger(__name__)


class WorkflowEngine:
    """Runs Workflows.

    Args:
        resources: Where Workflows, templates and config maps are.
        journal: Durable memory of workflows under way.
        launcher: Runs pods; they outlive the engine.
        clock: Time.
        outside: What templates that run no pod act on.
        pod_environment: Variables for every pod, such as where the API is.
        validate: Raises InvalidSpec for a workflow that may not run; it then ends Failed, `invalid spec: ...`.
            By default what lint refuses.
        registry: Where the engine's metrics are registered; None: nowhere.
        collect: Delete workflows whose time to live is over.
        parallelism: How many workflows run at once, others are Pending; 0: as many as there are.
        namespace_parallelism: The same in each namespace.
        defaults: What lies below every workflow that begins, labels and annotations too.
        credentials: Gives pods what they reach the API with; None: they get nothing.
        archive: Where a memoized resubmission looks for a workflow whose object is not there any more.
    """

    def __init__(
        self,
        *,
        resources: ResourceApi,
        journal: WorkflowJournal,
        launcher: Launcher,
        clock: Clock,
        outside: Outside,
        pod_environment: Mapping[str, str] | None = None,
        validate: Validate | None = None,
        registry: CollectorRegistry | None = None,
        collect: bool = True,
        parallelism: int = 0,
        namespace_parallelism: int = 0,
        defaults: Workflow | None = None,
        credentials: PodCredentials | None = None,
        archive: WorkflowArchive | None = None,
    ) -> None:
        pods: dict[str, PodOwner] = {}
        self._metrics = WorkflowMetrics(pods.__len__, clock.now, registry)
        self._world = World(
            resources=resources,
            journal=journal,
            launcher=launcher,
            clock=clock,
            actions=Actions.over(resources, clock, outside),
            recorder=EventRecorder(resources, clock, COMPONENT),
            pod_environment=dict(pod_environment or {}),
            validate=validate or partial(check, resources),
            launches=asyncio.Semaphore(LAUNCHES_AT_ONCE),
            metrics=self._metrics,
            locks=LockKeeper(parallelism, namespace_parallelism),
            collector=Collector(resources, launcher, clock, workflows=collect),
            pods=pods,
            defaults=defaults,
            credentials=credentials,
            archive=archive,
        )
        self._workers: dict[str, Worker] = {}
        self._artifacts = ArtifactCollector(
            resources=resources,
            journal=journal,
            store=outside.artifacts,
            places=outside.places,
            recorder=self._world.recorder,
            clock=clock,
            spawn=self._spawn,
        )
        self._unfinished: frozenset[str] = frozenset()  # with orders left over from an earlier engine
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled; then every workflow is left as it is stored, and pods go on."""
        self._unfinished = await self._world.journal.pending()
        self._workers.clear()
        self._world.pods.clear()
        self._world.locks.recover((await self._world.resources.list(WorkflowHead)).items)
        feeds = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("workflow objects", self._watch_objects()),
                ("pod exits", self._watch_pods()),
                ("workflow requests", self._watch_requests()),
                ("what is due to be deleted", self._world.collector.run()),
                ("limits of locks", self._watch_config_maps()),
                ("pod progress", self._watch_progress()),
                ("pods of deleted workflows", self._clear_leftovers()),
                ("volume claims", follow_claims(self._world.resources, self._world.launcher)),
            )
        ]
        try:
            await asyncio.gather(*feeds)
        finally:
            running = [*feeds, *self._tasks]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _watch_objects(self) -> None:
        while True:
            self._metrics.forget_all()
            try:
                async for event in self._world.resources.watch(WorkflowHead):
                    self._see(event.type, event.resource)
            except Conflict:  # the watch fell behind what is kept: begin again
                continue

    async def _watch_config_maps(self) -> None:
        while True:
            with suppress(Conflict):  # the watch fell behind what is kept: begin again
                async for event in self._world.resources.watch(ConfigMap):
                    self._world.locks.limits_changed(event.resource.metadata.namespace, event.resource.metadata.name)

    def _see(self, kind: WatchType, head: WorkflowHead) -> None:
        worker, phase = self._workers.get(head.metadata.uid), head.status.phase
        at_work = (worker is not None and not worker.ended) or not (phase.completed or phase is WorkflowPhase.UNKNOWN)
        if kind is not WatchType.DELETED:
            self._world.collector.see(head)
            self._artifacts.see(head, at_work=at_work)
        self._metrics.saw(head.metadata.uid, phase)
        if kind is WatchType.DELETED:
            self._metrics.gone(head.metadata.uid)
            self._artifacts.gone(head.metadata.uid)
            if worker is not None and not worker.ended:
                worker.object_deleted()
            else:
                self._world.locks.drop(claims_key(head))
                self._spawn(self._clear(head.metadata.uid), f"pods of {head.key}")
        elif worker is not None and not worker.ended:
            worker.object_changed(head)
        elif is_held(head) and not at_work:
            return  # it goes once its artifacts have gone
        elif not phase.completed or (kind is WatchType.ADDED and head.metadata.uid in self._unfinished):
            self._start(head)
        elif kind is WatchType.ADDED and (may_measure(head.spec) or head.spec.pod_gc is not None):
            self._spawn(self._recall(head), f"memory of {head.key}")

    async def _recall(self, head: WorkflowHead) -> None:
        """What a workflow that has ended emitted, so that it counts after a restart as before; pods that are to go."""
        uid = head.metadata.uid
        try:
            record = await self._world.journal.load(uid)
        except SetpointError as error:
            _log.warning("the metrics of workflow %s are not read: %s", uid, error)
            return
        state = state_of(record)
        self._metrics.custom.emitted(uid, state.engine.metrics)
        labels = partial(labels_of, workflow=head.workflow(), spec=head.spec, stored=state.status.stored_templates)
        self._world.collector.collect(head.spec.pod_gc, uid, state.nodes.values(), state.status.phase, labels)

    def _start(self, head: WorkflowHead) -> None:
        worker = Worker(head, self._world)
        self._workers[worker.uid] = worker
        self._spawn(self._work(worker), f"workflow {head.key}")

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _work(self, worker: Worker) -> None:
        """The supervision point of workers: one that breaks is logged and started anew from the journal."""
        try:
            await self._artifacts.leave(worker.uid)
            await worker.run()
        except Exception:  # noqa: BLE001  the supervision point of workers
            _log.exception("the worker of workflow %s failed; it is started again", worker.uid)
            await self._world.clock.sleep_until(self._world.clock.now() + RESTART_DELAY)
            self._workers.pop(worker.uid, None)
            await self._ask(worker.uid)
        else:
            if self._workers.get(worker.uid) is worker:
                del self._workers[worker.uid]
            if worker.deleted:
                await self._clear(worker.uid)
            else:
                self._artifacts.begin(worker.uid)

    async def _clear(self, uid: str) -> None:
        """Delete what the pods of a deleted workflow left on the disk; what fails is done at the next start."""
        try:
            await self._world.launcher.remove_owned(uid)
        except SetpointError as error:
            _log.warning("the pods of the deleted workflow %s are not removed: %s", uid, error)

    async def _clear_leftovers(self) -> None:
        """Workflows that were deleted while no engine was up, or whose pods a killed one had not removed."""
        owners = await self._world.launcher.owners()  # asked first: a pod is launched after its workflow is stored
        if not owners:
            return
        listed = await self._world.resources.list(WorkflowHead)
        for uid in set(owners) - {item.metadata.uid for item in listed.items}:
            await self._clear(uid)

    async def _watch_progress(self) -> None:
        """Once a second, how far running pods have come; of the oldest only where very many run."""
        clock = self._world.clock
        while True:
            await clock.sleep_until(clock.now() + PROGRESS_PERIOD)
            for launch, worker in tuple(islice(self._world.pods.items(), PROGRESS_PODS)):
                progress = await self._world.launcher.progress(launch)
                if progress is not None:
                    worker.pod_progressed(launch, progress)
                await self._look_at_set(launch, worker)

    async def _look_at_set(self, launch: str, worker: PodOwner) -> None:
        """Tell of the containers of a set that have ended while others go on."""
        running = worker.open_containers(launch)
        state = await self._world.launcher.state(launch) if running else None
        if state is not None and running & state.containers.keys():
            worker.containers_ended(launch, state.containers)

    async def _watch_pods(self) -> None:
        async for state in self._world.launcher.exits():
            worker = self._world.pods.get(state.id)
            if worker is not None and state.exit is not None:
                worker.pod_ended(state.id, state.exit)

    async def _watch_requests(self) -> None:
        async for uid in self._world.journal.requested():
            await self._ask(uid)

    async def _ask(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is not None and not worker.ended:
            worker.asked()
            return
        try:
            listed = await self._world.resources.list(WorkflowHead)
        except (NotFound, SetpointError) as error:
            _log.warning("the request for workflow %s waits: %s", uid, error)
            return
        head = next((item for item in listed.items if item.metadata.uid == uid), None)
        worker = self._workers.get(uid)
        if head is not None and (worker is None or worker.ended):
            self._start(head)
