"""The cron engine: starts workflows on their schedules, counts what becomes of them, deletes old ones.

A run is known by its scheduled moment, which is in its name: started again by a successor it is there already, and
nothing happens. Kept in memory is only up to which moment a cron workflow was looked at; what was missed while no
engine ran is worked out from the status. Source: argo-workflows `workflow/cron`; SEMANTICS section 20.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from setpoint.apis.argo import LABEL_CRON_WORKFLOW, CronWorkflow, CronWorkflowStatus, Workflow
from setpoint.apis.errors import AlreadyExists, NotFound, SetpointError, Transient
from setpoint.apis.meta import Condition
from setpoint.core.cron import (
    ANNOTATION_LAST_USED_SCHEDULE,
    Child,
    Schedule,
    ScheduleError,
    child_of,
    ends,
    last_used_schedule,
    latest_due,
    may_run,
    missed,
    next_due,
    outdated,
    reference_to,
    schedules_of,
    tally,
)
from setpoint.core.expr import ExpressionError
from setpoint.engines.runner import Controller, EventRecorder, Result, Runner, owner_keys
from setpoint.engines.workflow.head import WorkflowHead
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi

COMPONENT = "cron-engine"
LABEL_COMPLETED = "cronworkflows.argoproj.io/completed"
STOPPED, ACTIVE = "Stopped", "Active"
_ERROR = "SubmissionError"
_SPEC_ERROR = "SpecError"

_log = logging.getLogger(__name__)
Submit = Callable[[Workflow], Awaitable[Workflow]]
Terminate = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The last moment of a cron workflow that is dealt with, under which schedule.

    Only a later moment is due: a clock that is moved back repeats nothing, and looking more often puts nothing off.
    """

    schedule: str
    until: datetime


