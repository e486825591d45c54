"""Rules for what steps and DAG tasks share: which template they call, with which arguments, over which items."""

from __future__ import annotations

from dataclasses import dataclass

from setpoint.apis.argo import (
    Arguments,
    Artifact,
    Call,
    LifecycleHook,
    Template,
    TemplateRef,
    TemplateSource,
    ValueFrom,
    WorkflowSpec,
)
from setpoint.apis.manifest import FieldPath
from setpoint.operations.lint.names import artifact_name_problem, check_names, parameter_name_problem
from setpoint.operations.lint.report import Findings, did_you_mean
from setpoint.operations.lint.templates import check_enum, check_location
from setpoint.operations.lint.values import check_number

_FOREIGN_SOURCES = ("expression", "json_path", "parameter", "path")
"""Sources that only outputs have."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a call leads to. `template` None: not known before it runs, or already reported as missing."""

    template: Template | None
    home: WorkflowSpec | None = None


@dataclass
class Resolver:
    """Finds templates by name in the spec at hand and by reference in the catalogue."""

    findings: Findings
    home: WorkflowSpec
    catalog: TemplateSource

    def resolve(self, call: Call | LifecycleHook, path: FieldPath, said: str) -> Target:
        """The template of a step, task or hook; what is wrong is reported at `path`."""
        inline = call.inline if isinstance(call, Call) else None
        if call.template_ref is not None:
            if call.template:
                reason = f"{said} template name cannot be specified with templateRef"
                self.findings.error((*path, "templateRef"), reason)
            return self.by_ref(call.template_ref, (*path, "templateRef"), said)
        if inline is not None:
            if call.template:
                self.findings.error((*path, "inline"), f"{said} template name cannot be specified with inline")
            return Target(inline, self.home)
        if not call.template:
            self.findings.error(path, f"{said} template, templateRef or inline is required")
            return Target(None)
        return self.by_name(call.template, (*path, "template"), said)

    def by_name(self, name: str, path: FieldPath, said: str) -> Target:
        """A template of the spec at hand."""
        if "{{" in name:
            return Target(None)
        template = self.home.template(name)
        if template is None:
            names = tuple(item.name for item in self.home.templates)
            reason = f"template name '{name}' undefined{did_you_mean(name, names)}"
            self.findings.error(path, f"{said} {reason}".strip(), names)
            return Target(None)
        return Target(template, self.home)

    def by_ref(self, ref: TemplateRef, path: FieldPath, said: str) -> Target:
        """A template of another object."""
        if not ref.name or not ref.template:
            missing = "resource name" if not ref.name else "template name"
            self.findings.error(path, f"{said} {missing} is required")
            return Target(None)
        if "{{" in ref.name or "{{" in ref.template:
            return Target(None)
        spec = self.catalog.template_spec(ref.name, cluster=ref.cluster_scope)
        template = spec.template(ref.template) if spec is not None else None
        if spec is None or template is None:
            hint = did_you_mean(ref.template, tuple(item.name for item in spec.templates)) if spec else ""
            self.findings.error(path, f"{said} template reference {ref.name}.{ref.template} not found{hint}")
            return Target(None)
        return Target(template, spec)


def check_call(findings: Findings, call: Call, path: FieldPath, said: str) -> None:
    """Rules on a step or task by itself: loops and arguments."""
    _check_loop(findings, call, path, said)
    check_arguments(findings, call.arguments, (*path, "arguments"), f"{said}.arguments.")
    if call.inline is not None:
        for kind in ("steps", "dag"):
            if getattr(call.inline, kind) is not None:
                reason = f"{said} an inline template cannot be of type {kind}: name it and call it by name"
                findings.error((*path, "inline", kind), reason)


