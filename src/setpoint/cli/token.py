"""`token`: people who may use the control plane over the network, and what they may do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.errors import InvalidSpec
from setpoint.cli._context import HomeOption, run_async
from setpoint.wiring.endpoint import read_endpoint
from setpoint.wiring.kubeconfig import make_person_kubeconfig, write_kubeconfig
from setpoint.wiring.session import Need, open_session
from setpoint.wiring.settings import Settings, load_settings
from setpoint.wiring.tokens import (
    ROLES,
    bind_person,
    check_role_name,
    delete_token,
    list_tokens,
    make_token,
    unbind_person,
)

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Tokens of people: create, list, delete.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the person.")],
    groups: Annotated[str, typer.Option("--groups", help="Groups, separated by commas.")] = "",
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="Where the role counts.")] = "default",
    role: Annotated[str, typer.Option("--role", help=f"One of {', '.join(ROLES)}; none gives no right.")] = "",
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", help="Write a kubeconfig with the token, instead of printing it.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Make a token and print it, this once; only its hash is kept.

    `setpoint token create anna --namespace plant --role editor`
    """
    settings = load_settings(home)
    if role:
        check_role_name(role)
    endpoint = read_endpoint(settings.home)
    if kubeconfig is not None and endpoint is None:
        raise InvalidSpec("no control plane was ever up, so there is no address; start one by `setpoint up --detach`")
    token = make_token(settings.home, name, [group for group in groups.split(",") if group])
    if role:
        run_async(lambda: _bind(settings, name, namespace, role))
    if kubeconfig is not None and endpoint is not None:
        write_kubeconfig(kubeconfig, make_person_kubeconfig(endpoint, token))
        typer.echo(f"{name} can use {kubeconfig}")
    else:
        typer.echo(token)


@app.command("list")
def list_(home: HomeOption = None) -> None:
    """List who has a token."""
    for item in list_tokens(load_settings(home).home):
        groups = ",".join(item.groups) or "-"
        typer.echo(f"{item.name}\t{groups}\t{item.created:%Y-%m-%dT%H:%M:%SZ}")


@app.command()
def delete(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the person.")], home: HomeOption = None
) -> None:
    """Make a token worthless, and take away the roles that came with it."""
    settings = load_settings(home)
    delete_token(settings.home, name)
    run_async(lambda: _unbind(settings, name))
    typer.echo(f"the token of {name} is deleted")


async def _bind(settings: Settings, name: str, namespace: str, role: str) -> None:
    async with open_session(settings, Need.READ) as session:
        await bind_person(session.resources, name, namespace, role)


async def _unbind(settings: Settings, name: str) -> None:
    async with open_session(settings, Need.READ) as session:
        await unbind_person(session.resources, name)
