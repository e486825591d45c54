"""What people ask of a running workflow: stop, terminate, suspend, resume, set values of suspend nodes.

Source: SEMANTICS section 18; argo-workflows `workflow/util`. Verbs check in advance what they can; what turns out wrong
when a request is folded is noted in `Draft.refused`, and nothing is changed.
"""

from __future__ import annotations

import msgspec

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, Outputs, Parameter, WorkflowPhase
from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.ending import end_leaf
from setpoint.core.workflow.events import ControlsChanged, ResumeRequested, SetRequested, StopRequested
from setpoint.core.workflow.execute import try_waiting
from setpoint.core.workflow.outputs import publish_outputs
from setpoint.core.workflow.selectors import matches, parse_selector
from setpoint.core.workflow.state import Leaf

_SETTABLE = (NodePhase.SUCCEEDED, NodePhase.FAILED, NodePhase.ERROR)


def change_controls(d: Draft, event: ControlsChanged) -> None:
    """`spec.shutdown` and `spec.suspend` of the object, where they differ from what was seen last."""
    seen = (d.engine.seen_shutdown, d.engine.seen_suspend)
    if seen == (event.shutdown, event.suspend):
        return
    d.engine = msgspec.structs.replace(d.engine, seen_shutdown=event.shutdown, seen_suspend=event.suspend)
    if event.suspend != seen[1]:
        set_suspended(d, suspended=event.suspend)
    if event.shutdown and event.shutdown != seen[0]:
        shut_down(d, event.shutdown)


def set_suspended(d: Draft, *, suspended: bool) -> None:
    """Start nothing new, or go on."""
    if d.engine.suspended == suspended:
        return
    d.engine = msgspec.structs.replace(d.engine, suspended=suspended)
    if not suspended:
        for node_id, leaf in d.leaves():
            if leaf.due is not None and leaf.due <= d.now:
                end_suspend(d, d.need(node_id), leaf)
        try_waiting(d)
        d.touch_all()


def stop(d: Draft, event: StopRequested) -> None:
    """Shut the workflow down; with a selector fail the matching suspend nodes only."""
    if event.selector:
        for node, _ in _suspended(d, event.selector):
            d.mark(node.id, NodePhase.FAILED, event.message or node.message)
        return
    shut_down(d, event.strategy)


def shut_down(d: Draft, strategy: str) -> None:
    """Stop: exit handlers run. Terminate: they do not. A stop may become a terminate, never the reverse."""
    if strategy not in ("Stop", "Terminate"):
        d.refused = f"{strategy!r} is no shutdown strategy: Stop or Terminate"
        return
    if d.engine.shutdown == "Terminate":
        return
    d.engine = msgspec.structs.replace(d.engine, shutdown=strategy)
    for node_id, leaf in d.leaves():
        if d.shut_down(on_exit=leaf.on_exit):
            pod = d.need(node_id).type is NodeType.POD and leaf.waits is None
            message = f"workflow shutdown with strategy:  {strategy}" if pod else f"Stopped with strategy '{strategy}'"
            end_leaf(d, node_id, NodePhase.FAILED, message)
    if strategy == "Terminate" and d.status.phase is WorkflowPhase.PENDING:
        d.mark_workflow(WorkflowPhase.FAILED, f"Stopped with strategy '{strategy}'")
    d.touch_all()


def resume(d: Draft, event: ResumeRequested) -> None:
    """End the running suspend nodes, all (and the workflow's own suspension) or those that match."""
    if event.selector:
        for node, _ in _suspended(d, event.selector):
            d.mark(node.id, NodePhase.SUCCEEDED)
        return
    for node_id, leaf in d.leaves():
        node = d.need(node_id)
        if node.type is NodeType.SUSPEND and leaf.waits is None:  # one that waits for its locks has not begun
            end_suspend(d, node, leaf)
    set_suspended(d, suspended=False)


def _suspended(d: Draft, selector: str) -> list[tuple[NodeStatus, Leaf]]:
    try:
        wanted = parse_selector(selector)
    except InvalidSpec as error:
        d.refused = str(error)
        return []
    begun = [(d.need(node_id), leaf) for node_id, leaf in d.leaves() if leaf.waits is None]
    found = [(node, leaf) for node, leaf in begun if node.type is NodeType.SUSPEND and matches(node, wanted)]
    if not found:
        d.refused = (
            f"currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector: {selector}"
        )
    return found


def end_suspend(d: Draft, node: NodeStatus, leaf: Leaf) -> None:
    """A suspend node goes on without a person's values: supplied outputs take their defaults, or it is Error."""
    held = node.outputs or Outputs()
    filled: list[Parameter] = []
    for item in held.parameters:
        if item.value is None and item.value_from is not None and item.value_from.supplied is not None:
            value = _default(item, leaf)
            if value is None:
                reason = f"raw output parameter '{item.name}' has not been set and does not have a default value"
                d.mark(node.id, NodePhase.ERROR, reason)
                return
            item = item.replace(value=value, value_from=None)
        filled.append(item)
    outputs = held.replace(parameters=tuple(filled)) if filled else node.outputs
    d.mark(node.id, NodePhase.SUCCEEDED, outputs=outputs)
    publish_outputs(d, outputs)


def _default(item: Parameter, leaf: Leaf) -> str | None:
    if item.value_from is not None and item.value_from.default is not None:
        return item.value_from.default
    same = leaf.inputs.parameter(item.name)
    return (same.value if same.value is not None else same.default) if same is not None else None


def set_values(d: Draft, event: SetRequested) -> None:
    """Change message, phase and supplied outputs of matching suspend nodes; all or nothing."""
    if not event.selector:
        d.refused = "'set' currently only targets suspend nodes, use a node field selector to target them"
        return
    phase = NodePhase(event.phase) if event.phase in {item.value for item in _SETTABLE} else None
    if event.phase and phase is None:
        d.refused = f"{event.phase} is an invalid phase to set to"
        return
    found = _suspended(d, event.selector)
    for node, _ in found:
        declared = {item.name for item in (node.outputs or Outputs()).parameters if item.value_from is not None}
        unknown = [name for name in event.outputs if name not in declared]
        if unknown:
            d.refused = f"node is not expecting output parameter '{unknown[0]}'"
            return
    for node, _ in found:
        outputs = _with_values(node.outputs, event.outputs)
        d.change(node.id, outputs=outputs, message=event.message or node.message)
        publish_outputs(d, outputs)
        if phase is not None:
            d.mark(node.id, phase)


def _with_values(outputs: Outputs | None, values: dict[str, str]) -> Outputs | None:
    if outputs is None or not values:
        return outputs
    parameters = tuple(
        item.replace(value=values[item.name], value_from=None) if item.name in values else item
        for item in outputs.parameters
    )
    return outputs.replace(parameters=parameters)
