"""What one event costs does not depend on how many nodes run beside it: counted in calls, not in seconds."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from setpoint.core.workflow import WorkflowStarted
from tests.unit.core.workflow.driver import Cluster, workflow

FAN_OUT = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: each, template: say, withSequence: {count: COUNT}}]]
  - name: say
    container: {image: test, command: [block]}
"""


def calls_of_one_end(count: int) -> int:
    """Python calls that the end of one pod among `count` running ones takes."""
    cluster = Cluster(workflow(FAN_OUT.replace("COUNT", str(count))))
    cluster.fold(WorkflowStarted())
    calls = 0

    def tally(frame: FrameType, what: str, argument: Any) -> None:
        nonlocal calls
        calls += what == "call"

    pod = next(iter(cluster.running))
    sys.setprofile(tally)
    try:
        cluster.end_pod(pod, 0)
    finally:
        sys.setprofile(None)
    return calls


def test_the_end_of_a_pod_costs_the_same_among_many() -> None:
    assert calls_of_one_end(800) < calls_of_one_end(50) * 1.2
