"""Starting a template: find it, fill it in, see whether there is room, make its node; or re-enter a node that runs.

`execute` is the one way a node comes to life, and on load the one way it is taken up again: it looks the node up by
name and creates only what is not there. Groups are only entered here; what they do next is their frame's assessment.
Source: argo-workflows `executeTemplate`, `checkParallelism`; SEMANTICS sections 14, 17, 18.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from setpoint.apis.argo import NodePhase, NodeType, Outputs, RetryStrategy, Template
from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow import ids
from setpoint.core.workflow.commands import RunResourceAction, SetTimer, TimerKind
from setpoint.core.workflow.container_nodes import make_containers
from setpoint.core.workflow.dag_plan import plan_dag
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.durations import parse_duration
from setpoint.core.workflow.inputs import process_template, refill
from setpoint.core.workflow.pod_request import PodPlace, make_launch, saved_outputs
from setpoint.core.workflow.state import (
    DagFrame,
    Leaf,
    Resolved,
    RetryFrame,
    StepsFrame,
    TemplateCall,
    TemplateFrame,
)
from setpoint.core.workflow.templates import resolve_call

MAX_DEPTH = 100
DISPLAY_NAME = "workflows.argoproj.io/display-name"
_DISPLAY_NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]$")


def execute(d: Draft, call: TemplateCall) -> bool:
    """Start a call, or take its running node up again.

    Returns:
        False if there is no room for it now and nothing was made.

    Raises:
        BuildError: It could not be started; its node is in phase Error.
        ContextMissing: The shell must fetch something first.
    """
    node_id = d.id_of(call.name)
    node = d.node(node_id)
    if node is not None and (node.fulfilled or d.entered(node_id)):
        return True
    if node is None and not has_room(d, call):
        return False
    try:
        if call.depth > MAX_DEPTH:
            raise BuildError("Maximum recursion depth exceeded")
        resolved = resolve_call(d, call)
        strategy = resolved.template.retry_strategy
        variables = {"node.name": call.name, "steps.name": "", "tasks.name": ""}
        if strategy is None and resolved.template.is_pod:
            variables["pod.name"] = ids.pod_name(d.name, _template_name(call), node_id)
        template, tree = process_template(d, resolved, call, variables)
        if strategy is not None:
            _enter_retry(d, call, resolved, template, tree)
        else:
            run(d, call, resolved, template, tree)
    except BuildError as error:
        fail_to_build(d, call, error.message)
        raise
    return True


def _template_name(call: TemplateCall) -> str:
    return call.template_ref.template if call.template_ref is not None else call.template


def fail_to_build(d: Draft, call: TemplateCall, message: str) -> None:
    """The call's node in phase Error: a Skipped-type one if it never started."""
    node_id = d.id_of(call.name)
    if d.node(node_id) is None:
        d.init_node(call, NodeType.SKIPPED, NodePhase.ERROR, message=message)
    elif not d.need(node_id).fulfilled:
        d.forget(node_id)
        d.mark(node_id, NodePhase.ERROR, message)


def has_room(d: Draft, call: TemplateCall) -> bool:
    """Whether suspension, the limits and the boundary's failFast let something new start."""
    if d.suspended:
        return False
    limit = d.spec.parallelism
    if limit is not None and d.active_pods >= limit:
        return False
    if not call.boundary:
        return True
    boundary = d.frame(call.boundary)
    if not isinstance(boundary, TemplateFrame):
        return False  # it has ended before this could start
    if call.retried:
        return True
    if boundary.template.fail_fast and boundary.unsuccessful:
        return False
    return boundary.template.parallelism is None or boundary.active < boundary.template.parallelism


def _enter_retry(d: Draft, call: TemplateCall, resolved: Resolved, template: Template, tree: dict[str, Any]) -> None:
    node_id = d.id_of(call.name)
    if d.node(node_id) is None:
        d.init_node(call, NodeType.RETRY, NodePhase.RUNNING, inputs=_inputs(template))
    strategy = template.retry_strategy or RetryStrategy()
    d.enter_frame(
        RetryFrame(node_id, call, seq=d.next_seq(), resolved=resolved, template=template, tree=tree, strategy=strategy)
    )


