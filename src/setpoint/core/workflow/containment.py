"""Which group a node is directly in, read from names and boundaries; and which containers are in a pod.

Edges alone do not tell: in a DAG, and between step groups, they also say "comes after".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from setpoint.apis.argo import NodeStatus, NodeType

_GROUP_INDEX = re.compile(r"\[\d+\]")
_EXIT_NODE = re.compile(r"\.onExit(\(\d+\))?$")
_LAST_BRACKETS = re.compile(r"\(\d+\)$")


def retry_name(attempt: str) -> str:
    """The name of the Retry node of an attempt's name."""
    return _LAST_BRACKETS.sub("", attempt)


def container(
    find: Callable[[str], NodeStatus | None], id_of: Callable[[str], str], node: NodeStatus
) -> NodeStatus | None:
    """The group a node is directly in; None for the entry and the exit node, and where the group is not there.

    Args:
        find: A node by its id.
        id_of: The id of a name.
        node: The node.
    """
    if node.node_flag is not None and node.node_flag.retried:
        return find(id_of(retry_name(node.name)))
    boundary = find(node.boundary_id)
    if boundary is None or node.type is NodeType.STEP_GROUP:
        return boundary
    rest = node.name[len(boundary.name) :]
    if boundary.type is NodeType.STEPS and (index := _GROUP_INDEX.match(rest)) is not None:
        return find(id_of(boundary.name + index[0])) or boundary
    if boundary.type is NodeType.DAG and "(" in rest:
        group = find(id_of(boundary.name + rest.partition("(")[0]))
        if group is not None and group.type is NodeType.TASK_GROUP and group.id != node.id:
            return group
    return boundary


def in_exit_handler(find: Callable[[str], NodeStatus | None], node: NodeStatus) -> bool:
    """Whether the node is, or is in, an exit node."""
    inside: NodeStatus | None = node
    while inside is not None:
        if _EXIT_NODE.search(inside.name) and inside.node_flag is not None and inside.node_flag.hooked:
            return True
        inside = find(inside.boundary_id) if inside.boundary_id else None
    return False


def open_containers(
    pod: NodeStatus, find: Callable[[str], NodeStatus | None], children: Callable[[str], Iterable[str]]
) -> list[NodeStatus]:
    """The nodes of a pod's containers that have not ended; only pods of a container set have any."""
    stack = list(children(pod.id)) if pod.type is NodeType.POD else []
    found: dict[str, NodeStatus] = {}
    while stack:
        node = find(stack.pop())
        if node is not None and node.type is NodeType.CONTAINER and node.id not in found:
            found[node.id] = node
            stack += children(node.id)
    return [node for node in found.values() if not node.fulfilled]
