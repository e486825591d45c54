"""The tree that people see: parents, order, collapsed attempts, hidden step groups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from rich.console import Console

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
from setpoint.cli._watch import PlainLines

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


def test_a_retried_step_shows_how_far_its_last_attempt_is() -> None:
    retried = NodeFlag(retried=True)
    running = NodePhase.RUNNING
    found = workflow(
        node("wf.a", NodeType.RETRY, phase=running, progress="3/6", children=("wf.a(0)", "wf.a(1)")),
        node("wf.a(0)", NodeType.POD, phase=NodePhase.FAILED, node_flag=retried, progress="0/1"),
        node("wf.a(1)", NodeType.POD, at=3, phase=running, node_flag=retried, progress="3/5"),
    )
    lines = [line.plain for line in render_tree(found, START)[1:]]
    assert [line.rpartition("  ")[2] for line in lines if "3/" in line] == ["3/5", "3/5"]


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


def lines(found: Workflow, **more: int) -> list[str]:
    return [line.plain for line in render_tree(found, START, **more)]


def test_the_root_is_the_head_unless_it_says_more() -> None:
    root = node("wf", NodeType.DAG, phase=NodePhase.RUNNING)
    assert [line.split()[1] for line in lines(workflow(root, node("wf.a", NodeType.POD, parent="wf")))] == ["wf", "a"]
    told = msgspec.structs.replace(root, message="waits")
    assert [line.split()[1] for line in lines(workflow(told))] == ["wf", "wf"]


@pytest.mark.parametrize(("message", "words"), [("", "suspended"), ("see the report", "see the report")])
def test_a_suspended_node_tells_how_to_go_on(message: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = workflow(node("wf", NodeType.SUSPEND, phase=NodePhase.RUNNING, finished_at=None, message=message))
    assert f"{words}; `setpoint resume` lets it go on" in lines(found)[1]
    PlainLines(Console(width=80)).show(found)
    assert "setpoint resume" in capsys.readouterr().out


def test_items_are_in_the_order_of_their_numbers() -> None:
    items = [node(f"wf.a({index}:{index})", NodeType.POD, parent="wf") for index in (10, 9, 100, 1)]
    assert [row.node.name for row in tree_rows(workflow(*items))] == [f"wf.a({n}:{n})" for n in (1, 9, 10, 100)]


def test_a_tree_taller_than_the_screen_keeps_what_runs_and_what_failed() -> None:
    done = [node(f"wf.a({n}:{n})", NodeType.POD, at=n, parent="wf") for n in range(50)]
    bad = node("wf.a(50:50)", NodeType.POD, parent="wf", phase=NodePhase.FAILED)
    runs = node("wf.a(51:51)", NodeType.POD, at=51, parent="wf", phase=NodePhase.RUNNING, finished_at=None)
    found = workflow(node("wf", NodeType.DAG, phase=NodePhase.RUNNING), *done, bad, runs)
    told = lines(found, height=8)
    assert len(told) == 8
    assert [line.split()[1] for line in told[1:-1]] == [f"a({n}:{n})" for n in (50, 46, 47, 48, 49, 51)]
    assert told[-1] == "… 46 more: setpoint get wf"
    assert lines(found, height=100) == lines(found)
    assert len(lines(found)) == 53


def test_a_tree_of_running_nodes_is_cut_to_the_screen() -> None:
    running = [
        node(f"wf.a({n}:{n})", NodeType.POD, parent="wf", phase=NodePhase.RUNNING, finished_at=None) for n in range(50)
    ]
    assert len(lines(workflow(*running), height=8)) == 8


def test_lines_of_a_log_tell_a_group_after_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainLines(Console(width=80))
    view.show(workflow(*(node(n, k, phase=NodePhase.RUNNING, finished_at=None) for n, k in _NESTED)))
    view.show(workflow(*(node(n, k) for n, k in _NESTED)))
    names = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert names == ["wf", "wf.a", "wf.a(0)", "wf.a(0)", "wf.a", "wf"]


_NESTED = [("wf", NodeType.DAG), ("wf.a(0)", NodeType.POD), ("wf.a", NodeType.RETRY)]


def test_the_head_tells_name_phase_time_and_progress() -> None:
    head = render_tree(workflow(node("wf", NodeType.POD)), START + timedelta(seconds=75))[0].plain
    assert head.split() == ["●", "wf", "Running", "1m15s", "1/2"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (61, "1m1s"), (3600, "1h"), (3661, "1h1m"), (90000, "1d1h"), (86400, "1d")],
)
def test_ages_have_at_most_two_units(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_a_node_that_waits_says_for_what_once(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainLines(Console(width=80))
    waits = node("wf", NodeType.POD, phase=NodePhase.PENDING, finished_at=None)
    reason = "Unschedulable: 0/1 nodes are available: 1 Insufficient memory."
    for item in (waits, waits.replace(message=reason), waits.replace(message=reason)):
        view.show(workflow(item))
    assert capsys.readouterr().out.splitlines() == [f"◷ wf Pending: {reason}"]
