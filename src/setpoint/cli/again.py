"""`retry` and `resubmit`: workflows once more, from what failed or from the beginning."""

from __future__ import annotations

from typing import Annotated

import typer

from setpoint.apis.argo import Workflow
from setpoint.cli._context import (
    ContextOption,
    HomeOption,
    NamespaceOption,
    ParameterOption,
    WorkflowsArgument,
    find_place,
    parse_parameters,
    run_async,
)
from setpoint.cli._outcome import (
    Follow,
    LogOption,
    NodeSelectorOption,
    WaitOption,
    WatchOption,
    conclude,
    follow_again,
)
from setpoint.cli._output import Output, OutputOption, print_objects
from setpoint.cli._selection import FieldSelectorOption, Filters, SelectorOption, names_of
from setpoint.wiring.session import Need, Session

retry_app = typer.Typer(add_completion=False)
resubmit_app = typer.Typer(add_completion=False)

NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Return at once; the control plane that is up, or the cluster, goes on.")
]


@retry_app.command()
def retry(
    names: WorkflowsArgument = None,
    parameter: ParameterOption = None,
    restart_successful: Annotated[
        bool, typer.Option("--restart-successful", help="Also restart the selected nodes that succeeded.")
    ] = False,
    node_selector: NodeSelectorOption = "",
    selector: SelectorOption = "",
    field_selector: FieldSelectorOption = "",
    wait: WaitOption = False,
    watch: WatchOption = False,
    log: LogOption = False,
    no_wait: NoWaitOption = False,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Run failed workflows again from the failed step; what succeeded is kept. Follows them to their ends.

    `setpoint retry process-control-x7k2p`, `setpoint retry @latest --no-wait`,
    `setpoint retry hello --restart-successful --node-field-selector displayName=train`
    """
    place, given = find_place(home, namespace, context), parse_parameters(parameter)
    how = follow_again(wait=wait, watch=watch, log=log, no_wait=no_wait)
    filters = Filters(selector=selector, fields=field_selector)

    async def main() -> int:
        async with place.open(Need.RUNNING if no_wait else Need.OWN) as session:
            chosen = await names_of(session.resources, place.namespace, names, filters, session.clock.now())
            begun = []
            for name in chosen:
                found = await session.verbs.get(place.namespace, name)
                workflow = await session.resources.get(Workflow, place.namespace, found.metadata.name)
                await session.verbs.retry(
                    place.namespace,
                    workflow.metadata.name,
                    restart_successful=restart_successful,
                    selector=node_selector,
                    parameters=given,
                )
                begun.append(workflow)
            return await told(session, begun, how, output, "retried", again=True)

    raise typer.Exit(run_async(main))


@resubmit_app.command()
def resubmit(
    names: WorkflowsArgument = None,
    parameter: ParameterOption = None,
    memoized: Annotated[
        bool, typer.Option("--memoized", help="Take over what succeeded in the failed workflow.")
    ] = False,
    priority: Annotated[int | None, typer.Option("--priority", help="Priority of the new workflow.")] = None,
    selector: SelectorOption = "",
    field_selector: FieldSelectorOption = "",
    wait: WaitOption = False,
    watch: WatchOption = False,
    log: LogOption = False,
    no_wait: NoWaitOption = False,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Run workflows once more as new ones, and follow them to their ends.

    `setpoint resubmit process-control-x7k2p`, `setpoint resubmit @latest --memoized -p rows=100 --no-wait`
    """
    place, given = find_place(home, namespace, context), parse_parameters(parameter)
    how = follow_again(wait=wait, watch=watch, log=log, no_wait=no_wait)
    filters = Filters(selector=selector, fields=field_selector)

    async def main() -> int:
        async with place.open(Need.RUNNING if no_wait else Need.OWN) as session:
            chosen = await names_of(session.resources, place.namespace, names, filters, session.clock.now())
            made = []
            for name in chosen:
                new = await session.verbs.resubmit(place.namespace, name, memoized=memoized, parameters=given)
                if priority is not None:
                    patch = {"spec": {"priority": priority}}
                    new = await session.resources.patch(Workflow, place.namespace, new.metadata.name, patch)
                made.append(new)
            return await told(session, made, how, output, "submitted")

    raise typer.Exit(run_async(main))


async def told(
    session: Session, begun: list[Workflow], how: Follow, output: Output, verb: str, *, again: bool = False
) -> int:
    """Say what was begun, or follow it to its end; the exit code."""
    if how is not Follow.NOTHING:
        return await conclude(session, begun, how, output, again=again)
    if output in (Output.TABLE, Output.WIDE):
        for item in begun:
            typer.echo(f"workflow {item.metadata.name!r} {verb}")
    else:
        print_objects(begun, output, single=True)
    return 0
