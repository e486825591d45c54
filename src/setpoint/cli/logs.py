"""`logs`: what the pods of a workflow say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from setpoint.apis.errors import InvalidSpec
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, WorkflowArgument, find_place, run_async
from setpoint.cli._selection import SelectorOption, parse_ago
from setpoint.ports.workflows import LogOptions
from setpoint.wiring.session import Need

app = typer.Typer(add_completion=False)


@app.command()
def logs(
    name: WorkflowArgument,
    pod: Annotated[str, typer.Argument(metavar="[POD]", help="One pod, by its name or its node's.")] = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Until the workflow has ended.")] = False,
    grep: Annotated[str, typer.Option("--grep", help="Lines that match a regular expression.")] = "",
    tail: Annotated[int | None, typer.Option("--tail", min=0, help="So many last lines of each pod.")] = None,
    since: Annotated[str, typer.Option("--since", help="Lines since, as 30s, 10m, 1h.", show_default=False)] = "",
    since_time: Annotated[
        str, typer.Option("--since-time", help="Lines since a moment, RFC 3339.", show_default=False)
    ] = "",
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Each line's time before it.")] = False,
    previous: Annotated[bool, typer.Option("--previous", help="Of the containers before their restart.")] = False,
    selector: SelectorOption = "",
    container: Annotated[str, typer.Option("-c", "--container", help="Container of the pods.")] = "main",
    no_color: Annotated[bool, typer.Option("--no-color", help="Names of pods without color.")] = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Print the logs of a workflow's pods, or of one.

    `setpoint logs process-control-x7k2p -f`, `setpoint logs @latest --grep "(?i)error" --tail 100`,
    `setpoint logs @latest train --since 10m --timestamps`
    """
    place = find_place(home, namespace, context)
    if since and since_time:
        raise InvalidSpec("--since and --since-time exclude each other")
    moment = _moment(since_time) if since_time else None
    ago = parse_ago(since, "--since") if since else None

    async def main() -> None:
        async with place.open(Need.READ) as session:
            options = LogOptions(
                grep=grep,
                selector=selector,
                since=session.clock.now() - ago if ago is not None else moment,
                tail_lines=tail,
                timestamps=timestamps,
                previous=previous,
            )
            lines = session.verbs.logs(
                place.namespace, name, pod_name=pod, container=container, follow=follow, options=options
            )
            async for line in lines:
                if pod:
                    typer.echo(line.content)
                else:
                    head = f"{line.pod_name}:"
                    typer.echo(f"{head if no_color else typer.style(head, fg=_color(line.pod_name))} {line.content}")

    run_async(main)


_COLORS = (typer.colors.CYAN, typer.colors.GREEN, typer.colors.MAGENTA, typer.colors.YELLOW, typer.colors.BLUE)


def _color(name: str) -> str:
    """The same for the same pod; whoever is no terminal gets none, click takes it out."""
    return _COLORS[sum(name.encode()) % len(_COLORS)]


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidSpec(f"{text!r} is no time: write it as 2026-01-31T12:00:00Z", path="--since-time") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
