"""What a CronJob needs next: which moment is due, which jobs are to go, and what its status says. Pure.

Source: Kubernetes, "CronJob"; kubernetes pkg/controller/cronjob for reasons, messages and the names of jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from setpoint.apis.batch import CronJob, CronJobStatus, Job
from setpoint.apis.meta import ObjectMeta
from setpoint.core.cron import Schedule, ScheduleError, latest_due, next_due, parse_schedule
from setpoint.core.pods.times import stamp

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
POLICIES = ("Allow", "Forbid", "Replace")
_SUCCEEDED_KEPT, _FAILED_KEPT = 3, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CronPlan:
    """What is to be done.

    Args:
        status: The next one, before a job is started.
        start: The moment of the job to start; None for none.
        replaced: Jobs that are to be deleted first, by name.
        outdated: Ended jobs beyond the history limits, by name.
        again: When to look again; None only for a change.
        told: Reason and message of an event about it, if any.
    """

    status: CronJobStatus
    start: datetime | None = None
    replaced: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    again: timedelta | None = None
    told: tuple[str, str] | None = None


def plan_cron(cron: CronJob, jobs: Sequence[Job], now: datetime) -> CronPlan:
    """What the cron job needs.

    Args:
        cron: The stored object.
        jobs: Those that it controls.
        now: The moment.
    """
    spec, status = cron.spec, _status(cron.status, jobs)
    outdated = tuple(_outdated(cron, jobs))
    if cron.metadata.deletion_timestamp is not None or spec.suspend:
        return CronPlan(status=status, outdated=outdated)
    if spec.concurrency_policy not in POLICIES:
        text = f"{spec.concurrency_policy!r} is not a concurrency policy, only {', '.join(POLICIES)}"
        return CronPlan(status=status, outdated=outdated, told=("InvalidConcurrencyPolicy", text))
    try:
        schedule = parse_schedule(spec.schedule, spec.time_zone or "")
    except ScheduleError as error:
        text = f'unparseable schedule: "{spec.schedule}" : {error}'
        return CronPlan(status=status, outdated=outdated, told=("UnparseableSchedule", text))
    moment, told = _due(cron, status, schedule, now)
    upcoming = next_due((schedule,), now)
    again = upcoming - now if upcoming is not None else None
    if moment is None:
        return CronPlan(status=status, outdated=outdated, again=again, told=told)
    replaced = tuple(str(item["name"]) for item in status.active) if spec.concurrency_policy == "Replace" else ()
    if replaced:
        status = status.replace(active=())
    return CronPlan(status=status, start=moment, replaced=replaced, outdated=outdated, again=again)


def _due(
    cron: CronJob, status: CronJobStatus, schedule: Schedule, now: datetime
) -> tuple[datetime | None, tuple[str, str] | None]:
    """The latest moment that has passed and is not dealt with; or none, and what is to be told of that."""
    spec = cron.spec
    since = status.last_schedule_time or cron.metadata.creation_timestamp or now
    moment = latest_due((schedule,), since, now)
    if moment is None or moment == status.last_schedule_time:
        return None, None
    if spec.starting_deadline_seconds is not None and moment + timedelta(seconds=spec.starting_deadline_seconds) < now:
        text = moment.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S UTC")
        return None, ("MissSchedule", f"Missed scheduled time to start a job: {text}")
    if job_name(cron, moment) in {item.get("name") for item in status.active}:
        return None, None
    if spec.concurrency_policy == "Forbid" and status.active:
        text = "Not starting job because prior execution is running and concurrency policy is Forbid"
        return None, ("JobAlreadyActive", text)
    return moment, None


def job_name(cron: CronJob, moment: datetime) -> str:
    """The name of the job of a moment, so that it cannot run twice."""
    return f"{cron.metadata.name}-{int(moment.timestamp()) // 60}"


def job_of(cron: CronJob, moment: datetime) -> Job:
    """The job of a moment."""
    template = cron.spec.job_template
    meta = template.metadata
    metadata = ObjectMeta(
        name=job_name(cron, moment),
        namespace=cron.metadata.namespace,
        labels=meta.labels,
        annotations={**meta.annotations, SCHEDULED: stamp(moment)},
        owner_references=(cron.owner_reference(),),
    )
    return Job(metadata=metadata, spec=template.spec)


def reference_to(job: Job) -> dict[str, Any]:
    """The job as `status.active` lists it."""
    meta = job.metadata
    return {
        "apiVersion": Job.API_VERSION,
        "kind": Job.KIND,
        "name": meta.name,
        "namespace": meta.namespace,
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
    }


def started(status: CronJobStatus, job: Job, moment: datetime) -> CronJobStatus:
    """The status after a job was started."""
    active = [item for item in status.active if item.get("uid") != job.metadata.uid]
    return status.replace(active=(*active, reference_to(job)), last_schedule_time=moment)


def _status(status: CronJobStatus, jobs: Iterable[Job]) -> CronJobStatus:
    """With what has become of the jobs. One that runs and is not listed was started by an engine that was killed."""
    by_uid = {job.metadata.uid: job for job in jobs}
    active = [
        item
        for item in status.active
        if (job := by_uid.get(str(item.get("uid", "")))) is not None and not job.status.finished
    ]
    listed = {item.get("uid") for item in active}
    missing = [job for uid, job in by_uid.items() if uid not in listed and not job.status.finished]
    ends = [job.status.completion_time for job in by_uid.values() if job.status.has("Complete")]
    succeeded = [moment for moment in (status.last_successful_time, *ends) if moment is not None]
    moments = [_moment(job) for job in missing]
    last = max((moment for moment in (status.last_schedule_time, *moments) if moment is not None), default=None)
    return status.replace(
        active=(*active, *map(reference_to, missing)),
        last_successful_time=max(succeeded, default=None),
        last_schedule_time=last,
    )


def _moment(job: Job) -> datetime | None:
    text = job.metadata.annotations.get(SCHEDULED, "")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _outdated(cron: CronJob, jobs: Sequence[Job]) -> Iterable[str]:
    spec = cron.spec
    for kind, limit, usual in (
        ("Complete", spec.successful_jobs_history_limit, _SUCCEEDED_KEPT),
        ("Failed", spec.failed_jobs_history_limit, _FAILED_KEPT),
    ):
        ended = [job for job in jobs if job.status.has(kind)]
        ended.sort(key=lambda job: (str(job.status.start_time or ""), job.metadata.name))
        kept = usual if limit is None else limit
        yield from (job.metadata.name for job in ended[: max(0, len(ended) - kept)])
