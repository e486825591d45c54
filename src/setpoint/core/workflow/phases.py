"""Legal moves of node and workflow phases: one table each, and a move not in it is a bug with a story.

Ended phases absorb. Two moves out of an ended phase exist: a hook whose expression fails turns its node to Error, and a
manual retry sets an enclosing group back to Running; both are asked for by name.
"""

from __future__ import annotations

from enum import Enum

from setpoint.apis.argo import NodePhase, WorkflowPhase
from setpoint.apis.errors import InvariantViolation


class Cause(Enum):
    """Why a phase changes, where that widens what is legal."""

    FOLD = "fold"
    HOOK = "hook"
    RETRY = "retry"


_P = NodePhase
_ENDS = frozenset({_P.SUCCEEDED, _P.FAILED, _P.ERROR})
NODE_MOVES: dict[NodePhase, frozenset[NodePhase]] = {
    _P.PENDING: _ENDS | {_P.RUNNING, _P.PENDING, _P.SKIPPED},
    _P.RUNNING: _ENDS | {_P.RUNNING},
    _P.SUCCEEDED: frozenset(),
    _P.FAILED: frozenset(),
    _P.ERROR: frozenset(),
    _P.SKIPPED: frozenset(),
    _P.OMITTED: frozenset(),
}
_W = WorkflowPhase
_WORKFLOW_ENDS = frozenset({_W.SUCCEEDED, _W.FAILED, _W.ERROR})
WORKFLOW_MOVES: dict[WorkflowPhase, frozenset[WorkflowPhase]] = {
    _W.UNKNOWN: _WORKFLOW_ENDS | {_W.PENDING, _W.RUNNING},
    _W.PENDING: _WORKFLOW_ENDS | {_W.PENDING, _W.RUNNING},
    _W.RUNNING: _WORKFLOW_ENDS | {_W.RUNNING},
    _W.SUCCEEDED: frozenset(),
    _W.FAILED: frozenset(),
    _W.ERROR: frozenset(),
}


def check_node_move(name: str, old: NodePhase, new: NodePhase, cause: Cause = Cause.FOLD) -> None:
    """Nothing if the move is legal. Raises: InvariantViolation."""
    if new in NODE_MOVES[old]:
        return
    if cause is Cause.HOOK and old.fulfilled and new is NodePhase.ERROR:
        return
    if cause is Cause.RETRY and old in _ENDS and new is NodePhase.RUNNING:
        return
    raise InvariantViolation(
        f"node {name!r} may not go from {old.value} to {new.value}", story=(f"cause: {cause.value}",)
    )


def check_workflow_move(name: str, old: WorkflowPhase, new: WorkflowPhase, cause: Cause = Cause.FOLD) -> None:
    """Nothing if the move is legal. Raises: InvariantViolation."""
    if new in WORKFLOW_MOVES[old] or (cause is Cause.RETRY and new is WorkflowPhase.PENDING):
        return
    raise InvariantViolation(f"workflow {name!r} may not go from {old.value!r} to {new.value!r}")