def start_attempt(d: Draft, frame: RetryFrame, number: int, variables: Mapping[str, str]) -> bool:
    """Start attempt `number` of a retried call, or take it up again; False if there is no room.

    Raises: BuildError, with the attempt's node in phase Error and linked below the Retry node.
    """
    name = f"{frame.call.name}({number})"
    call = _attempt_call(frame, name)
    node_id = d.id_of(name)
    node = d.node(node_id)
    if node is None and not has_room(d, call):
        return False
    try:
        if frame.template.is_pod:
            variables = {**variables, "pod.name": ids.pod_name(d.name, _template_name(frame.call), node_id)}
        template, tree = refill(d, frame.tree, variables)
        run(d, call, frame.resolved, template, tree)
    except BuildError as error:
        fail_to_build(d, call, error.message)
        d.add_child(frame.id, node_id)
        raise
    d.add_child(frame.id, node_id)
    return True


def _attempt_call(frame: RetryFrame, name: str) -> TemplateCall:
    own = frame.call
    return TemplateCall(
        name=name,
        template=own.template,
        template_ref=own.template_ref,
        inline=own.inline,
        scope=own.scope,
        owner=frame.id,
        boundary=own.boundary,
        variables=own.variables,
        capture=own.capture,
        on_exit=own.on_exit,
        hooked=own.hooked,
        retried=True,
        depth=own.depth,
    )


def run(d: Draft, call: TemplateCall, resolved: Resolved, template: Template, tree: dict[str, Any]) -> None:
    """Make and enter the node of a filled-in template by its type. Raises: BuildError."""
    if template.steps is not None or template.dag is not None:
        _enter_group(d, call, resolved, template, tree)
    elif template.mains:
        _enter_pod(d, call, template)
    elif template.resource is not None:
        _enter_resource(d, call, template)
    elif template.suspend is not None:
        _enter_suspend(d, call, template)
    else:
        kind = template.type
        raise BuildError(f"template type {kind.value if kind else 'unspecified'} is not supported by this engine")


def _inputs(template: Template) -> Any:
    return template.inputs if template.inputs.parameters or template.inputs.artifacts else None


def _fields(template: Template) -> dict[str, Any]:
    """Fields every started node has: its inputs, and its display name where an annotation gives one."""
    fields: dict[str, Any] = {"inputs": _inputs(template)}
    shown = template.annotations.get(DISPLAY_NAME)
    if shown is not None:
        if not _DISPLAY_NAME.fullmatch(shown):
            raise BuildError(f"invalid display name {shown!r}: it must match {_DISPLAY_NAME.pattern}")
        fields["display_name"] = shown
    return fields


def _enter_group(d: Draft, call: TemplateCall, resolved: Resolved, template: Template, tree: dict[str, Any]) -> None:
    node_id = d.id_of(call.name)
    steps = template.steps is not None
    plan = None if steps else plan_dag(call.name, tree, template, d.claim)
    existed = d.node(node_id) is not None
    if not existed:
        kind = NodeType.STEPS if steps else NodeType.DAG
        d.init_node(call, kind, NodePhase.RUNNING, **_fields(template))
    frame: StepsFrame | DagFrame
    if plan is None:
        frame = StepsFrame(node_id, call, seq=d.next_seq(), resolved=resolved, template=template, tree=tree)
    else:
        frame = DagFrame(node_id, call, seq=d.next_seq(), resolved=resolved, template=template, tree=tree, plan=plan)
    frame.captured = captured_names(resolved)
    if existed and (template.parallelism is not None or template.fail_fast):
        _recount(d, frame)
    d.enter_frame(frame)


def _recount(d: Draft, frame: StepsFrame | DagFrame) -> None:
    """The counters of a boundary that is taken up again."""
    for node in d.all_nodes():
        if node.boundary_id == frame.id and node.type in (NodeType.POD, NodeType.STEPS, NodeType.DAG):
            frame.active += not node.phase.fulfilled
            frame.pods += node.type is NodeType.POD and not node.phase.fulfilled
            frame.unsuccessful += node.failed_or_error


_RESULT = re.compile(r"\b(?:steps|tasks)(?:\.([\w-]+)|\['([\w-]+)'\])\.outputs\.result")


def captured_names(resolved: Resolved) -> frozenset[str]:
    """The steps or tasks whose `outputs.result` occurs anywhere in the template as written."""
    text = json.dumps(resolved.tree)
    return (
        frozenset(match[1] or match[2] for match in _RESULT.finditer(text))
        if ".outputs.result" in text
        else frozenset()
    )


