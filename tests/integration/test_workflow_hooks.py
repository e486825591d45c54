"""Hooks and time-outs in a whole engine: real pods, real time."""

from __future__ import annotations

from pathlib import Path

from setpoint.apis.argo import NodePhase
from tests.workflow_engine import node, running_plane, shape

HOOKED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: hooked}
spec:
  entrypoint: main
  hooks:
    running: {expression: workflow.status == "Running", template: say}
  templates:
  - name: main
    steps:
    - - name: a
        template: make
        hooks:
          running: {expression: steps.a.status == "Running", template: say}
          success:
            expression: steps.a.status == "Succeeded"
            template: check
            arguments: {parameters: [{name: x, value: "{{steps.a.outputs.parameters.x}}"}]}
  - name: make
    container: {image: busybox, command: [sh, -c, "echo 7 > /tmp/x"]}
    outputs: {parameters: [{name: x, valueFrom: {path: /tmp/x}}]}
  - name: say
    container: {image: busybox, command: ["true"]}
  - name: check
    inputs: {parameters: [{name: x}]}
    container: {image: busybox, command: [test, "{{inputs.parameters.x}}", "=", "7"]}
"""


async def test_hooks_run_beside_real_pods(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(HOOKED)
        assert shape(workflow).keys() == {
            "", ".hooks.running", "[0]", "[0].a", "[0].a.hooks.running", "[0].a.hooks.success"
        }  # fmt: skip
        assert {item.phase for item in workflow.status.nodes.values()} == {NodePhase.SUCCEEDED}


LATE = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: late}
spec:
  entrypoint: main
  templates:
  - name: main
    timeout: 500ms
    container: {image: busybox, command: [sleep, "60"]}
"""


async def test_a_pod_past_its_timeout_is_ended_and_failed(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        found = node(await plane.run(LATE), "late")
        assert found.phase is NodePhase.FAILED
        assert found.message == "Pod was active on the node longer than the specified deadline"
