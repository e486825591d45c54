"""`component list|run`: the components by themselves. `run` is also what a component's pod executes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from setpoint import components
from setpoint.cli._context import HomeOption
from setpoint.wiring.component_ports import component_ports
from setpoint.wiring.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List and run components by themselves.")


@app.command(name="list")
def list_() -> None:
    """List the installed components."""
    for name in components.names():
        typer.echo(f"{name:24} {components.load(name).description}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def run(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the component.")],
    home: HomeOption = None,
) -> None:
    """Run one component: `setpoint component run NAME --help` tells its parameters.

    `setpoint component run data-processing --source plant://cstr --train train --holdout holdout`
    """
    if name == "--help":
        typer.echo(ctx.get_help())
        return
    component = components.load(name)
    arguments = components.parse_arguments(component, ctx.args)
    if arguments.help:
        typer.echo(components.usage(component))
        return
    progress = os.environ.get("ARGO_PROGRESS_FILE")
    result: Any = components.run_component(
        component,
        arguments.values,
        ports=component_ports(load_settings(home), component),
        outputs=arguments.outputs,
        progress_file=Path(progress) if progress else None,
    )
    for field in component.results:
        typer.echo(f"{field.option}: {getattr(result, field.name)}")
