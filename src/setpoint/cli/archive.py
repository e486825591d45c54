"""`archive`: workflows that have ended and are kept, also after their objects have gone."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import NotFound
from setpoint.apis.selectors import parse_selector
from setpoint.cli._context import (
    ContextOption,
    HomeOption,
    NamespaceOption,
    ParameterOption,
    find_place,
    parse_parameters,
    run_async,
)
from setpoint.cli._outcome import LogOption, NodeSelectorOption, WaitOption, WatchOption, follow_again
from setpoint.cli._output import Output, OutputOption, format_seconds, print_objects, print_rows
from setpoint.cli._selection import AllNamespacesOption, PrefixOption, SelectorOption
from setpoint.cli.again import NoWaitOption, told
from setpoint.ports.archive import NameFilter, WorkflowQuery
from setpoint.wiring.session import Need, Session

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Workflows that have ended and are kept.")

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_Uids = Annotated[
    list[str], typer.Argument(metavar="UID|NAME...", help="uid of a workflow; of a name the newest is meant.")
]


@app.command("list")
def list_(
    selector: SelectorOption = "",
    prefix: PrefixOption = "",
    limit: Annotated[int, typer.Option("--chunk-size", min=0, help="At most so many; 0 means all.")] = 0,
    output: OutputOption = Output.TABLE,
    all_namespaces: AllNamespacesOption = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """List archived workflows, those that started last first.

    `setpoint archive list`, `setpoint archive list -l team=plant -o wide`
    """
    place = find_place(home, namespace, context)
    query = WorkflowQuery(
        namespace=None if all_namespaces else place.namespace,
        name=prefix,
        name_filter=NameFilter.PREFIX if prefix else NameFilter.EXACT,
        selector=parse_selector(selector),
        limit=limit,
    )

    async def main() -> None:
        async with place.open(Need.READ) as session:
            found = (await session.archived.list_archived(query)).items
            now = session.clock.now()
        if output not in (Output.TABLE, Output.WIDE):
            print_objects(found, output)
            return
        if not found:
            typer.echo("nothing found", err=True)
            return
        rows = []
        for item in found:
            meta, status = item.metadata, item.status
            created, ended = meta.creation_timestamp, status.finished_at or now
            age = format_seconds((now - created).total_seconds()) if created else ""
            took = format_seconds((ended - status.started_at).total_seconds()) if status.started_at else ""
            rows.append([meta.namespace, meta.name, status.phase.value, age, took, meta.uid])
        print_rows(["NAMESPACE", "NAME", "STATUS", "AGE", "DURATION", "UID"], rows)

    run_async(main)


@app.command()
def get(
    uids: _Uids,
    output: OutputOption = Output.YAML,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Show archived workflows as they ended.

    `setpoint archive get hello-x7k2p -o json`
    """
    place = find_place(home, namespace, context)

    async def main() -> None:
        async with place.open(Need.READ) as session:
            found = [await session.archived.get_archived(await _uid(session, place.namespace, word)) for word in uids]
            print_objects(found, output, now=session.clock.now(), single=True)

    run_async(main)


@app.command()
def delete(uids: _Uids, namespace: NamespaceOption = "", context: ContextOption = "", home: HomeOption = None) -> None:
    """Forget archived workflows.

    `setpoint archive delete hello-x7k2p`
    """
    place = find_place(home, namespace, context)

    async def main() -> None:
        async with place.open(Need.READ) as session:
            for word in uids:
                await session.archived.delete_archived(await _uid(session, place.namespace, word))
                typer.echo(f"archived workflow {word!r} deleted")

    run_async(main)


@app.command()
def retry(
    uids: _Uids,
    parameter: ParameterOption = None,
    restart_successful: Annotated[
        bool, typer.Option("--restart-successful", help="Also restart the selected nodes that succeeded.")
    ] = False,
    node_selector: NodeSelectorOption = "",
    wait: WaitOption = False,
    watch: WatchOption = False,
    log: LogOption = False,
    no_wait: NoWaitOption = False,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Make the objects anew and run them again from what failed. Follows them to their ends.

    `setpoint archive retry hello-x7k2p`
    """
    place, given = find_place(home, namespace, context), parse_parameters(parameter)
    how = follow_again(wait=wait, watch=watch, log=log, no_wait=no_wait)

    async def main() -> int:
        async with place.open(Need.RUNNING if no_wait else Need.OWN) as session:
            begun: list[Workflow] = []
            for word in uids:
                uid = await _uid(session, place.namespace, word)
                former = await session.archived.get_archived(uid)
                made = await session.archived.retry_archived(
                    uid, restart_successful=restart_successful, selector=node_selector, parameters=given
                )
                status = made.status.replace(started_at=former.status.started_at)
                begun.append(made.replace(status=status))
            return await told(session, begun, how, output, "retried", again=True)

    raise typer.Exit(run_async(main))


@app.command()
def resubmit(
    uids: _Uids,
    parameter: ParameterOption = None,
    memoized: Annotated[
        bool, typer.Option("--memoized", help="Take over what succeeded in the failed workflow.")
    ] = False,
    wait: WaitOption = False,
    watch: WatchOption = False,
    log: LogOption = False,
    no_wait: NoWaitOption = False,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Run archived workflows once more as new ones, and follow them to their ends.

    `setpoint archive resubmit hello-x7k2p -p rows=100 --no-wait`
    """
    place, given = find_place(home, namespace, context), parse_parameters(parameter)
    how = follow_again(wait=wait, watch=watch, log=log, no_wait=no_wait)

    async def main() -> int:
        async with place.open(Need.RUNNING if no_wait else Need.OWN) as session:
            made = [
                await session.archived.resubmit_archived(
                    await _uid(session, place.namespace, word), memoized=memoized, parameters=given
                )
                for word in uids
            ]
            return await told(session, made, how, output, "submitted")

    raise typer.Exit(run_async(main))


@app.command("list-label-keys")
def list_label_keys(namespace: NamespaceOption = "", context: ContextOption = "", home: HomeOption = None) -> None:
    """List the keys of labels of archived workflows.

    `setpoint archive list-label-keys`
    """
    place = find_place(home, namespace, context)

    async def main() -> None:
        async with place.open(Need.READ) as session:
            for key in await session.archived.archived_label_keys(place.namespace):
                typer.echo(key)

    run_async(main)


@app.command("list-label-values")
def list_label_values(
    key: Annotated[str, typer.Option("-l", "--selector", metavar="KEY", help="Key of the label.")],
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """List the values of a label of archived workflows.

    `setpoint archive list-label-values -l team`
    """
    place = find_place(home, namespace, context)

    async def main() -> None:
        async with place.open(Need.READ) as session:
            for value in await session.archived.archived_label_values(key, place.namespace):
                typer.echo(value)

    run_async(main)


async def _uid(session: Session, namespace: str, word: str) -> str:
    """The uid that is meant by a uid, or by a name. Raises: NotFound."""
    if _UID.fullmatch(word):
        return word
    found = await session.archived.list_archived(WorkflowQuery(namespace=namespace, name=word, limit=1))
    if not found.items:
        raise NotFound("archived workflow", word, namespace)
    return found.items[0].metadata.uid