def _place(d: Draft, call: TemplateCall, node_id: str) -> PodPlace:
    node = d.need(node_id)
    return PodPlace(
        workflow=d.ctx.workflow,
        spec=d.spec,
        node=node_id,
        pod_id=ids.pod_id(d.uid, node_id, node.started_at),
        pod_name=ids.pod_name(d.name, _template_name(call), node_id),
        started_at=node.started_at or d.now,
        capture=call.capture,
        environment=d.ctx.pod_environment,
        deadline=None if call.on_exit else workflow_deadline(d),
    )


def workflow_deadline(d: Draft) -> Any:
    """When `spec.activeDeadlineSeconds` runs out, None without."""
    seconds = d.spec.active_deadline_seconds
    started = d.status.started_at
    return started + timedelta(seconds=int(seconds)) if seconds is not None and started is not None else None


def stop_message(d: Draft, call: TemplateCall) -> str:
    """Why a pod may not start in a workflow that is shut down; empty if it may."""
    return f"workflow shutdown with strategy:  {d.engine.shutdown}" if d.shut_down(on_exit=call.on_exit) else ""


def _enter_pod(d: Draft, call: TemplateCall, template: Template) -> None:
    node_id = d.id_of(call.name)
    existed = d.node(node_id) is not None
    if not existed:
        d.init_node(call, NodeType.POD, NodePhase.PENDING, **_fields(template))
        if template.container_set is not None:
            make_containers(d, node_id, call, template.container_set)
    place = _place(d, call, node_id)
    outputs = saved_outputs(template, place)
    d.enter_leaf(node_id, Leaf(owner=call.owner, outputs=outputs, inputs=template.inputs, on_exit=call.on_exit))
    if existed:
        return
    stopped = stop_message(d, call)
    if stopped:
        d.mark(node_id, NodePhase.FAILED, stopped)
        return
    try:
        launch = make_launch(template, outputs, place)
    except InvalidSpec as error:
        raise BuildError(str(error)) from error
    d.order(launch)


def _enter_resource(d: Draft, call: TemplateCall, template: Template) -> None:
    assert template.resource is not None  # noqa: S101 (the caller has looked)
    node_id = d.id_of(call.name)
    existed = d.node(node_id) is not None
    if not existed:
        d.init_node(call, NodeType.POD, NodePhase.PENDING, **_fields(template))
    action = ids.pod_id(d.uid, node_id, d.need(node_id).started_at)
    leaf = Leaf(owner=call.owner, outputs=template.outputs, inputs=template.inputs, on_exit=call.on_exit, action=action)
    d.enter_leaf(node_id, leaf)
    if existed:
        return
    stopped = stop_message(d, call)
    if stopped:
        d.mark(node_id, NodePhase.FAILED, stopped)
        return
    d.mark(node_id, NodePhase.RUNNING)
    outputs = template.outputs.parameters
    d.order(RunResourceAction(id=action, node=node_id, resource=template.resource, outputs=outputs))


def _enter_suspend(d: Draft, call: TemplateCall, template: Template) -> None:
    assert template.suspend is not None  # noqa: S101 (the caller has looked)
    node_id = d.id_of(call.name)
    existed = d.node(node_id) is not None
    text = str(template.suspend.duration)
    try:
        duration = parse_duration(text) if text else None
    except InvalidSpec as error:
        raise BuildError(str(error)) from error
    if not existed:
        declared = template.outputs.parameters
        outputs = Outputs(parameters=declared) if declared else None
        d.init_node(call, NodeType.SUSPEND, NodePhase.RUNNING, outputs=outputs, **_fields(template))
    started = d.need(node_id).started_at or d.now
    due = started + duration if duration is not None else None
    leaf = Leaf(owner=call.owner, outputs=template.outputs, inputs=template.inputs, on_exit=call.on_exit, due=due)
    d.enter_leaf(node_id, leaf)
    if existed:
        return
    if stop_message(d, call):
        d.mark(node_id, NodePhase.FAILED, f"Stopped with strategy '{d.engine.shutdown}'")
    elif due is not None:
        timer = ids.command_id(d.uid, node_id, due.isoformat(), TimerKind.SUSPEND)
        d.order(SetTimer(id=timer, at=due, kind=TimerKind.SUSPEND, node=node_id))
