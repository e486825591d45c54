"""`model list|show`: model versions and their aliases."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from setpoint.apis.meta import to_wire
from setpoint.cli._context import HomeOption
from setpoint.cli._output import Output, OutputOption, render_document
from setpoint.ports.registry import ModelVersion
from setpoint.wiring.component_ports import model_registry
from setpoint.wiring.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List and show model versions.")

_SHOWN_METRICS = {"ACCURACY": "accuracy", "RECALL": "recall", "ROC AUC": "roc_auc"}  # heading: metric of the version


@app.command(name="list")
def list_(
    name: Annotated[str, typer.Argument(help="One model; all if not given.")] = "",
    output: OutputOption = Output.TABLE,
    home: HomeOption = None,
) -> None:
    """List model versions, newest first.

    `setpoint model list`, `setpoint model list process-control -o json`
    """
    registry = model_registry(load_settings(home))
    names = (name,) if name else registry.names()
    _print([version for each in names for version in registry.versions(each)], output)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Model.")],
    version: Annotated[str, typer.Argument(help="Number, or an alias as @champion.")] = "@champion",
    output: OutputOption = Output.YAML,
    home: HomeOption = None,
) -> None:
    """Show one version: parameters, metrics, tags, where it is stored.

    `setpoint model show process-control`, `setpoint model show process-control 3 -o json`
    """
    found = model_registry(load_settings(home)).get(name, version)
    if output in (Output.TABLE, Output.WIDE, Output.NAME):
        _print([found], output)
    else:
        typer.echo(render_document(to_wire(found), output))


def _print(versions: list[ModelVersion], output: Output) -> None:
    match output:
        case Output.JSON | Output.YAML:
            typer.echo(render_document([to_wire(version) for version in versions], output))
        case Output.NAME:
            for version in versions:
                typer.echo(f"{version.name}/{version.version}")
        case Output.TABLE | Output.WIDE:
            table = Table("NAME", "VERSION", "ALIASES", *_SHOWN_METRICS, box=None)
            for version in versions:
                shown = [version.metrics.get(key) for key in _SHOWN_METRICS.values()]
                metrics = ["" if value is None else f"{value:.3f}" for value in shown]
                table.add_row(version.name, version.version, ", ".join(version.aliases), *metrics)
            Console().print(table)
