"""Ending a leaf from outside: by a stop, a limit of time, or the end of what is around it."""

from __future__ import annotations

from datetime import datetime, timedelta

from setpoint.apis.argo import NodePhase, NodeType
from setpoint.core.workflow import ids
from setpoint.core.workflow.artifact_gc import needs_finalizer, with_gc
from setpoint.core.workflow.commands import CancelAction
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.state import GroupFrame, RetryFrame


def end_leaf(d: Draft, node_id: str, phase: NodePhase, message: str) -> None:
    """End a running leaf from outside: its node gets its phase now, its processes are told to end."""
    leaf = d.leaf(node_id)
    if leaf is not None and leaf.action:
        order = ids.command_id(d.uid, leaf.action, "cancel")
        d.order(CancelAction(id=order, node=node_id, command=leaf.action))
    elif d.need(node_id).type is NodeType.POD and (leaf is None or leaf.waits is None):
        d.kill(node_id, message)
        if leaf is not None and leaf.outputs.artifacts:
            d.status = with_gc(d.status, leaf.outputs.artifacts, d.spec)
            if needs_finalizer(d.status):
                d.parting = d.parting.set(node_id, leaf.outputs)
    d.mark(node_id, phase, message)


def end_groups_below(d: Draft, boundary: str, message: str) -> None:
    """End the step and task groups of a template that ends before them, and retries that wait for their time."""
    d.left_open = True
    for node_id in d.running_groups():
        frame = d.frame(node_id)
        if isinstance(frame, GroupFrame | RetryFrame) and frame.call.boundary == boundary:
            d.forget(node_id)
            d.mark(node_id, NodePhase.FAILED, message)


def workflow_deadline(d: Draft) -> datetime | None:
    """When `spec.activeDeadlineSeconds` runs out, None without."""
    seconds = d.spec.active_deadline_seconds
    started = d.status.started_at
    return started + timedelta(seconds=int(seconds)) if seconds is not None and started is not None else None
