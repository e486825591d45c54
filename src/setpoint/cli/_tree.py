"""The tree of a workflow for people: which rows, in which order, and how a row reads.

Pure functions of the Workflow and a moment; printing and refreshing is `_watch`. Step groups are not shown (order
says the same), a Retry node with a single attempt is shown as one row.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.text import Text

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, Workflow, WorkflowPhase
from setpoint.cli._output import format_seconds

ICONS: dict[str, tuple[str, str]] = {
    "": ("◷", "dim"),
    "Pending": ("◷", "yellow"),
    "Running": ("●", "cyan"),
    "Succeeded": ("✔", "green"),
    "Failed": ("✖", "red"),
    "Error": ("⚠", "red"),
    "Skipped": ("○", "dim"),
    "Omitted": ("○", "dim"),
}
_NUMBERS = re.compile(r"(\d+)", re.ASCII)
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the tree; `rails` are the lines that lead to it."""

    rails: str
    node: NodeStatus
    attempts: int  # of a Retry node, else 0
    progress: str


def tree_rows(workflow: Workflow, hidden: Container[str] = ()) -> list[Row]:
    """Rows in depth-first order, siblings by start time; nodes without parent (root, exit handler) at the top.

    `hidden`: ids of nodes that are left out, with what is below them.
    """
    nodes = workflow.status.nodes
    by_name = {node.name: node for node in nodes.values()}
    children: dict[str, list[NodeStatus]] = defaultdict(list)
    for node in nodes.values():
        if node.type is not NodeType.STEP_GROUP and node.id not in hidden:
            children[_parent(node, by_name, nodes)].append(node)
    rows: list[Row] = []
    for top in sorted(children[""], key=_order):
        rows.append(_row("", top, children))
        _descend(top, "", children, rows)
    return rows


def _parent(node: NodeStatus, by_name: dict[str, NodeStatus], nodes: dict[str, NodeStatus]) -> str:
    """Id of the node it is shown under: its Retry or TaskGroup, else its boundary, else nothing."""
    if node.name.endswith(")"):
        group = by_name.get(_without_suffix(node.name))
        if group is not None and group.type in (NodeType.RETRY, NodeType.TASK_GROUP):
            return group.id
    return node.boundary_id if node.boundary_id in nodes else ""


def _without_suffix(name: str) -> str:
    """`a.b(0:x)` without its last bracket; brackets never occur inside item text."""
    return name[: name.rindex("(")] if "(" in name else name


def _descend(node: NodeStatus, rails: str, children: dict[str, list[NodeStatus]], rows: list[Row]) -> None:
    below = sorted(children[node.id], key=_order)
    if node.type is NodeType.RETRY and len(below) == 1:
        below = sorted(children[below[0].id], key=_order)  # the only attempt is the node itself
    for index, child in enumerate(below):
        last = index == len(below) - 1
        rows.append(_row(rails + ("└─" if last else "├─"), child, children))
        _descend(child, rails + ("  " if last else "│ "), children, rows)


def _row(rails: str, node: NodeStatus, children: dict[str, list[NodeStatus]]) -> Row:
    attempts = children[node.id] if node.type is NodeType.RETRY else []
    # Of a retried step the attempt that runs or ran last: the sum would count what earlier ones left undone.
    progress = max(attempts, key=_order).progress if attempts else node.progress
    return Row(rails=rails, node=node, attempts=len(attempts), progress=progress)


def _order(node: NodeStatus) -> tuple[bool, datetime, list[tuple[bool, int, str]]]:
    return (node.started_at is None, node.started_at or _BEGINNING, natural_order(node.name))


