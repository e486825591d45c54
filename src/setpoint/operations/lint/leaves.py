"""Rules for the bodies of leaf templates that are no single container.

Messages are Argo's where Argo has one. Source: argo-workflows validation.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from setpoint.apis.argo import RESOURCE_ACTIONS, ContainerSetTemplate, ResourceTemplate, Template, TemplateType
from setpoint.apis.errors import InvalidSpec, NotSupported
from setpoint.apis.kinds import KINDS
from setpoint.apis.manifest import FieldPath, load_values
from setpoint.core.workflow.http_template import body_of
from setpoint.core.workflow.kubectl_flags import parse_flags
from setpoint.operations.lint.graph import find_cycle
from setpoint.operations.lint.names import check_names
from setpoint.operations.lint.report import Findings, did_you_mean
from setpoint.operations.lint.scope import check_expression
from setpoint.operations.lint.values import check_duration, check_number

_FLAGS_WILL_DO = ("get", "delete")
"""Actions whose flags may name the object."""
_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_RESERVED = ("init", "wait")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_WORD = "instead-of-a-tag"
_MERGE_STRATEGIES = ("strategic", "merge", "json")


def check_leaf(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    """The rules for the template's type, if it has any, and for the names of its containers."""
    _check_container_names(findings, template, path, said)
    checks: dict[TemplateType, Callable[[Findings, Template, FieldPath, str], None]] = {
        TemplateType.CONTAINER_SET: _check_container_set,
        TemplateType.RESOURCE: _check_resource,
        TemplateType.SUSPEND: _check_suspend,
        TemplateType.HTTP: _check_http,
        TemplateType.DATA: _check_data,
        TemplateType.PLUGIN: _check_plugin,
    }
    if template.type in checks:
        checks[template.type](findings, template, path, said)


