"""`submit`: hand manifests to a control plane, and return or follow what was begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from setpoint.apis.argo import CronWorkflow, Workflow
from setpoint.apis.errors import InvalidSpec, Location
from setpoint.apis.manifest import load_values
from setpoint.apis.meta import Resource
from setpoint.cli._context import (
    ContextOption,
    HomeOption,
    NamespaceOption,
    ParameterOption,
    Place,
    find_place,
    parse_parameters,
    run_async,
)
from setpoint.cli._manifests import Manifest, read_manifest
from setpoint.cli._outcome import (
    Follow,
    LogOption,
    NodeSelectorOption,
    WaitOption,
    WatchOption,
    conclude,
    follow_of,
)
from setpoint.cli._output import Output, OutputOption, print_objects
from setpoint.cli._validation import check
from setpoint.operations.submission import applied
from setpoint.ports.workflows import SubmitOptions
from setpoint.wiring.session import Need, Session

app = typer.Typer(add_completion=False)

_Targets = Annotated[list[str] | None, typer.Argument(metavar="[FILE|NAME...]", help="Manifests or shipped templates.")]
_From = Annotated[
    str, typer.Option("--from", metavar="KIND/NAME", help="Run a stored template: wftmpl/NAME, cwft/, cronwf/.")
]
_ParameterFile = Annotated[
    Path | None,
    typer.Option("-f", "--parameter-file", metavar="FILE", help="YAML or JSON map of parameters; -p wins."),
]
_Name = Annotated[str, typer.Option("--name", help="Instead of metadata.name.", show_default=False)]
_GenerateName = Annotated[
    str, typer.Option("--generate-name", help="Instead of metadata.generateName.", show_default=False)
]
_Entrypoint = Annotated[str, typer.Option("--entrypoint", help="Template to begin with.", show_default=False)]
_Labels = Annotated[str, typer.Option("-l", "--labels", help="Labels to add, as a=b,c=d.", show_default=False)]
_ServiceAccount = Annotated[
    str, typer.Option("--serviceaccount", help="Service account of all its pods.", show_default=False)
]
_Priority = Annotated[int | None, typer.Option("--priority", help="Priority of the workflow.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")]
_ServerDryRun = Annotated[
    bool, typer.Option("--server-dry-run", help="Have it checked and print it, without storing it.")
]
_Strict = Annotated[
    bool, typer.Option("--strict/--no-strict", help="Refuse fields that no kind has; else leave them out.")
]
_Status = Annotated[str, typer.Option("--status", help="Of --watch: phases of nodes to show, by commas.")]


@app.command()
def submit(
    targets: _Targets = None,
    source: _From = "",
    parameter: ParameterOption = None,
    parameter_file: _ParameterFile = None,
    name: _Name = "",
    generate_name: _GenerateName = "",
    entrypoint: _Entrypoint = "",
    labels: _Labels = "",
    service_account: _ServiceAccount = "",
    priority: _Priority = None,
    dry_run: _DryRun = False,
    server_dry_run: _ServerDryRun = False,
    strict: _Strict = True,
    wait: WaitOption = False,
    watch: WatchOption = False,
    log: LogOption = False,
    node_selector: NodeSelectorOption = "",
    status: _Status = "",
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Hand manifests to the control plane that is up (`setpoint up --detach`), or to a cluster, and return.

    `setpoint submit nightly.yaml`, `setpoint submit process-control -p approval=manual -o name`,
    `setpoint submit --from wftmpl/train -p rows=100 --watch`, `setpoint submit wf.yaml --context plant --wait`
    """
    given = (_parameters_of(parameter_file) if parameter_file is not None else {}) | parse_parameters(parameter)
    place = find_place(home, namespace, context)
    if bool(targets) is bool(source):
        raise InvalidSpec("give manifests, or a stored template by --from KIND/NAME")
    options = SubmitOptions(
        name=name,
        generate_name=generate_name,
        entry_point=entrypoint,
        labels=labels,
        service_account=service_account,
        priority=priority,
        dry_run=dry_run,
        server_dry_run=server_dry_run,
    )
    manifests = [read_manifest(target, given, namespace=place.namespace, strict=strict) for target in targets or ()]
    command = _Submit(
        place=place, parameters=given, options=options, output=output, node_selector=node_selector, status=status
    )
    how = follow_of(wait=wait, watch=watch, log=log)
    if source:
        raise typer.Exit(run_async(lambda: command.of_template(source, how)))
    raise typer.Exit(run_async(lambda: command.of_manifests(manifests, how)))


