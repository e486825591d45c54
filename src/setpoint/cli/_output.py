"""Objects as people and programs want to read them: table, wide table, names, JSON or YAML (as kubectl has it)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from setpoint.apis.meta import Resource, render_wire


class Output(StrEnum):
    """Values of `-o`."""

    TABLE = "table"
    WIDE = "wide"
    NAME = "name"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[
    Output, typer.Option("-o", "--output", help="table, wide, name, json or yaml.", show_default=False)
]

# A column: its heading, and how the cell comes out of the wire form of an object at a moment.
Column = tuple[str, Callable[[Mapping[str, Any], datetime], str]]


def dig(body: Mapping[str, Any], path: str, default: Any = "") -> Any:
    """The value at a dotted path, or the default."""
    value: Any = body
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return default
        value = value[part]
    return value


def _field(path: str) -> Callable[[Mapping[str, Any], datetime], str]:
    return lambda body, now: str(dig(body, path))


def _age(body: Mapping[str, Any], now: datetime) -> str:
    created = parse_time(dig(body, "metadata.creationTimestamp"))
    return format_seconds((now - created).total_seconds()) if created else ""


def _duration(body: Mapping[str, Any], now: datetime) -> str:
    started = parse_time(dig(body, "status.startedAt"))
    ended = parse_time(dig(body, "status.finishedAt")) or now
    return format_seconds((ended - started).total_seconds()) if started else ""


def _ready(body: Mapping[str, Any], now: datetime) -> str:
    conditions = dig(body, "status.conditions", ())
    return next((item["status"] for item in conditions if item.get("type") == "Ready"), "Unknown")


_NAME: Column = ("NAME", _field("metadata.name"))
_NAMESPACE: Column = ("NAMESPACE", _field("metadata.namespace"))
_AGE: Column = ("AGE", _age)
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Workflow": (_NAME, ("STATUS", _field("status.phase")), _AGE, ("DURATION", _duration)),
    "InferenceService": (_NAME, ("URL", _field("status.url")), ("READY", _ready), _AGE),
    "CronWorkflow": (_NAME, ("TIMEZONE", _field("spec.timezone")), ("SUSPEND", _field("spec.suspend")), _AGE),
    "Event": (
        ("LAST SEEN", _field("lastTimestamp")),
        ("TYPE", _field("type")),
        ("REASON", _field("reason")),
        ("OBJECT", _field("involvedObject.name")),
        ("MESSAGE", _field("message")),
    ),
}
_WIDE: dict[str, tuple[Column, ...]] = {
    "Workflow": (("PROGRESS", _field("status.progress")), ("MESSAGE", _field("status.message"))),
    "InferenceService": (("REVISION", _field("status.components.predictor.latestReadyRevision")),),
}


def parse_time(text: Any) -> datetime | None:
    """An RFC 3339 time of the wire; None if it is absent."""
    if isinstance(text, datetime):
        return text
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def format_seconds(seconds: float) -> str:
    """`4s`, `1m12s`, `3h5m`, `2d4h`: at most two units, as kubectl prints ages."""
    total = max(0, int(seconds))
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, total = divmod(total, size)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count}{name}" if count else "")
        if len(parts) == 2:
            break
    return "".join(parts) or "0s"


def print_objects(
    objects: Sequence[Resource],
    output: Output,
    *,
    now: datetime | None = None,
    single: bool = False,
    namespaces: bool = False,
    headers: bool = True,
) -> None:
    """Print objects on stdout; with `single` one object is printed as itself and not as a List.

    `now` is what ages are counted to; only tables need it. `headers`: whether a table has a head.
    """
    bodies = [render_wire(item) for item in objects]
    match output:
        case Output.JSON | Output.YAML:
            whole = bodies[0] if single and len(bodies) == 1 else {"apiVersion": "v1", "kind": "List", "items": bodies}
            typer.echo(render_document(whole, output))
        case Output.NAME:
            for item in objects:
                typer.echo(f"{_qualified(item)}/{item.metadata.name}")
        case Output.TABLE | Output.WIDE:
            assert now is not None, "a table tells ages"  # noqa: S101
            _print_table(bodies, now, wide=output is Output.WIDE, namespaces=namespaces, headers=headers)


def render_document(body: Any, output: Output) -> str:
    """A wire value as JSON (indented by two) or YAML text."""
    if output is Output.JSON:
        return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()
    text: str = yaml.safe_dump(msgspec.to_builtins(body), sort_keys=False, allow_unicode=True, width=120)
    return text.rstrip("\n")


def _qualified(resource: Resource) -> str:
    group = resource.API_VERSION.rpartition("/")[0]
    kind = resource.KIND.lower()
    return f"{kind}.{group}" if group else kind


def _print_table(
    bodies: Sequence[Mapping[str, Any]], now: datetime, *, wide: bool, namespaces: bool, headers: bool
) -> None:
    if not bodies:
        typer.echo("nothing found", err=True)
        return
    kind = bodies[0]["kind"]
    columns = _COLUMNS.get(kind, (_NAME, _AGE)) + (_WIDE.get(kind, ()) if wide else ())
    if namespaces:
        columns = (_NAMESPACE, *columns)
    rows = [[cell(body, now) for _, cell in columns] for body in bodies]
    print_rows([heading for heading, _ in columns], rows, headers=headers)


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], *, headers: bool = True) -> None:
    """A table on stdout, as wide as it is where no terminal is."""
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold", show_header=headers)
    for heading in headings:
        table.add_column(heading, no_wrap=heading != "MESSAGE", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=500)  # a pipe has no width: never wrap what another program reads
    console.print(table)
