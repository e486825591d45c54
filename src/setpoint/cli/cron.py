"""`cron`: CronWorkflows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.argo import API_VERSION, CronWorkflow, Mutex, Parameter, Synchronization, Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.cli._complete import cron_names
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, find_place, run_async
from setpoint.cli._output import Output, OutputOption, format_seconds, print_objects, print_rows
from setpoint.cli._selection import AllNamespacesOption, SelectorOption
from setpoint.cli._stored_kind import StoredKind, add_commands
from setpoint.core.cron import Schedule, ScheduleError, next_due, run_now, schedules_of
from setpoint.wiring.session import Need

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Workflows by schedule: CronWorkflows.")

_HIGHEST = (1 << 31) - 1  # priorities are 32 bits wide
LABEL_BACKFILL = "workflows.argoproj.io/cron-workflow-backfill"

CronsArgument = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Names of CronWorkflows.", autocompletion=cron_names)
]

add_commands(app, StoredKind(kind=CronWorkflow, group="cron"), listing=False)


@app.command("list")
def list_(
    selector: SelectorOption = "",
    output: OutputOption = Output.TABLE,
    all_namespaces: AllNamespacesOption = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """List CronWorkflows, with their last run and their next.

    `setpoint cron list`, `setpoint cron list -A -o name`
    """
    place = find_place(home, namespace, context)

    async def main() -> None:
        async with place.open(Need.READ) as session:
            where = None if all_namespaces else place.namespace
            found = (await session.resources.list(CronWorkflow, where, selector=selector)).items
            now = session.clock.now()
        if output not in (Output.TABLE, Output.WIDE):
            print_objects(found, output)
            return
        if not found:
            typer.echo("nothing found", err=True)
            return
        headings = ["NAME", "AGE", "LAST RUN", "NEXT RUN", "SCHEDULES", "TIMEZONE", "SUSPENDED"]
        rows = [_cells(item, now) for item in found]
        if all_namespaces:
            headings.insert(0, "NAMESPACE")
            rows = [[item.metadata.namespace, *row] for item, row in zip(found, rows, strict=True)]
        print_rows(headings, rows)

    run_async(main)


def _cells(cron: CronWorkflow, now: datetime) -> list[str]:
    created, last = cron.metadata.creation_timestamp, cron.status.last_scheduled_time
    try:
        following = next_due(schedules_of(cron), now)
    except ScheduleError:
        following = None
    return [
        cron.metadata.name,
        format_seconds((now - created).total_seconds()) if created else "",
        format_seconds((now - last).total_seconds()) if last else "N/A",
        format_seconds((following - now).total_seconds()) if following and not cron.spec.suspend else "N/A",
        ",".join(cron.spec.schedules),
        cron.spec.timezone,
        "true" if cron.spec.suspend else "false",
    ]


@app.command()
def suspend(
    names: CronsArgument, namespace: NamespaceOption = "", context: ContextOption = "", home: HomeOption = None
) -> None:
    """Start nothing by schedule, until `resume`.

    `setpoint cron suspend nightly`
    """
    _set_suspended((home, namespace, context), names, suspended=True)


@app.command()
def resume(
    names: CronsArgument, namespace: NamespaceOption = "", context: ContextOption = "", home: HomeOption = None
) -> None:
    """Let the schedules hold again.

    `setpoint cron resume nightly`
    """
    _set_suspended((home, namespace, context), names, suspended=False)


def _set_suspended(options: tuple[Path | None, str, str], names: list[str], *, suspended: bool) -> None:
    place = find_place(*options)

    async def main() -> None:
        async with place.open(Need.READ) as session:
            for name in names:
                patch = {"spec": {"suspend": suspended}}
                await session.resources.patch(CronWorkflow, place.namespace, name, patch)
                typer.echo(f"cronworkflow {name!r} {'suspended' if suspended else 'resumed'}")

    run_async(main)


@app.command()
def backfill(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The CronWorkflow.", autocompletion=cron_names)],
    start: Annotated[str, typer.Option("--start", help="From this moment on, RFC 3339 or a date.")],
    end: Annotated[str, typer.Option("--end", help="Up to this one; now if not given.", show_default=False)] = "",
    backfill_name: Annotated[
        str, typer.Option("--name", help="Name of the backfill, part of the workflows' names.")
    ] = "backfill",
    argname: Annotated[
        str, typer.Option("--argname", help="Parameter that is given the scheduled moment.")
    ] = "cronScheduleTime",
    parallel: Annotated[bool, typer.Option("--parallel", help="All at once, not one after the other.")] = False,
    count: Annotated[int, typer.Option("--maxworkflowcount", min=1, help="At most so many workflows.")] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the moments.")] = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Run a CronWorkflow for the moments of its schedules that have passed: a workflow for each.

    `setpoint cron backfill nightly --start 2026-01-01 --end 2026-01-31 --dry-run`
    """
    place = find_place(home, namespace, context)
    first, last = _moment(start, "--start"), _moment(end, "--end") if end else None

    async def main() -> None:
        async with place.open(Need.READ if dry_run else Need.RUNNING) as session:
            cron = await session.resources.get(CronWorkflow, place.namespace, name)
            moments = _moments(_schedules(cron), first, last or session.clock.now(), count)
            for number, moment in enumerate(moments):
                if dry_run:
                    typer.echo(f"{moment:%Y-%m-%dT%H:%M:%S%z}")
                    continue
                wanted = backfilled(cron, moment, backfill_name, argname, number=number, parallel=parallel)
                made = await session.verbs.submit(wanted)
                typer.echo(f"workflow {made.metadata.name!r} submitted for {moment:%Y-%m-%dT%H:%M:%S%z}")
            if not moments:
                typer.echo("no moment of its schedules lies there", err=True)

    run_async(main)


def backfilled(
    cron: CronWorkflow, moment: datetime, name: str, argument: str, *, number: int, parallel: bool
) -> Workflow:
    """The workflow of a moment. Unless all run in parallel, they share a mutex, and the earlier has priority.

    Source: argo-workflows `cmd/argo/commands/cron/backfill.go`.
    """
    made = run_now(cron, moment)
    spec = made.spec
    held = tuple(item for item in spec.arguments.parameters if item.name != argument)
    told = Parameter(name=argument, value=f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    spec = spec.replace(arguments=spec.arguments.replace(parameters=(*held, told)))
    if not parallel:
        lock = Synchronization(mutexes=(Mutex(name=f"{cron.metadata.name}-{name}"),))
        spec = spec.replace(synchronization=spec.synchronization or lock, priority=_HIGHEST - number)
    meta = made.metadata
    labels = {**meta.labels, LABEL_BACKFILL: cron.metadata.name}
    return Workflow(
        api_version=API_VERSION,
        kind=Workflow.KIND,
        metadata=meta.replace(generate_name=f"{cron.metadata.name}-{name}-", labels=labels),
        spec=spec,
    )


def _schedules(cron: CronWorkflow) -> tuple[Schedule, ...]:
    try:
        return schedules_of(cron)
    except ScheduleError as error:
        raise InvalidSpec(f"cronworkflow {cron.metadata.name!r} has a wrong schedule: {error}") from error


def _moments(schedules: tuple[Schedule, ...], first: datetime, last: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    moment = next_due(schedules, first)
    while moment is not None and moment <= last:
        if len(found) == count:
            raise InvalidSpec(f"more than {count} runs lie there; choose a shorter time, or --maxworkflowcount")
        found.append(moment)
        moment = next_due(schedules, moment)
    return found


def _moment(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidSpec(
            f"{text!r} is no time: write it as 2026-01-31 or 2026-01-31T12:00:00Z", path=option
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