def _parameters_of(path: Path) -> dict[str, str]:
    """The map in a file; what is no text is written as JSON, as argo does. Raises: InvalidSpec."""
    place = Location(file=str(path))
    try:
        values = load_values(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSpec("cannot be read as a file of parameters", location=place) from error
    if len(values) != 1 or not isinstance(values[0], Mapping):
        raise InvalidSpec("is no map of parameter names to values", location=place)
    return {str(key): _text(value) for key, value in values[0].items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Submit:
    """One invocation."""

    place: Place
    parameters: dict[str, str]
    options: SubmitOptions
    output: Output
    node_selector: str
    status: str

    async def of_manifests(self, manifests: list[Manifest], how: Follow) -> int:
        """Create what they hold; the exit code."""
        wanted = [(manifest, self._changed(manifest)) for manifest in manifests]
        runs = [item for _, items in wanted for item in items if isinstance(item, Workflow)]
        if self.options.name and len(runs) > 1:
            raise InvalidSpec(f"{len(runs)} workflows cannot all be named {self.options.name!r}", path="--name")
        if self.options.dry_run:
            self._print(runs)
            return 0
        async with self.place.open(Need.RUNNING) as session:
            here = self.place.cluster is None
            for manifest in manifests:
                names = tuple(self.parameters)
                await check(manifest, session.resources, namespace=self.place.namespace, parameters=names, here=here)
            if self.options.server_dry_run:
                self._print([await session.verbs.submit(run, dry_run=True) for run in runs])
                return 0
            created = [(manifest, await _create(session, item)) for manifest, items in wanted for item in items]
            # Of a shipped template the run is what was asked for; that the template is stored with it is our matter.
            shown = Workflow | CronWorkflow
            told = [item for manifest, item in created if isinstance(item, shown) or not manifest.shipped]
            return await self._told(session, told, how)

    async def of_template(self, source: str, how: Follow) -> int:
        """Run a stored template; the exit code."""
        kind, slash, name = source.partition("/")
        if not slash or not kind or not name:
            raise InvalidSpec(f"{source!r} is not KIND/NAME, such as wftmpl/train", path="--from")
        options = self.options.replace(parameters=tuple(f"{key}={text}" for key, text in self.parameters.items()))
        async with self.place.open(Need.RUNNING) as session:
            made = await session.verbs.submit_from(self.place.namespace, kind, name, options)
            if options.dry_run or options.server_dry_run:
                self._print([made])
                return 0
            return await self._told(session, [made], how)

    def _changed(self, manifest: Manifest) -> list[Resource]:
        return [applied(item, self.options) if isinstance(item, Workflow) else item for item in manifest.resources]

    def _print(self, workflows: list[Workflow]) -> None:
        form = Output.YAML if self.output in (Output.TABLE, Output.WIDE) else self.output
        print_objects(workflows, form, single=True)

    async def _told(self, session: Session, told: list[Resource], how: Follow) -> int:
        started = [item for item in told if isinstance(item, Workflow)]
        if self.output in (Output.TABLE, Output.WIDE):
            for item in told:
                typer.echo(f"{item.KIND.lower()} {item.metadata.name!r} submitted")
        elif how is Follow.NOTHING or self.output is Output.NAME:
            print_objects(told, self.output, now=session.clock.now(), single=True)
        if how is Follow.NOTHING:
            return 0
        form = Output.TABLE if self.output is Output.NAME else self.output
        phases = tuple(filter(None, self.status.split(",")))
        return await conclude(session, started, how, form, selector=self.node_selector, phases=phases)


async def _create(session: Session, item: Resource) -> Resource:
    return await (session.verbs.submit(item) if isinstance(item, Workflow) else session.apply(item))
