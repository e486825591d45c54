"""What a workflow makes of the world's faults: a pod killed from outside, a full disk, a clock that is set back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from setpoint.apis.argo import Workflow
from setpoint.core.workflow import pod_id
from tests.workflow_engine import Plane, node, running_plane, shape

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
