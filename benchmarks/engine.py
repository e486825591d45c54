"""The workflow core alone: nodes per second, no disk and no process.

Fan-out: one step over many items, every pod started and ended. Chain: a DAG in which every task waits for the one
before and reads its result.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime, timedelta

import msgspec

from setpoint.apis.argo import Workflow, WorkflowSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pods import PodExit, PodPhase
from setpoint.core.workflow import LaunchPod, PodEnded, StepContext, WorkflowStarted, WorkflowState, step

START = datetime(2026, 1, 1, tzinfo=UTC)
FAN_OUT = 10_000
CHAIN = 1_000


def run() -> dict[str, float]:
    """Nodes per second of both shapes."""
    return {
        "fan_out_nodes": FAN_OUT,
        "fan_out_nodes_per_second": round(_rate(_fan_out(FAN_OUT, 0))),
        "fan_out_limited_nodes_per_second": round(_rate(_fan_out(FAN_OUT, 10))),
        "chain_tasks": CHAIN,
        "chain_nodes_per_second": round(_rate(_chain(CHAIN))),
    }


def _say(value: str) -> dict[str, object]:
    return {
        "name": "say",
        "inputs": {"parameters": [{"name": "m"}]},
        "container": {"image": "test", "command": ["echo", value]},
    }


def _fan_out(items: int, parallelism: int) -> Workflow:
    loop = {
        "name": "each",
        "template": "say",
        "withSequence": {"count": items},
        "arguments": {"parameters": [{"name": "m", "value": "{{item}}"}]},
    }
    spec: dict[str, object] = {
        "entrypoint": "main",
        "templates": [{"name": "main", "steps": [[loop]]}, _say("{{inputs.parameters.m}}")],
    }
    return _workflow(spec | ({"parallelism": parallelism} if parallelism else {}))


def _chain(tasks: int) -> Workflow:
    made = [
        {
            "name": f"t{number}",
            "template": "say",
            "arguments": {
                "parameters": [
                    {"name": "m", "value": "x" if not number else f"{{{{tasks.t{number - 1}.outputs.result}}}}"}
                ]
            },
        }
        | ({"depends": f"t{number - 1}"} if number else {})
        for number in range(tasks)
    ]
    return _workflow(
        {"entrypoint": "main", "templates": [{"name": "main", "dag": {"tasks": made}}, _say("{{inputs.parameters.m}}")]}
    )


def _workflow(spec: dict[str, object]) -> Workflow:
    metadata = ObjectMeta(name="wf", namespace="default", uid="uid", creation_timestamp=START)
    return Workflow(metadata=metadata, spec=msgspec.convert(spec, WorkflowSpec))


def _rate(workflow: Workflow) -> float:
    """Nodes per second of wall-clock time, start to end."""
    began = time.perf_counter()
    now, state = START, WorkflowState()
    running: deque[LaunchPod] = deque()

    def fold(event: WorkflowStarted | PodEnded) -> None:
        nonlocal now, state
        now += timedelta(microseconds=1)
        result = step(state, event, StepContext(now=now, workflow=workflow))
        state = result.state
        running.extend(command for command in result.commands if isinstance(command, LaunchPod))

    fold(WorkflowStarted())
    while running:
        launch = running.popleft()
        result = "x" if launch.request.capture_result else None
        end = PodExit(phase=PodPhase.SUCCEEDED, exit_code=0, result=result)
        fold(PodEnded(node=launch.node, pod=launch.id, exit=end))
    if state.status.phase.value != "Succeeded":
        raise RuntimeError(f"the benchmark's workflow ended {state.status.phase}: {state.status.message}")
    return len(state.nodes) / (time.perf_counter() - began)
