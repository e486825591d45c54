"""`list`: objects of a kind; of workflows the columns and filters of `argo list`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
import typer

from setpoint.apis.argo import API_VERSION, LABEL_COMPLETED, NodePhase, NodeType, Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.kinds import KINDS
from setpoint.apis.meta import Resource
from setpoint.cli._complete import kind_names
from setpoint.cli._context import ContextOption, HomeOption, NamespaceOption, Place, find_place, run_async
from setpoint.cli._output import Output, OutputOption, format_seconds, print_objects, print_rows
from setpoint.cli._selection import (
    AllNamespacesOption,
    CompletedOption,
    FieldSelectorOption,
    Filters,
    ListedRun,
    OlderOption,
    PrefixOption,
    ResubmittedOption,
    SelectorOption,
    SinceOption,
    choose,
)
from setpoint.ports.resources import ResourceApi
from setpoint.wiring.session import Need, Session

app = typer.Typer(add_completion=False)

_LONGEST = 50  # characters of a parameter's value in a table


class _Node(msgspec.Struct, frozen=True):
    type: str = ""
    phase: str = ""


class _Nodes(msgspec.Struct, frozen=True):
    nodes: dict[str, _Node] = {}


class _Peopled(Resource, frozen=True, kw_only=True):
    """A Workflow of which only types and phases of nodes are read."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "Workflow"
    PLURAL: ClassVar[str] = "workflows"

    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: _Nodes = _Nodes()


@app.command(name="list")
def list_(
    kind: Annotated[
        str, typer.Argument(help="A kind, its plural or short name.", autocompletion=kind_names)
    ] = "workflows",
    status: Annotated[
        str, typer.Option("--status", help="Phases, by commas: Pending, Running, Succeeded, Failed, Error.")
    ] = "",
    completed: CompletedOption = False,
    running: Annotated[bool, typer.Option("--running", help="Those that have not ended.")] = False,
    since: SinceOption = "",
    older: OlderOption = "",
    prefix: PrefixOption = "",
    resubmitted: ResubmittedOption = False,
    selector: SelectorOption = "",
    field_selector: FieldSelectorOption = "",
    chunk_size: Annotated[
        int, typer.Option("--chunk-size", min=0, help="Fetch so many at a time from a cluster; 0: all at once.")
    ] = 500,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="A table without its head.")] = False,
    output: OutputOption = Output.TABLE,
    all_namespaces: AllNamespacesOption = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """List workflows, or objects of another kind. All filters but `-l` are about workflows.

    `setpoint list`, `setpoint list --running -o wide`, `setpoint list --status Failed,Error --since 1d`,
    `setpoint list isvc -A`, `setpoint list --context plant -o name`
    """
    wanted = KINDS.find(kind)
    filters = Filters(
        selector=selector,
        fields=field_selector,
        prefix=prefix,
        older=older,
        since=since,
        phases=tuple(filter(None, status.split(","))),
        completed=completed,
        running=running,
        resubmitted=resubmitted,
    )
    if wanted is not Workflow and filters != Filters(selector=selector):
        raise InvalidSpec(f"of {wanted.PLURAL} only -l chooses; the other filters are about workflows")
    listing = _Listing(
        place=find_place(home, namespace, context), everywhere=all_namespaces, output=output, headers=not no_headers
    )

    async def main() -> None:
        async with listing.place.open(Need.READ, chunk_size=chunk_size) as session:
            if wanted is Workflow:
                await listing.workflows(session, filters)
            else:
                await listing.others(session, wanted, selector)

    run_async(main)


