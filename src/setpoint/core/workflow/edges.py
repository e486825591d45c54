"""Where a node's successors hang: the outbound nodes of a node. Source: argo-workflows `getOutboundNodes`."""

from __future__ import annotations

from setpoint.apis.argo import NodeType
from setpoint.core.workflow.draft import Draft


def outbound(d: Draft, node_id: str) -> list[str]:
    """The ids under which what follows the node is linked.

    A Retry node answers its last child, not followed further; groups answer what their children or list answer.
    """
    found: list[str] = []
    stack = [node_id]
    while stack:
        node = d.need(stack.pop())
        children = d.children(node.id)
        if node.type is NodeType.RETRY:
            # one that was found in a cache has no attempts: what follows hangs under itself and is none either
            own = (child for child in reversed(children) if d.need(child).node_flag is not None)
            found.append(next(own, node.id))
        elif node.type in (NodeType.TASK_GROUP, NodeType.CONTAINER) and children:
            stack += reversed(children)
        elif node.type in (NodeType.STEPS, NodeType.DAG):
            stack += reversed(node.outbound_nodes)
        else:
            found.append(node.id)
    return list(dict.fromkeys(found))
