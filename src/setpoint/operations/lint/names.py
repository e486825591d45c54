"""Rules on names: of objects, templates, steps, parameters. Source: Kubernetes names, argo-workflows validation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from setpoint.apis.argo import CronWorkflow, Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import FieldPath, parse_path
from setpoint.apis.meta import Resource
from setpoint.apis.names import check_generate_name, check_name
from setpoint.operations.lint.report import Findings

NameRule = Callable[[str], str | None]
"""Why a name is wrong, None if it is not."""

WORKFLOW_NAME_LIMIT = 63
CRON_NAME_LIMIT = 52

_FIELD = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_PARAMETER = re.compile(r"[-a-zA-Z0-9_]+")
_WORDS = re.compile(r"[A-Z][a-z]*")
_ARTIFACT = re.compile(r"[-a-zA-Z0-9_{}.]+")

_FIELD_REASON = (
    "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character "
    "(e.g. My-name1-2, 123-NAME)"
)
_PARAMETER_REASON = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"
)


def field_name_problem(name: str) -> str | None:
    """Why a name of a template, step or task is wrong, None if it is not."""
    if len(name) > 128:
        return "must be no more than 128 characters"
    return None if _FIELD.fullmatch(name) else _FIELD_REASON


def parameter_name_problem(name: str) -> str | None:
    """Why a name of a parameter is wrong, None if it is not."""
    return None if _PARAMETER.fullmatch(name) else _PARAMETER_REASON


def artifact_name_problem(name: str) -> str | None:
    """Why a name of an artifact is wrong, None if it is not; tags may stand in it."""
    return None if _ARTIFACT.fullmatch(name) else _PARAMETER_REASON


def check_names(findings: Findings, path: FieldPath, said: str, names: Iterable[str], problem_of: NameRule) -> None:
    """Names of a list: given, well formed, unique. `said` is how Argo's message names the list."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        where = (*path, index, "name")
        if not name:
            findings.error(where, f"{said}[{index}].name is required")
        elif problem := problem_of(name):
            findings.error(where, f"{said}[{index}].name: '{name}' is invalid: {problem}")
        elif name in seen:
            findings.error(where, f"{said}[{index}].name '{name}' is not unique")
        seen.add(name)


def check_object_name(resource: Resource, findings: Findings, *, submit: bool) -> None:
    """metadata.name: given (or generateName), short enough, legal; a workflow needs it only once it is submitted."""
    name, generate = resource.metadata.name, resource.metadata.generate_name
    limit = CRON_NAME_LIMIT if isinstance(resource, CronWorkflow) else WORKFLOW_NAME_LIMIT
    if not name and not generate:
        report = findings.error if submit or not isinstance(resource, Workflow) else findings.warn
        report(("metadata",), "name or generateName is required")
    elif name and len(name) > limit:
        kind = " ".join(word.lower() for word in _WORDS.findall(resource.KIND))
        reason = f'{kind} name "{name}" must not be more than {limit} characters long (currently {len(name)})'
        findings.error(("metadata", "name"), reason)
    else:
        try:
            if name:
                check_name(name, kind=resource.KIND)
            else:
                check_generate_name(generate, kind=resource.KIND)
        except InvalidSpec as error:
            findings.error(parse_path(error.path), error.reason)