class _Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What is listed of which place, and how."""

    place: Place
    everywhere: bool
    output: Output
    headers: bool

    @property
    def namespace(self) -> str | None:
        """None for all."""
        return None if self.everywhere else self.place.namespace

    async def others(self, session: Session, kind: type[Resource], selector: str) -> None:
        """Objects of any kind."""
        where = self.namespace if kind.NAMESPACED else None
        found = (await session.resources.list(kind, where, selector=selector)).items
        now = session.clock.now()
        print_objects(found, self.output, now=now, namespaces=self.everywhere, headers=self.headers)

    async def workflows(self, session: Session, filters: Filters) -> None:
        """Workflows: for people what runs first, for programs in the order of the API."""
        now = session.clock.now()
        runs = await choose(session.resources, self.namespace, filters, now)
        if self.output in (Output.JSON, Output.YAML):
            whole = await session.resources.list(Workflow, self.namespace, selector=filters.label_selector)
            meant = {run.metadata.uid for run in runs}
            print_objects([item for item in whole.items if item.metadata.uid in meant], self.output)
        elif self.output is Output.NAME:
            print_objects(runs, self.output)
        elif not runs:
            typer.echo("nothing found", err=True)
        else:
            wide = self.output is Output.WIDE
            nodes = await _nodes(session.resources, self.namespace, runs, whole=wide)
            headings = ["NAMESPACE"] if self.everywhere else []
            headings += ["NAME", "STATUS", "AGE", "DURATION", "PRIORITY"]
            headings += ["P/R/C", "PROGRESS", "PARAMETERS"] if wide else []
            rows = [
                [run.metadata.namespace][: 1 if self.everywhere else 0]
                + list(_cells(run, nodes.get(run.metadata.uid, {}), now, wide=wide))
                for run in runs
            ]
            print_rows([*headings, "MESSAGE"], rows, headers=self.headers)


async def _nodes(
    resources: ResourceApi, namespace: str | None, runs: Sequence[ListedRun], *, whole: bool
) -> dict[str, Mapping[str, _Node]]:
    """Nodes by the workflow's uid; unless all are wanted, of those that run only."""
    if not whole and not any(run.status.phase == "Running" for run in runs):
        return {}
    selector = "" if whole else f"{LABEL_COMPLETED}!=true"
    found = await resources.list(_Peopled, namespace, selector=selector)
    return {item.metadata.uid: item.status.nodes for item in found.items}


def _cells(run: ListedRun, nodes: Mapping[str, _Node], now: datetime, *, wide: bool) -> Iterator[str]:
    meta, status = run.metadata, run.status
    yield meta.name
    yield describe_phase(run, nodes)
    yield format_seconds((now - meta.creation_timestamp).total_seconds()) if meta.creation_timestamp else ""
    ended = status.finished_at or now
    yield format_seconds((ended - status.started_at).total_seconds()) if status.started_at else ""
    yield str(run.spec.get("priority") or 0)
    if wide:
        pods = [node for node in nodes.values() if node.type == NodeType.POD]
        waiting = sum(node.phase in ("", NodePhase.PENDING) for node in pods)
        active = sum(node.phase == NodePhase.RUNNING for node in pods)
        yield f"{waiting}/{active}/{len(pods) - waiting - active}"
        yield status.progress
        yield _parameters(run)
    yield status.message


def describe_phase(run: ListedRun, nodes: Mapping[str, _Node]) -> str:
    """The phase, with what argo puts behind it: `Running (Suspended)`, `Failed (Terminated)`."""
    phase = run.status.phase or "Pending"
    waits = any(node.type == NodeType.SUSPEND and node.phase == NodePhase.RUNNING for node in nodes.values())
    if phase == "Running" and (run.spec.get("suspend") or waits):
        return "Running (Suspended)"
    if phase == "Failed" and run.spec.get("shutdown") == "Terminate":
        return "Failed (Terminated)"
    return phase


def _parameters(run: ListedRun) -> str:
    given = (run.spec.get("arguments") or {}).get("parameters") or ()
    pairs = ((item.get("name", ""), str(item["value"])) for item in given if item.get("value") is not None)
    return ",".join(f"{name}={_cut(value)}" for name, value in pairs)


def _cut(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 18]}...{text[-15:]}"
