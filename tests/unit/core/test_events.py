"""What bindings make of events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from setpoint.apis.argo import WorkflowEventBinding
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.core.events import IncomingEvent, workflow_for

BINDING = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowEventBinding
metadata: {name: b, namespace: default, uid: u}
spec:
  event: {selector: "true"}
  submit:
    workflowTemplateRef: {name: t}
    arguments: {parameters: [{name: p, valueFrom: {event: EVENT}}]}
"""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def passed_on(expression: str) -> str | None:
    binding = decode_document(load_documents(BINDING.replace("EVENT", f"'{expression}'"), "b.yaml")[0])
    assert isinstance(binding, WorkflowEventBinding)
    event = IncomingEvent(namespace="default", discriminator="", metadata={}, payload={"n": 1.0, "t": "<é>"})
    made = workflow_for(binding, event, NOW)
    assert made is not None
    found = made.spec.arguments.parameter("p")
    assert found is not None
    return found.value


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("payload.t", "<é>"),
        ("payload.n", "1"),
        ("payload.none", "null"),
        ("payload", r'{"n":1,"t":"\u003cé\u003e"}'),
        ("now()", '"2026-01-01T00:00:00Z"'),
        ("[1, true]", "[1,true]"),
    ],
)
def test_a_value_is_the_text_that_go_makes_of_it(expression: str, text: str) -> None:
    assert passed_on(expression) == text


def test_a_value_that_json_cannot_hold_is_said() -> None:
    with pytest.raises(InvalidSpec, match=r"spec.submit.arguments.p"):
        passed_on("1.0 / 0")
