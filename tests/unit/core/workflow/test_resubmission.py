"""Memoized resubmission: what succeeded is taken over with its outputs, the rest runs, restarts change nothing."""

from __future__ import annotations

import pytest

from setpoint.core.workflow import WorkflowStarted, carried_nodes
from tests.unit.core.workflow.driver import HEAD, Cluster, workflow

pytestmark = pytest.mark.rule("verbs.resubmit-memoized")

TEXT = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: {name}}}
spec:
  entrypoint: main
  onExit: bye
  arguments: {{parameters: [{{name: code, value: "{code}"}}]}}
  templates:
  - name: main
    dag:
      tasks:
      - {{name: make, template: make}}
      - {{name: again, template: again}}
      - name: each
        template: say
        depends: make && again
        withItems: [1, 2]
        arguments: {{parameters: [{{name: m, value: "{{{{item}}}}{{{{tasks.make.outputs.parameters.out}}}}"}}]}}
      - {{name: steps, template: steps, depends: each}}
      - name: show
        template: say
        depends: steps
        arguments: {{parameters: [{{name: m, value: "{{{{tasks.each.outputs.result}}}}"}}]}}
  - name: steps
    steps:
    - - {{name: good, template: make}}
      - {{name: bad, template: end}}
    - - name: after
        template: say
        arguments: {{parameters: [{{name: m, value: "{{{{steps.good.outputs.parameters.out}}}}"}}]}}
  - name: make
    container: {{image: test, command: [set, out=7]}}
    outputs: {{parameters: [{{name: out, valueFrom: {{path: /tmp/out}}, globalName: made}}]}}
  - name: again
    retryStrategy: {{limit: 2}}
    container: {{image: test, command: [flaky, "1"]}}
  - name: say
    inputs: {{parameters: [{{name: m}}]}}
    container: {{image: test, command: [echo, "{{{{inputs.parameters.m}}}}"]}}
  - name: end
    container: {{image: test, command: [exit, "{{{{workflow.parameters.code}}}}"]}}
  - name: bye
    container: {{image: test, command: [echo, bye]}}
"""


@pytest.mark.parametrize("restarts", [False, True])
def test_only_what_failed_runs_again(restarts: bool) -> None:
    old = Cluster(workflow(TEXT.format(name="old", code=1))).run()
    assert old.phase == "Failed"
    new = Cluster(workflow(TEXT.format(name="new", code=0)))
    new.fold(WorkflowStarted(resubmitted="old", carried=carried_nodes(old.state.nodes.values())))
    while not new.done:
        if restarts:
            new.restart()
        assert new.turn()
    assert (new.phase, new.message) == ("Succeeded", "")
    ran = [new.state.nodes[node].name for node in new.started]
    assert ran == ["new.steps[0].bad", "new.steps[1].after", "new.show", "new.onExit"]
    assert new.words("new.steps[1].after") == ["echo", "7"]
    assert new.words("new.show") == ["echo", "[17,27]"]
    made = new.node("new.make")
    assert (made.type, made.phase, made.message) == ("Skipped", "Skipped", f"original pod: {old.node('old.make').id}")
    assert made.outputs == old.node("old.make").outputs
    assert new.node("new.again").type == "Skipped"
    assert set(new.node("new").children) == {new.node("new.make").id, new.node("new.again").id}
    outputs = new.state.status.outputs
    assert outputs is not None
    assert {item.name: item.value for item in outputs.parameters} == {"made": "7"}


def test_a_memoized_resubmission_takes_over_pods_and_asks_again() -> None:
    cluster = Cluster(
        workflow(
            HEAD
            + """
  - name: main
    dag:
      tasks:
      - {name: pod, template: pod}
      - {name: again, template: again}
      - {name: request, template: request}
      - {name: tried, template: tried}
      - {name: bad, template: bad, depends: pod}
  - name: pod
    container: {image: test, command: [echo, a]}
  - name: again
    retryStrategy: {limit: 2}
    container: {image: test, command: [flaky, "1"]}
  - name: request
    http: {url: test:200/ok}
  - name: tried
    retryStrategy: {limit: 2}
    http: {url: test:200/ok}
  - name: bad
    container: {image: test, command: [exit, "1"]}
"""
        )
    ).run()
    assert cluster.phase == "Failed"
    assert sorted(node.name for node in carried_nodes(cluster.state.nodes.values())) == ["wf.again", "wf.pod"]