def _check_container_names(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    """Containers of a pod have different names, of the kind that Kubernetes takes, and not those of Argo's own."""
    own = template.container_set.containers if template.container_set is not None else ()
    taken = {"main"} if template.main is not None else set()
    for keys, containers in (
        (("containerSet", "containers"), own),
        (("initContainers",), template.init_containers),
        (("sidecars",), template.sidecars),
    ):
        for index, item in enumerate(containers):
            ref = f"{said}.{'.'.join(keys)}[{index}].name '{item.name}'"
            where = (*path, *keys, index, "name")
            if item.name in _RESERVED:
                findings.error(where, f"{ref} is that of one of Argo's own containers")
            elif item.name and len(keys) == 1 and item.name in taken:
                findings.error(where, f"{ref} is not unique")
            elif item.name and "{{" not in item.name and not _LABEL.fullmatch(item.name):
                findings.error(where, f"{ref} is invalid: a container's name is lower case letters, digits and '-'")
            taken.add(item.name)


def _check_container_set(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    body, here = template.container_set, (*path, "containerSet")
    if body is None:
        return
    said = f"{said}.containerSet"
    if not body.containers:
        findings.error((*here, "containers"), f"{said}.containers must have at least one container")
    names = [item.name for item in body.containers]
    check_names(findings, (*here, "containers"), f"{said}.containers", names, lambda name: None)
    for index, item in enumerate(body.containers):
        if not item.image:
            findings.error((*here, "containers", index), f"{said}.containers.{item.name}.image may not be empty")
    _check_set_dependencies(findings, body, (*here, "containers"), said)
    mounted: dict[str, str] = {}
    for index, mount in enumerate(body.volume_mounts):
        if mount.mount_path in mounted:
            reason = f"{said}.volumeMounts[{index}].mountPath '{mount.mount_path}' already mounted in "
            findings.error((*here, "volumeMounts", index), reason + mounted[mount.mount_path])
        mounted[mount.mount_path] = f"volumeMounts.{mount.name}"
    if body.retry_strategy is not None:
        where = (*here, "retryStrategy")
        check_number(findings, body.retry_strategy.retries, (*where, "retries"), f"{said}.retryStrategy.retries", 1)
        duration = body.retry_strategy.duration
        check_duration(findings, duration, (*where, "duration"), f"{said}.retryStrategy.duration", bare=False)
    puts = template.outputs.parameters or template.outputs.artifacts
    if (template.inputs.artifacts or puts) and "main" not in names:
        reason = f'{said}.containers must have a container named "main" for input or output'
        findings.error((*here, "containers"), reason)


def _check_set_dependencies(findings: Findings, body: ContainerSetTemplate, path: FieldPath, said: str) -> None:
    names = tuple(item.name for item in body.containers)
    for index, item in enumerate(body.containers):
        for place, name in enumerate(item.dependencies):
            if name not in names:
                reason = f"{said}.containers.{item.name} dependency '{name}' not defined{did_you_mean(name, names)}"
                findings.error((*path, index, "dependencies", place), reason)
    graph = {item.name: tuple(name for name in item.dependencies if name in names) for item in body.containers}
    cycle = find_cycle(graph)
    if cycle:
        reason = f"{said}.containers sorting failed: invalid cycle: {'->'.join(cycle)}"
        findings.error((*path, names.index(cycle[0])), reason)


def _check_resource(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    body, here = template.resource, (*path, "resource")
    if body is None:
        return
    if "{{" not in body.action and body.action not in RESOURCE_ACTIONS:
        allowed = ", ".join(RESOURCE_ACTIONS)
        hint = did_you_mean(body.action, RESOURCE_ACTIONS)
        findings.error((*here, "action"), f"{said}.resource.action must be one of: {allowed}{hint}")
    _check_manifest(findings, template, body, here, f"{said}.resource")
    _check_flags(findings, body, here, f"{said}.resource")
    if body.merge_strategy and "{{" not in body.merge_strategy and body.merge_strategy not in _MERGE_STRATEGIES:
        reason = f"{said}.resource.mergeStrategy must be one of: {', '.join(_MERGE_STRATEGIES)}"
        findings.error((*here, "mergeStrategy"), reason)
    if body.action == "delete" and (body.success_condition or body.failure_condition or template.outputs.parameters):
        reason = "successCondition, failureCondition and outputs are not supported for delete action"
        findings.error(here, f"{said}.resource: {reason}")


def _check_manifest(findings: Findings, template: Template, body: ResourceTemplate, here: FieldPath, said: str) -> None:
    """The manifest is there, once, and can be read."""
    if body.manifest and body.manifest_from is not None:
        reason = "shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` for resource template"
        findings.error(here, reason)
    if not body.manifest and body.manifest_from is None and (body.action not in ("get", "delete") or not body.flags):
        findings.error(here, f"either {said}.manifest or {said}.manifestFrom must be specified")
    if body.manifest_from is not None and template.inputs.artifact(body.manifest_from.artifact.name) is None:
        name = body.manifest_from.artifact.name
        hint = did_you_mean(name, tuple(item.name for item in template.inputs.artifacts))
        reason = f"artifact {name} in `manifestFrom` refer to a non-exist artifact{hint}"
        findings.error((*here, "manifestFrom", "artifact", "name"), reason)
    if body.manifest:
        _check_kind(findings, body, (*here, "manifest"), f"{said}.manifest")


def _check_kind(findings: Findings, body: ResourceTemplate, path: FieldPath, said: str) -> None:
    """The manifest can be read, a word in place of each tag, and its kind is one that is served here."""
    try:
        values = load_values(_TAG.sub(_WORD, body.manifest), "manifest")
    except InvalidSpec as error:
        if "{{" not in body.manifest:  # what a tag becomes may make it good
            findings.error(path, f"{said} must be a valid yaml: {error.reason}")
        return
    for value in values:
        version, kind = (value.get(key) if isinstance(value, dict) else None for key in ("apiVersion", "kind"))
        if not isinstance(version, str) or not isinstance(kind, str) or _WORD in version + kind:
            continue
        try:
            KINDS.of_manifest(version, kind)
        except InvalidSpec:
            findings.unsupported(path, f"{said}: kind {kind!r} of {version} is not served here")


def _check_flags(findings: Findings, body: ResourceTemplate, here: FieldPath, said: str) -> None:
    if any("{{" in flag for flag in body.flags):
        return
    try:
        flags = parse_flags(body.flags)
        if flags.kind:
            KINDS.find(flags.kind)
    except NotSupported as error:
        findings.unsupported((*here, "flags"), f"{said}.flags: {error.reason}")
    except InvalidSpec as error:
        findings.error((*here, "flags"), f"{said}.flags: {error.reason}", error.allowed)


def _check_suspend(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    if template.suspend is not None:
        here = (*path, "suspend", "duration")
        check_duration(findings, str(template.suspend.duration), here, f"{said}.suspend.duration")


def _check_http(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    body, here = template.http, (*path, "http")
    if body is None:
        return
    if not body.url:
        findings.error((*here, "url"), f"{said}.http.url may not be empty")
    if body.timeout_seconds is not None and body.timeout_seconds < 1:
        reason = f"{said}.http.timeoutSeconds must be a whole number of at least 1, found {body.timeout_seconds}"
        findings.error((*here, "timeoutSeconds"), reason)
    try:
        body_of(body)
    except InvalidSpec as error:
        findings.error((*here, "bodyFrom", "bytes"), f"{said}.{error.reason}")
    for index, header in enumerate(body.headers):
        sources = set(header.value_from or ())
        if header.value_from is not None and sources != {"secretKeyRef"}:
            reason = f"{said}.http.headers.{header.name}.valueFrom must be a secretKeyRef"
            findings.error((*here, "headers", index, "valueFrom"), reason)
    ref = f"{said}.http.successCondition"
    check_expression(findings, body.success_condition, (*here, "successCondition"), ref, argo=False)


def _check_data(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    if template.data is None:
        return
    for index, item in enumerate(template.data.transformation):
        here = (*path, "data", "transformation", index, "expression")
        check_expression(findings, item.expression, here, f"{said}.data.transformation[{index}].expression", argo=False)


def _check_plugin(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    if template.plugin is not None and len(template.plugin) != 1:
        reason = f"{said}.plugin: expected exactly one key, got {len(template.plugin)}"
        findings.error((*path, "plugin"), reason)
