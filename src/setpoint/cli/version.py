"""`version`: of this program, and of the server a context names."""

from __future__ import annotations

from typing import Annotated

import typer

from setpoint import __version__
from setpoint.cli._context import ContextOption, HomeOption, find_place, run_async

app = typer.Typer(add_completion=False)


@app.command()
def version(
    short: Annotated[bool, typer.Option("--short", help="The number of this program only.")] = False,
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Print the version of this program, and of the cluster that `--context` names.

    `setpoint version`, `setpoint version --context plant`
    """
    if short:
        typer.echo(__version__)
        return
    typer.echo(f"setpoint: {__version__}")
    cluster = find_place(home, "", context).cluster
    if cluster is not None:
        from setpoint.wiring.cluster import server_version  # noqa: PLC0415  HTTP, only if needed

        typer.echo(f"{cluster.context}: {run_async(lambda: server_version(cluster))}")
