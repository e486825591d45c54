"""Workflows deleted by ttlStrategy, pods by podGC, through the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from setpoint.apis.argo import TTLStrategy, Workflow, WorkflowPhase
from setpoint.core.workflow import pod_id
from setpoint.engines.workflow.collection import time_to_live
from tests.workflow_engine import Plane, running_plane

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec:
  entrypoint: main
  {extra}
  templates:
  - name: main
    steps:
    - - {{name: good, template: exit, arguments: {{parameters: [{{name: code, value: 0}}]}}}}
      - {{name: bad, template: exit, continueOn: {{failed: true}},
         arguments: {{parameters: [{{name: code, value: 1}}]}}}}
  - name: exit
    inputs: {{parameters: [{{name: code}}]}}
    container: {{image: busybox, command: [sh, -c, "exit {{{{inputs.parameters.code}}}}"]}}
"""


@pytest.mark.rule("verbs.ttl")
@pytest.mark.parametrize(
    ("strategy", "phase", "seconds"),
    [
        ({"seconds_after_completion": 5}, "Succeeded", 5),
        ({"seconds_after_completion": 5, "seconds_after_success": 7}, "Succeeded", 7),
        ({"seconds_after_completion": 5, "seconds_after_failure": 9}, "Failed", 9),
        ({"seconds_after_completion": 5, "seconds_after_failure": 9}, "Error", 5),
        ({"seconds_after_failure": 9}, "Error", None),
        ({"seconds_after_success": 9}, "Failed", None),
    ],
)
def test_the_more_specific_time_wins(strategy: dict[str, int], phase: str, seconds: int | None) -> None:
    wanted = None if seconds is None else timedelta(seconds=seconds)
    assert time_to_live(TTLStrategy(**strategy), WorkflowPhase(phase)) == wanted


@pytest.mark.rule("verbs.ttl")
async def test_a_workflow_goes_after_its_time(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(WORKFLOW.format(extra="ttlStrategy: {secondsAfterCompletion: 0}"))
        await until(plane, lambda left: not left)


async def until(plane: Plane, condition: Callable[[Sequence[Workflow]], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition((await plane.resources.list(Workflow, "default")).items):  # noqa: ASYNC110  it polls
            await asyncio.sleep(0.02)


@pytest.mark.rule("verbs.pod-gc")
@pytest.mark.parametrize(
    ("strategy", "kept"),
    [("OnPodCompletion", []), ("OnPodSuccess", ["bad"]), ("OnWorkflowCompletion", []), ("OnWorkflowSuccess", [])],
)
async def test_pods_go_by_the_strategy(tmp_path: Path, strategy: str, kept: list[str]) -> None:
    async with running_plane(tmp_path) as plane:
        extra = f"podGC: {{strategy: {strategy}, deleteDelayDuration: 0s}}"
        workflow = await plane.run(WORKFLOW.format(extra=extra))
        nodes = {node.display_name: node for node in workflow.status.nodes.values() if node.type.value == "Pod"}
        pods = {name: pod_id(workflow.metadata.uid, node.id, node.started_at) for name, node in nodes.items()}
        async with asyncio.timeout(30):
            while [name for name, pod in pods.items() if await plane.launcher.state(pod) is not None] != kept:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


LABELLED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  podGC: {strategy: OnPodCompletion, deleteDelayDuration: 0s, labelSelector: {%s}}
  podMetadata: {labels: {line: a}}
  templates:
  - name: main
    steps:
    - - {name: one, template: work, arguments: {parameters: [{name: tank, value: t1}]}}
      - {name: two, template: work, arguments: {parameters: [{name: tank, value: t2}]}}
  - name: work
    inputs: {parameters: [{name: tank}]}
    metadata: {labels: {tank: "{{inputs.parameters.tank}}"}}
    container: {image: busybox, command: ["true"]}
"""


@pytest.mark.rule("verbs.pod-gc")
@pytest.mark.parametrize(
    ("selector", "kept"),
    [
        ("matchLabels: {tank: t1}", ["two"]),
        ("matchExpressions: [{key: tank, operator: NotIn, values: [t1]}]", ["one"]),
        ("matchLabels: {line: a, workflows.argoproj.io/workflow: wf}", []),
        ("matchLabels: {line: b}", ["one", "two"]),
    ],
)
async def test_pods_go_that_the_selector_selects(tmp_path: Path, selector: str, kept: list[str]) -> None:
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(LABELLED % selector)
        nodes = {node.display_name: node for node in workflow.status.nodes.values() if node.type.value == "Pod"}
        pods = {name: pod_id(workflow.metadata.uid, node.id, node.started_at) for name, node in nodes.items()}
        async with asyncio.timeout(30):
            while sorted([name for name, pod in pods.items() if await plane.launcher.state(pod) is not None]) != kept:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
