"""CronJobs start Jobs, over a real store with a clock that the test moves; and once with the whole control plane."""

# ruff: noqa: ASYNC110 - tests look at objects until they are so

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.batch import CronJob, Job, JobCondition, JobStatus
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.engines.cron import CronJobEngine
from setpoint.wiring.control_plane import control_plane
from setpoint.wiring.settings import Settings
from tests.clocks import ManualClock

START = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: c, namespace: default}
spec:
  schedule: "SCHEDULE"
  concurrencyPolicy: Forbid
  jobTemplate:
    metadata: {labels: {line: a}}
    spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: busybox, command: ["true"]}]}}}
"""


def cron(schedule: str = "0 * * * *") -> CronJob:
    found = decode_document(load_documents(TEXT.replace("SCHEDULE", schedule), "cron.yaml")[0])
    assert isinstance(found, CronJob)
    return found


async def test_a_job_is_started_at_each_moment_once_also_by_a_successor(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with SqliteStore(tmp_path, clock) as store:
        engine = CronJobEngine(store.resources, clock)
        await store.resources.create(cron())
        await engine.reconcile("default/c")
        assert (await store.resources.list(Job)).items == ()
        clock.advance(timedelta(hours=1, minutes=1))
        await engine.reconcile("default/c")
        await CronJobEngine(store.resources, clock).reconcile("default/c")
        (job,) = (await store.resources.list(Job)).items
        assert job.metadata.labels == {"line": "a"}
        found = await store.resources.get(CronJob, "default", "c")
        assert [item["name"] for item in found.status.active] == [job.metadata.name]
        assert found.status.last_schedule_time == START + timedelta(hours=1)
        ended = JobStatus(conditions=(JobCondition(type="Complete", status="True"),), completion_time=clock.now())
        await store.resources.update_status(job.replace(status=ended))
        await engine.reconcile("default/c")
        found = await store.resources.get(CronJob, "default", "c")
        assert found.status.active == ()
        assert found.status.last_successful_time == clock.now()


async def test_jobs_go_with_their_cron_job(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with SqliteStore(tmp_path, clock) as store:
        engine = CronJobEngine(store.resources, clock)
        await store.resources.create(cron())
        clock.advance(timedelta(hours=1, minutes=1))
        await engine.reconcile("default/c")
        await store.resources.delete(CronJob, "default", "c")
        await engine.reconcile("default/c")
        assert (await store.resources.list(Job)).items == ()


async def test_with_the_whole_control_plane_its_jobs_run(tmp_path: Path) -> None:
    async with control_plane(Settings(home=tmp_path), serve_stored=True) as plane:
        await plane.resources.create(cron("@every 1s"))
        async with asyncio.timeout(30):
            while not (await plane.resources.get(CronJob, "default", "c")).status.last_successful_time:
                await asyncio.sleep(0.05)
        await plane.resources.delete(CronJob, "default", "c")