def _check_loop(findings: Findings, call: Call, path: FieldPath, said: str) -> None:
    given = [bool(call.with_items), bool(call.with_param), call.with_sequence is not None]
    if sum(given) > 1:
        findings.error(path, f"{said} only one of withItems, withParam, withSequence can be specified")
    sequence = call.with_sequence
    if sequence is None:
        return
    here = (*path, "withSequence")
    if sequence.count is not None and sequence.end is not None:
        findings.error(here, f"{said} only one of count or end can be defined in withSequence")
    if sequence.count is None and sequence.end is None:
        findings.error(here, f"{said} one of count or end must be defined in withSequence")
    check_number(findings, sequence.count, (*here, "count"), f"{said}.withSequence.count")
    for key, value in (("start", sequence.start), ("end", sequence.end)):
        check_number(findings, value, (*here, key), f"{said}.withSequence.{key}", least=-(2**63))


def check_arguments(
    findings: Findings, arguments: Arguments, path: FieldPath, said: str, *, values: bool = True
) -> None:
    """Names of arguments, that each artifact has a location, and with `values` that each parameter has a value."""
    parameters, artifacts = arguments.parameters, arguments.artifacts
    names = [item.name for item in parameters]
    check_names(findings, (*path, "parameters"), f"{said}parameters", names, parameter_name_problem)
    names = [item.name for item in artifacts]
    check_names(findings, (*path, "artifacts"), f"{said}artifacts", names, artifact_name_problem)
    for index, parameter in enumerate(parameters):
        here = (*path, "parameters", index)
        check_enum(findings, parameter, here, said)
        if values and not parameter.has_value:
            ref = f"{said}{parameter.name}"
            findings.error(here, f"{ref}.value or {ref}.valueFrom is required")
        if parameter.value_from is not None and not _is_argument_source(parameter.value_from):
            reason = f"{said}{parameter.name}.valueFrom only allows: default, configMapKeyRef and supplied"
            findings.error((*here, "valueFrom"), reason)
    for index, artifact in enumerate(artifacts):
        here, ref = (*path, "artifacts", index), f"{said}{artifact.name}"
        if artifact.from_ and artifact.from_expression:
            findings.error(here, f"{ref} shouldn't have both 'from' and 'fromExpression' in Artifact")
        check_location(findings, artifact, here, ref)
        if not _has_location(artifact):
            findings.error(here, f"{ref}.from, artifact location, or key is required")


def _is_argument_source(source: ValueFrom) -> bool:
    given = source.config_map_key_ref is not None or source.supplied is not None or bool(source.event)
    return given and not any(getattr(source, name) for name in _FOREIGN_SOURCES)


def _has_location(artifact: Artifact) -> bool:
    return bool(artifact.from_ or artifact.from_expression or artifact.stores)


def check_supplied(
    findings: Findings, target: Target, arguments: Arguments, path: FieldPath, said: str, *, values: bool = True
) -> None:
    """Every input without a default is supplied by the caller; `values` False takes declared ones for supplied."""
    template = target.template
    if template is None:
        return
    inside = f"{said} templates.{template.name}".strip() if template.name else said
    for wanted in template.inputs.parameters:
        given = arguments.parameter(wanted.name)
        supplied = given is not None and (given.has_value or not values)
        if not supplied and not wanted.has_value and wanted.default is None:
            findings.error((*path, "parameters"), f"{inside} inputs.parameters.{wanted.name} was not supplied")
    for need in template.inputs.artifacts:
        if arguments.artifact(need.name) is None and not need.optional and not _has_location(need):
            findings.error((*path, "artifacts"), f"{inside} inputs.artifacts.{need.name} was not supplied")
    if said:
        _check_taken(findings, template, arguments, path, said)


def _check_taken(findings: Findings, template: Template, arguments: Arguments, path: FieldPath, said: str) -> None:
    """Warns of arguments that the template does not take, or takes as the other kind."""
    for kind, other in (("parameter", "artifact"), ("artifact", "parameter")):
        inputs = tuple(item.name for item in getattr(template.inputs, f"{kind}s"))
        others = [item.name for item in getattr(template.inputs, f"{other}s")]
        for index, argument in enumerate(getattr(arguments, f"{kind}s")):
            if argument.name and argument.name not in inputs:
                hint = did_you_mean(argument.name, inputs)
                hint = f": it is an input {other}" if argument.name in others else hint
                reason = f"{said}: template '{template.name}' has no input {kind} '{argument.name}'{hint}"
                findings.warn((*path, f"{kind}s", index), reason)
