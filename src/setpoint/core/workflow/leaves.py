"""Entering leaf templates that run no pod of processes: suspend nodes, and those whose work the engine's shell does.

An action (resource, http, data, plugin) is an order that is answered with how it stands, at the latest when it is done.
Resource and data nodes are of type Pod, as on a cluster, where a pod of Argo's own carries them out.
Source: SEMANTICS section 13.
"""

from __future__ import annotations

import re
from typing import Any

from setpoint.apis.argo import NodePhase, NodeType, Outputs, Template
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.pods import ArtifactInput, ArtifactPlace
from setpoint.core.workflow import ids
from setpoint.core.workflow.commands import (
    ActionCommand,
    ExecutePlugin,
    ProcessData,
    RunResourceAction,
    SendRequest,
    SetTimer,
    TimerKind,
)
from setpoint.core.workflow.draft import BuildError, Draft
from setpoint.core.workflow.durations import parse_duration
from setpoint.core.workflow.ending import workflow_deadline
from setpoint.core.workflow.places import place_of
from setpoint.core.workflow.pod_request import artifact_input
from setpoint.core.workflow.repository import Repository, of_template, read_repository
from setpoint.core.workflow.state import Leaf, TemplateCall
from setpoint.core.workflow.timeouts import set_timers, time_limits

DISPLAY_NAME = "workflows.argoproj.io/display-name"
_DISPLAY_NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]$")


def node_inputs(template: Template) -> Any:
    """What a node of the template shows as its inputs."""
    return template.inputs if template.inputs.parameters or template.inputs.artifacts else None


def node_fields(template: Template) -> dict[str, Any]:
    """Fields every started node has: its inputs, and its display name where an annotation gives one."""
    fields: dict[str, Any] = {"inputs": node_inputs(template)}
    shown = template.annotations.get(DISPLAY_NAME)
    if shown is not None:
        if not _DISPLAY_NAME.fullmatch(shown):
            raise BuildError(f"invalid display name {shown!r}: it must match {_DISPLAY_NAME.pattern}")
        fields["display_name"] = shown
    return fields


def stop_message(d: Draft, call: TemplateCall, kind: NodeType = NodeType.POD) -> str:
    """Why a leaf may not start in a workflow that is shut down or past its deadline; empty if it may."""
    deadline = workflow_deadline(d)
    if deadline is not None and d.now >= deadline and not call.on_exit:
        return "Step exceeded its deadline"
    if not d.shut_down(on_exit=call.on_exit):
        return ""
    if kind is NodeType.POD:
        return f"workflow shutdown with strategy:  {d.engine.shutdown}"
    return f"Stopped with strategy '{d.engine.shutdown}'"


def enter_action(d: Draft, call: TemplateCall, template: Template, tree: dict[str, Any]) -> None:
    """Make the node of a template that the shell carries out, and give the order. Raises: BuildError."""
    node_id = d.id_of(call.name)
    kind = NodeType.HTTP if template.http is not None else NodeType.POD
    kind = NodeType.PLUGIN if template.plugin is not None else kind
    existed = not d.is_new(node_id)
    if not existed:
        d.init_node(call, kind, NodePhase.PENDING, **node_fields(template))
    action = ids.pod_id(d.uid, node_id, d.need(node_id).started_at)
    pending_until, until = time_limits(template, d.need(node_id).started_at or d.now)
    leaf = Leaf(
        owner=call.owner,
        outputs=template.outputs,
        inputs=template.inputs,
        on_exit=call.on_exit,
        action=action,
        pending_until=None if kind is NodeType.POD else pending_until,
        until=until if kind is NodeType.POD else None,
    )
    d.enter_leaf(node_id, leaf)
    if existed:
        return
    stopped = stop_message(d, call, kind)
    if stopped:
        d.mark(node_id, NodePhase.FAILED, stopped)
        return
    if kind is NodeType.POD:
        d.mark(node_id, NodePhase.RUNNING)
    d.order(_action(d, action, node_id, template, tree))
    set_timers(d, node_id, leaf)


def _action(d: Draft, action: str, node: str, template: Template, tree: dict[str, Any]) -> ActionCommand:
    if template.resource is not None:
        outputs, source = template.outputs.parameters, _manifest_source(d, template)
        return RunResourceAction(id=action, node=node, resource=template.resource, source=source, outputs=outputs)
    if template.http is not None:
        return SendRequest(id=action, node=node, http=template.http)
    if template.data is not None:
        return ProcessData(id=action, node=node, data=template.data, place=_listed_place(d, template))
    if template.plugin is not None:
        return ExecutePlugin(id=action, node=node, template=tree)
    raise BuildError("template type unspecified")


def _manifest_source(d: Draft, template: Template) -> ArtifactInput | None:
    """The input artifact that `manifestFrom` names. Raises: BuildError if there is none, or it cannot be loaded."""
    if template.resource is None or template.resource.manifest_from is None:
        return None
    name = template.resource.manifest_from.artifact.name
    found = template.inputs.artifact(name)
    if found is None:
        raise BuildError(f"artifact {name} in `manifestFrom` refer to a non-exist artifact")
    try:
        return artifact_input(template_repository(d, template).located(found))
    except InvalidSpec as error:
        raise BuildError(str(error)) from error


def _listed_place(d: Draft, template: Template) -> ArtifactPlace | None:
    """Where the keys are listed that a data template sources; None for the embedded store. Raises: BuildError."""
    paths = template.data.source.artifact_paths if template.data is not None else None
    if paths is None:
        return None
    try:
        return place_of(template_repository(d, template).located(paths))
    except InvalidSpec as error:
        raise BuildError(str(error)) from error


def template_repository(d: Draft, template: Template) -> Repository:
    """The artifact repository of a template's outputs, its own or the workflow's. Raises: BuildError."""
    try:
        return of_template(template, read_repository(d.status.artifact_repository_ref, d.ctx.library))
    except InvalidSpec as error:
        raise BuildError(str(error)) from error


def enter_suspend(d: Draft, call: TemplateCall, template: Template) -> None:
    """Make the node of a suspend template, and set its timer. Raises: BuildError."""
    assert template.suspend is not None  # noqa: S101 (the caller has looked)
    node_id = d.id_of(call.name)
    existed = not d.is_new(node_id)
    text = str(template.suspend.duration)
    try:
        duration = parse_duration(text) if text else None
    except InvalidSpec as error:
        raise BuildError(str(error)) from error
    if not existed:
        declared = template.outputs.parameters
        outputs = Outputs(parameters=declared) if declared else None
        d.init_node(call, NodeType.SUSPEND, NodePhase.RUNNING, outputs=outputs, **node_fields(template))
    started = d.need(node_id).started_at or d.now
    due = started + duration if duration is not None else None
    leaf = Leaf(owner=call.owner, outputs=template.outputs, inputs=template.inputs, on_exit=call.on_exit, due=due)
    d.enter_leaf(node_id, leaf)
    if existed:
        return
    stopped = stop_message(d, call, NodeType.SUSPEND)
    if stopped:
        d.mark(node_id, NodePhase.FAILED, stopped)
    elif due is not None:
        timer = ids.command_id(d.uid, node_id, due.isoformat(), TimerKind.SUSPEND)
        d.order(SetTimer(id=timer, at=due, kind=TimerKind.SUSPEND, node=node_id))
