"""Step groups and task groups: start the children in order while there is room, count the open ones, judge at the end.

A child is done when its node is fulfilled and, where it has an exit hook and completed, its exit node too. A child that
could not be built fails a step group at once; in a task group it is an ended child like any other.
Source: argo-workflows `executeStepGroup`, `executeDAGTask`; SEMANTICS sections 4, 5, 7, 15.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from setpoint.apis.argo import (
    Arguments,
    Artifact,
    Call,
    DAGTask,
    LifecycleHook,
    NodePhase,
    NodeStatus,
    NodeType,
    WorkflowStep,
)
from setpoint.core.expr import ExpressionError, Scope, evaluate_condition, substitute
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.execute import execute
from setpoint.core.workflow.expansion import Expanded, expand, is_loop
from setpoint.core.workflow.references import Referred, Siblings, resolve_artifact, resolve_references, should_execute
from setpoint.core.workflow.state import Child, GroupFrame, StepsFrame, TemplateCall, TemplateFrame
from setpoint.core.workflow.variables import global_values, last_attempt, node_artifacts, node_variables


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
        return expand(referred.tree, siblings.scope.values, lenient=not referred.proceed)
    except BuildError:
        if not referred.proceed and referred.tree.get("withParam"):
            return []  # left unresolved, so it is no list; nothing runs anyway
        raise


EMPTY_LOOP = "Skipped, empty params"
FAIL_FAST = "template has failed or errored children and failFast enabled"


def called(tree: dict[str, Any], *, inline: bool = False) -> dict[str, Any]:
    """What of a step's or task's definition says which template it calls."""
    keys = ("name", "template", "templateRef", *(("inline",) if inline else ()))
    return {key: tree[key] for key in keys if key in tree}


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
        continue_on=call.continue_on,
        skipped=skipped,
        error=error,
    )


def assess_group(d: Draft, group: GroupFrame) -> None:
    """Start what can be started, and end the group when nothing is open."""
    frame = d.edit(group)
    steps = d.need(frame.id).type is NodeType.STEP_GROUP
    if not _start_exits(d, frame):
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
                d.task_errored(child.id, error.message)
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
        frame.open += 1
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
    return True


def _born_ended(d: Draft, frame: GroupFrame, child: Child) -> None:
    phase = NodePhase.ERROR if child.error is not None else NodePhase.SKIPPED
    d.init_node(child.call, NodeType.SKIPPED, phase, message=child.error or child.skipped or "")
    d.add_child(frame.id, child.id)


def child_ended(d: Draft, group: GroupFrame, node_id: str, raised: str) -> None:
    """A child or an exit node of a child has ended."""
    frame = d.edit(group)
    if node_id in frame.waiting_exit:
        frame.waiting_exit = frame.waiting_exit.delete(node_id)
        frame.open -= 1
        d.touch(frame.id)
        return
    at = frame.index.get(node_id)
    steps = d.need(frame.id).type is NodeType.STEP_GROUP
    if at is None:  # a leftover of a group below that failed at once
        d.touch(frame.id)
        return
    child = frame.children[at]
    if raised and steps:
        _fail_step_group(d, frame, child, raised)
        return
    if raised:
        d.task_errored(node_id, raised)
    if child.exit_hook is not None and d.need(node_id).completed:
        frame.exits = (*frame.exits, node_id)
    else:
        frame.open -= 1
    d.touch(frame.id)


def _start_exits(d: Draft, frame: GroupFrame) -> bool:
    """Run the exit nodes that are due. False if the group has ended by it."""
    waiting: list[str] = []
    for node_id in frame.exits:
        child = frame.children[frame.index[node_id]]
        assert child.exit_hook is not None  # noqa: S101 (only such children are queued)
        try:
            started = start_exit(d, d.need(node_id), child.exit_hook, child.call, frame.id, _layer(d, frame))
        except BuildError as error:
            d.mark(frame.id, NodePhase.ERROR, error.message)
            return False
        if started is None:
            d.block(frame.id)
            waiting.append(node_id)
        elif started and not d.need(started).fulfilled:
            frame.waiting_exit = frame.waiting_exit.set(started, node_id)
        else:
            frame.open -= 1
    frame.exits = tuple(waiting)
    return True


def start_exit(
    d: Draft, node: NodeStatus, hook: LifecycleHook, call: TemplateCall, owner: str, layer: Mapping[str, Any]
) -> str | None:
    """Run the exit hook of an ended node.

    Args:
        d: The draft.
        node: The node that ended.
        hook: What to run.
        call: The call that made the node.
        owner: The frame that waits for the exit node.
        layer: The names its siblings left, for the hook's arguments.

    Returns:
        The id of the exit node; "" if the hook's expression decides against it or the workflow is being terminated;
        None if there is no room now.

    Raises: BuildError if the hook's expression fails or is not boolean.
    """
    if d.engine.shutdown == "Terminate":
        return ""
    prefix = f"{next(iter(call.variables)).removesuffix('.name')}.{call_label(call)}"
    shown = last_attempt(d, node)
    scope = Scope(global_values(d, node_variables(prefix, shown), layer))
    try:
        if hook.expression and not evaluate_condition(hook.expression, scope.environment):
            return ""
        arguments = _hook_arguments(hook, scope, node_artifacts(prefix, shown) if shown.outputs is not None else None)
    except ExpressionError as error:
        raise BuildError(str(error)) from error
    exit_call = TemplateCall(
        name=f"{node.name}.onExit",
        template=hook.template,
        template_ref=hook.template_ref,
        arguments=arguments,
        scope=call.scope,
        owner=owner,
        boundary=call.boundary,
        on_exit=True,
        hooked=True,
        depth=call.depth,
    )
    exit_id = d.id_of(exit_call.name)
    try:
        if not execute(d, exit_call):
            return None
    except BuildError:
        pass  # its failure changes nothing: the node shows it
    d.add_child(node.id, exit_id)
    return exit_id


def _hook_arguments(hook: LifecycleHook, scope: Scope, artifacts: Mapping[str, Artifact] | None) -> Arguments:
    """The hook's arguments; what the node put out is filled in only if it put out anything."""
    if artifacts is None:
        return hook.arguments
    filled: Arguments = msgspec.convert(substitute(msgspec.to_builtins(hook.arguments), scope), Arguments)
    located = []
    for item in filled.artifacts:
        found = resolve_artifact(item, scope, artifacts) if item.from_ or item.from_expression else item
        located.append(item if found is None else found.replace(name=item.name))
    return filled.replace(artifacts=tuple(located))


def _layer(d: Draft, frame: GroupFrame) -> Mapping[str, Any]:
    above = d.frame(frame.parent)
    return above.variables if isinstance(above, StepsFrame) else d.variables


def call_label(call: TemplateCall) -> str:
    """The step's or task's name of a call, without the index and item of a loop."""
    name = next(iter(call.variables.values()), "")
    return name.partition("(")[0]


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