def natural_order(name: str) -> list[tuple[bool, int, str]]:
    """A key by which `x(9)` comes before `x(10)`."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in _NUMBERS.split(name)]


def waiting_for(node: NodeStatus) -> str:
    """What a suspended node says of itself; empty for all others."""
    if node.type is not NodeType.SUSPEND or node.phase is not NodePhase.RUNNING:
        return ""
    return f"{node.message or 'suspended'}; `setpoint resume` lets it go on"


def render_row(row: Row, now: datetime) -> Text:
    """`├─✔ train  12s  2 attempts  message`."""
    node = row.node
    icon, style = ICONS[node.phase.value]
    text = Text(row.rails, style="dim")
    text.append(f"{icon} ", style=style)
    text.append(node.display_name or node.name, style="dim" if style == "dim" else "")
    if node.started_at is not None and node.type is not NodeType.SKIPPED:
        text.append(f"  {format_elapsed(node.started_at, node.finished_at or now)}", style="dim")
    if row.attempts > 1:
        text.append(f"  {row.attempts} attempts", style="yellow")
    if node.phase is NodePhase.RUNNING and _is_worth_telling(row.progress):
        text.append(f"  {row.progress}", style="cyan")
    if waiting := waiting_for(node):
        text.append(f"  {waiting}", style="yellow")
    elif node.message:
        text.append(f"  {node.message}", style="dim" if node.phase in _QUIET else "red")
    return text


_FINE = frozenset({NodePhase.SKIPPED, NodePhase.OMITTED, NodePhase.SUCCEEDED})
_QUIET = frozenset({NodePhase.SKIPPED, NodePhase.OMITTED, NodePhase.RUNNING, NodePhase.PENDING, NodePhase.SUCCEEDED})


def _is_worth_telling(progress: str) -> bool:
    return progress not in ("", "0/1", "1/1")


def format_elapsed(start: datetime, end: datetime) -> str:
    """`0.4s` below ten seconds, else as ages are printed."""
    seconds = max(0.0, (end - start).total_seconds())
    return f"{seconds:.1f}s" if seconds < 10 else format_seconds(seconds)


def render_tree(workflow: Workflow, now: datetime, *, height: int | None = None) -> list[Text]:
    """A head line with name, phase and time, then the rows. The root is the head unless it has more to say.

    Args:
        workflow: Whose tree.
        now: For how long running nodes run.
        height: Lines there is room for. Rows that finished well are left out then, those that ended first before
            others, and a line says how many; a tree that is still too tall is cut below. None means no limit.
    """
    status = workflow.status
    phase = status.phase.value or WorkflowPhase.PENDING.value
    icon, style = ICONS[phase]
    head = Text(f"{icon} ", style=style)
    head.append(workflow.metadata.name, style="bold")
    head.append(f"  {phase}", style=style)
    if status.started_at is not None:
        head.append(f"  {format_elapsed(status.started_at, status.finished_at or now)}", style="dim")
    if status.progress:
        head.append(f"  {status.progress}", style="dim")
    if status.message:
        head.append(f"  {status.message}", style="red" if status.phase.failed_or_error else "dim")
    rows = _without_root(tree_rows(workflow), workflow)
    if height is None or len(rows) < height:
        return [head, *(render_row(row, now) for row in rows)]
    room = max(height - 2, 1)
    fitting = _without_root(tree_rows(workflow, _least_wanted(rows, len(rows) - room)), workflow)[:room]
    note = Text(f"… {len(rows) - len(fitting)} more: setpoint get {workflow.metadata.name}", style="dim")
    return [head, *(render_row(row, now) for row in fitting), note]


def _without_root(rows: list[Row], workflow: Workflow) -> list[Row]:
    if not rows or rows[0].node.name != workflow.metadata.name:
        return rows
    root = rows[0]
    says_no_more = root.attempts < 2 and (waiting_for(root.node) or root.node.message) in ("", workflow.status.message)
    return rows[1:] if says_no_more and root.node.phase.value == workflow.status.phase.value else rows


def _least_wanted(rows: list[Row], count: int) -> set[str]:
    """Ids of that many nodes that finished well, the first to end first: what is below a node ends before it."""
    done = [row for row in rows if row.rails and row.node.phase in _FINE and row.node.finished_at is not None]
    done.sort(key=lambda row: (row.node.finished_at or _BEGINNING, -len(row.rails)))
    return {row.node.id for row in done[:count]}
