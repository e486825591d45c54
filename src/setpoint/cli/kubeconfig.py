"""`kubeconfig`: how kubectl and other clients reach the control plane."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.errors import Unavailable
from setpoint.cli._context import HomeOption
from setpoint.wiring.endpoint import read_endpoint
from setpoint.wiring.kubeconfig import NAME, make_kubeconfig, merge_kubeconfig, render_kubeconfig
from setpoint.wiring.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def kubeconfig(
    merge: Annotated[
        bool, typer.Option("--merge", help="Put it into --into, and make it the current context.")
    ] = False,
    into: Annotated[
        Path | None, typer.Option("--into", help="File to merge into; ~/.kube/config.", show_default=False)
    ] = None,
    home: HomeOption = None,
) -> None:
    """Print the kubeconfig of the control plane, or merge it into another.

    `setpoint kubeconfig`, `setpoint kubeconfig --merge`
    """
    settings = load_settings(home)
    endpoint = read_endpoint(settings.home)
    if endpoint is None:
        raise Unavailable(f"no control plane was ever up for {settings.home}; start one by `setpoint up --detach`")
    config = make_kubeconfig(endpoint)
    if not (merge or into):
        typer.echo(render_kubeconfig(config), nl=False)
        return
    path = into or Path.home() / ".kube" / "config"
    merge_kubeconfig(path, config)
    typer.echo(f"context {NAME} is in {path}")
