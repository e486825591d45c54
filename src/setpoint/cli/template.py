"""`template`: WorkflowTemplates that are stored, and the templates that are shipped as plain Argo YAML."""

from __future__ import annotations

from typing import Annotated

import typer

from setpoint import components, pipelines
from setpoint.apis.argo import WorkflowTemplate
from setpoint.apis.errors import InvalidSpec
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, find_place, run_async
from setpoint.cli._output import Output, OutputOption, print_objects, print_rows, render_document
from setpoint.cli._selection import AllNamespacesOption, SelectorOption
from setpoint.cli._stored_kind import StoredKind, add_commands
from setpoint.wiring.session import Need

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="WorkflowTemplates that are stored, and those that are shipped."
)

add_commands(app, StoredKind(kind=WorkflowTemplate, group="template"), listing=False)


@app.command(name="list")
def list_(
    selector: SelectorOption = "",
    output: OutputOption = Output.TABLE,
    all_namespaces: AllNamespacesOption = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """List the WorkflowTemplates that are stored, and the pipelines and components that `export` prints.

    A selector, another form than a table, and a cluster leave the shipped ones out.
    `setpoint template list`, `setpoint template list -o name --context plant`
    """
    place = find_place(home, namespace, context)
    table = output in (Output.TABLE, Output.WIDE)

    async def main() -> tuple[WorkflowTemplate, ...]:
        if place.cluster is None and not (place.settings.home / "store").exists():
            return ()
        async with place.open(Need.READ) as session:
            where = None if all_namespaces else place.namespace
            return (await session.resources.list(WorkflowTemplate, where, selector=selector)).items

    stored = run_async(main)
    if not table:
        print_objects(stored, output)
        return
    rows = [[item.metadata.name, f"stored in {item.metadata.namespace}", _about(item)] for item in stored]
    if place.cluster is None and not selector:
        rows += [[name, "shipped pipeline", ""] for name in pipelines.names()]
        rows += [[name, "shipped component", components.load(name).description] for name in components.names()]
    print_rows(["NAME", "SOURCE", "ABOUT"], rows)


def _about(template: WorkflowTemplate) -> str:
    notes = template.metadata.annotations
    text = notes.get("workflows.argoproj.io/description") or notes.get("workflows.argoproj.io/title") or ""
    return text.strip().partition("\n")[0]


@app.command()
def export(name: Annotated[str, typer.Argument(help="A pipeline or a component.")]) -> None:
    """Print a shipped template as plain Argo YAML, ready for `kubectl apply` or `argo template create`.

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
