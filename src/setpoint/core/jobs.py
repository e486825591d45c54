"""What a Job needs next: which pods to start, which to end, and what its status says. Pure.

Pods are numbered from 0 as they are made; the counters of the status sum up to how many there are. So a control plane
that was killed between the status and the start finds the number, and starts the pod then.
Source: Kubernetes, "Jobs"; kubernetes pkg/controller/job for reasons and messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from setpoint.apis.batch import Job, JobCondition, JobSpec, JobStatus
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pods import PodExit, PodPhase
from setpoint.core.job_policies import (
    INDEXED,
    failed_indexes,
    format_indexes,
    judge,
    policy_problem,
    success_rule,
)

BACKOFF_LIMIT = 6
CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
"""Label of a job's pods: the uid of the job."""

SUSPENDED = "the job was suspended"
"""Why a pod is ended that a suspension deletes."""

_INDEX = "batch.kubernetes.io/job-completion-index"
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """The next status; pods of it to start, or to end; when to look again without an event."""

    status: JobStatus
    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    again: timedelta | None = None
    expired: bool = False  # its time to live is over


def made(status: JobStatus) -> int:
    """How many pods there are, or are to be."""
    return status.active + status.succeeded + status.failed + status.deleted


def plan_job(job: Job, exits: Sequence[PodExit | None], now: datetime) -> JobPlan:
    """What the job needs.

    Args:
        job: The stored object.
        exits: How each of its pods ended, by number; None for one that has not.
        now: The moment.
    """
    before, spec = job.status, job.spec
    running = [number for number, exit_ in enumerate(exits) if exit_ is None]
    ended = [exit_ for exit_ in exits if exit_ is not None and not _is_deleted(spec, exit_)]
    deleted = len(exits) - len(running) - len(ended)
    succeeded = sum(exit_.phase is PodPhase.SUCCEEDED for exit_ in ended)
    status = before.replace(active=len(running), succeeded=succeeded, failed=len(ended) - succeeded, deleted=deleted)
    if before.finished:
        return JobPlan(status=status, end=tuple(running), **_time_to_live(job, now))
    if problem := _problem(job):
        return _finished(status, "Failed", "InvalidSpec", problem, now, running)
    if spec.suspend:
        status = _with(status.replace(start_time=None), "Suspended", "JobSuspended", "Job suspended", now)
        return JobPlan(status=status, end=tuple(running))
    status = _without(status, "Suspended")
    status = status.replace(start_time=status.start_time or now)
    assert status.start_time is not None  # noqa: S101 - set in the line above
    deadline = spec.active_deadline_seconds
    left = status.start_time + timedelta(seconds=deadline) - now if deadline is not None else None
    if verdict := _by_policy(job, exits):
        kind, reason, text = verdict
        return _finished(_indexed(job, status, exits), kind, reason, text, now, running)
    status = _indexed(job, status, exits)
    if spec.backoff_limit is None:
        limit = BACKOFF_LIMIT if spec.backoff_limit_per_index is None else status.failed
    else:
        limit = spec.backoff_limit
    if status.failed > limit:
        text = "Job has reached the specified backoff limit"
        return _finished(status, "Failed", "BackoffLimitExceeded", text, now, running)
    if left is not None and left <= timedelta(0):
        text = "Job was active longer than specified deadline"
        return _finished(status, "Failed", "DeadlineExceeded", text, now, running)
    wanted = _wanted(job, status)
    if wanted == 0 and not running:
        text = "Reached expected number of succeeded pods"
        return _finished(status, "Complete", "CompletionsReached", text, now, running)
    pause = _pause(ended, now)
    more = 0 if pause else max(0, wanted - len(running))
    if spec.completion_mode == INDEXED:
        free = _free_indexes(job, status, exits)[: max(0, more)]
        more = len(free)
        status = status.replace(indexes=(*status.indexes, *free))
    first = len(exits)
    waits = [moment for moment in (left, pause or None) if moment is not None]
    return JobPlan(
        status=status.replace(active=status.active + more),
        start=tuple(range(first, first + more)),
        again=min(waits, default=None),
    )


def _is_deleted(spec: JobSpec, exit_: PodExit) -> bool:
    """Whether the pod counts as none: the job was suspended, or its failure policy says so."""
    if exit_.phase is PodPhase.SUCCEEDED:
        return False
    return exit_.message == SUSPENDED or judge(spec, exit_)[0] == "Ignore"


def _problem(job: Job) -> str:
    """Why the job cannot be run here, "" if it can."""
    spec, pod = job.spec, job.spec.template.spec
    if pod.restart_policy not in ("Never", "OnFailure"):
        return 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
    if not pod.containers:
        return "spec.template.spec.containers: Required value"
    return policy_problem(spec)


def _succeeded(status: JobStatus, exits: Sequence[PodExit | None]) -> set[int]:
    pairs = zip(status.indexes, exits, strict=False)
    return {index for index, exit_ in pairs if exit_ is not None and exit_.phase is PodPhase.SUCCEEDED}


