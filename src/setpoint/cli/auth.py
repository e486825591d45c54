"""`auth token`: what to ask an Argo Server with."""

from __future__ import annotations

import typer

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.cli._context import ContextOption, HomeOption, find_place
from setpoint.wiring.endpoint import read_endpoint

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The token to ask an Argo Server with.")


@app.callback()
def _auth() -> None:
    """The token to ask an Argo Server with."""


@app.command()
def token(context: ContextOption = "", home: HomeOption = None) -> None:
    """Print the header `Authorization` for an Argo Server: of this machine, of a context, or ARGO_TOKEN.

    `curl -H "Authorization: $(setpoint auth token)" http://127.0.0.1:2746/api/v1/info`
    """
    place = find_place(home, "", context)
    if place.cluster is None:
        endpoint = read_endpoint(place.settings.home)
        if endpoint is None:
            raise Unavailable(
                f"no control plane was ever up for {place.settings.home}; start one by `setpoint up --detach`"
            )
        typer.echo(f"Bearer {endpoint.token}")
        return
    from setpoint.wiring.cluster import authorization  # noqa: PLC0415  HTTP, only if needed

    found = authorization(place.cluster)
    if not found:
        raise InvalidSpec(f"the user of context {context!r} has no token; set ARGO_TOKEN")
    typer.echo(found)
