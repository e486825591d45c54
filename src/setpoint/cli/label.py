"""`label add|import|list`: what turned out to be true of a service's answers."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from setpoint.adapters.clock import SystemClock
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import to_wire
from setpoint.cli._context import HomeOption
from setpoint.cli._output import Output, OutputOption, render_document
from setpoint.core.monitors.label import Label, check_label
from setpoint.wiring.component_ports import label_source
from setpoint.wiring.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Say what turned out to be true of a service's answers."
)

ServiceArgument = Annotated[str, typer.Argument(help="Name of the InferenceService.")]
NamespaceOption = Annotated[str, typer.Option("-n", "--namespace", help="Its namespace.")]
AuthorOption = Annotated[str, typer.Option("--author", help="Who says so; the user of this machine if not given.")]

_MOST_ERRORS = 20


@app.command()
def add(
    service: ServiceArgument,
    label: Annotated[str, typer.Argument(help="What was true: one of the model's classes.")],
    id_: Annotated[str, typer.Option("--id", help="The inference id of one answer.")] = "",
    asset: Annotated[str, typer.Option("--asset", help="What was observed, with --from and --to.")] = "",
    from_: Annotated[str, typer.Option("--from", help="First moment, ISO 8601; UTC if it names no zone.")] = "",
    to: Annotated[str, typer.Option("--to", help="Moment after the last.")] = "",
    author: AuthorOption = "",
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Label one answer, or all answers about an asset in an interval.

    A later statement about the same answer or interval replaces the earlier one, which is kept.

    `setpoint label add process-control normal --id 5f0c21d9e8a7b634`

    `setpoint label add process-control 4 --asset reactor-1 --from 2026-03-01T08:00Z --to 2026-03-01T16:30Z`
    """
    entry = Label(
        label=label,
        author=author or _user(),
        at=SystemClock().now(),
        inference_id=id_,
        asset=asset,
        begin=_moment(from_, "--from"),
        end=_moment(to, "--to"),
    )
    new = label_source(load_settings(home)).add(namespace, service, [entry])
    typer.echo("1 label added" if new else "said before by the same author: nothing added", err=True)


@app.command(name="import")
def import_(
    service: ServiceArgument,
    file: Annotated[Path, typer.Argument(help="A .csv, .parquet, .json or .ndjson file.")],
    author: AuthorOption = "",
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Add labels from a table, all of them or none.

    Columns: `label`, and either `id`, or `asset`, `begin` and `end`; `author` for each if there is that column.

    `setpoint label import process-control laboratory.csv --author laboratory`
    """
    at, said_by = SystemClock().now(), author or _user()
    labels, errors = [], []
    for number, row in enumerate(_rows(file), start=1):
        try:
            entry = _label(row, at, said_by)
            check_label(entry)
            labels.append(entry)
        except InvalidSpec as error:
            errors.append(f"row {number}: {error}")
    if errors:
        more = f"\n  and {len(errors) - _MOST_ERRORS} more" if len(errors) > _MOST_ERRORS else ""
        listed = "\n  ".join(errors[:_MOST_ERRORS])
        raise InvalidSpec(
            f"{len(errors)} of {len(errors) + len(labels)} rows are wrong, none is added:\n  {listed}{more}"
        )
    new = label_source(load_settings(home)).add(namespace, service, labels)
    known = f", {len(labels) - new} said before" if new < len(labels) else ""
    typer.echo(f"{new} labels added{known}", err=True)


@app.command(name="list")
def list_(
    service: ServiceArgument,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """List what is known, the last statement of each answer or interval.

    `setpoint label list process-control`, `setpoint label list process-control -o json`
    """
    labels = label_source(load_settings(home)).read(namespace, service)
    match output:
        case Output.JSON | Output.YAML:
            typer.echo(render_document([to_wire(label) for label in labels], output))
        case Output.NAME:
            for label in labels:
                typer.echo(label.inference_id or f"{label.asset}/{_text(label.begin)}/{_text(label.end)}")
        case Output.TABLE | Output.WIDE:
            table = Table("LABEL", "ID", "ASSET", "FROM", "TO", "AUTHOR", "SAID AT", "REVISION", box=None)
            for label in labels:
                key = (label.inference_id, label.asset, _text(label.begin), _text(label.end))
                table.add_row(label.label, *key, label.author, _text(label.at), str(label.revision))
            console = Console()
            (console if console.is_terminal else Console(width=500)).print(table)


def _rows(file: Path) -> list[dict[str, Any]]:
    import polars as pl  # noqa: PLC0415  `label add` does not need it

    readers = {
        ".csv": lambda path: pl.read_csv(path, infer_schema=False),
        ".parquet": pl.read_parquet,
        ".json": pl.read_json,
        ".ndjson": pl.read_ndjson,
    }
    reader = readers.get(file.suffix)
    if reader is None:
        raise InvalidSpec("is no table of labels", path=str(file), allowed=tuple(f"*{name}" for name in readers))
    try:
        table: pl.DataFrame = reader(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidSpec(f"cannot be read: {error}", path=str(file)) from error
    if "label" not in table.columns or not (
        {"id"} & set(table.columns) or {"asset", "begin", "end"} <= set(table.columns)
    ):
        raise InvalidSpec(
            f"has the columns {', '.join(table.columns)}; wanted are label, and id or asset, begin, end", path=str(file)
        )
    return table.to_dicts()


def _label(row: dict[str, Any], at: datetime, author: str) -> Label:
    def text(name: str) -> str:
        value = row.get(name)
        return "" if value is None else str(value).strip()

    return Label(
        label=text("label"),
        author=text("author") or author,
        at=at,
        inference_id=text("id"),
        asset=text("asset"),
        begin=_moment(row.get("begin") or "", "begin"),
        end=_moment(row.get("end") or "", "end"),
    )


def _moment(value: object, where: str) -> datetime | None:
    if value in ("", None):
        return None
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise InvalidSpec(f"{value!r} is no moment: write it as 2026-03-01T08:00:00Z", path=where) from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _text(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user that this machine has no name for
        return "unknown"
