"""Step groups and task groups: start the children in order while there is room, count the open ones, judge at the end.

A child is done when its node is fulfilled and, where it has an exit hook and completed, its exit node too. A child that
could not be built fails a step group at once; in a task group it is an ended child like any other.
Source: argo-workflows `executeStepGroup`, `executeDAGTask`; SEMANTICS sections 4, 5, 7, 15.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.argo import Call, DAGTask, NodePhase, NodeType, WorkflowStep
from setpoint.apis.errors import InvariantViolation
from setpoint.core.workflow.dag_scope import task_siblings
from setpoint.core.workflow.draft import BuildError, Draft, say_errored
from setpoint.core.workflow.execute import execute
from setpoint.core.workflow.expansion import Expanded, expand, is_loop
from setpoint.core.workflow.hooks import failed_hook, notice, settle, watch
from setpoint.core.workflow.references import Referred, Siblings, resolve_references, should_execute
from setpoint.core.workflow.state import Child, DagFrame, GroupFrame, StepsFrame, TemplateCall, TemplateFrame
from setpoint.core.workflow.variables import global_scope


def plan_children(
    d: Draft,
    frame: TemplateFrame,
    tree: dict[str, Any],
    siblings: Siblings,
    *,
    base: str,
    owner: str,
    captured: frozenset[str],
) -> list[Child]:
    """The children of one step or task: one, or one per item of its loop; [] for a loop over nothing.

    Args:
        d: The draft.
        frame: The steps or DAG that calls.
        tree: The step or task as builtins, the caller's inputs filled in.
        siblings: What it may refer to.
        base: What comes before the step's or task's name in node names, e.g. `wf[0].`.
        owner: The frame that will wait for the children.
        captured: Siblings whose result is read.

    Raises: BuildError: references or items cannot be resolved.
    """
    referred = resolve_references(tree, siblings)
    kind: type[Call] = WorkflowStep if siblings.prefix == "steps." else DAGTask
    expanded = _expanded(referred, siblings) if is_loop(referred.tree) else [Expanded(tree["name"], referred.tree)]
    return [
        _child(d, frame, item, _convert(item.tree, kind), siblings.prefix, base, owner, referred.absent, captured)
        for item in expanded
    ]


def _expanded(referred: Referred, siblings: Siblings) -> list[Expanded]:
    try:
        return expand(referred.tree, siblings.scope, lenient=not referred.proceed)
    except BuildError:
        if not referred.proceed and referred.tree.get("withParam"):
            return []  # left unresolved, so it is no list; nothing runs anyway
        raise


EMPTY_LOOP = "Skipped, empty params"
FAIL_FAST = "template has failed or errored children and failFast enabled"


def _convert(tree: dict[str, Any], kind: type[Call]) -> Call:
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise BuildError(str(error)) from error


def _child(
    d: Draft,
    frame: TemplateFrame,
    item: Expanded,
    call: Call,
    prefix: str,
    base: str,
    owner: str,
    absent: frozenset[str],
    captured: frozenset[str],
) -> Child:
    name = f"{base}{item.name}"
    made = TemplateCall(
        name=name,
        template=call.template,
        template_ref=call.template_ref,
        inline=call.inline,
        arguments=call.arguments,
        scope=frame.resolved.scope,
        owner=owner,
        boundary=frame.id,
        variables={f"{prefix}name": item.name},
        absent=absent,
        capture=call.name in captured,
        on_exit=frame.call.on_exit,
        depth=frame.call.depth + 1,
    )
    of_loop = owner != frame.id and prefix == "tasks."  # only the task group has these then
    skipped = error = None
    try:
        if not should_execute(call.when):
            skipped = f"when '{call.when}' evaluated false"
    except BuildError as failure:
        error = failure.message
    return Child(
        id=d.claim(name),
        call=made,
        label=call.name,
        exit_hook=call.exit_hook,
        hooks={} if of_loop else call.lifecycle_hooks,
        continue_on=call.continue_on,
        skipped=skipped,
        error=error,
    )


def assess_group(d: Draft, group: GroupFrame) -> None:
    """Start what can be started, and end the group when nothing is open."""
    frame = d.edit(group)
    steps = d.need(frame.id).type is NodeType.STEP_GROUP
    if not _settle(d, frame):
        return
    while frame.cursor < len(frame.children):
        child = frame.children[frame.cursor]
        try:
            if not _start(d, frame, child):
                d.block(frame.id)
                break
        except BuildError as error:
            if steps:
                _fail_step_group(d, frame, child, error.message)
                return
            if child.error is None:
                say_errored(d, child.id, error.message)
            frame.open += 1
            watch(d, frame, child)
            d.ended.append((frame.id, child.id, ""))
        frame.cursor += 1
    if frame.cursor == len(frame.children) and frame.open == 0:
        _judge(d, frame, steps=steps)


def _fail_step_group(d: Draft, frame: GroupFrame, child: Child, failure: str) -> None:
    text = (
        failure
        if child.error is not None
        else f"step group deemed errored due to child {child.call.name} error: {failure}"
    )
    d.mark(frame.id, NodePhase.ERROR, text)


def _start(d: Draft, frame: GroupFrame, child: Child) -> bool:
    """Start one child, or find that it is there. False: no room. Raises: BuildError, its node being there."""
    node = d.node(child.id)
    if node is None and (child.skipped is not None or child.error is not None):
        if d.suspended:
            return False
        _born_ended(d, frame, child)
        if child.error is not None:
            raise BuildError(child.error)
        return True
    if node is not None and node.fulfilled:
        d.add_child(frame.id, child.id)  # one that was taken over has no link yet
        frame.open += 1
        watch(d, frame, child)
        d.ended.append((frame.id, child.id, ""))
        return True
    try:
        if not execute(d, child.call):
            return False
    except BuildError:
        d.add_child(frame.id, child.id)
        raise
    d.add_child(frame.id, child.id)
    frame.open += 1
    watch(d, frame, child)
    return True


def _born_ended(d: Draft, frame: GroupFrame, child: Child) -> None:
    phase = NodePhase.ERROR if child.error is not None else NodePhase.SKIPPED
    d.init_node(child.call, NodeType.SKIPPED, phase, message=child.error or child.skipped or "")
    d.add_child(frame.id, child.id)


def child_ended(d: Draft, group: GroupFrame, node_id: str, raised: str) -> None:
    """A child, or a hook beside one, has changed its phase."""
    frame = d.edit(group)
    d.touch(frame.id)
    at = frame.index.get(node_id)
    if raised and d.need(frame.id).type is NodeType.STEP_GROUP:
        if at is not None:
            _fail_step_group(d, frame, frame.children[at], raised)
            return
        if failed_hook(d, frame, node_id):
            d.mark(frame.id, NodePhase.ERROR, raised)
            return
    elif raised and at is not None:
        say_errored(d, node_id, raised)
    if not notice(d, frame, node_id) and at is not None:
        frame.open -= 1


def _settle(d: Draft, frame: GroupFrame) -> bool:
    """Look at the children that hooks follow. False if the group has ended by it."""
    for _, failure in settle(d, frame, lambda child: _siblings(d, frame, child)):
        if failure:
            d.mark(frame.id, NodePhase.ERROR, failure)
            return False
        frame.open -= 1
    return True


def _siblings(d: Draft, frame: GroupFrame, child: Child) -> Siblings:
    """What the hooks of a child may refer to."""
    above = d.frame(frame.parent)
    if isinstance(above, StepsFrame):
        return step_siblings(d, above)
    if isinstance(above, DagFrame):
        return task_siblings(d, above, child.label)
    raise InvariantViolation(f"group {frame.id!r} is in no steps and no DAG that runs")


def step_siblings(d: Draft, frame: StepsFrame) -> Siblings:
    """What a step may refer to: the steps of earlier groups."""
    artifacts = frame.artifacts.update(d.artifacts) if d.artifacts else frame.artifacts
    return Siblings(scope=global_scope(d, frame.variables, absent=frame.absent), artifacts=artifacts, prefix="steps.")


def continues_on(child: Child, phase: NodePhase) -> bool:
    """Whether the phase counts as fine for what follows the child."""
    if child.continue_on is None:
        return False
    return (phase is NodePhase.FAILED and child.continue_on.failed) or (
        phase is NodePhase.ERROR and child.continue_on.error
    )


def _judge(d: Draft, frame: GroupFrame, *, steps: bool) -> None:
    verdict, message = NodePhase.SUCCEEDED, ""
    for child in frame.children:
        phase = d.need(child.id).phase
        if not phase.failed_or_error:
            continue
        if not steps:
            verdict = phase
        elif not continues_on(child, phase):
            verdict, message = NodePhase.FAILED, f"child '{child.id}' failed"
            break
    d.mark(frame.id, verdict, message)
