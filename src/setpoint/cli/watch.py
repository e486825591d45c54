"""`watch` and `wait`: workflows to their ends, seen or not."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.cli._context import (
    ContextOption,
    HomeOption,
    NamespaceOption,
    WorkflowArgument,
    WorkflowsArgument,
    find_place,
    run_async,
)
from setpoint.cli._outcome import Narrowed, NodeSelectorOption, tell_end
from setpoint.cli._selection import FieldSelectorOption, Filters, SelectorOption, names_of
from setpoint.cli._watch import follow, make_view
from setpoint.wiring.session import Need, Session

watch_app = typer.Typer(add_completion=False)
wait_app = typer.Typer(add_completion=False)


@watch_app.command()
def watch(
    name: WorkflowArgument,
    node_selector: NodeSelectorOption = "",
    status: Annotated[str, typer.Option("--status", help="Phases of the nodes to show, by commas.")] = "",
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Show the tree of a workflow until it ends: live on a terminal, else a line for each change.

    Exit code 0 if it Succeeded, 1 if not. `setpoint watch @latest`, `setpoint watch hello --context plant`
    """
    place = find_place(home, namespace, context)
    phases = tuple(filter(None, status.split(",")))

    async def main() -> int:
        async with place.open(Need.READ) as session:
            workflow = await _live(session, place.namespace, name)
            with make_view(Console(), session.clock.now, quiet=False) as view:
                shown = Narrowed(view, node_selector, phases) if view and (node_selector or phases) else view
                ended = await follow(session.resources, workflow, shown)
            return 1 if ended.status.phase.failed_or_error else 0

    raise typer.Exit(run_async(main))


@wait_app.command()
def wait(
    names: WorkflowsArgument = None,
    ignore_not_found: Annotated[
        bool, typer.Option("--ignore-not-found", help="Pass over workflows that are not there.")
    ] = False,
    selector: SelectorOption = "",
    field_selector: FieldSelectorOption = "",
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Wait until workflows have ended. Exit code 0 if all Succeeded, 1 otherwise.

    `setpoint wait hello-x7k2p @latest`, `setpoint wait -l team=plant`
    """
    place = find_place(home, namespace, context)
    filters = Filters(selector=selector, fields=field_selector)

    async def main() -> int:
        code = 0
        async with place.open(Need.READ) as session:
            now = session.clock.now()
            for name in await names_of(session.resources, place.namespace, names, filters, now):
                try:
                    workflow = await _live(session, place.namespace, name)
                    ended = await follow(session.resources, workflow, None)
                except NotFound:
                    if not ignore_not_found:
                        raise
                    typer.echo(f"workflow {name!r} is not there", err=True)
                    continue
                tell_end(ended)
                code = 1 if ended.status.phase.failed_or_error else code
        return code

    raise typer.Exit(run_async(main))


async def _live(session: Session, namespace: str, name: str) -> Workflow:
    """The object of that name. Raises: NotFound; InvalidSpec: It can never end, as nothing runs it."""
    found = await session.verbs.get(namespace, name)
    live = await session.resources.get(Workflow, namespace, found.metadata.name)
    if session.stored_only and not live.status.completed:
        raise InvalidSpec(f"no control plane is up to go on with {name!r}; start one by `setpoint up --detach`")
    return live
