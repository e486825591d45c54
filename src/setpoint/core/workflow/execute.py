"""Starting a template: find it, fill it in, see whether there is room, make its node; or re-enter a node that runs.

`execute` is the one way a node comes to life, and on load the one way it is taken up again: it looks the node up by
name and creates only what is not there. Groups are only entered here; what they do next is their frame's assessment.
Source: argo-workflows `executeTemplate`, `checkParallelism`; SEMANTICS sections 14, 17, 18.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from setpoint.apis.argo import NodePhase, NodeType, RetryStrategy, Template
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import to_wire
from setpoint.core.expr import ExpressionError, substitute
from setpoint.core.workflow import ids
from setpoint.core.workflow.artifact_gc import with_places
from setpoint.core.workflow.container_nodes import make_containers
from setpoint.core.workflow.dag_plan import plan_dag
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.ending import workflow_deadline
from setpoint.core.workflow.holding import counts
from setpoint.core.workflow.inputs import input_variables, process_template, refill
from setpoint.core.workflow.leaves import (
    enter_action,
    enter_suspend,
    node_fields,
    node_inputs,
    stop_message,
    template_repository,
)
from setpoint.core.workflow.locks import Lock
from setpoint.core.workflow.measure import measure_node
from setpoint.core.workflow.memoize import recall
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
from setpoint.core.workflow.synchronization import has_locks, may_go_on
from setpoint.core.workflow.templates import resolve_call
from setpoint.core.workflow.timeouts import set_timers, time_limits
from setpoint.core.workflow.variables import global_scope

MAX_DEPTH = 100


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
    if node is not None and (node.phase.fulfilled or d.entered(node_id)):
        return True
    if node is None and not has_room(d, call):
        return False
    try:
        if call.depth > MAX_DEPTH:
            raise BuildError("Maximum recursion depth exceeded")
        resolved = resolve_call(d, call)
        strategy = resolved.template.retry_strategy
        variables = {"steps.name": "", "tasks.name": "", **call.variables, "node.name": call.name}
        if strategy is None and resolved.template.is_pod:
            variables["pod.name"] = ids.pod_name(d.name, _template_name(call), node_id)
        template, tree = process_template(d, resolved, call, variables)
        if not has_locks(d, call, template):
            return True
        memoized = recall(d, call, template)
        if memoized is None or not memoized.hit:
            if strategy is not None:
                _enter_retry(d, call, resolved, template, tree)
            else:
                run(d, call, resolved, template, tree)
            if memoized is not None:
                d.change(node_id, memoization_status=memoized)
        if resolved.template.metrics is not None:
            measure_node(d, node_id, resolved.template.metrics)
    except BuildError as error:
        fail_to_build(d, call, error.message)
        raise
    return True


def try_waiting(d: Draft) -> None:
    """Locks have changed, or a suspension is over: what waits for locks is tried again, oldest first."""
    if d.suspended:
        return
    refused: set[tuple[Lock, ...]] = set()  # nodes that ask for the same are not looked at one by one
    for node_id, leaf in d.leaves():
        wanted = d.wanted_locks(node_id)
        if leaf.waits is None or wanted in refused:
            continue
        if wanted and not may_go_on(d, node_id):
            refused.add(wanted)
            continue
        d.forget(node_id)
        try:
            execute(d, leaf.waits)
        except BuildError as error:
            d.ended.append((leaf.owner, node_id, error.message))
        refused.clear()  # one that ended at once has let go of them


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
    if d.is_new(node_id):
        d.init_node(call, NodeType.RETRY, NodePhase.RUNNING, inputs=node_inputs(template))
    strategy = template.retry_strategy or RetryStrategy()
    d.enter_frame(
        RetryFrame(node_id, call, seq=d.next_seq(), resolved=resolved, template=template, tree=tree, strategy=strategy)
    )


def start_attempt(
    d: Draft, frame: RetryFrame, number: int, variables: Mapping[str, str], deadline: datetime | None
) -> bool:
    """Start attempt `number` of a retried call, or take it up again; False if there is no room.

    `deadline` is when the attempts together have had their time.

    Raises: BuildError, with the attempt's node in phase Error and linked below the Retry node.
    """
    name = f"{frame.call.name}({number})"
    call = _attempt_call(frame, name, deadline)
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


def _attempt_call(frame: RetryFrame, name: str, deadline: datetime | None) -> TemplateCall:
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
        deadline=deadline,
        depth=own.depth,
    )


def run(d: Draft, call: TemplateCall, resolved: Resolved, template: Template, tree: dict[str, Any]) -> None:
    """Make and enter the node of a filled-in template by its type. Raises: BuildError."""
    if template.steps is not None or template.dag is not None:
        _enter_group(d, call, resolved, template, tree)
    elif template.mains:
        _enter_pod(d, call, template)
    elif template.suspend is not None:
        enter_suspend(d, call, template)
    else:
        enter_action(d, call, template, tree)


def _enter_group(d: Draft, call: TemplateCall, resolved: Resolved, template: Template, tree: dict[str, Any]) -> None:
    node_id = d.id_of(call.name)
    steps = template.steps is not None
    plan = None if steps else plan_dag(call.name, tree, template, d.claim)
    existed = not d.is_new(node_id)
    if not existed:
        kind = NodeType.STEPS if steps else NodeType.DAG
        d.init_node(call, kind, NodePhase.RUNNING, **node_fields(template))
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
            frame.active += counts(node)
            frame.pods += node.type is NodeType.POD and counts(node)
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


def _place(d: Draft, call: TemplateCall, template: Template, node_id: str) -> PodPlace:
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
        attempts_deadline=call.deadline,
        node_name=call.name,
        claims=d.status.persistent_volume_claims,
        daemon=bool(template.daemon),
        repository=template_repository(d, template),
    )


def _patches(d: Draft, template: Template, place: PodPlace) -> tuple[str, ...]:
    """The patches of the workflow and of the template, the former with the template's inputs filled in too.

    Raises: BuildError.
    """
    whole = d.spec.pod_spec_patch
    if whole and "{{" in whole:
        values = {"pod.name": place.pod_name, **input_variables(to_wire(template))}
        try:
            whole = substitute(whole, global_scope(d, values))
        except ExpressionError as error:
            raise BuildError(str(error)) from error
    return tuple(patch for patch in (whole, template.pod_spec_patch) if patch)


def _enter_pod(d: Draft, call: TemplateCall, template: Template) -> None:
    node_id = d.id_of(call.name)
    existed = not d.is_new(node_id)
    if not existed:
        d.init_node(call, NodeType.POD, NodePhase.PENDING, **node_fields(template))
        if template.container_set is not None:
            make_containers(d, node_id, call, template.container_set)
    place = _place(d, call, template, node_id)
    outputs = saved_outputs(template, place)
    if call.inline is not None and template.archive_location is not None:
        outputs = with_places(outputs, d.spec, place.repository)
    pending_until, _ = time_limits(template, place.started_at)
    leaf = Leaf(
        owner=call.owner,
        outputs=outputs,
        inputs=template.inputs,
        on_exit=call.on_exit,
        daemon=place.daemon,
        pending_until=pending_until,
    )
    d.enter_leaf(node_id, leaf)
    if existed:
        return
    stopped = stop_message(d, call)
    if stopped:
        d.mark(node_id, NodePhase.FAILED, stopped)
        return
    try:
        patches = _patches(d, template, place)
        launch = make_launch(template, outputs, replace(place, patches=patches) if patches else place)
    except InvalidSpec as error:
        raise BuildError(str(error)) from error
    d.order(launch)
    set_timers(d, node_id, leaf)
