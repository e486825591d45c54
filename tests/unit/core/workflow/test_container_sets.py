"""The nodes of a container set where no manifest reaches: a lost pod, live phases, progress, manual retries."""

from __future__ import annotations

import pytest

from setpoint.apis.pods import POD_DELETED, ContainerEnd, PodExit, PodPhase
from setpoint.core.workflow import ContainersEnded, PodEnded, PodLost, PodStarted, RetryRequested, WorkflowStarted
from tests.unit.core.workflow.driver import START, Cluster, workflow

TEXT = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
  - name: main
    containerSet:
      containers:
      - {name: a, image: test, command: [COMMAND]}
      - {name: b, image: test, command: [echo, x], dependencies: [a]}
"""


def started(command: str) -> Cluster:
    cluster = Cluster(workflow(TEXT.replace("COMMAND", command)))
    cluster.fold(WorkflowStarted())
    return cluster


def test_all_containers_run_as_soon_as_their_pod_does() -> None:
    cluster = started("block")
    assert cluster.tree() == {"wf": "Pod Pending", "wf.a": "Container Pending", "wf.b": "Container Pending"}
    (pod,) = cluster.running
    cluster.fold(PodStarted(node="wf", pod=pod))
    assert cluster.tree() == {"wf": "Pod Running", "wf.a": "Container Running", "wf.b": "Container Running"}
    assert cluster.node("wf.b").display_name == "b"
    assert cluster.state.status.progress == "0/3"


def test_a_container_that_has_ended_is_told_while_its_pod_goes_on() -> None:
    cluster = started("block")
    (pod,) = cluster.running
    cluster.fold(PodStarted(node="wf", pod=pod))
    ends = {"a": ContainerEnd(exit_code=0, finished_at=START)}
    cluster.fold(ContainersEnded(node="wf", pod=pod, containers=ends))
    assert cluster.tree() == {"wf": "Pod Running", "wf.a": "Container Succeeded", "wf.b": "Container Running"}
    assert cluster.node("wf.a").finished_at == START
    cluster.restart()
    cluster.fold(ContainersEnded(node="wf", pod="other", containers={"b": ContainerEnd(exit_code=1)}))
    assert cluster.tree()["wf.b"] == "Container Running"


@pytest.mark.rule("phases.pod-lost")
def test_a_lost_pod_takes_its_containers_along() -> None:
    cluster = started("block")
    (pod,) = cluster.running
    cluster.fold(PodLost(node="wf", pod=pod))
    assert cluster.tree() == {"wf": "Pod Error", "wf.a": "Container Error", "wf.b": "Container Error"}
    assert [cluster.node(name).message for name in ("wf", "wf.a", "wf.b")] == [
        "pod deleted",
        *["container deleted"] * 2,
    ]


def test_a_manual_retry_runs_the_whole_set_again_and_a_container_means_its_pod() -> None:
    cluster = started("exit, '1'").run()
    assert cluster.phase == "Failed"
    cluster.fold(RetryRequested())
    assert cluster.tree() == {"wf": "Pod Pending", "wf.a": "Container Pending", "wf.b": "Container Pending"}
    cluster = started("echo").run()
    assert cluster.state.status.progress == "3/3"
    cluster.fold(RetryRequested(restart_successful=True, selector="displayName=b"))
    assert cluster.tree() == {"wf": "Pod Pending", "wf.a": "Container Pending", "wf.b": "Container Pending"}


def test_a_pod_whose_supervisor_is_gone_is_a_lost_one() -> None:
    cluster = started("block")
    (pod,) = cluster.running
    cluster.fold(PodEnded(node="wf", pod=pod, exit=PodExit(phase=PodPhase.ERROR, message=POD_DELETED)))
    assert [cluster.node(name).message for name in ("wf", "wf.a")] == ["pod deleted", "container deleted"]
