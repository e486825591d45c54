"""The cron engine over a real store, with a clock that the test moves; and once with the whole control plane."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import CronWorkflow, Workflow, WorkflowPhase, default
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.core.cron import latest_due, parse_schedule
from setpoint.engines.cron import CronEngine
from setpoint.operations import workflows as verbs
from setpoint.ports.journal import Change
from setpoint.wiring.control_plane import control_plane
from setpoint.wiring.settings import Settings
from tests.clocks import ManualClock

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = "default/furnace"


@dataclass
class Plant:
    """A store, a clock, and an engine that can be started anew."""

    store: SqliteStore
    clock: ManualClock
    engine: CronEngine

    async def create(self, **spec: Any) -> None:
        text = f"""
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {{name: furnace, namespace: default, labels: {{line: a}}}}
spec: {msgspec.json.encode({"schedules": ["0 * * * *"], **spec}).decode()[:-1]}, "workflowSpec": {{
  "entrypoint": "main", "templates": [{{"name": "main", "suspend": {{}}}}]}} }}
"""
        (document,) = load_documents(text, "test.yaml")
        cron = decode_document(document)
        assert isinstance(cron, CronWorkflow)
        await self.store.resources.create(default(cron))
        await self.engine.reconcile(KEY)

    async def at(self, moment: str) -> CronWorkflow:
        """Move the clock to a time of the day and have the engine look."""
        wanted = datetime.fromisoformat(f"2026-01-0{moment}").replace(tzinfo=UTC)
        self.clock.advance(wanted - self.clock.now())
        await self.engine.reconcile(KEY)
        return await self.cron()

    async def cron(self) -> CronWorkflow:
        return await self.store.resources.get(CronWorkflow, "default", "furnace")

    async def children(self) -> list[Workflow]:
        return list((await self.store.resources.list(Workflow, "default")).items)

    async def end(self, hour: int, phase: str = "Succeeded") -> None:
        """The child of that hour ends."""
        name = f"furnace-{int((START + timedelta(hours=hour)).timestamp())}"
        workflow = await self.store.resources.get(Workflow, "default", name)
        status = workflow.status.replace(phase=WorkflowPhase(phase), finished_at=self.clock.now())
        await self.store.journal.commit(workflow.metadata.uid, Change(status=msgspec.json.encode(status)))
        await self.engine.reconcile(KEY)

    def restart(self) -> None:
        """A new engine, which knows only what is stored."""
        self.engine = make_engine(self.store, self.clock)

    async def hours(self) -> list[int]:
        """The hours whose children are there."""
        times = [int(item.metadata.name.rpartition("-")[2]) - int(START.timestamp()) for item in await self.children()]
        return sorted(seconds // 3600 for seconds in times)


def make_engine(store: SqliteStore, clock: ManualClock) -> CronEngine:
    async def terminate(namespace: str, name: str) -> None:
        await verbs.terminate(store.resources, store.journal, namespace, name)

    return CronEngine(store.resources, clock, partial(verbs.submit, store.resources), terminate)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with opened(tmp_path) as found:
        yield found


@contextmanager
def opened(home: Path) -> Iterator[Plant]:
    clock = ManualClock(START)
    with SqliteStore(home, clock) as store:
        yield Plant(store, clock, make_engine(store, clock))


@pytest.mark.rule("cron.child")
async def test_a_child_is_named_after_its_moment_and_carries_its_marks(plant: Plant) -> None:
    await plant.create(workflowMetadata={"labels": {"kind": "report"}})
    cron = await plant.at("1T01:00:07")
    (child,) = await plant.children()
    assert child.metadata.name == f"furnace-{int((START + timedelta(hours=1)).timestamp())}"
    assert child.metadata.labels["workflows.argoproj.io/cron-workflow"] == "furnace"
    assert child.metadata.labels["kind"] == "report"
    assert "line" not in child.metadata.labels
    assert child.metadata.annotations["workflows.argoproj.io/scheduled-time"] == "2026-01-01T01:00:00Z"
    (owner,) = child.metadata.owner_references
    assert (owner.kind, owner.name, owner.uid) == ("CronWorkflow", "furnace", cron.metadata.uid)
    assert cron.status.last_scheduled_time == START + timedelta(hours=1)
    assert [item["name"] for item in cron.status.active] == [child.metadata.name]
    assert cron.status.phase == "Active"
    assert await plant.engine.reconcile(KEY) is not None
    assert len(await plant.children()) == 1


@pytest.mark.rule("cron.concurrency")
@pytest.mark.parametrize(
    ("policy", "hours", "ended"), [("Allow", [1, 2], False), ("Forbid", [1], False), ("Replace", [1, 2], True)]
)
async def test_concurrency(plant: Plant, policy: str, hours: list[int], ended: bool) -> None:
    await plant.create(concurrencyPolicy=policy)
    await plant.at("1T01:00:00")
    await plant.at("1T02:00:00")
    assert await plant.hours() == hours
    first = (await plant.children())[0]
    assert (first.spec.shutdown == "Terminate") is ended


@pytest.mark.rule("cron.missed")
@pytest.mark.parametrize(("deadline", "hours"), [(None, [1]), (60, [1]), (1200, [1, 4])])
async def test_a_successor_makes_up_for_the_latest_missed_run(
    plant: Plant, deadline: int | None, hours: list[int]
) -> None:
    await plant.create(**({"startingDeadlineSeconds": deadline} if deadline else {}))
    await plant.at("1T01:00:00")
    plant.restart()
    await plant.at("1T04:10:00")
    assert await plant.hours() == hours


@pytest.mark.rule("cron.missed")
async def test_no_run_is_made_up_for_after_a_change_of_the_schedule(plant: Plant) -> None:
    await plant.create(startingDeadlineSeconds=7200)
    await plant.at("1T01:00:00")
    patch = {"spec": {"schedules": ["30 * * * *"]}}
    await plant.store.resources.patch(CronWorkflow, "default", "furnace", patch)
    plant.restart()
    await plant.at("1T02:40:00")
    assert await plant.hours() == [1]


async def test_a_run_is_not_started_twice_by_a_successor(plant: Plant) -> None:
    await plant.create(startingDeadlineSeconds=600)
    await plant.at("1T01:00:00")
    old = {"status": {"lastScheduledTime": "2026-01-01T00:59:00Z"}}  # as if the status had not been stored
    await plant.store.resources.patch_status(CronWorkflow, "default", "furnace", old)
    plant.restart()
    await plant.at("1T01:00:30")
    assert await plant.hours() == [1]


@pytest.mark.rule("cron.suspended")
async def test_a_suspended_one_starts_nothing_and_does_not_catch_up(plant: Plant) -> None:
    await plant.create(suspend=True)
    await plant.at("1T01:00:00")
    await plant.store.resources.patch(CronWorkflow, "default", "furnace", {"spec": {"suspend": False}})
    await plant.at("1T01:30:00")
    assert await plant.hours() == []
    await plant.at("1T02:00:00")
    assert await plant.hours() == [2]


@pytest.mark.rule("cron.when")
async def test_when(plant: Plant) -> None:
    condition = "{{=cronworkflow.lastScheduledTime == nil || (now() - cronworkflow.lastScheduledTime).Hours() > 1}}"
    await plant.create(when=condition)
    for hour in (1, 2, 3):
        await plant.at(f"1T0{hour}:00:00")
    assert await plant.hours() == [1, 3]


@pytest.mark.rule("cron.when")
async def test_a_condition_that_cannot_be_judged_counts_as_a_failure(plant: Plant) -> None:
    await plant.create(when="{{=cronworkflow.nothing.at.all}} == 1")
    cron = await plant.at("1T01:00:00")
    (condition,) = cron.status.conditions
    assert condition.type == "SubmissionError"
    assert cron.status.failed == 1
    assert await plant.hours() == []


@pytest.mark.rule("cron.stop-strategy")
async def test_the_stop_condition_ends_it_for_good(plant: Plant) -> None:
    await plant.create(stopStrategy={"expression": "cronworkflow.succeeded >= 2"})
    for hour in (1, 2):
        await plant.at(f"1T0{hour}:00:00")
        await plant.end(hour)
    cron = await plant.at("1T03:00:00")
    assert await plant.hours() == [1, 2]
    assert (cron.status.phase, cron.status.succeeded, cron.status.active) == ("Stopped", 2, ())
    assert cron.metadata.labels["cronworkflows.argoproj.io/completed"] == "true"


@pytest.mark.rule("cron.history")
async def test_history_limits_delete_the_oldest(plant: Plant) -> None:
    await plant.create(successfulJobsHistoryLimit=2, failedJobsHistoryLimit=1)
    for hour in range(1, 7):
        await plant.at(f"1T0{hour}:00:00")
        await plant.end(hour, "Failed" if hour % 3 == 0 else "Succeeded")
    assert await plant.hours() == [4, 5, 6]
    cron = await plant.cron()
    assert (cron.status.succeeded, cron.status.failed) == (4, 2)


@pytest.mark.rule("cron.suspended")
async def test_one_that_was_suspended_meanwhile_does_not_catch_up(plant: Plant) -> None:
    await plant.create()
    await plant.at("1T01:00:00")
    await plant.store.resources.patch(CronWorkflow, "default", "furnace", {"spec": {"suspend": True}})
    await plant.engine.reconcile(KEY)
    plant.clock.advance(timedelta(hours=2, minutes=30))
    await plant.store.resources.patch(CronWorkflow, "default", "furnace", {"spec": {"suspend": False}})
    await plant.engine.reconcile(KEY)
    assert await plant.hours() == [1]


async def test_looking_often_does_not_put_off_what_is_due_every_hour(plant: Plant) -> None:
    await plant.create(schedules=["@every 1h"])
    for minute in (20, 40, 59):
        await plant.at(f"1T00:{minute}:00")
    await plant.at("1T01:00:00")
    assert await plant.hours() == [1]


async def test_a_clock_that_is_moved_back_repeats_no_run(plant: Plant) -> None:
    await plant.create(successfulJobsHistoryLimit=0)
    await plant.at("1T01:00:00")
    await plant.at("1T02:00:00")
    await plant.end(1)
    assert await plant.hours() == [2]
    await plant.at("1T00:30:00")
    await plant.at("1T01:00:00")
    assert await plant.hours() == [2]


@pytest.mark.rule("cron.concurrency")
async def test_a_child_that_a_killed_engine_did_not_list_counts_as_active(plant: Plant) -> None:
    await plant.create(concurrencyPolicy="Forbid")
    await plant.at("1T01:00:00")
    await plant.store.resources.patch_status(CronWorkflow, "default", "furnace", {"status": {"active": []}})
    plant.restart()
    await plant.at("1T01:30:00")
    cron = await plant.at("1T02:00:00")
    assert await plant.hours() == [1]
    assert len(cron.status.active) == 1


def test_the_latest_run_is_found_however_long_nobody_looked() -> None:
    now = START + timedelta(days=400, minutes=30)
    texts = ("* * * * *", "0 0 1 1 *", "@every 1h")
    found = [latest_due([parse_schedule(text)], START, now) for text in texts]
    assert found == [now, START + timedelta(days=365), START + timedelta(days=400)]


async def test_the_control_plane_runs_what_is_due(tmp_path: Path) -> None:
    text = """
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: furnace, namespace: default}
spec:
  schedules: ["@every 1s"]
  workflowSpec:
    entrypoint: main
    templates:
    - name: main
      container: {image: busybox, command: [echo, "{{workflow.scheduledTime}}"]}
