"""What a client without an Argo Server writes into the nodes of a workflow: ends and values of Suspend nodes.

The controller of a cluster takes over what it finds in the status. The embedded engine does not, its nodes are rows of
its own; there the same is asked for by requests (`requests.py`). Pure: nodes in, changed nodes out.
Source: argo-workflows `workflow/util`, `ResumeWorkflow`, `updateSuspendedNode`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, Parameter
from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow.selectors import matches, parse_selector

Nodes = Mapping[str, NodeStatus]
_ENDED = (NodePhase.SUCCEEDED, NodePhase.FAILED, NodePhase.ERROR)


def resumed_nodes(nodes: Nodes, now: datetime) -> dict[str, NodeStatus]:
    """All Suspend nodes that wait, succeeded at `now`; supplied outputs take their defaults.

    Raises: InvalidSpec: An output has neither been set nor a default.
    """
    return {key: _succeeded(node, now) for key, node in nodes.items() if waits(node)}


def edited_nodes(
    nodes: Nodes,
    selector: str,
    now: datetime,
    *,
    outputs: Mapping[str, str] | None = None,
    message: str = "",
    phase: str = "",
) -> dict[str, NodeStatus]:
    """The waiting Suspend nodes that the selector means, with outputs, message and phase.

    Raises: InvalidSpec: None is meant, or one does not expect an output of that name.
    """
    wanted = parse_selector(selector)
    found = {key: node for key, node in nodes.items() if waits(node) and matches(node, wanted)}
    if not found:
        raise InvalidSpec(
            f"currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector: {selector}"
        )
    edited = {}
    for key, node in found.items():
        node = _supplied(node, outputs or {})
        if message:
            node = node.replace(message=message)
        if phase:
            ended = NodePhase(phase)
            node = node.replace(phase=ended, finished_at=now if ended in _ENDED else None)
        edited[key] = node
    return edited


def waits(node: NodeStatus) -> bool:
    """Whether it is a Suspend node that somebody may let go on."""
    return node.type is NodeType.SUSPEND and node.phase is NodePhase.RUNNING


def _supplied(node: NodeStatus, values: Mapping[str, str]) -> NodeStatus:
    if not values:
        return node
    held = node.outputs.parameters if node.outputs is not None else ()
    open_names = {item.name for item in held if _is_open(item)}
    for name in values:
        if name not in open_names:
            raise InvalidSpec(f"node is not expecting output parameter '{name}'")
    filled = tuple(
        item.replace(value=values[item.name], value_from=None) if item.name in values else item for item in held
    )
    assert node.outputs is not None  # noqa: S101 - it has open parameters
    return node.replace(outputs=node.outputs.replace(parameters=filled))


def _succeeded(node: NodeStatus, now: datetime) -> NodeStatus:
    outputs = node.outputs
    if outputs is not None:
        filled = tuple(_filled(item, node) if _is_open(item) else item for item in outputs.parameters)
        outputs = outputs.replace(parameters=filled)
    return node.replace(phase=NodePhase.SUCCEEDED, finished_at=now, outputs=outputs)


def _filled(item: Parameter, node: NodeStatus) -> Parameter:
    value = item.value_from.default if item.value_from is not None else None
    if value is None and node.inputs is not None:
        same = node.inputs.parameter(item.name)
        value = same.value if same is not None else None
    if value is None:
        raise InvalidSpec(f"raw output parameter '{item.name}' has not been set and does not have a default value")
    return item.replace(value=value, value_from=None)


def _is_open(item: Parameter) -> bool:
    return item.value is None and item.value_from is not None and item.value_from.supplied is not None
