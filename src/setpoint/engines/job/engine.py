"""Reconciles Jobs: observe the pods, plan, store, act, in this order.

The deciding is `core.jobs.plan_job`'s. What is cut off by a kill is done again by the next reconciliation: how many
pods there are is stored before one is started, ids are derived, and a launch of a known id does nothing.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from functools import partial

import msgspec

from setpoint.apis.batch import Job
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.apis.pods import Container, PodAbout, PodExit, PodPhase
from setpoint.core.jobs import SUSPENDED, JobPlan, made, plan_job, pod_metadata_of, with_selector
from setpoint.core.pods.order import deadline_of, make_order
from setpoint.core.workflow import LaunchPod
from setpoint.core.workflow.ids import command_id
from setpoint.core.workflow.pod_sources import PodIdentity
from setpoint.engines.runner import Controller, EventRecorder, Result, Runner
from setpoint.engines.workflow.environment import complete_request
from setpoint.ports.clock import Clock
from setpoint.ports.credentials import PodCredentials
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi

_log = logging.getLogger(__name__)

FINALIZER = "batch.setpoint.dev/pods"
_SUFFIX = 5  # characters of a pod's name behind its job's


class JobEngine:
    """The reconciler of Jobs."""

    def __init__(
        self,
        resources: ResourceApi,
        launcher: Launcher,
        clock: Clock,
        *,
        credentials: PodCredentials | None = None,
    ) -> None:
        """Starts nothing yet. `credentials` gives pods what they reach the API with; None: they get nothing."""
        self._credentials = credentials
        self._resources, self._launcher, self._clock = resources, launcher, clock
        self._events = EventRecorder(resources, clock, "job-controller")
        self._jobs: dict[str, str] = {}  # pods that run: whose
        self._resting: set[str] = set()
        self._controller: Controller | None = None

    def attach(self, runner: Runner, *, resting: frozenset[str] = frozenset()) -> Controller:
        """Have the runner reconcile every Job; before it starts.

        Args:
            runner: Whose informers and workers are used.
            resting: resourceVersions of jobs that are left alone until somebody changes them.
        """
        self._resting = set(resting)
        self._controller = runner.controller("job", self.reconcile)
        self._controller.watches(runner.informer(Job))
        runner.background("job-pods", self._watch_pods)
        return self._controller

    async def _watch_pods(self) -> None:
        async for state in self._launcher.exits():
            key = self._jobs.pop(state.id, None)
            if key is not None and self._controller is not None:
                self._controller.queue.add(key)

    async def reconcile(self, key: str) -> Result | None:
        """One pass over the job `namespace/name`.

        Raises: Conflict if the object was changed meanwhile, and whatever store, launcher or disk raise: try again.
        """
        namespace, _, name = key.partition("/")
        try:
            job = await self._resources.get(Job, namespace, name)
        except NotFound:
            return None
        if job.metadata.deletion_timestamp is not None:
            return await self._clear(job)
        if job.metadata.resource_version in self._resting:
            return None
        claimed = with_selector(job)
        if FINALIZER not in job.metadata.finalizers:
            finalizers = (*job.metadata.finalizers, FINALIZER)
            claimed = claimed.replace(metadata=job.metadata.replace(finalizers=finalizers))
        if claimed != job:
            job = await self._resources.update(claimed)
        exits = [await self._exit(job, number) for number in range(made(job.status))]
        plan = plan_job(job, exits, self._clock.now())
        if plan.expired:
            await self._resources.delete(Job, namespace, name)
            return None
        if plan.status != job.status:
            job = await self._resources.update_status(job.replace(status=plan.status))
            await self._tell(job, plan)
        for number in plan.end:
            reason = "the job has finished" if plan.status.finished else SUSPENDED
            await self._launcher.kill(_pod_id(job, number), reason=reason)
        if not plan.status.finished:
            await self._start(job, len(exits), made(plan.status))
        return Result(requeue_after=plan.again) if plan.again is not None else None

    async def _exit(self, job: Job, number: int) -> PodExit | None:
        """How the pod ended, None if it has not; one that was to be started and was not is started now."""
        pod = _pod_id(job, number)
        state = await self._launcher.state(pod)
        if state is not None and state.exit is not None:
            return state.exit
        if state is None:
            never = PodExit(phase=PodPhase.ERROR, message="never started", finished_at=self._clock.now())
            return never if job.status.finished else await self._launch(job, number)
        self._jobs[pod] = job.key
        return None

    async def _start(self, job: Job, first: int, end: int) -> None:
        for number in range(first, end):
            if await self._launch(job, number) is not None and self._controller is not None:
                self._controller.queue.add(job.key)

    async def _launch(self, job: Job, number: int) -> PodExit | None:
        """Start a pod; how it ended, if it cannot be started at all."""
        pod = _pod_id(job, number)
        try:
            order = _order(job, number, self._clock)
            request = order.request
            if request.requests:
                request = await self._launcher.reserve(request, lambda _: None)
            machine = self._launcher.machine()
            request = await complete_request(self._resources, order, request, machine, self._credentials)
            await self._launcher.launch(request)
        except InvalidSpec as error:
            await self._events.warning(job, "FailedCreate", f"Error creating pod: {error}")
            return PodExit(phase=PodPhase.ERROR, message=str(error), finished_at=self._clock.now())
        self._jobs[pod] = job.key
        return None

    async def _tell(self, job: Job, plan: JobPlan) -> None:
        for condition in plan.status.conditions:
            if condition.last_transition_time == plan.status.completion_time and condition.type == "Complete":
                await self._events.normal(job, "Completed", "Job completed")
            elif condition.type == "Failed":
                await self._events.warning(job, condition.reason, condition.message)

    async def _clear(self, job: Job) -> Result | None:
        """A deleted job takes its pods along."""
        left = False
        for number in range(made(job.status)):
            pod = _pod_id(job, number)
            state = await self._launcher.state(pod)
            if state is not None and state.exit is None:
                self._jobs[pod] = job.key
                await self._launcher.kill(pod, reason="the job was deleted")
                left = True
            elif state is not None:
                await self._launcher.remove(pod)
        if left:
            return Result(requeue_after=timedelta(seconds=1))
        finalizers = tuple(item for item in job.metadata.finalizers if item != FINALIZER)
        with suppress(NotFound):
            await self._resources.update(job.replace(metadata=job.metadata.replace(finalizers=finalizers)))
        return None


def _pod_id(job: Job, number: int) -> str:
    return command_id(job.metadata.uid, "job", str(number))


def _order(job: Job, number: int, clock: Clock) -> LaunchPod:
    """Raises: InvalidSpec."""
    pod, now, spec = _pod_id(job, number), clock.now(), job.spec.template.spec
    index = str(job.status.indexes[number]) if number < len(job.status.indexes) else ""
    name = "-".join(filter(None, (job.metadata.name, index, pod[:_SUFFIX])))
    metadata = pod_metadata_of(job, index)
    identity = PodIdentity(
        name=name,
        namespace=job.metadata.namespace,
        pod_id=pod,
        labels=metadata.labels,
        annotations=metadata.annotations,
        service_account=str(spec.service_account_name or "default"),
    )
    about = PodAbout(
        owner=job.owner_reference(),
        labels=dict(metadata.labels),
        annotations=dict(metadata.annotations),
        service_account=identity.service_account,
    )
    deadline = deadline_of(spec.active_deadline_seconds, None, now)
    order = make_order(spec, identity, now=now, deadline=deadline, about=about)
    request = order.request
    if index:
        number_of = partial(_numbered, index=index)
        request = request.replace(
            main=number_of(request.main),
            fellows=tuple(number_of(item) for item in request.fellows),
            init_containers=tuple(number_of(item) for item in request.init_containers),
        )
    return msgspec.structs.replace(order, request=request)


def _numbered(container: Container, index: str) -> Container:
    return container.replace(env={"JOB_COMPLETION_INDEX": index, **container.env})
