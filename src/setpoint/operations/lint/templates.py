"""Rules for one template by itself: its type, inputs, outputs, and the body of a leaf.

Messages are Argo's where Argo has one, because users and tools know them. Source: argo-workflows validation.
"""

from __future__ import annotations

import posixpath

from setpoint.apis.argo import (
    Artifact,
    ArtifactLocation,
    Parameter,
    RetryPolicy,
    RetryStrategy,
    Template,
    TemplateType,
)
from setpoint.apis.manifest import FieldPath
from setpoint.apis.meta import to_wire
from setpoint.operations.lint.leaves import check_leaf
from setpoint.operations.lint.metrics import check_metrics
from setpoint.operations.lint.names import artifact_name_problem, check_names, parameter_name_problem
from setpoint.operations.lint.report import Findings, did_you_mean
from setpoint.operations.lint.scope import check_expression
from setpoint.operations.lint.values import INTEGER, check_duration, check_number

_UNTIMED = (TemplateType.STEPS, TemplateType.DAG, TemplateType.SUSPEND)
_TYPES = "container, containerSet, steps, script, resource, dag, suspend, http, data, plugin"


def check_template(findings: Findings, template: Template, effective: Template, path: FieldPath) -> None:
    """All rules that need no other template; `effective` is the template with the templateDefaults under it."""
    said = f"templates.{template.name}"
    _check_type(findings, template, path, said)
    _check_inputs(findings, template, path, said)
    _check_outputs(findings, template, path, said)
    if template.archive_location is not None:
        _check_store(findings, template.archive_location, (*path, "archiveLocation"), f"{said}.archiveLocation")
    if template.retry_strategy is not None:
        check_retry(findings, template.retry_strategy, (*path, "retryStrategy"), said)
    check_metrics(findings, template.metrics, path, said)
    if template.timeout and template.type in _UNTIMED:
        findings.error((*path, "timeout"), f"{said} {template.type.value} template doesn't support timeout field")
    if template.is_leaf:
        _check_leaf(findings, template, effective, path, said)
    else:
        if template.active_deadline_seconds is not None:
            reason = f"{said}.activeDeadlineSeconds is only valid for leaf templates"
            findings.error((*path, "activeDeadlineSeconds"), reason)


