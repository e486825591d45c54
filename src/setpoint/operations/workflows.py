"""Verbs on workflows, shared by the command line and the REST API: submit, stop, suspend, resume, set, retry, resubmit.

A verb checks what it can before it writes, with Argo's messages. What the object's spec says (`shutdown`, `suspend`) is
patched there, as a cluster does; what only the engine can do goes into the journal's inbox, durable on return.
Source: SEMANTICS section 18; argo-workflows `workflow/util`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from setpoint.apis.argo import (
    LABEL_COMPLETED,
    LABEL_PHASE,
    LABEL_RESUBMITTED_FROM,
    ClusterWorkflowTemplate,
    Parameter,
    TemplateCatalog,
    Workflow,
    WorkflowTemplate,
    default,
)
from setpoint.apis.errors import AlreadyEnded, InvalidSpec
from setpoint.apis.meta import ObjectMeta, Resource, to_wire
from setpoint.core.workflow import (
    ANNOTATION_MEMOIZED_FROM,
    ResumeRequested,
    RetryRequested,
    SetRequested,
    StopRequested,
    parse_selector,
    retry_refusal,
)
from setpoint.operations.lint import lint_resource
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.resources import Propagation, ResourceApi

_OURS = re.compile(r"^(workflows\.argoproj\.io/|setpoint\.dev/)")
_SETTABLE = ("", "Succeeded", "Failed", "Error")


async def check(resources: ResourceApi, workflow: Workflow) -> None:
    """Nothing if the workflow may run. Raises: InvalidSpec or NotSupported, with the field's path."""
    await lint_stored(resources, workflow, submit=True)


async def lint_stored(resources: ResourceApi, resource: Resource, *, submit: bool = False) -> None:
    """Nothing if an object is right beside the templates that are stored. Raises: InvalidSpec or NotSupported."""
    namespace = resource.metadata.namespace or "default"
    own = await resources.list(WorkflowTemplate, namespace)
    cluster = await resources.list(ClusterWorkflowTemplate)
    catalog = TemplateCatalog.of((*own.items, *cluster.items))
    lint_resource(resource, catalog, submit=submit, warnings=False).raise_first()


async def submit(resources: ResourceApi, workflow: Workflow, *, dry_run: bool = False) -> Workflow:
    """Check, fill in what an API server would, store; with `dry_run` all but store.

    Raises: InvalidSpec, AlreadyExists.
    """
    workflow = default(workflow)
    if not workflow.metadata.name and not workflow.metadata.generate_name:
        raise InvalidSpec("a name or generateName is needed", path="metadata")
    await check(resources, workflow)
    return workflow if dry_run else await resources.create(workflow)


async def delete(
    resources: ResourceApi,
    namespace: str,
    name: str,
    *,
    force: bool = False,
    propagation: Propagation = Propagation.BACKGROUND,
    uid: str = "",
    version: str = "",
) -> None:
    """Delete the object; with `force` whatever finalizers hold it. Raises: NotFound; Conflict for preconditions."""
    if force:
        held = await resources.get(Workflow, namespace, name)
        conditions = ({"uid": uid} if uid else {}) | ({"resourceVersion": version} if version else {})
        await resources.patch(Workflow, namespace, name, {"metadata": {"finalizers": None, **conditions}})
        if held.metadata.deletion_timestamp is not None:  # it went with the last of them
            return
        version = ""  # the patch has made a new one
    await resources.delete(
        Workflow, namespace, name, propagation=propagation, uid=uid or None, resource_version=version or None
    )


async def stop(
    resources: ResourceApi,
    journal: WorkflowJournal,
    namespace: str,
    name: str,
    *,
    message: str = "",
    selector: str = "",
) -> None:
    """End what runs; exit handlers run. With a selector only the matching Suspend nodes fail."""
    workflow = await _running(resources, namespace, name)
    if selector:
        parse_selector(selector)
        await _ask(journal, workflow, StopRequested(strategy="Stop", selector=selector, message=message))
        return
    await resources.patch(Workflow, namespace, name, {"spec": {"shutdown": "Stop"}})


async def terminate(resources: ResourceApi, journal: WorkflowJournal, namespace: str, name: str) -> None:
    """End what runs, exit handlers too."""
    del journal  # the object says it; taken for one shape of all verbs
    await _running(resources, namespace, name)
    await resources.patch(Workflow, namespace, name, {"spec": {"shutdown": "Terminate"}})


async def _running(resources: ResourceApi, namespace: str, name: str) -> Workflow:
    workflow = await resources.get(Workflow, namespace, name)
    if workflow.status.completed:
        raise AlreadyEnded(f"cannot shutdown a completed workflow: workflow: {name!r}, namespace: {namespace!r}")
    return workflow


async def suspend(resources: ResourceApi, journal: WorkflowJournal, namespace: str, name: str) -> None:
    """Start nothing new; pods that run go on."""
    del journal  # the object says it; taken for one shape of all verbs
    workflow = await resources.get(Workflow, namespace, name)
    if workflow.status.completed:
        raise InvalidSpec("cannot suspend completed workflows")
    await resources.patch(Workflow, namespace, name, {"spec": {"suspend": True}})


