"""`label add|import|list`: what turned out to be true of a service's answers."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from setpoint.adapters.clock import SystemClock
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import to_wire
from setpoint.cli._context import HomeOption, NamespaceOption
from setpoint.cli._labels import parse_moment, read_labels
from setpoint.cli._output import Output, OutputOption, render_document
from setpoint.ports.predictions import Label
from setpoint.wiring.component_ports import label_source
from setpoint.wiring.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Say what turned out to be true of answers.")

ServiceArgument = Annotated[str, typer.Argument(help="InferenceService that was asked.")]
AuthorOption = Annotated[str, typer.Option("--author", help="Who says so; the user of this machine if not given.")]


@app.command()
def add(
    service: ServiceArgument,
    label: Annotated[str, typer.Argument(help="What was true: one of the model's classes.")],
    inference_id: Annotated[str, typer.Option("--id", help="Id of the answer it is about.")] = "",
    asset: Annotated[str, typer.Option("--asset", help="Asset it is about, with --from and --to.")] = "",
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601; UTC if it names no zone.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Moment after the last.")] = "",
    author: AuthorOption = "",
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Say what was true, of one answer or of an asset for a time; a later statement about the same replaces it.

    `setpoint label add process-control 4 --id 9f86d081884c7d65`,
    `setpoint label add process-control normal --asset reactor --from 2026-03-01T06:00 --to 2026-03-01T14:00`
    """
    said = Label(
        label=label,
        author=_author(author),
        at=SystemClock().now(),
        inference_id=inference_id,
        asset=asset,
        begin=_moment(begin, "--from"),
        end=_moment(end, "--to"),
    )
    new = label_source(load_settings(home)).add(namespace, service, [said])
    typer.echo(f"label of {namespace}/{service} {'added' if new else 'was said before'}")


@app.command(name="import")
def import_(
    service: ServiceArgument,
    file: Annotated[Path, typer.Argument(help=".csv, .parquet or .json (a list of objects).")],
    author: AuthorOption = "",
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Take labels from a file, all or none: columns id,label or asset,begin,end,label.

    `setpoint label import process-control laboratory.csv --author lab`
    """
    labels = read_labels(file, author=_author(author), at=SystemClock().now())
    new = label_source(load_settings(home)).add(namespace, service, labels)
    typer.echo(f"{new} of {len(labels)} labels of {namespace}/{service} added, the others were said before")


@app.command(name="list")
def list_(
    service: ServiceArgument,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """List what is known to have been true: the last statement about each answer and interval.

    `setpoint label list process-control`, `setpoint label list process-control -o json`
    """
    labels = label_source(load_settings(home)).read(namespace, service)
    match output:
        case Output.JSON | Output.YAML:
            typer.echo(render_document([to_wire(label) for label in labels], output))
        case Output.NAME:
            for label in labels:
                typer.echo(_name(label))
        case Output.TABLE | Output.WIDE:
            table = Table("OF", "LABEL", "REVISION", "AUTHOR", "SAID AT", box=None)
            for label in labels:
                table.add_row(_name(label), label.label, str(label.revision), label.author, f"{label.at:%F %T}")
            console = Console()
            (console if console.is_terminal else Console(width=500)).print(table)


def _name(label: Label) -> str:
    if label.inference_id or label.begin is None or label.end is None:
        return label.inference_id
    return f"{label.asset}[{label.begin.isoformat()},{label.end.isoformat()}]"


def _moment(text: str, option: str) -> datetime | None:
    return parse_moment(text, option) if text else None


def _author(given: str) -> str:
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise InvalidSpec("this user has no name; say who says so", path="--author") from error
