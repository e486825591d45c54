"""What a workflow makes of the world's faults: a pod killed from outside, a clock that is set back.

Full disks are in tests/e2e/test_bad_input.py and test_sqlite_kill.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from setpoint.adapters.clock import SteadyClock, SystemClock, last_written
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.core.workflow import pod_id
from setpoint.engines.workflow import WorkflowEngine
from tests.pods import running_launcher
from tests.workflow_engine import Plane, node, outside, running_plane, shape

LOST = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
  - name: main
    dag:
      tasks:
      - {name: plain, template: wait}
      - {name: failures, template: failures}
      - {name: errors, template: errors}
      - {name: after, template: say, depends: plain.Errored && failures.Errored && errors.Succeeded}
  - name: wait
    container: &wait {image: busybox, command: [sh, -c, "echo up > /tmp/up; sleep 60"]}
  - name: failures
    retryStrategy: {limit: 2}
    container: *wait
  - name: errors
    retryStrategy: {limit: 2, retryPolicy: OnError}
    script: {image: busybox, command: [sh], source: "test {{retries}} -eq 1 || sleep 60"}
  - name: say
    container: {image: busybox, command: [echo, hi]}
"""


WAITS = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  activeDeadlineSeconds: 600
  templates:
  - name: main
    dag:
      tasks:
      - {name: again, template: again}
      - {name: pause, template: pause, depends: again}
  - name: again
    retryStrategy: {limit: 2, backoff: {duration: 200ms}}
    script: {image: busybox, command: [sh], source: "test {{retries}} -eq 2"}
  - {name: pause, suspend: {duration: "1"}}
"""


async def kill_pod(plane: Plane, name: str) -> None:
    """Kill the supervisor of the pod of a node, once it runs: that is how a pod is lost."""

    def runs(workflow: Workflow) -> bool:
        return any(item.name == name and item.phase.value == "Running" for item in workflow.status.nodes.values())

    found = await plane.until("wf", runs)
    wanted = node(found, name)
    state = await plane.launcher.state(pod_id(found.metadata.uid, wanted.id, wanted.started_at))
    assert state is not None
    assert state.pid is not None
    os.kill(state.pid, signal.SIGKILL)


@pytest.mark.rule("phases.pod-lost", "retry.policy-on-error", "retry.policy-on-failure")
async def test_a_killed_pod_is_an_error_and_retried_where_the_policy_says_so(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(LOST)
        for name in ("wf.plain", "wf.failures(0)", "wf.errors(0)"):
            await kill_pod(plane, name)
        ended = await plane.finished("wf")
    assert {name: entry[:3] for name, entry in shape(ended).items()} == {
        "": ("DAG", "Succeeded", ""),
        ".plain": ("Pod", "Error", "pod deleted"),
        ".failures": ("Retry", "Error", "pod deleted"),
        ".failures(0)": ("Pod", "Error", "pod deleted"),
        ".errors": ("Retry", "Succeeded", ""),
        ".errors(0)": ("Pod", "Error", "pod deleted"),
        ".errors(1)": ("Pod", "Succeeded", ""),
        ".after": ("Pod", "Succeeded", ""),
    }


async def test_a_clock_set_back_by_an_hour_makes_no_wait_longer(tmp_path: Path) -> None:
    """At the first attempt's end; then the engine dies, and the next one lives in the earlier time too."""
    back = timedelta()

    def wall() -> datetime:
        return datetime.now(UTC) - back

    with SqliteStore(tmp_path / "store", SystemClock()) as store:
        async with running_launcher(tmp_path) as launcher:
            for condition in (has_node("wf.again(0)"), has_node("wf.pause"), lambda found: found.status.completed):
                clock = SteadyClock(last_written(tmp_path / "store"), wall=wall)
                engine = WorkflowEngine(
                    resources=store.resources,
                    journal=store.journal,
                    launcher=launcher,
                    clock=clock,
                    outside=outside(tmp_path),
                )
                task = asyncio.create_task(engine.run())
                plane = Plane(store.resources, store.journal, launcher, store.archive)
                if not back:
                    await plane.submit(WAITS)
                found = await plane.until("wf", condition, seconds=20)
                back = timedelta(hours=1)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
    assert found.status.phase.value == "Succeeded"
    for item in found.status.nodes.values():
        assert item.started_at is not None
        assert item.finished_at is not None
        assert item.started_at <= item.finished_at <= datetime.now(UTC)


def has_node(name: str) -> Callable[[Workflow], bool]:
    return lambda workflow: any(item.name == name for item in workflow.status.nodes.values())
