"""Where folding several events at once ends early: others see of the workflow what it has just changed."""

from __future__ import annotations

import pytest

from setpoint.core.workflow import Event, Step, StepContext, steps
from tests.unit.core.workflow.driver import HEAD, Cluster, workflow

PLAIN = (
    HEAD
    + """
  - name: main
    dag:
      tasks:
      - {name: a, template: work}
      - {name: b, template: work}
      - {name: c, template: work}
  - name: work
    container: {image: test, command: [block]}
"""
)
MEMOIZED = PLAIN + "    memoize: {key: same, cache: {configMap: {name: kept}}}\n"
GUARDED = PLAIN + "    synchronization: {semaphores: [{configMapKeyRef: {name: limits, key: two}}]}\n"


def ended_together(text: str) -> tuple[Cluster, list[Event], Step]:
    """All pods that run end in one lot."""
    cluster = Cluster(workflow(text), config_maps={"limits": {"two": "2"}}).run()
    ends: list[Event] = [cluster.end_of(pod, 0) for pod in cluster.running]
    ctx = StepContext(now=cluster.now, workflow=cluster.workflow, library=cluster.library, locks=cluster.locks)
    return cluster, ends, steps(cluster.state, ends, ctx)


def test_events_that_concern_the_workflow_alone_are_folded_to_the_last() -> None:
    _, ends, result = ended_together(PLAIN)
    assert result.folded == len(ends) == 3
    assert result.state.status.phase.completed


@pytest.mark.parametrize("text", [MEMOIZED, GUARDED])
def test_what_others_look_up_is_told_before_the_next_event(text: str) -> None:
    _, ends, result = ended_together(text)
    assert len(ends) >= 2
    assert result.folded == 1


def test_nothing_is_folded_after_the_end_of_the_workflow() -> None:
    cluster, ends, _ = ended_together(PLAIN)
    late = ends[0]
    ctx = StepContext(now=cluster.now, workflow=cluster.workflow)
    result = steps(cluster.state, [*ends, late, late], ctx)
    assert result.folded == 3
    assert result.refused == ""
