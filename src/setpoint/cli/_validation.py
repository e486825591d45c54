"""Checking a manifest before anything of it is created: all problems at once, warnings on stderr."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from setpoint.apis.argo import ClusterWorkflowTemplate, TemplateCatalog, Workflow, WorkflowTemplate
from setpoint.apis.errors import InvalidSpec
from setpoint.cli._manifests import Manifest, unknown_parameters
from setpoint.operations.lint import Report, lint_resource
from setpoint.ports.resources import ResourceApi

EXIT_INVALID = 2


async def check(manifest: Manifest, resources: ResourceApi, *, namespace: str, parameters: Sequence[str]) -> None:
    """Say what is wrong and leave with exit code 2, or say the warnings and return.

    Templates of the manifest itself and those stored already are known to it.
    """
    stored = TemplateCatalog.of(
        [
            *(await resources.list(WorkflowTemplate, namespace)).items,
            *(await resources.list(ClusterWorkflowTemplate)).items,
        ]
    )
    catalog = stored.with_resources(manifest.resources)
    report = Report()
    for resource, document in zip(manifest.resources, manifest.documents, strict=True):
        locate = document.locate if document is not None else lambda _: None
        report += lint_resource(resource, catalog, submit=isinstance(resource, Workflow), locate=locate)
    for name in unknown_parameters(manifest, parameters):
        typer.echo(f"warning: {manifest.name} declares no parameter {name!r}", err=True)
    tell(report)
    if not report.ok:
        raise typer.Exit(EXIT_INVALID)


def tell(report: Report) -> None:
    """Errors, then warnings, one line each on stderr."""
    for error in report.errors:
        typer.echo(f"error: {error}", err=True)
    for warning in report.warnings:
        typer.echo(f"warning: {warning}", err=True)


def as_wire(finding: InvalidSpec, severity: str) -> dict[str, object]:
    """A finding for programs."""
    place = finding.location
    return {
        "severity": severity,
        "file": place.file if place else "",
        "line": place.line if place else None,
        "column": place.column if place else None,
        "path": finding.path,
        "reason": finding.reason,
        "allowed": list(finding.allowed),
    }
