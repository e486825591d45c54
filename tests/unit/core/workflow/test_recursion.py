"""A template that calls itself without end: stopped at Argo's depth."""

from __future__ import annotations

import pytest

from setpoint.apis.argo import WorkflowPhase
from setpoint.core.workflow import WorkflowStarted
from tests.unit.core.workflow.driver import Cluster, workflow


@pytest.mark.rule("validation.recursion")
def test_recursion_without_end_is_an_error() -> None:
    cluster = Cluster(
        workflow(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: wf}\nspec:\n  entrypoint: main\n"
            "  templates: [{name: main, steps: [[{name: a, template: main}]]}]\n"
        )
    )
    cluster.fold(WorkflowStarted())
    while not cluster.done and cluster.turn():
        pass
    assert cluster.state.status.phase is WorkflowPhase.FAILED
    (innermost,) = [node for node in cluster.state.nodes.values() if node.message == "Maximum recursion depth exceeded"]
    assert innermost.name.count("[0].a") == 100  # the entry is the first
    assert 190 <= len(cluster.state.nodes) <= 205  # a Steps node and a StepGroup for each of the 100 levels
