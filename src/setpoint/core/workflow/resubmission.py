"""Memoized resubmission: a new workflow that takes over what succeeded in a failed one, and runs the rest.

What is taken over is a node of type and phase Skipped with the outputs of the old one; exit handlers run anew. Where a
retried execution succeeded it is the Retry node that is taken over. Source: argo-workflows
`FormulateResubmitWorkflow`; SEMANTICS section 18.
"""

from __future__ import annotations

from collections.abc import Iterable

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.outputs import publish_outputs

ANNOTATION_MEMOIZED_FROM = "setpoint.dev/memoized-from"
_CARRIED = frozenset({NodeType.POD, NodeType.RETRY, NodeType.SKIPPED})
_ASKED_AGAIN = frozenset({NodeType.HTTP, NodeType.PLUGIN})


def carried_nodes(nodes: Iterable[NodeStatus]) -> tuple[NodeStatus, ...]:
    """The nodes of an ended workflow that a memoized resubmission takes over: pods, not requests and plugins."""
    nodes = tuple(nodes)
    types = {node.id: node.type for node in nodes}
    return tuple(
        node.replace(children=(), outbound_nodes=())
        for node in nodes
        if node.type in _CARRIED
        and not any(types.get(child) in _ASKED_AGAIN for child in node.children if node.type is NodeType.RETRY)
        and (node.phase is NodePhase.SUCCEEDED or (node.type is NodeType.SKIPPED and node.outputs is not None))
        and not (node.node_flag is not None and (node.node_flag.retried or node.node_flag.hooked))
    )


def take_over(d: Draft, old: str, nodes: Iterable[NodeStatus]) -> None:
    """Put nodes of the workflow named `old` in the place of what this one would run."""
    for node in nodes:
        if node.name != old and not node.name.startswith((f"{old}.", f"{old}[")):
            continue
        name = d.name + node.name.removeprefix(old)
        d.put(
            node.replace(
                id=d.claim(name),
                name=name,
                display_name=d.name if node.name == old else node.display_name,
                type=NodeType.SKIPPED,
                phase=NodePhase.SKIPPED,
                boundary_id="",
                message=f"original pod: {node.id}",
                started_at=d.now,
                finished_at=d.now,
                memoization_status=None,
                progress="",
            )
        )
        publish_outputs(d, node.outputs)
