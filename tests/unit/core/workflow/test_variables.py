"""Variables as tags see them."""

from __future__ import annotations

import re

import pytest

from setpoint.core.expr import ExpressionError, Scope, substitute
from setpoint.core.workflow import WorkflowStarted
from setpoint.core.workflow.variables import TagValues
from tests.unit.core.workflow.driver import Cluster, workflow


@pytest.mark.parametrize("value", ["\x1b[31m", "\x7f", "\x00", "\x07", "\x0b", "a\U000e0041", "\U000f0000"])
def test_what_gos_quoting_makes_no_json_of_fails_a_simple_tag_only(value: str) -> None:
    scope = Scope(TagValues({"steps.a.outputs.parameters.p": value}))
    with pytest.raises(ExpressionError, match="the result was invalid JSON"):
        substitute("{{steps.a.outputs.parameters.p}}", scope)
    assert substitute("{{=steps.a.outputs.parameters.p}}", scope) == value


@pytest.mark.parametrize("value", ["\b\t\n\f\r", "é", "\u00a0\u200b\ufeff", "\U0001f600", '"\\'])
def test_all_other_text_is_inserted_as_it_is(value: str) -> None:
    assert substitute("{{p}}", Scope(TagValues({"p": value}))) == value


@pytest.mark.rule("variables.duration")
def test_the_duration_of_the_workflow_has_six_decimals() -> None:
    cluster = Cluster(
        workflow(
            "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: wf}\nspec:\n  entrypoint: main\n"
            "  templates:\n  - name: main\n    steps: [[{name: wait, template: wait}], [{name: say, template: say}]]\n"
            "  - {name: wait, suspend: {duration: 5s}}\n"
            '  - {name: say, container: {image: test, command: [echo, "{{workflow.duration}}"]}}\n'
        )
    )
    cluster.fold(WorkflowStarted())
    while not cluster.done and cluster.turn():
        pass
    (_, duration) = cluster.words("wf[1].say")
    assert re.fullmatch(r"5\.\d{6}", duration)
