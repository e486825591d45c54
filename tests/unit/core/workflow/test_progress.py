"""Progress: what each node and the workflow show, and what is written for it."""

from __future__ import annotations

import pytest

from setpoint.apis.pods import PodExit, PodPhase, parse_progress
from setpoint.core.workflow import PodEnded, PodStarted, ProgressReported, WorkflowStarted
from tests.unit.core.workflow.driver import Cluster, run, workflow

HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
"""
ONE = HEAD + "spec: {entrypoint: main, templates: [{name: main, container: {image: test, command: [block]}}]}"
FAN_OUT = (
    HEAD
    + """
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: a, template: say, withSequence: {count: "100"}}]]
  - {name: say, container: {image: test, command: [block]}}
"""
)
MIXED = (
    HEAD
    + """
spec:
  entrypoint: main
  onExit: say
  templates:
  - name: main
    dag:
      tasks:
      - {name: a, template: flaky}
      - {name: b, template: say, depends: a, withItems: [1, 2]}
      - {name: c, template: say, depends: b, when: "false"}
  - {name: flaky, retryStrategy: {limit: 2}, container: {image: test, command: [flaky, "1"]}}
  - {name: say, container: {image: test, command: [echo, x]}}
"""
)


@pytest.mark.parametrize(
    "text", ["", "1", "1/", "2/1", "0/0", "-1/2", "1/2/3", "1.0/2", "x", "1" * 20 + "/" + "2" * 20]
)
def test_no_progress(text: str) -> None:
    assert parse_progress(text) is None


def test_blanks_around_it_do_not_matter() -> None:
    assert parse_progress(" 03/10\n") == (3, 10)


def test_groups_and_the_workflow_are_the_sums_of_their_pods() -> None:
    cluster = run(MIXED)
    assert cluster.phase == "Succeeded"
    found = {node.name: node.progress for node in cluster.state.nodes.values()}
    assert found == {
        "wf": "3/4",
        "wf.a": "1/2",
        "wf.a(0)": "0/1",
        "wf.a(1)": "1/1",
        "wf.b": "2/2",
        "wf.b(0:1)": "1/1",
        "wf.b(1:2)": "1/1",
        "wf.c": "",
        "wf.onExit": "1/1",
    }
    assert cluster.state.status.progress == "4/5"


def _pod(cluster: Cluster, number: int = 0) -> tuple[str, str]:
    pod = list(cluster.running)[number]
    return cluster.running[pod].node, pod


def test_a_pod_that_reports_shows_what_it_says_and_all_of_it_when_it_succeeds() -> None:
    cluster = Cluster(workflow(ONE))
    cluster.fold(WorkflowStarted())
    node, pod = _pod(cluster)
    assert cluster.node("wf").progress == cluster.state.status.progress == "0/1"
    assert not cluster.fold(ProgressReported(node=node, pod=pod, progress="3/9")).changed, "it does not run yet"
    cluster.fold(PodStarted(node=node, pod=pod))
    cluster.fold(ProgressReported(node=node, pod=pod, progress="3/9"))
    assert cluster.node("wf").progress == cluster.state.status.progress == "3/9"
    for text in ("3/9", "nonsense", "9/3"):
        assert not cluster.fold(ProgressReported(node=node, pod=pod, progress=text)).changed
    assert not cluster.fold(ProgressReported(node=node, pod="another", progress="4/9")).changed
    cluster.restart()
    cluster.fold(PodEnded(node=node, pod=pod, exit=PodExit(phase=PodPhase.SUCCEEDED, exit_code=0, progress="7/10")))
    assert cluster.node("wf").progress == cluster.state.status.progress == "10/10"


def test_a_pod_that_fails_keeps_how_far_it_came() -> None:
    cluster = Cluster(workflow(ONE))
    cluster.fold(WorkflowStarted())
    node, pod = _pod(cluster)
    cluster.fold(PodEnded(node=node, pod=pod, exit=PodExit(phase=PodPhase.FAILED, exit_code=1, progress="7/10")))
    assert (cluster.phase, cluster.state.status.progress) == ("Failed", "7/10")


def test_the_row_of_a_wide_group_is_not_written_for_every_pod() -> None:
    cluster = Cluster(workflow(FAN_OUT))
    cluster.fold(WorkflowStarted())
    assert cluster.state.status.progress == "0/100"
    group = cluster.node("wf[0]").id
    for number in range(100):
        node, pod = _pod(cluster)
        del cluster.running[pod]
        result = cluster.fold(PodEnded(node=node, pod=pod, exit=PodExit(phase=PodPhase.SUCCEEDED, exit_code=0)))
        assert cluster.state.status.progress == f"{number + 1}/100"
        assert (group in result.changed) == (number == 99)
    assert cluster.node("wf[0]").progress == cluster.node("wf").progress == "100/100"