class CronEngine:
    """Reconciles CronWorkflows.

    Args:
        resources: Where they and their workflows are.
        clock: Time.
        submit: Checks and stores a workflow.
        terminate: Ends a workflow by namespace and name.
    """

    def __init__(self, resources: ResourceApi, clock: Clock, submit: Submit, terminate: Terminate) -> None:
        self._resources = resources
        self._clock = clock
        self._submit = submit
        self._terminate = terminate
        self._recorder = EventRecorder(resources, clock, COMPONENT)
        self._seen: dict[str, _Seen] = {}

    def attach(self, runner: Runner) -> Controller:
        """Have the runner reconcile every CronWorkflow; before it starts."""
        controller = runner.controller("cron", self.reconcile)
        controller.watches(runner.informer(CronWorkflow))
        controller.watches(runner.informer(WorkflowHead), owner_keys(CronWorkflow))
        return controller

    async def reconcile(self, key: str) -> Result | None:
        """Bring one cron workflow up to date, and start the run that is due."""
        namespace, _, name = key.partition("/")
        try:
            cron = await self._resources.get(CronWorkflow, namespace, name)
        except NotFound:
            self._seen.pop(key, None)
            return None
        children = await self._children(cron)
        cron = await self._count(cron, children)
        try:
            schedules = schedules_of(cron)
        except ScheduleError as error:
            await self._report(cron, _SPEC_ERROR, f"cron schedule is malformed: {error}")
            return None
        cron = await self._set_right(cron)
        now = self._clock.now()
        moment = self._due(key, cron, schedules, now)
        if moment is not None:
            await self._run(cron, moment)
        await self._delete_old(cron, children)
        if cron.spec.suspend or cron.status.phase == STOPPED:
            self._seen.pop(key, None)  # what is missed meanwhile counts as if no engine had run
            return None
        seen = self._seen.get(key)
        same = seen is not None and seen.schedule == last_used_schedule(cron)
        until = moment or (seen.until if seen is not None and same else now)
        self._seen[key] = _Seen(last_used_schedule(cron), until)
        upcoming = next_due(schedules, until)
        return Result(requeue_after=upcoming - self._clock.now()) if upcoming is not None else None

    def _due(self, key: str, cron: CronWorkflow, schedules: tuple[Schedule, ...], now: datetime) -> datetime | None:
        seen = self._seen.get(key)
        if seen is None:
            return missed(cron, schedules, now)
        if seen.schedule != last_used_schedule(cron):
            return None
        return latest_due(schedules, seen.until, now)

    async def _children(self, cron: CronWorkflow) -> list[Child]:
        listed = await self._resources.list(
            WorkflowHead, cron.metadata.namespace, selector=f"{LABEL_CRON_WORKFLOW}={cron.metadata.name}"
        )
        return [
            Child(
                name=item.metadata.name,
                uid=item.metadata.uid,
                phase=item.status.phase,
                finished_at=item.status.finished_at,
                reference=reference_to(item.metadata),
            )
            for item in listed.items
        ]

    async def _count(self, cron: CronWorkflow, children: list[Child]) -> CronWorkflow:
        """Take children that have ended out of `active`; the stop condition is looked at when one has."""
        found = tally(cron.status.active, children)
        if found.active == cron.status.active:
            return cron
        status = cron.status.replace(
            active=found.active,
            succeeded=cron.status.succeeded + found.succeeded,
            failed=cron.status.failed + found.failed,
        )
        cron = await self._store(cron, status)
        return await self._stop_if_ended(cron) or cron

    async def _set_right(self, cron: CronWorkflow) -> CronWorkflow:
        """What was wrong with the spec is right now, as far as can be seen before a run."""
        kept = tuple(item for item in cron.status.conditions if item.type != _SPEC_ERROR)
        if kept == cron.status.conditions or not _can_stop(cron, self._clock.now()):
            return cron
        return await self._store(cron, cron.status.replace(conditions=kept))

    async def _stop_if_ended(self, cron: CronWorkflow) -> CronWorkflow | None:
        """The cron workflow, stopped if its condition holds; None if that cannot be told."""
        try:
            if not ends(cron, cron.status, self._clock.now()):
                return cron
        except ExpressionError as error:
            text = f"failed to check CronWorkflow '{cron.metadata.name}' stopping condition: {error}"
            await self._report(cron, _SPEC_ERROR, text)
            return None
        patch = {"metadata": {"labels": {LABEL_COMPLETED: "true"}}}
        await self._resources.patch(CronWorkflow, cron.metadata.namespace, cron.metadata.name, patch)
        cron = await self._resources.get(CronWorkflow, cron.metadata.namespace, cron.metadata.name)
        return await self._store(cron, cron.status.replace(phase=STOPPED))

    async def _run(self, cron: CronWorkflow, moment: datetime) -> None:
        found = await self._stop_if_ended(cron)
        if found is None or found.spec.suspend or found.status.phase == STOPPED:
            return
        cron = found
        try:
            if not may_run(cron, self._clock.now()) or not await self._has_room(cron):
                return
            made = await self._submit(child_of(cron, moment))
        except AlreadyExists:
            return
        except ExpressionError as error:
            await self._fail(cron, f"run policy error: failed to evaluate when expression: {error}")
            return
        except Transient:
            raise
        except SetpointError as error:
            await self._fail(cron, f"Failed to submit Workflow: {error}")
            return
        kept = tuple(item for item in cron.status.conditions if item.type != _ERROR)
        status = cron.status.replace(
            active=(*cron.status.active, reference_to(made.metadata)),
            last_scheduled_time=moment,
            phase=ACTIVE,
            conditions=kept,
        )
        annotation = {ANNOTATION_LAST_USED_SCHEDULE: last_used_schedule(cron)}
        await self._resources.patch(
            CronWorkflow, cron.metadata.namespace, cron.metadata.name, {"metadata": {"annotations": annotation}}
        )
        await self._store(cron, status)

    async def _has_room(self, cron: CronWorkflow) -> bool:
        policy = cron.spec.concurrency_policy
        if policy == "Forbid" and cron.status.active:
            return False
        if policy == "Replace":
            for reference in cron.status.active:
                try:
                    await self._terminate(cron.metadata.namespace, str(reference["name"]))
                except SetpointError as error:
                    _log.info("cron workflow %s: %s", cron.key, error)  # it has ended meanwhile
        return True

    async def _fail(self, cron: CronWorkflow, message: str) -> None:
        cron = await self._store(cron, cron.status.replace(failed=cron.status.failed + 1))
        await self._report(cron, _ERROR, message)

    async def _report(self, cron: CronWorkflow, kind: str, message: str) -> None:
        """A condition of the status, and an event."""
        condition = Condition(type=kind, status="True", message=message)
        if condition in cron.status.conditions:
            return
        kept = tuple(item for item in cron.status.conditions if item.type != kind)
        cron = await self._store(cron, cron.status.replace(conditions=(*kept, condition)))
        await self._recorder.warning(cron, kind, message)

    async def _store(self, cron: CronWorkflow, status: CronWorkflowStatus) -> CronWorkflow:
        """Write the status, which nobody else writes."""
        meta = cron.metadata.replace(resource_version="")
        return await self._resources.update_status(cron.replace(metadata=meta, status=status))

    async def _delete_old(self, cron: CronWorkflow, children: list[Child]) -> None:
        for name in outdated(cron, children):
            try:
                await self._resources.delete(Workflow, cron.metadata.namespace, name)
            except NotFound:
                continue


def _can_stop(cron: CronWorkflow, now: datetime) -> bool:
    """Whether the stop condition can be told."""
    try:
        ends(cron, cron.status, now)
    except ExpressionError:
        return False
    return True