def _indexed(job: Job, status: JobStatus, exits: Sequence[PodExit | None]) -> JobStatus:
    """With what is said of indexes."""
    if job.spec.completion_mode != INDEXED:
        return status
    status = status.replace(completed_indexes=format_indexes(_succeeded(status, exits)))
    if job.spec.backoff_limit_per_index is None:
        return status
    return status.replace(failed_indexes=format_indexes(failed_indexes(job.spec, status.indexes, exits)))


def _free_indexes(job: Job, status: JobStatus, exits: Sequence[PodExit | None]) -> list[int]:
    """The indexes that need a pod, lowest first."""
    taken = _succeeded(status, exits) | failed_indexes(job.spec, status.indexes, exits)
    taken |= {index for index, exit_ in zip(status.indexes, exits, strict=False) if exit_ is None}
    return [index for index in range(job.spec.completions or 0) if index not in taken]


def _by_policy(job: Job, exits: Sequence[PodExit | None]) -> tuple[str, str, str] | None:
    """Kind, reason and message of the end that a policy brings about, None if none does."""
    spec, status = job.spec, job.status
    for exit_ in exits:
        if exit_ is not None and exit_.phase is not PodPhase.SUCCEEDED and exit_.message != SUSPENDED:
            action, text = judge(spec, exit_)
            if action == "FailJob":
                return "Failed", "PodFailurePolicy", text
    succeeded, failed = _succeeded(status, exits), failed_indexes(spec, status.indexes, exits)
    rule = success_rule(spec, succeeded)
    if rule is not None:
        return "Complete", "SuccessPolicy", f"Matched rules at index {rule}"
    most = spec.max_failed_indexes
    if most is not None and len(failed) > most:
        text = "Job has exceeded the specified maximal number of failed indexes"
        return "Failed", "MaxFailedIndexesExceeded", text
    if failed and len(succeeded | failed) >= (spec.completions or 0):
        return "Failed", "FailedIndexes", "Job has failed indexes"
    return None


def _wanted(job: Job, status: JobStatus) -> int:
    """How many pods are to run now."""
    parallelism, completions = job.spec.parallelism, job.spec.completions
    if completions is None and parallelism is not None:  # a work queue: done when one has succeeded and all have ended
        return 0 if status.succeeded else parallelism
    left = (1 if completions is None else completions) - status.succeeded
    return max(0, min(1 if parallelism is None else parallelism, left))


def _pause(ended: Sequence[PodExit], now: datetime) -> timedelta:
    """How long after the last failure the next pod has to wait still."""
    failed = [exit_.finished_at for exit_ in ended if exit_.phase is not PodPhase.SUCCEEDED and exit_.finished_at]
    if not failed:
        return timedelta(0)
    pause: timedelta = min(_FIRST_PAUSE * int(2 ** min(len(failed) - 1, 10)), _LONGEST_PAUSE)
    return max(timedelta(0), max(failed) + pause - now)


def _time_to_live(job: Job, now: datetime) -> dict[str, Any]:
    seconds = job.spec.ttl_seconds_after_finished
    ends = [item.last_transition_time for item in job.status.conditions if item.type in ("Complete", "Failed")]
    if seconds is None or not ends or ends[0] is None:
        return {}
    left = ends[0] + timedelta(seconds=seconds) - now
    return {"expired": True} if left <= timedelta(0) else {"again": left}


def _finished(
    status: JobStatus, kind: str, reason: str, message: str, now: datetime, running: Sequence[int]
) -> JobPlan:
    status = _with(_without(status, "Suspended"), kind, reason, message, now)
    if kind == "Complete":
        status = status.replace(completion_time=now)
    return JobPlan(status=status, end=tuple(running))


def _with(status: JobStatus, kind: str, reason: str, message: str, now: datetime) -> JobStatus:
    if status.has(kind):
        return status
    condition = JobCondition(
        type=kind, status="True", reason=reason, message=message, last_probe_time=now, last_transition_time=now
    )
    return status.replace(conditions=(*status.conditions, condition))


def _without(status: JobStatus, kind: str) -> JobStatus:
    return status.replace(conditions=tuple(item for item in status.conditions if item.type != kind))


def with_selector(job: Job) -> Job:
    """The job with the selector that its pods are found by, unless it brings its own, as an API server makes it."""
    if job.spec.selector is not None or job.spec.manual_selector:
        return job
    return job.replace(spec=job.spec.replace(selector={"matchLabels": {CONTROLLER_UID: job.metadata.uid}}))


def pod_metadata_of(job: Job, index: str = "") -> ObjectMeta:
    """Labels and annotations of the job's pods; `index` is the completion index of an indexed job's."""
    written = job.spec.template.metadata
    labels = {str(key): str(value) for key, value in (written.get("labels") or {}).items()}
    annotations = {str(key): str(value) for key, value in (written.get("annotations") or {}).items()}
    for prefix in ("", "batch.kubernetes.io/"):
        labels |= {f"{prefix}job-name": job.metadata.name, f"{prefix}controller-uid": job.metadata.uid}
    if index:
        labels[_INDEX] = annotations[_INDEX] = index
    return ObjectMeta(labels=labels, annotations=annotations)
