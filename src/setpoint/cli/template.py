"""`template list|export`: the shipped templates as plain Argo YAML."""

from __future__ import annotations

from typing import Annotated

import typer

from setpoint import components, pipelines
from setpoint.apis.errors import InvalidSpec
from setpoint.cli._output import Output, render_document

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List and export the shipped templates.")


@app.command(name="list")
def list_() -> None:
    """List pipelines and components that can be exported."""
    for name in pipelines.names():
        typer.echo(f"{name:24} pipeline")
    for name in components.names():
        typer.echo(f"{name:24} component: {components.load(name).description}")


@app.command()
def export(name: Annotated[str, typer.Argument(help="A pipeline or a component.")]) -> None:
    """Print a template as plain Argo YAML, ready for `kubectl apply` or `argo template create`.

    `setpoint template export process-control > process-control.yaml`
    """
    if name in pipelines.names():
        typer.echo(pipelines.manifest(name).rstrip("\n"))
        return
    if name not in components.names():
        allowed = (*pipelines.names(), *components.names())
        raise InvalidSpec(f"there is no template {name!r}", allowed=allowed)
    template = components.template_of(components.load(name))
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": name},
        "spec": {"entrypoint": template["name"], "templates": [template]},
    }
    typer.echo(render_document(body, Output.YAML))