"""
    (document,) = load_documents(text, "test.yaml")
    cron = decode_document(document)
    assert isinstance(cron, CronWorkflow)
    async with control_plane(Settings(home=tmp_path), serve_stored=True) as plane:
        await plane.resources.create(default(cron))
        async with asyncio.timeout(60):
            async for event in plane.resources.watch(Workflow, "default"):
                if event.resource.status.phase.value == "Succeeded":
                    break
        await plane.resources.delete(CronWorkflow, "default", "furnace")


@pytest.mark.rule("cron.stop-strategy")
async def test_a_stop_condition_that_cannot_be_told_stops_nothing_and_starts_nothing_until_it_is_mended(
    plant: Plant,
) -> None:
    await plant.create(stopStrategy={"expression": "cronworkflow.succeeded >"})
    for _ in range(2):
        cron = await plant.at("1T01:00:00")
        (condition,) = cron.status.conditions
        assert condition.type == "SpecError"
        assert condition.message.startswith("failed to check CronWorkflow 'furnace' stopping condition: ")
    assert await plant.hours() == []
    patch = {"spec": {"stopStrategy": {"expression": "cronworkflow.succeeded > 1"}}}
    await plant.store.resources.patch(CronWorkflow, "default", "furnace", patch)
    cron = await plant.at("1T02:00:00")
    assert cron.status.conditions == ()
    assert await plant.hours() == [2]


@pytest.mark.rule("cron.schedules")
async def test_a_schedule_that_is_mended_is_no_error_any_more(plant: Plant) -> None:
    await plant.create()
    broken = {"spec": {"schedules": ["61 * * * *"]}}
    await plant.store.resources.patch(CronWorkflow, "default", "furnace", broken)
    assert [item.type for item in (await plant.at("1T01:30:00")).status.conditions] == ["SpecError"]
    await plant.store.resources.patch(CronWorkflow, "default", "furnace", {"spec": {"schedules": ["0 * * * *"]}})
    assert (await plant.at("1T01:40:00")).status.conditions == ()


@pytest.mark.rule("cron.missed")
async def test_a_missed_run_of_an_interval_is_counted_from_the_last_run(plant: Plant) -> None:
    await plant.create(schedules=["@every 40m"], startingDeadlineSeconds=600)
    await plant.at("1T00:40:00")
    plant.restart()
    await plant.at("1T03:25:00")  # the last one missed was at 03:20
    times = {int(item.metadata.name.rpartition("-")[2]) - int(START.timestamp()) for item in await plant.children()}
    assert times == {40 * 60, 200 * 60}