def _check_type(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    if not template.types:
        findings.error(path, f"{said} template type unspecified. choose one of: {_TYPES}")
    elif len(template.types) > 1:
        found = ", ".join(kind.value for kind in template.types)
        reason = f"{said} multiple template types specified. choose one of: {_TYPES} (found {found})"
        findings.error(path, reason)


def _check_inputs(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    where = (*path, "inputs")
    parameters, artifacts = template.inputs.parameters, template.inputs.artifacts
    names = [item.name for item in parameters]
    check_names(findings, (*where, "parameters"), f"{said}.inputs.parameters", names, parameter_name_problem)
    names = [item.name for item in artifacts]
    check_names(findings, (*where, "artifacts"), f"{said}.inputs.artifacts", names, artifact_name_problem)
    for index, artifact in enumerate(artifacts):
        here, ref = (*where, "artifacts", index), f"{said}.inputs.artifacts.{artifact.name}"
        _check_artifact_path(findings, template, artifact, here, ref)
        if artifact.from_:
            findings.error((*here, "from"), f"{ref}.from not valid in inputs")
        if artifact.from_expression:
            findings.warn((*here, "fromExpression"), f"{ref}.fromExpression is not read in inputs: give it as argument")
        check_location(findings, artifact, here, ref)
        _check_store(findings, artifact, here, ref)


def _check_artifact_path(
    findings: Findings, template: Template, artifact: Artifact, path: FieldPath, said: str
) -> None:
    """A leaf's artifact has a path that stays below what stands before its `..`; that of steps and dag has none."""
    if not template.is_leaf:
        if artifact.path:
            findings.error((*path, "path"), f"{said}.path only valid in container/script templates")
    elif not artifact.path:
        if template.type is not TemplateType.PLUGIN:
            findings.error(path, f"error in {said}: Artifact '{artifact.name}' did not specify a path")
    elif _climbs_out(artifact.path):
        reason = f"Artifact '{artifact.name}' attempted to use a path containing '..'. "
        findings.error((*path, "path"), f"error in {said}: {reason}Directory traversal is not permitted")


def _climbs_out(path: str) -> bool:
    """Whether `..` leads out of what stands before it: `/a/b/../c` does, `/a/b/../b/c` does not."""
    head, found, _ = f"{path}/".partition("/../")
    return bool(found and head) and not posixpath.normpath(path).startswith(f"{head}/")


def _check_store(findings: Findings, artifact: ArtifactLocation, path: FieldPath, said: str) -> None:
    """Fields that a store cannot do without, where Argo asks for them."""
    wire = to_wire(artifact)
    git, hdfs = wire.get("git"), wire.get("hdfs")
    if git is not None and not git.get("repo"):
        findings.error((*path, "git"), f"{said}.git.repo is required")
    if hdfs is None:
        return
    here, said = (*path, "hdfs"), f"{said}.hdfs"
    for key in ("addresses", "path"):
        if not hdfs.get(key):
            findings.error(here, f"{said}.{key} is required")
    if not any(hdfs.get(key) for key in ("hdfsUser", "krbCCacheSecret", "krbKeytabSecret")):
        reason = f"either {said}.hdfsUser, {said}.krbCCacheSecret or {said}.krbKeytabSecret is required"
        findings.error(here, reason)


def check_location(findings: Findings, artifact: ArtifactLocation, path: FieldPath, said: str) -> None:
    """An artifact lies in one store at most."""
    if len(artifact.stores) > 1:
        found = ", ".join(artifact.stores)
        findings.error(path, f"{said}: at most one artifact location can be specified (found {found})")


def check_enum(findings: Findings, parameter: Parameter, path: FieldPath, said: str) -> None:
    """An enum is not empty and holds the value."""
    if parameter.enum is None:
        return
    if not parameter.enum:
        reason = f"{said}{parameter.name}.enum should contain at least one value"
        findings.error((*path, "enum"), reason)
    elif parameter.value is not None and parameter.value not in parameter.enum:
        reason = f"{said}{parameter.name}.value should be present in {said}{parameter.name}.enum list"
        findings.error((*path, "value"), reason, parameter.enum)


def _check_outputs(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    where = (*path, "outputs")
    parameters, artifacts = template.outputs.parameters, template.outputs.artifacts
    names = [item.name for item in parameters]
    check_names(findings, (*where, "parameters"), f"{said}.outputs.parameters", names, parameter_name_problem)
    names = [item.name for item in artifacts]
    check_names(findings, (*where, "artifacts"), f"{said}.outputs.artifacts", names, artifact_name_problem)
    for index, artifact in enumerate(artifacts):
        here, ref = (*where, "artifacts", index), f"{said}.outputs.artifacts.{artifact.name}"
        _check_artifact_path(findings, template, artifact, here, ref)
        _check_global_name(findings, artifact.global_name, here, ref)
        if artifact.from_ and artifact.from_expression:
            findings.error(here, f"{ref} shouldn't have both `from` and `fromExpression` in Artifact")
        check_expression(findings, artifact.from_expression, (*here, "fromExpression"), f"{ref}.fromExpression")
        check_location(findings, artifact, here, ref)
    for index, parameter in enumerate(parameters):
        _check_output(findings, template, parameter, (*where, "parameters", index), said)


_VALUE_FROM = ("path", "jq_filter", "json_path", "parameter", "expression")


def _check_global_name(findings: Findings, name: str, path: FieldPath, said: str) -> None:
    if name and "{{" not in name and (problem := parameter_name_problem(name)):
        findings.error((*path, "globalName"), f"{said}.globalName: {problem}, found '{name}'")


def _check_output(findings: Findings, template: Template, parameter: Parameter, path: FieldPath, said: str) -> None:
    ref = f"{said}.outputs.parameters.{parameter.name}"
    source = parameter.value_from
    _check_global_name(findings, parameter.global_name, path, ref)
    if parameter.value is not None:
        if source is not None:
            findings.error(path, f"{ref} has both valueFrom and value specified, choose one")
        return
    if source is None:
        findings.error(path, f"{ref} does not have valueFrom or value specified")
        return
    check_expression(findings, source.expression, (*path, "valueFrom", "expression"), f"{ref}.valueFrom.expression")
    given = [name for name in _VALUE_FROM if getattr(source, name)]
    given += ["supplied"] if source.supplied is not None else []
    choices = "path, jqFilter, jsonPath, parameter, raw, expression"
    here = (*path, "valueFrom")
    if not given:
        findings.error(here, f"{ref} valueFrom type unspecified. choose one of: {choices}")
    elif len(given) > 1:
        findings.error(here, f"{ref} multiple valueFrom types specified. choose one of: {choices}")
    elif problem := _source_problem(template, given[0], ref):
        findings.error(here, problem)


def _source_problem(template: Template, given: str, ref: str) -> str | None:
    """Why this source cannot be used in a template of this type."""
    kind = template.type
    match kind:
        case TemplateType.CONTAINER | TemplateType.SCRIPT | TemplateType.CONTAINER_SET:
            return None if given == "path" else f"{ref}.path must be specified for {kind.value} templates"
        case TemplateType.RESOURCE:
            wrong = given not in ("jq_filter", "json_path")
            return f"{ref} .jqFilter or jsonPath must be specified for {kind.value} templates" if wrong else None
        case TemplateType.STEPS | TemplateType.DAG:
            wrong = given not in ("parameter", "expression")
            return f"{ref}.parameter or expression must be specified for {kind.value} templates" if wrong else None
        case _:
            return None


def check_retry(findings: Findings, retry: RetryStrategy, path: FieldPath, said: str) -> None:
    """The policy is one of Argo's, the limit a number, the durations durations."""
    words = tuple(item.value for item in RetryPolicy)
    if retry.retry_policy and retry.retry_policy not in words:
        hint = did_you_mean(retry.retry_policy, words)
        findings.error((*path, "retryPolicy"), f"{retry.retry_policy} is not a valid RetryPolicy{hint}", words)
    check_expression(findings, retry.expression, (*path, "expression"), f"{said}.retryStrategy.expression")
    check_number(findings, retry.limit, (*path, "limit"), f"{said}.retryStrategy.limit")
    if retry.backoff is not None:
        here = (*path, "backoff")
        if not retry.backoff.duration:
            findings.warn(here, f"{said}: no base duration specified for retryStrategy: a first failure is an Error")
        for key, value in (
            ("duration", retry.backoff.duration),
            ("cap", retry.backoff.cap),
            ("maxDuration", retry.backoff.max_duration),
        ):
            check_duration(findings, value, (*here, key), f"{said}.retryStrategy.backoff.{key}")
        check_number(findings, retry.backoff.factor, (*here, "factor"), f"{said}.retryStrategy.backoff.factor")


def _check_leaf(findings: Findings, template: Template, effective: Template, path: FieldPath, said: str) -> None:
    if template.parallelism is not None:
        reason = f"{said}.parallelism is only valid for steps and dag templates"
        findings.error((*path, "parallelism"), reason)
    deadline = template.active_deadline_seconds
    if deadline is not None:
        reason = f"{said}.activeDeadlineSeconds must be a positive integer > 0 or an argo variable"
        text = str(deadline)
        if "{{" not in text and not (INTEGER.fullmatch(text) and int(text) > 0):
            findings.error((*path, "activeDeadlineSeconds"), f"{reason}, found '{deadline}'")
    if template.timeout and INTEGER.fullmatch(template.timeout):
        findings.error((*path, "timeout"), f"{template.name} has invalid duration format in timeout")
    else:
        check_duration(findings, template.timeout, (*path, "timeout"), f"{said}.timeout", bare=False)
    if template.main is not None:
        _check_container(findings, effective, path, said)
    check_leaf(findings, effective, path, said)
    for key, containers in (("initContainers", template.init_containers), ("sidecars", template.sidecars)):
        for index, container in enumerate(containers):
            here = (*path, key, index)
            if not container.name:
                findings.error(here, f"{said}.{key}[{index}].name is required")
            if not container.image:
                findings.error(here, f"{said}.{key}[{index}].image may not be empty")


def _check_container(findings: Findings, template: Template, path: FieldPath, said: str) -> None:
    main = template.main
    if main is None:
        return
    key = "container" if template.container is not None else "script"
    if not main.image:
        findings.error((*path, key), f"{said}.{key}.image may not be empty")
    mounted: dict[str, str] = {}
    for index, mount in enumerate(main.volume_mounts):
        if mount.mount_path in mounted:
            reason = f"{said}.{key}.volumeMounts[{index}].mountPath '{mount.mount_path}' already mounted in "
            findings.error((*path, key, "volumeMounts", index), reason + mounted[mount.mount_path])
        mounted[mount.mount_path] = f"{key}.volumeMounts.{mount.name}"
    for index, artifact in enumerate(template.inputs.artifacts if key == "container" else ()):
        if artifact.path and artifact.path in mounted:
            reason = f"{said}.inputs.artifacts[{index}].path '{artifact.path}' already mounted in "
            findings.error((*path, "inputs", "artifacts", index, "path"), reason + mounted[artifact.path])
        mounted[artifact.path] = f"inputs.artifacts.{artifact.name}"
