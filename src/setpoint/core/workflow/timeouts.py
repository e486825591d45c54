"""Time limits of leaf templates: `timeout`, `pendingTimeout`, and `activeDeadlineSeconds` of what runs no processes.

Processes are ended by their supervisor, with no control plane alive; the engine ends what waits to run, and what it
carries out itself. A suspend node has no limit but its duration, as on a cluster.
Source: SEMANTICS section 18; argo-workflows `checkTemplateTimeout`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from setpoint.apis.argo import NodePhase, NodeType, Template
from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow import ids
from setpoint.core.workflow.commands import SetTimer, TimerKind
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.durations import parse_duration
from setpoint.core.workflow.ending import end_leaf
from setpoint.core.workflow.state import WORKFLOW, Leaf, RetryFrame

TIMED_OUT = "timeout"
PAST_DEADLINE = "Pod was active on the node longer than the specified deadline"


def time_limits(template: Template, started: datetime) -> tuple[datetime | None, datetime | None]:
    """Until when a node may be Pending, and until when it may run. Raises: BuildError."""
    try:
        whole = [parse_duration(template.timeout, bare_seconds=False)] if template.timeout else []
        pending = [parse_duration(template.pending_timeout, bare_seconds=False)] if template.pending_timeout else []
        seconds = template.active_deadline_seconds
        running = [timedelta(seconds=int(seconds))] if seconds is not None else []
    except (InvalidSpec, ValueError) as error:
        raise BuildError(str(error)) from error
    waits, runs = [*whole, *pending], [*whole, *running]
    return (started + min(waits) if waits else None, started + min(runs) if runs else None)


def set_timers(d: Draft, node: str, leaf: Leaf) -> None:
    """Order the timers of a new node's limits."""
    for at in sorted({at for at in (leaf.pending_until, leaf.until) if at is not None}):
        timer = ids.command_id(d.uid, node, at.isoformat(), TimerKind.TIMEOUT)
        d.order(SetTimer(id=timer, at=at, kind=TimerKind.TIMEOUT, node=node))


def pass_time_limit(d: Draft, node_id: str) -> None:
    """A timer of a node is due: it ends if it is past its limit."""
    leaf, node = d.leaf(node_id), d.node(node_id)
    if leaf is None or node is None or node.phase.fulfilled:
        return
    if node.phase is NodePhase.PENDING and leaf.pending_until is not None and d.now >= leaf.pending_until:
        _time_out(d, node_id)
    elif leaf.until is not None and d.now >= leaf.until:
        end_leaf(d, node_id, NodePhase.FAILED, PAST_DEADLINE)


def _time_out(d: Draft, node_id: str) -> None:
    """A node that did not come to run fails its step group at once, an entry node its workflow; a retry goes on."""
    name, owner = d.need(node_id).name, d.owner_of(node_id) or WORKFLOW
    end_leaf(d, node_id, NodePhase.FAILED, TIMED_OUT)
    if isinstance(d.frame(owner), RetryFrame):
        return
    if owner == WORKFLOW:
        d.ended.append((owner, node_id, TIMED_OUT))
    elif d.need(owner).type is NodeType.STEP_GROUP:
        d.mark(owner, NodePhase.FAILED, f"child '{name}' timedout")
