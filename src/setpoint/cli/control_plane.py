"""`up` and `down`: the control plane of a state directory."""

from __future__ import annotations

import asyncio
import shlex
import signal
from typing import Annotated

import typer

from setpoint.apis.serving import InferenceService
from setpoint.cli._context import HomeOption, run_async
from setpoint.wiring.control_plane import control_plane
from setpoint.wiring.detached import end_detached, running_endpoint, start_detached
from setpoint.wiring.kubeconfig import kubeconfig_path
from setpoint.wiring.settings import Settings, load_settings

up_app = typer.Typer(add_completion=False)
down_app = typer.Typer(add_completion=False)


@up_app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when it is ready; end it by `down`.")] = False,
    port: Annotated[int | None, typer.Option("--port", help="Port of the Kubernetes API; 0 picks one.")] = None,
    address: Annotated[
        str | None,
        typer.Option("--address", help="Where to listen; any but loopback by TLS and tokens.", show_default=False),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Start the control plane of the state directory: engines, API and the services stored in it.

    `setpoint up`, `setpoint up --detach && setpoint submit process-control`
    """
    settings = load_settings(home, port=port, address=address)
    if detach:
        if (endpoint := running_endpoint(settings)) is not None:
            typer.echo(f"the control plane is up already: {endpoint.url} (process {endpoint.pid})")
            _tell_use(settings)
            return
        endpoint = start_detached(settings)
        typer.echo(f"the control plane is up: {endpoint.url} (process {endpoint.pid}); end it by `setpoint down`")
        _tell_use(settings)
        return
    run_async(lambda: _foreground(settings))


def _tell_use(settings: Settings) -> None:
    """The one line that makes kubectl use it."""
    typer.echo(f"export KUBECONFIG={shlex.quote(str(kubeconfig_path(settings.home)))}")


async def _foreground(settings: Settings) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    async with control_plane(settings, serve_stored=True) as plane:
        typer.echo(f"the control plane is up: {plane.endpoint.url}; Ctrl-C ends it")
        _tell_use(settings)
        services = await plane.resources.list(InferenceService)
        for service in services.items:
            where = service.status.url or "starting"
            typer.echo(f"inferenceservice {service.metadata.namespace}/{service.metadata.name}: {where}")
        await leave.wait()
        typer.echo("stopping")


@down_app.command()
def down(home: HomeOption = None) -> None:
    """Stop the control plane and its services; what is stored stays, running pods end by themselves.

    `setpoint down`
    """
    settings = load_settings(home)
    if (endpoint := running_endpoint(settings)) is None:
        typer.echo("no control plane is up")
        return
    end_detached(endpoint)
    typer.echo("the control plane is down")
