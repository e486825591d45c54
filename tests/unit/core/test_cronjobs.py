"""Which job of a CronJob is due, and what its status says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from setpoint.apis.batch import CronJob, Job
from setpoint.core.cronjobs import job_of, plan_cron, started

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
TEMPLATE = {
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "busybox"}]}}}
}


def cron(status: dict[str, Any] | None = None, **spec: Any) -> CronJob:
    tree = {
        "metadata": {"name": "c", "namespace": "default", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": "0 * * * *", "jobTemplate": TEMPLATE, **spec},
        "status": status or {},
    }
    return msgspec.convert(tree, CronJob)


def at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def job(owner: CronJob, hours: float, *, end: str = "") -> Job:
    made = job_of(owner, at(hours))
    made = made.replace(metadata=made.metadata.replace(uid=f"uid-{hours}"))
    if end:
        tree = {"conditions": [{"type": end}], "startTime": made.metadata.annotations and "2026-01-01T00:00:00Z"}
        if end == "Complete":
            tree["completionTime"] = (at(hours) + timedelta(minutes=1)).isoformat()
        made = made.replace(status=msgspec.convert(tree, type(made.status)))
    return made


def test_nothing_is_due_before_the_first_moment() -> None:
    plan = plan_cron(cron(), [], at(0.5))
    assert plan.start is None
    assert plan.again == timedelta(minutes=30)


def test_the_latest_moment_that_has_passed_is_due() -> None:
    assert plan_cron(cron(), [], at(3.2)).start == at(3)


def test_a_moment_is_dealt_with_once() -> None:
    done = cron({"lastScheduleTime": "2026-01-01T03:00:00Z"})
    assert plan_cron(done, [], at(3.2)).start is None


def test_the_time_zone_counts() -> None:
    plan = plan_cron(cron(schedule="0 9 * * *", timeZone="Europe/Berlin"), [], at(8.1))
    assert plan.start == at(8)


def test_a_job_that_is_too_late_is_missed_and_told_of() -> None:
    plan = plan_cron(cron(startingDeadlineSeconds=60), [], at(3.2))
    assert plan.start is None
    assert plan.told == ("MissSchedule", "Missed scheduled time to start a job: Thu, 01 Jan 2026 03:00:00 UTC")


def test_forbid_waits_for_the_job_that_runs() -> None:
    owner = cron(concurrencyPolicy="Forbid")
    running = job(owner, 1)
    plan = plan_cron(owner, [running], at(2.1))
    assert plan.start is None
    assert plan.told is not None
    assert plan.told[0] == "JobAlreadyActive"
    assert plan_cron(owner, [job(owner, 1, end="Complete")], at(2.1)).start == at(2)


def test_replace_deletes_the_job_that_runs() -> None:
    owner = cron(concurrencyPolicy="Replace")
    running = job(owner, 1)
    plan = plan_cron(owner, [running], at(2.1))
    assert plan.replaced == (running.metadata.name,)
    assert plan.start == at(2)
    assert plan.status.active == ()


def test_allow_runs_them_side_by_side() -> None:
    owner = cron()
    plan = plan_cron(owner, [job(owner, 1)], at(2.1))
    assert plan.start == at(2)
    status = started(plan.status, job(owner, 2), at(2))
    assert [item["name"] for item in status.active] == [job(owner, 1).metadata.name, job(owner, 2).metadata.name]
    assert status.last_schedule_time == at(2)


def test_suspend_starts_nothing() -> None:
    plan = plan_cron(cron(suspend=True), [], at(2.1))
    assert (plan.start, plan.again) == (None, None)


def test_a_schedule_that_is_none_is_told_of() -> None:
    plan = plan_cron(cron(schedule="often"), [], at(2.1))
    assert plan.told is not None
    assert plan.told[0] == "UnparseableSchedule"


def test_old_jobs_go_and_the_last_success_is_kept() -> None:
    owner = cron(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0, suspend=True)
    jobs = [job(owner, 1, end="Complete"), job(owner, 2, end="Complete"), job(owner, 3, end="Failed")]
    plan = plan_cron(owner, jobs, at(4))
    assert set(plan.outdated) == {jobs[0].metadata.name, jobs[2].metadata.name}
    assert plan.status.last_successful_time == at(2) + timedelta(minutes=1)
