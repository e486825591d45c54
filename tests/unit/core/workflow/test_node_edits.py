"""Ends and values of Suspend nodes, as a client writes them into a status."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from setpoint.apis.argo import Inputs, NodePhase, NodeStatus, NodeType, Outputs, Parameter, ValueFrom
from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow.node_edits import edited_nodes, resumed_nodes

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def supplied(name: str, default: str | None = None) -> Parameter:
    return Parameter(name=name, value_from=ValueFrom(supplied={}, default=default))


def suspended(*outputs: Parameter, **fields: object) -> NodeStatus:
    node = NodeStatus(id="n", name="w.n", display_name="n", type=NodeType.SUSPEND, phase=NodePhase.RUNNING)
    return node.replace(outputs=Outputs(parameters=outputs) if outputs else None, **fields)


def test_all_that_wait_succeed_and_nothing_else_is_touched() -> None:
    pod = NodeStatus(id="p", name="w.p", type=NodeType.POD, phase=NodePhase.RUNNING)
    nodes = {"n": suspended(), "p": pod, "d": suspended(phase=NodePhase.SUCCEEDED)}
    (found,) = resumed_nodes(nodes, NOW).values()
    assert (found.id, found.phase, found.finished_at) == ("n", NodePhase.SUCCEEDED, NOW)


def test_supplied_outputs_take_their_default_or_the_input_of_their_name() -> None:
    inputs = Inputs(parameters=(Parameter(name="y", value="2"),))
    found = resumed_nodes({"n": suspended(supplied("x", "1"), supplied("y"), inputs=inputs)}, NOW)["n"]
    assert found.outputs is not None
    assert [(item.name, item.value, item.value_from) for item in found.outputs.parameters] == [
        ("x", "1", None),
        ("y", "2", None),
    ]


def test_an_output_without_a_value_keeps_a_node_waiting() -> None:
    with pytest.raises(InvalidSpec, match="'x' has not been set"):
        resumed_nodes({"n": suspended(supplied("x"))}, NOW)


def test_values_message_and_phase_are_set_on_those_that_are_meant() -> None:
    nodes = {"n": suspended(supplied("x")), "m": suspended(display_name="m", id="m")}
    edited = edited_nodes(nodes, "displayName=n", NOW, outputs={"x": "1"}, message="why", phase="Failed")
    assert set(edited) == {"n"}
    found = edited["n"]
    assert found.outputs is not None
    assert (found.phase, found.message, found.outputs.parameters[0].value) == (NodePhase.FAILED, "why", "1")
    assert found.finished_at == NOW
    assert edited_nodes(nodes, "displayName=n", NOW, message="why")["n"].phase is NodePhase.RUNNING


@pytest.mark.parametrize(
    ("node", "selector", "outputs", "words"),
    [
        (suspended(supplied("x")), "displayName=other", {}, "no suspend nodes matching"),
        (suspended(supplied("x")), "displayName=n", {"y": "1"}, "not expecting output parameter 'y'"),
        (suspended(), "displayName=n", {"x": "1"}, "not expecting output parameter 'x'"),
        (suspended(Parameter(name="x", value="set")), "displayName=n", {"x": "1"}, "not expecting"),
    ],
)
def test_what_cannot_be_set_is_said(node: NodeStatus, selector: str, outputs: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidSpec, match=words):
        edited_nodes({"n": node}, selector, NOW, outputs=outputs)
