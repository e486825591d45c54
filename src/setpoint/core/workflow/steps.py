"""Steps: one group after the other; each sees the outputs of all before it; the first bad one ends the whole.

Source: argo-workflows `executeSteps`; SEMANTICS sections 4, 5.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.argo import Artifact, NodePhase, NodeStatus, NodeType, WorkflowStep
from setpoint.core.expr import ExpressionError, Scope
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.edges import outbound
from setpoint.core.workflow.ending import end_groups_below
from setpoint.core.workflow.expansion import called, is_loop
from setpoint.core.workflow.groups import EMPTY_LOOP, FAIL_FAST, plan_children, step_siblings
from setpoint.core.workflow.inputs import artifact_inputs, input_variables
from setpoint.core.workflow.outputs import publish_outputs, template_outputs
from setpoint.core.workflow.references import ReferenceFailure
from setpoint.core.workflow.state import Child, GroupFrame, StepsFrame, TemplateCall
from setpoint.core.workflow.templates import find_template
from setpoint.core.workflow.variables import (
    TagValues,
    absent_variables,
    aggregate_variables,
    last_attempt,
    node_artifacts,
    node_variables,
)


def assess_steps(d: Draft, steps: StepsFrame) -> None:
    """Go on to the next group, or end."""
    frame = d.edit(steps)
    if not frame.artifacts:
        frame.artifacts = frame.artifacts.update(artifact_inputs(frame.tree))
    if _failed_fast(d, frame):
        return
    groups = frame.tree["steps"]
    while frame.group < len(groups):
        group_id = d.id_of(_group_name(frame, frame.group))
        node = d.node(group_id)
        if node is None and not _may_go_on(d, frame):
            return
        if node is None or (not node.fulfilled and not d.entered(group_id)):
            _enter_group(d, frame, existed=node is not None)
            node = d.need(group_id)
        if not node.fulfilled:
            return
        if node.failed_or_error:
            _finish(d, frame, NodePhase.FAILED, node.message)
            return
        try:
            _learn(d, frame, groups[frame.group])
        except ExpressionError as error:
            _raise(d, frame, str(error))
            return
        frame.group += 1
    _succeed(d, frame)


def _may_go_on(d: Draft, frame: StepsFrame) -> bool:
    if d.suspended:
        d.block(frame.id)
        return False
    return True


def _failed_fast(d: Draft, frame: StepsFrame) -> bool:
    """Whether the template's own failFast has ended the node: a child is bad and no pod directly below runs."""
    if not (frame.template.fail_fast and frame.unsuccessful and frame.pods == 0):
        return False
    end_groups_below(d, frame.id, FAIL_FAST)
    _finish(d, frame, NodePhase.FAILED, FAIL_FAST)
    return True


def _group_name(frame: StepsFrame, index: int) -> str:
    return f"{frame.call.name}[{index}]"


def _enter_group(d: Draft, frame: StepsFrame, *, existed: bool) -> None:
    name = _group_name(frame, frame.group)
    call = TemplateCall(
        name=name,
        scope=frame.resolved.scope,
        owner=frame.id,
        boundary=frame.id,
        on_exit=frame.call.on_exit,
        depth=frame.call.depth,
    )
    group_id = d.id_of(name)
    if not existed:
        d.init_node(call, NodeType.STEP_GROUP, NodePhase.RUNNING)
        _link(d, frame, group_id)
    try:
        children = _children(d, frame, call)
    except BuildError as error:
        d.mark(group_id, NodePhase.ERROR, error.message)
        return
    d.enter_frame(GroupFrame(group_id, call, seq=d.next_seq(), parent=frame.id, children=tuple(children)))


def _link(d: Draft, frame: StepsFrame, group_id: str) -> None:
    """The first group under the Steps node; others under every outbound node of the group before."""
    if frame.group == 0:
        d.add_child(frame.id, group_id)
        return
    before = d.id_of(_group_name(frame, frame.group - 1))
    children = d.children(before)
    if not children:
        d.add_child(before, group_id)
    for child in children:
        for end in outbound(d, child):
            d.add_child(end, group_id)


def _children(d: Draft, frame: StepsFrame, group: TemplateCall) -> list[Child]:
    siblings = step_siblings(d, frame)
    children: list[Child] = []
    for tree in frame.tree["steps"][frame.group]:
        try:
            found = plan_children(
                d, frame, tree, siblings, base=f"{group.name}.", owner=d.id_of(group.name), captured=frame.captured
            )
        except ReferenceFailure as error:
            raise BuildError(f"failed to resolve references: {error.message}") from error
        children += found or [_empty_loop(d, frame, tree, group)]
    return children


