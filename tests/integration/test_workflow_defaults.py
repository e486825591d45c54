"""`workflowDefaults`: below every workflow, and below the template that one refers to."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.wiring.defaults import workflow_defaults
from setpoint.wiring.settings import Settings
from tests.workflow_engine import node, running_plane

pytestmark = pytest.mark.rule("objects.workflow-defaults")

DEFAULTS = """
metadata: {labels: {line: a, user: nobody}, annotations: {by: defaults}}
spec:
  activeDeadlineSeconds: 100
  priority: 1
  ttlStrategy: {secondsAfterCompletion: 1000}
  arguments: {parameters: [{name: size, value: "9"}, {name: unit, value: mm}]}
"""
TEMPLATES = """
  entrypoint: main
  templates:
  - name: main
    container: {image: busybox, command: [echo, "{{workflow.parameters.size}}"]}
    outputs: {parameters: [{name: said, value: "{{workflow.parameters.size}}"}]}
"""


def given(home: Path, text: str) -> Workflow | None:
    home.mkdir(exist_ok=True)
    (home / "defaults.yaml").write_text(text)
    return workflow_defaults(Settings(home=home, workflow_defaults="defaults.yaml"))


def said(workflow: Workflow) -> object:
    outputs = node(workflow, "wf").outputs
    assert outputs is not None
    return outputs.parameters[0].value


async def test_they_lie_below_a_workflow(tmp_path: Path) -> None:
    async with running_plane(tmp_path, defaults=given(tmp_path, DEFAULTS)) as plane:
        workflow = await plane.run(f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf, labels: {{user: me}}}}
spec:
  priority: 7
  arguments: {{parameters: [{{name: size, value: "3"}}]}}
{TEMPLATES}""")
        assert workflow.status.phase.value == "Succeeded", workflow.status.message
        assert said(workflow) == "3"
        assert [item.name for item in workflow.spec.arguments.parameters] == ["size", "unit"]
        assert (workflow.metadata.labels["line"], workflow.metadata.labels["user"]) == ("a", "me")
        assert workflow.metadata.annotations["by"] == "defaults"
        assert (workflow.spec.priority, workflow.spec.active_deadline_seconds) == (7, 100)
        assert workflow.spec.ttl_strategy is not None
        assert workflow.status.stored_workflow_template_spec is None


async def test_they_lie_below_the_template_that_a_workflow_refers_to(tmp_path: Path) -> None:
    async with running_plane(tmp_path, defaults=given(tmp_path, DEFAULTS)) as plane:
        workflow = await plane.run(f"""
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {{name: shared}}
spec:
  priority: 5
  arguments: {{parameters: [{{name: size, value: "4"}}]}}
{TEMPLATES}
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec: {{workflowTemplateRef: {{name: shared}}}}
""")
        assert workflow.status.phase.value == "Succeeded", workflow.status.message
        assert said(workflow) == "4"
        stored = workflow.status.stored_workflow_template_spec
        assert stored is not None
        assert (stored.priority, stored.active_deadline_seconds) == (5, 100)
        assert workflow.metadata.labels["line"] == "a"
        assert workflow.spec.active_deadline_seconds is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spec: {priorty: 1}", r"defaults.yaml:1:8: spec.priorty: .*did you mean 'priority'"),
        ("spec: {priority: high}", r"defaults.yaml:1:18: spec.priority: expected"),
        ("spec: {}\n---\nspec: {}", r"settings.workflow_defaults: .*expected one document"),
        ("spec: {", r"defaults.yaml:2:1: YAML syntax error"),
    ],
)
def test_what_is_wrong_with_them_is_said_with_its_path(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        given(tmp_path, text)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match=r"settings.workflow_defaults: .*cannot be read"):
        workflow_defaults(Settings(home=tmp_path, workflow_defaults="defaults.yaml"))
    assert workflow_defaults(Settings(home=tmp_path)) is None
