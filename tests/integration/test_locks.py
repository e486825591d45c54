"""Mutexes and semaphores over several workflows, through the real engine and store."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.apis.argo import Workflow, WorkflowPhase
from setpoint.apis.core import ConfigMap
from setpoint.apis.meta import ObjectMeta
from setpoint.operations import workflows as verbs
from tests.workflow_engine import Plane, node, running_plane

MUTEX = "{mutexes: [{name: furnace}]}"
SEMAPHORE = "{semaphores: [{configMapKeyRef: {name: limits, key: furnaces}}]}"


def manifest(name: str, of_workflow: str = "{}", of_template: str = "{}", *, priority: int = 0) -> str:
    """A workflow that runs until it is resumed."""
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: {name}}}
spec:
  entrypoint: main
  priority: {priority}
  synchronization: {of_workflow}
  templates:
  - name: main
    synchronization: {of_template}
    suspend: {{}}
"""


def pending(workflow: Workflow) -> bool:
    return workflow.status.phase is WorkflowPhase.PENDING


def running(workflow: Workflow) -> bool:
    return any(item.phase.value == "Running" for item in workflow.status.nodes.values())


async def resume(plane: Plane, name: str) -> None:
    await plane.until(name, running)
    await verbs.resume(plane.resources, plane.journal, "default", name)
    await plane.finished(name)


async def test_a_workflow_waits_for_the_mutex_of_another(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(manifest("first", MUTEX))
        first = await plane.until("first", running)
        assert first.status.synchronization == {
            "mutex": {"holding": [{"mutex": "default/Mutex/furnace", "holder": "default/first"}]}
        }
        await plane.submit(manifest("second", MUTEX))
        second = await plane.until("second", pending)
        assert second.status.message == "Waiting for default/Mutex/furnace lock. Lock status: 0/1"
        assert second.status.synchronization == {
            "mutex": {"waiting": [{"mutex": "default/Mutex/furnace", "holder": "default/first"}]}
        }
        assert not second.status.nodes
        assert second.status.started_at is None
        await resume(plane, "first")
        await resume(plane, "second")
        ended = await plane.get("second")
        assert (ended.status.phase, ended.status.message, ended.status.synchronization) == ("Succeeded", "", None)


async def test_a_higher_priority_goes_first_and_a_higher_limit_lets_more_in(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        limits = ConfigMap(metadata=ObjectMeta(name="limits", namespace="default"), data={"furnaces": "1"})
        limits = await plane.resources.create(limits)
        await plane.submit(manifest("first", of_template=SEMAPHORE))
        await plane.until("first", running)
        for name, priority in (("low", 1), ("high", 2)):
            await plane.submit(manifest(name, of_template=SEMAPHORE, priority=priority))
            found = await plane.until(name, lambda workflow: bool(workflow.status.nodes))
            assert node(found, name).message == "Waiting for default/ConfigMap/limits/furnaces lock. Lock status: 0/1"
        await plane.resources.update(limits.replace(data={"furnaces": "2"}))
        high = await plane.until("high", running)
        assert node(high, "high").message == ""
        assert not running(await plane.get("low"))
        await resume(plane, "first")
        await resume(plane, "high")
        await resume(plane, "low")


async def test_locks_outlive_the_engine_and_end_with_a_deleted_holder(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(manifest("first", of_template=MUTEX))
        await plane.until("first", running)
        await plane.submit(manifest("second", of_template=MUTEX))
        await plane.until("second", lambda workflow: bool(workflow.status.nodes))
    async with running_plane(tmp_path) as plane:
        await plane.submit(manifest("third", of_template=MUTEX))
        third = await plane.until("third", lambda workflow: bool(workflow.status.nodes))
        assert node(third, "third").message == "Waiting for default/Mutex/furnace lock. Lock status: 0/1"
        await plane.resources.delete(Workflow, "default", "first")
        await resume(plane, "second")
        await resume(plane, "third")


@pytest.mark.rule("locks.controller-parallelism")
async def test_workflows_over_the_limit_wait_by_priority_also_for_a_successor(tmp_path: Path) -> None:
    async with running_plane(tmp_path, parallelism=1) as plane:
        await plane.submit(manifest("first"))
        await plane.until("first", running)
        await plane.submit(manifest("low"))
        low = await plane.until("low", pending)
        assert low.status.message == (
            "Workflow processing has been postponed because too many workflows are already running"
        )
        assert low.status.synchronization is None
    async with running_plane(tmp_path, parallelism=1) as plane:
        await plane.submit(manifest("high", priority=1))
        await plane.until("high", pending)
        await resume(plane, "first")
        await plane.until("high", running)
        assert pending(await plane.get("low"))
        await resume(plane, "high")
        await resume(plane, "low")


@pytest.mark.rule("locks.controller-parallelism")
async def test_workflows_over_the_limit_of_their_namespace_wait_and_those_of_another_do_not(tmp_path: Path) -> None:
    async with running_plane(tmp_path, parallelism=3, namespace_parallelism=1) as plane:
        await plane.submit(manifest("first"))
        await plane.until("first", running)
        await plane.submit(manifest("second"))
        await plane.until("second", pending)
        await plane.submit(manifest("third").replace("name: third", "name: third, namespace: other"))
        await plane.until("third", running, namespace="other")
        assert pending(await plane.get("second"))
        await resume(plane, "first")
        await resume(plane, "second")


async def test_a_limit_raised_by_more_than_one_lets_as_many_in(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        limits = ConfigMap(metadata=ObjectMeta(name="limits", namespace="default"), data={"furnaces": "1"})
        limits = await plane.resources.create(limits)
        for name in ("first", "second", "third", "fourth"):
            await plane.submit(manifest(name, of_template=SEMAPHORE))
            await plane.until(name, lambda workflow: bool(workflow.status.nodes))
        await plane.resources.update(limits.replace(data={"furnaces": "4"}))
        for name in ("first", "second", "third", "fourth"):
            await plane.until(name, running)


async def test_a_deleted_holder_whose_name_is_taken_at_once_keeps_nothing(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(manifest("first", of_template=MUTEX))
        await plane.until("first", running)
        await plane.submit(manifest("second", of_template=MUTEX))
        await plane.until("second", lambda workflow: bool(workflow.status.nodes))
        await plane.resources.delete(Workflow, "default", "first")
        await plane.submit(manifest("first"))
        await resume(plane, "second")
