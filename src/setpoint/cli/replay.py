"""`replay`: a data set or a plant, sent to a service as the plant's own client would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from setpoint.adapters.clock import SystemClock
from setpoint.cli._context import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    ContextOption,
    HomeOption,
    NamespaceOption,
    find_place,
    run_async,
)
from setpoint.components.replay.component import make_replay
from setpoint.components.replay.driver import CLIENT, Report, run_replay, service_url
from setpoint.components.replay.driver import Progress as Tell
from setpoint.wiring.component_ports import label_source
from setpoint.wiring.session import Need

app = typer.Typer(add_completion=False)


@app.command()
def replay(
    service: Annotated[str, typer.Argument(help="InferenceService to ask.")],
    source: Annotated[
        str,
        typer.Argument(help="Directory of data-processing, .parquet or .csv file, or plant://NAME?seed=1&hours=8."),
    ],
    speed: Annotated[
        str, typer.Option("--speed", metavar="N|real-time|max", help="Times faster than the plant.")
    ] = "max",
    samples: Annotated[
        int | None, typer.Option("--samples", min=1, help="End after so many rows; all if not given.")
    ] = None,
    schedule: Annotated[
        str, typer.Option("--schedule", help="What happens in the plant when: `fault 4 from 2 h`.")
    ] = "",
    label_after: Annotated[
        str,
        typer.Option(
            "--label-after",
            metavar="DURATION",
            help="Add the true labels so long (of the plant's time) after their rows: 2h, 30m, 0s.",
        ),
    ] = "",
    client: Annotated[str, typer.Option("--client", help="How the replay calls itself to the service.")] = CLIENT,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Send rows as windows to a service, each with its asset and time; exit code 1 if none was answered.

    `setpoint replay process-control holdout --label-after 4h`,
    `setpoint replay process-control "plant://tep?seed=7" --schedule "fault 4 from 2 h" --speed 600 --samples 400`
    """
    place = find_place(home, namespace, context)
    wanted = make_replay(
        service=service,
        namespace=place.namespace,
        source=source,
        schedule=schedule,
        speed=speed,
        samples=samples or 0,
        client=client,
        label_after=label_after,
    )
    settings = place.settings
    report = Report()

    async def main() -> None:
        async with place.open(Need.READ) as session:
            url = await service_url(session.resources, wanted)
        # The session is over: a store that is read for hours would keep a control plane from starting.
        with _progress(f"replay to {service}") as tell:
            await run_replay(
                wanted, url=url, labels=label_source(settings), clock=SystemClock(), progress=tell, report=report
            )

    code = 0
    try:
        run_async(main)
    except (typer.Exit, asyncio.CancelledError):
        code = EXIT_INTERRUPTED
    for line in report.lines():
        typer.echo(line)
    if code or not report.answered:
        raise typer.Exit(code or EXIT_FAILED)


@contextmanager
def _progress(title: str) -> Iterator[Tell]:
    """Rows done, on the terminal's stderr; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(title), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
