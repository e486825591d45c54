"""Checking a manifest before anything of it is created: all problems at once, warnings on stderr."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from setpoint.apis.argo import Workflow
from setpoint.cli._findings import tell
from setpoint.cli._manifests import Manifest, unknown_parameters
from setpoint.operations.lint import Report, lint_resource
from setpoint.operations.templates import known_templates
from setpoint.ports.resources import ResourceApi

EXIT_INVALID = 2


async def check(
    manifest: Manifest, resources: ResourceApi, *, namespace: str, parameters: Sequence[str], here: bool = True
) -> None:
    """Say what is wrong and leave with exit code 2, or say the warnings and return.

    Templates of the manifest itself and those stored already are known to it. Unless it is to run here, on this
    machine, what only a cluster can do is right.
    """
    known = await known_templates(resources, namespace)
    catalog = known.catalog.with_resources(manifest.resources)
    report = Report()
    for resource, document in zip(manifest.resources, manifest.documents, strict=True):
        if not known.decide(resource):
            continue  # the cluster's own controller will say it
        report += lint_resource(resource, catalog, submit=isinstance(resource, Workflow), document=document)
    if not here:
        report = Report(errors=report.invalid)
    for name in unknown_parameters(manifest, parameters):
        typer.echo(f"warning: {manifest.name} declares no parameter {name!r}", err=True)
    tell(report, {manifest.name: manifest.text})
    if not report.ok:
        raise typer.Exit(EXIT_INVALID)
