"""Reconciles CronJobs: starts Jobs on their schedules, and deletes old ones. The deciding is `core.cronjobs`'.

A job is known by its scheduled moment, which is in its name: started again by a successor it is there already.
"""

from __future__ import annotations

from contextlib import suppress

from setpoint.apis.batch import CronJob, CronJobStatus, Job
from setpoint.apis.errors import AlreadyExists, InvalidSpec, NotFound
from setpoint.core.cronjobs import CronPlan, job_of, plan_cron, started
from setpoint.engines.runner import Controller, EventRecorder, Result, Runner, owner_keys
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi

_WARNINGS = ("MissSchedule", "UnparseableSchedule", "InvalidConcurrencyPolicy")


class CronJobEngine:
    """The reconciler of CronJobs."""

    def __init__(self, resources: ResourceApi, clock: Clock) -> None:
        """Starts nothing yet."""
        self._resources, self._clock = resources, clock
        self._events = EventRecorder(resources, clock, "cronjob-controller")
        self._told: dict[str, tuple[str, str]] = {}

    def attach(self, runner: Runner) -> Controller:
        """Have the runner reconcile every CronJob; before it starts."""
        controller = runner.controller("cronjob", self.reconcile)
        controller.watches(runner.informer(CronJob))
        controller.watches(runner.informer(Job), owner_keys(CronJob))
        return controller

    async def reconcile(self, key: str) -> Result | None:
        """One pass over the cron job `namespace/name`.

        Raises: Conflict if the object was changed meanwhile, and whatever the store raises: try again.
        """
        namespace, _, name = key.partition("/")
        try:
            cron = await self._resources.get(CronJob, namespace, name)
        except NotFound:
            self._told.pop(key, None)
            return None
        jobs = [job for job in (await self._resources.list(Job, namespace)).items if _is_child(job, cron)]
        plan = plan_cron(cron, jobs, self._clock.now())
        for old in (*plan.replaced, *plan.outdated):
            with suppress(NotFound):
                await self._resources.delete(Job, namespace, old)
                await self._events.normal(cron, "SuccessfulDelete", f"Deleted job {old}")
        cron = await self._store(cron, plan.status)
        await self._tell(cron, plan)
        if plan.start is not None:
            await self._start(cron, plan)
        return Result(requeue_after=plan.again) if plan.again is not None else None

    async def _start(self, cron: CronJob, plan: CronPlan) -> None:
        moment = plan.start
        if moment is None:
            return
        wanted = job_of(cron, moment)
        meta = wanted.metadata
        try:
            made = await self._resources.create(wanted)
            await self._events.normal(cron, "SuccessfulCreate", f"Created job {meta.name}")
        except AlreadyExists:
            made = await self._resources.get(Job, meta.namespace, meta.name)
            if not _is_child(made, cron):
                return
        except InvalidSpec as error:
            await self._events.warning(cron, "FailedCreate", f"Error creating job: {error}")
            return
        await self._store(cron, started(cron.status, made, moment))

    async def _tell(self, cron: CronJob, plan: CronPlan) -> None:
        """Events of what was not started, each once."""
        if plan.told is None or self._told.get(cron.key) == plan.told:
            return
        self._told[cron.key] = plan.told
        reason, message = plan.told
        tell = self._events.warning if reason in _WARNINGS else self._events.normal
        await tell(cron, reason, message)

    async def _store(self, cron: CronJob, status: CronJobStatus) -> CronJob:
        return cron if status == cron.status else await self._resources.update_status(cron.replace(status=status))


def _is_child(job: Job, cron: CronJob) -> bool:
    return any(item.controller and item.uid == cron.metadata.uid for item in job.metadata.owner_references)
