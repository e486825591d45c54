"""The tree that people see: parents, order, collapsed attempts, hidden step groups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from setpoint.apis.argo import (
    NodeFlag,
    NodePhase,
    NodeStatus,
    NodeType,
    Workflow,
    WorkflowPhase,
    WorkflowSpec,
    WorkflowStatus,
)
from setpoint.apis.meta import ObjectMeta
from setpoint.cli._output import format_seconds
from setpoint.cli._tree import render_tree, tree_rows

START = datetime(2026, 1, 1, tzinfo=UTC)


def node(name: str, kind: NodeType, *, at: float = 0, parent: str = "", **more: object) -> NodeStatus:
    display = name.removeprefix(f"{parent}.") if parent else name
    fields: dict[str, object] = {
        "phase": NodePhase.SUCCEEDED,
        "started_at": START + timedelta(seconds=at),
        "finished_at": START + timedelta(seconds=at + 2),
        "boundary_id": parent,
        "display_name": display,
    }
    return NodeStatus(id=name, name=name, type=kind, **(fields | more))  # type: ignore[arg-type]  # mixed keywords


def workflow(*nodes: NodeStatus) -> Workflow:
    status = WorkflowStatus(
        phase=WorkflowPhase.RUNNING, started_at=START, nodes={item.id: item for item in nodes}, progress="1/2"
    )
    return Workflow(metadata=ObjectMeta(name="wf"), spec=WorkflowSpec(), status=status)


def shown(found: Workflow) -> list[str]:
    return [row.rails + (row.node.display_name or row.node.name) for row in tree_rows(found)]


def test_tasks_stand_under_their_dag_in_order_of_start() -> None:
    found = workflow(
        node("wf.b", NodeType.POD, at=5, parent="wf"),
        node("wf", NodeType.DAG),
        node("wf.a", NodeType.POD, at=1, parent="wf"),
        node("wf.onExit", NodeType.POD, at=9),
    )
    assert shown(found) == ["wf", "├─a", "└─b", "wf.onExit"]


def test_a_single_attempt_is_its_retry_node_and_more_are_listed() -> None:
    attempt = NodeFlag(retried=True)
    one = workflow(
        node("wf", NodeType.DAG),
        node("wf.a", NodeType.RETRY, parent="wf", children=("wf.a(0)",)),
        node("wf.a(0)", NodeType.POD, parent="wf", node_flag=attempt),
    )
    assert shown(one) == ["wf", "└─a"]
    two = workflow(
        node("wf", NodeType.DAG),
        node("wf.a", NodeType.RETRY, parent="wf", children=("wf.a(0)", "wf.a(1)")),
        node("wf.a(0)", NodeType.POD, parent="wf", node_flag=attempt, phase=NodePhase.FAILED),
        node("wf.a(1)", NodeType.POD, at=3, parent="wf", node_flag=attempt),
    )
    assert shown(two) == ["wf", "└─a", "  ├─a(0)", "  └─a(1)"]
    assert "2 attempts" in render_tree(two, START)[2].plain


def test_items_stand_under_their_task_group_and_step_groups_are_hidden() -> None:
    found = workflow(
        node("wf", NodeType.STEPS),
        node("wf[0]", NodeType.STEP_GROUP, parent="wf"),
        node("wf[0].x", NodeType.DAG, at=1, parent="wf"),
        node("wf[0].x.t", NodeType.TASK_GROUP, at=1, parent="wf[0].x"),
        node("wf[0].x.t(0:a)", NodeType.POD, at=1, parent="wf[0].x"),
        node("wf[0].x.t(1:b)", NodeType.POD, at=2, parent="wf[0].x"),
    )
    assert shown(found) == ["wf", "└─wf[0].x".replace("wf[0].x", "wf[0].x"), "  └─t", "    ├─t(0:a)", "    └─t(1:b)"]


def test_the_head_tells_name_phase_time_and_progress() -> None:
    head = render_tree(workflow(node("wf", NodeType.POD)), START + timedelta(seconds=75))[0].plain
    assert head.split() == ["●", "wf", "Running", "1m15s", "1/2"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (61, "1m1s"), (3600, "1h"), (3661, "1h1m"), (90000, "1d1h"), (86400, "1d")],
)
def test_ages_have_at_most_two_units(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