async def resume(
    resources: ResourceApi, journal: WorkflowJournal, namespace: str, name: str, *, selector: str = ""
) -> None:
    """Undo suspend, and let running Suspend nodes succeed; with a selector the matching ones only."""
    workflow = await resources.get(Workflow, namespace, name)
    if workflow.status.completed:
        raise AlreadyEnded(f"cannot resume a completed workflow: workflow: {name!r}, namespace: {namespace!r}")
    parse_selector(selector)
    if not selector and workflow.spec.suspend:
        await resources.patch(Workflow, namespace, name, {"spec": {"suspend": None}})
    await _ask(journal, workflow, ResumeRequested(selector=selector))


def check_set(selector: str, phase: str) -> None:
    """Whether nodes may be set so. Raises: InvalidSpec: Which nodes is not said, or the phase is none to set to."""
    if not selector:
        raise InvalidSpec("'set' currently only targets suspend nodes, use a node field selector to target them")
    if phase not in _SETTABLE:
        raise InvalidSpec(f"{phase} is an invalid phase to set to", allowed=_SETTABLE[1:])
    parse_selector(selector)


async def set_outputs(
    resources: ResourceApi,
    journal: WorkflowJournal,
    namespace: str,
    name: str,
    *,
    selector: str,
    outputs: Mapping[str, str],
    message: str = "",
    phase: str = "",
) -> None:
    """Supply outputs, phase or message of the matching running Suspend nodes."""
    check_set(selector, phase)
    workflow = await resources.get(Workflow, namespace, name)
    if workflow.status.completed:
        raise AlreadyEnded(f"cannot set values of a completed workflow: workflow: {name!r}, namespace: {namespace!r}")
    await _ask(journal, workflow, SetRequested(selector=selector, message=message, phase=phase, outputs=dict(outputs)))


async def retry(
    resources: ResourceApi,
    journal: WorkflowJournal,
    namespace: str,
    name: str,
    *,
    restart_successful: bool = False,
    selector: str = "",
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Run a finished workflow again from what failed; what succeeded is kept."""
    workflow = await resources.get(Workflow, namespace, name)
    refusal = retry_refusal(workflow.status.phase, restart_successful=restart_successful, selector=selector)
    if refusal:
        raise InvalidSpec(refusal)
    parse_selector(selector)
    given = tuple(Parameter(name=key, value=value) for key, value in (parameters or {}).items())
    patch: dict[str, Any] = {"shutdown": None, "suspend": None}
    if given:
        patch["arguments"] = to_wire(_overridden(workflow, given))
    await resources.patch(Workflow, namespace, name, {"spec": patch})
    request = RetryRequested(restart_successful=restart_successful, selector=selector, parameters=given)
    await _ask(journal, workflow, request)


def _overridden(workflow: Workflow, given: tuple[Parameter, ...]) -> Any:
    by_name = {item.name: item for item in given}
    kept = tuple(by_name.pop(item.name, item) for item in workflow.spec.arguments.parameters)
    return workflow.spec.arguments.replace(parameters=(*kept, *by_name.values()))


async def resubmit(
    resources: ResourceApi,
    namespace: str,
    name: str,
    *,
    memoized: bool = False,
    parameters: Mapping[str, str] | None = None,
) -> Workflow:
    """A new workflow from the spec of an old one; `memoized`: what succeeded in the failed old one is taken over."""
    old = await resources.get(Workflow, namespace, name)
    return await submit(resources, resubmission_of(old, memoized=memoized, parameters=parameters))


def resubmission_of(old: Workflow, *, memoized: bool = False, parameters: Mapping[str, str] | None = None) -> Workflow:
    """The new workflow, not stored yet. Raises: InvalidSpec if only a failed one can be taken over."""
    namespace, name = old.metadata.namespace, old.metadata.name
    if memoized and not old.status.phase.failed_or_error:
        raise InvalidSpec("workflow must be Failed/Error to resubmit in memoized mode")
    spec = old.spec.replace(shutdown="")
    given = tuple(Parameter(name=key, value=value) for key, value in (parameters or {}).items())
    if given:
        spec = spec.replace(arguments=_overridden(old, given))
    meta = old.metadata
    labels = {key: value for key, value in meta.labels.items() if not _OURS.match(key)}
    labels[LABEL_RESUBMITTED_FROM] = name
    for key in (LABEL_PHASE, LABEL_COMPLETED):
        labels.pop(key, None)
    metadata = ObjectMeta(
        generate_name=meta.generate_name or f"{name}-",
        namespace=namespace,
        labels=labels,
        annotations={key: value for key, value in meta.annotations.items() if not _OURS.match(key)}
        | ({ANNOTATION_MEMOIZED_FROM: name} if memoized else {}),
    )
    return Workflow(metadata=metadata, spec=spec)


async def _ask(journal: WorkflowJournal, workflow: Workflow, request: msgspec.Struct) -> None:
    await journal.request(workflow.metadata.uid, msgspec.json.encode(request))