def _empty_loop(d: Draft, frame: StepsFrame, tree: dict[str, Any], group: TemplateCall) -> Child:
    """The one Skipped node, under the bare name, of a loop over nothing."""
    definition = msgspec.convert(called(tree), WorkflowStep)
    call = TemplateCall(
        name=f"{group.name}.{tree['name']}",
        template=definition.template,
        template_ref=definition.template_ref,
        scope=frame.resolved.scope,
        owner=d.id_of(group.name),
        boundary=frame.id,
        depth=frame.call.depth + 1,
    )
    return Child(id=d.id_of(call.name), call=call, label=tree["name"], skipped=EMPTY_LOOP)


def _learn(d: Draft, frame: StepsFrame, group: list[dict[str, Any]]) -> None:
    """Add the outputs of a finished group's steps to what later groups see. Raises: ExpressionError."""
    name = _group_name(frame, frame.group)
    for tree in group:
        prefix = f"steps.{tree['name']}"
        child = d.node(d.id_of(f"{name}.{tree['name']}"))
        if child is not None:
            _learn_node(d, frame, prefix, tree, child)
        elif is_loop(tree):
            _learn_loop(d, frame, prefix, f"{name}.{tree['name']}(", d.need(d.id_of(name)))


def _learn_node(d: Draft, frame: StepsFrame, prefix: str, tree: dict[str, Any], node: NodeStatus) -> None:
    shown = last_attempt(d, node)
    frame.variables = frame.variables.update(node_variables(prefix, shown))
    frame.artifacts = frame.artifacts.update(node_artifacts(prefix, shown))
    if node.phase in (NodePhase.SKIPPED, NodePhase.OMITTED) and node.outputs is None:
        template = find_template(d, msgspec.convert(called(tree, inline=True), WorkflowStep), frame.resolved.scope)
        values, absent = absent_variables(prefix, node, template)
        frame.variables = frame.variables.update(values)
        frame.absent |= absent
        if template is not None:
            nothing = {
                f"{prefix}.outputs.artifacts.{a.name}": Artifact(name=a.name) for a in template.outputs.artifacts
            }
            frame.artifacts = frame.artifacts.update(nothing)


def _learn_loop(d: Draft, frame: StepsFrame, prefix: str, start: str, group: NodeStatus) -> None:
    nodes = [
        node
        for child in d.children(group.id)
        if (node := d.need(child)).name.startswith(start) and not (node.node_flag and node.node_flag.hooked)
    ]
    frame.variables = frame.variables.update(node_variables(prefix, group))
    if any(node.phase is not NodePhase.SKIPPED or node.outputs is not None for node in nodes):
        frame.variables = frame.variables.update(aggregate_variables(prefix, nodes))


def _succeed(d: Draft, frame: StepsFrame) -> None:
    values = TagValues(
        frame.variables,
        input_variables(frame.tree),
        {name: value for name, value in d.variables.items() if name.startswith("workflow.outputs.")},
    )
    try:
        outputs = template_outputs(
            frame.template, Scope(values, frame.absent, d.ambient), step_siblings(d, frame).artifacts
        )
    except BuildError as error:
        _raise(d, frame, error.message)
        return
    publish_outputs(d, outputs)
    _finish(d, frame, NodePhase.SUCCEEDED, "", outputs=outputs)


def _raise(d: Draft, frame: StepsFrame, message: str) -> None:
    """The steps ran but their outputs cannot be told: the node is Error and its caller hears of it."""
    d.change(frame.id, outbound_nodes=_outbound(d, frame))
    d.mark(frame.id, NodePhase.ERROR, message, raised=message)


def _finish(d: Draft, frame: StepsFrame, phase: NodePhase, message: str, **fields: Any) -> None:
    d.mark(frame.id, phase, message, outbound_nodes=_outbound(d, frame), **fields)


def _outbound(d: Draft, frame: StepsFrame) -> tuple[str, ...]:
    """The outbound nodes of the last group there is."""
    for index in reversed(range(len(frame.tree["steps"]))):
        group_id = d.id_of(_group_name(frame, index))
        if d.node(group_id) is not None:
            children = d.children(group_id)
            ends = dict.fromkeys(end for child in children for end in outbound(d, child))
            return tuple(ends) or (group_id,)
    return ()
