"""Argo's types: scalars as text, questions about phases, templates' types, reading back what was written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis import argo
from setpoint.apis.argo import (
    KINDS,
    Artifact,
    NodePhase,
    NodeStatus,
    NodeType,
    Parameter,
    RetryPolicy,
    RetryStrategy,
    S3Artifact,
    Template,
    TemplateType,
    Volume,
    Workflow,
    WorkflowPhase,
    WorkflowSpec,
    scalar_text,
)
from setpoint.apis.meta import render_wire


def spec_of(values: Any) -> WorkflowSpec:
    return msgspec.convert(values, WorkflowSpec)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (-2.50, "-2.5"),
        (True, "true"),
        (False, "false"),
        ("007", "007"),
        (9007199254740993, "9007199254740992"),  # a 64-bit float to Argo
    ],
)
def test_scalars_become_text_as_argo_writes_them(value: Any, text: str) -> None:
    assert scalar_text(value) == text
    parameter = msgspec.convert({"name": "p", "value": value, "default": value, "enum": [value]}, Parameter)
    assert (parameter.value, parameter.default, parameter.enum) == (text, text, (text,))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_never_has_an_exponent_and_keeps_the_value(value: float) -> None:
    text = scalar_text(value)
    assert "e" not in text.lower()
    assert float(text) == value


def test_an_absent_value_differs_from_an_empty_one() -> None:
    assert not msgspec.convert({"name": "p"}, Parameter).has_value
    assert msgspec.convert({"name": "p", "value": ""}, Parameter).has_value
    assert b'"value":""' in msgspec.json.encode(Parameter(name="p", value=""))


def test_a_list_is_no_parameter_value() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.value"):
        msgspec.convert({"name": "p", "value": [1]}, Parameter)


PHASES = {
    #                       completed, fulfilled, failed or error
    NodePhase.PENDING: (False, False, False),
    NodePhase.RUNNING: (False, False, False),
    NodePhase.SUCCEEDED: (True, True, False),
    NodePhase.SKIPPED: (False, True, False),
    NodePhase.FAILED: (True, True, True),
    NodePhase.ERROR: (True, True, True),
    NodePhase.OMITTED: (False, True, False),
}


@pytest.mark.parametrize("phase", list(NodePhase))
def test_questions_about_a_node_phase(phase: NodePhase) -> None:
    node = NodeStatus(id="i", name="n", type=NodeType.POD, phase=phase)
    answers = (node.completed, node.fulfilled, node.failed_or_error)
    assert answers == PHASES[phase] == (phase.completed, phase.fulfilled, phase.failed_or_error)


def test_a_daemoned_node_is_fulfilled_once_it_runs() -> None:
    node = NodeStatus(id="i", name="n", type=NodeType.POD, phase=NodePhase.RUNNING, daemoned=True)
    assert node.fulfilled
    assert not node.replace(phase=NodePhase.PENDING).fulfilled


def test_questions_about_a_workflow_phase() -> None:
    assert [phase for phase in WorkflowPhase if phase.completed] == ["Succeeded", "Failed", "Error"]
    assert [phase for phase in WorkflowPhase if phase.failed_or_error] == ["Failed", "Error"]


@pytest.mark.parametrize("kind", list(TemplateType))
def test_the_type_of_a_template_is_the_field_that_is_set(kind: TemplateType) -> None:
    bodies: dict[str, Any] = {
        "containerSet": {"containers": []},
        "resource": {"action": "get"},
        "http": {"url": "http://localhost"},
        "data": {"source": {}, "transformation": []},
        "steps": [],
        "dag": {"tasks": []},
    }
    template = msgspec.convert({kind.value: bodies.get(kind.value, {})}, Template)
    assert template.types == (kind,)
    assert template.type is kind
    assert template.is_leaf == (kind not in (TemplateType.STEPS, TemplateType.DAG))
    assert template.is_pod == (kind.value in ("container", "containerSet", "script", "resource", "data"))


def test_a_template_without_a_type_has_none() -> None:
    assert Template().type is None
    assert Template().types == ()


def test_calls_lists_steps_and_tasks_in_order() -> None:
    spec = spec_of(
        {
            "templates": [
                {"name": "s", "steps": [[{"name": "a"}, {"name": "b"}], [{"name": "c"}]]},
                {"name": "d", "dag": {"tasks": [{"name": "x"}, {"name": "y", "depends": "x"}]}},
            ]
        }
    )
    assert [[call.name for call in template.calls] for template in spec.templates] == [["a", "b", "c"], ["x", "y"]]


def test_the_exit_hook_is_on_exit_before_hooks_exit() -> None:
    spec = spec_of({"onExit": "a", "hooks": {"exit": {"template": "b"}}})
    assert spec.exit_hook is not None
    assert spec.exit_hook.template == "a"
    spec = spec_of({"hooks": {"exit": {"template": "b"}}})
    assert spec.exit_hook is not None
    assert spec.exit_hook.template == "b"
    assert spec_of({}).exit_hook is None


def test_an_expression_makes_always_the_default_policy() -> None:
    assert RetryStrategy().effective_policy is RetryPolicy.ON_FAILURE
    assert RetryStrategy(expression="true").effective_policy is RetryPolicy.ALWAYS
    assert RetryStrategy(expression="true", retry_policy="OnError").effective_policy is RetryPolicy.ON_ERROR


def test_an_artifact_is_located_by_endpoint_bucket_and_key_together() -> None:
    assert S3Artifact(key="k", bucket="b", endpoint="e").located
    assert not S3Artifact(key="k", bucket="b").located
    assert msgspec.convert({"name": "a", "s3": {"key": "k"}}, Artifact).stores == ("s3",)


def test_volume_sources_have_wire_names() -> None:
    volume = msgspec.convert({"name": "v", "emptyDir": {}, "downwardAPI": {}}, Volume)
    assert volume.sources == ("emptyDir", "downwardAPI")


def test_what_is_written_reads_back_equal() -> None:
    values = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {
            "entrypoint": "m",
            "podGC": {"strategy": "OnPodCompletion"},
            "templates": [
                {"name": "m", "steps": [[{"name": "a", "withItems": [1, "x", {"k": None}], "template": "b"}]]},
                {"name": "b", "container": {"image": "i"}, "outputs": {"artifacts": [{"name": "o", "from": "{{x}}"}]}},
            ],
        },
        "status": {
            "phase": "Running",
            "nodes": {
                "w": {"id": "w", "name": "w", "type": "Steps", "phase": "Pending", "boundaryID": "b", "podIP": "::1"}
            },
        },
    }
    workflow = msgspec.convert(values, Workflow)
    assert msgspec.json.decode(msgspec.json.encode(render_wire(workflow))) == values
    assert msgspec.json.decode(msgspec.json.encode(workflow), type=Workflow) == workflow


def test_kinds_name_themselves_as_kubectl_does() -> None:
    found = {kind.KIND: (kind.PLURAL, kind.SHORT_NAMES, kind.NAMESPACED) for kind in KINDS}
    assert found == {
        "Workflow": ("workflows", ("wf",), True),
        "WorkflowTemplate": ("workflowtemplates", ("wftmpl",), True),
        "ClusterWorkflowTemplate": ("clusterworkflowtemplates", ("clusterwftmpl", "cwft"), False),
        "CronWorkflow": ("cronworkflows", ("cwf", "cronwf"), True),
        "WorkflowEventBinding": ("workfloweventbindings", ("wfeb",), True),
    }


def test_the_exported_names_are_there_once() -> None:
    assert len(argo.__all__) == len(set(argo.__all__))
    assert all(hasattr(argo, name) for name in argo.__all__)
