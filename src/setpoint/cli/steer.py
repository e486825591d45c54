"""`stop`, `terminate`, `suspend`, `resume`, `node set`: steering workflows that run."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from setpoint.apis.argo import NodePhase, NodeType, Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.cli._context import (
    ContextOption,
    HomeOption,
    NamespaceOption,
    ParameterOption,
    WorkflowArgument,
    WorkflowsArgument,
    find_place,
    parse_parameters,
    run_async,
)
from setpoint.cli._outcome import NodeSelectorOption
from setpoint.cli._selection import FieldSelectorOption, Filters, SelectorOption, names_of
from setpoint.wiring.session import Need, Session

APPROVER = "approved-by"

stop_app = typer.Typer(add_completion=False)
terminate_app = typer.Typer(add_completion=False)
suspend_app = typer.Typer(add_completion=False)
resume_app = typer.Typer(add_completion=False)
node_app = typer.Typer(add_completion=False, no_args_is_help=True, help="Set values of nodes that wait.")

_DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say which workflows are meant.")]
_Verb = Callable[[Session, str, str], Awaitable[None]]


def _each(
    words: list[str] | None,
    filters: Filters,
    places: tuple[Path | None, str, str],
    verb: _Verb,
    *,
    says: str,
    dry_run: bool = False,
) -> None:
    """Do it to all workflows that are meant, and say so; `places` are home, namespace and context."""
    place = find_place(*places)

    async def main() -> None:
        async with place.open(Need.RUNNING) as session:
            names = await names_of(session.resources, place.namespace, words, filters, session.clock.now())
            for name in names:
                found = await session.verbs.get(place.namespace, name)
                if not dry_run:
                    await verb(session, place.namespace, found.metadata.name)
                typer.echo(f"workflow {found.metadata.name!r} {'is meant' if dry_run else says}")

    run_async(main)


@stop_app.command()
def stop(
    names: WorkflowsArgument = None,
    message: Annotated[str, typer.Option("--message", help="Why, for the record.")] = "",
    node_selector: NodeSelectorOption = "",
    terminate: Annotated[bool, typer.Option("--now", help="Without its exit handler, as terminate.")] = False,
    selector: SelectorOption = "",
    field_selector: FieldSelectorOption = "",
    dry_run: _DryRunOption = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Stop workflows; their exit handlers still run. With a node selector only waiting nodes fail.

    `setpoint stop process-control-x7k2p`, `setpoint stop -l team=plant --dry-run`
    """

    async def verb(session: Session, where: str, name: str) -> None:
        if terminate:
            await session.verbs.terminate(where, name)
        else:
            await session.verbs.stop(where, name, message=message, selector=node_selector)

    filters = Filters(selector=selector, fields=field_selector)
    _each(names, filters, (home, namespace, context), verb, says="is stopping", dry_run=dry_run)


@terminate_app.command()
def terminate(
    names: WorkflowsArgument = None,
    selector: SelectorOption = "",
    field_selector: FieldSelectorOption = "",
    dry_run: _DryRunOption = False,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Stop workflows at once, without their exit handlers.

    `setpoint terminate @latest`
    """

    async def verb(session: Session, where: str, name: str) -> None:
        await session.verbs.terminate(where, name)

    filters = Filters(selector=selector, fields=field_selector)
    _each(names, filters, (home, namespace, context), verb, says="is stopping", dry_run=dry_run)


@suspend_app.command()
def suspend(
    names: WorkflowsArgument = None,
    selector: SelectorOption = "",
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Let running pods end and start nothing new, until `resume`.

    `setpoint suspend @latest`
    """

    async def verb(session: Session, where: str, name: str) -> None:
        await session.verbs.suspend(where, name)

    _each(names, Filters(selector=selector), (home, namespace, context), verb, says="is suspended")


@resume_app.command()
def resume(
    names: WorkflowsArgument = None,
    parameter: ParameterOption = None,
    approver: Annotated[str, typer.Option("--by", help="Who approves; the user of this session if not given.")] = "",
    node_selector: NodeSelectorOption = "",
    selector: SelectorOption = "",
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Resume suspended workflows, or approve the step they wait at; `-p` supplies outputs of that step.

    `setpoint resume process-control-x7k2p --by "A. Operator"`
    """
    supplied = parse_parameters(parameter)

    async def verb(session: Session, where: str, name: str) -> None:
        await _supply(session, where, name, supplied, approver or getpass.getuser(), node_selector)
        await session.verbs.resume(where, name, selector=node_selector)

    _each(names, Filters(selector=selector), (home, namespace, context), verb, says="goes on")


async def _supply(
    session: Session, namespace: str, name: str, supplied: dict[str, str], approver: str, selector: str
) -> None:
    """Give the waiting Suspend nodes their outputs: those named by `-p`, and who approved where that is asked for.

    Raises:
        InvalidSpec: No waiting node expects an output that was given.
    """
    workflow = await session.resources.get(Workflow, namespace, name)
    unknown = set(supplied)
    for node in workflow.status.nodes.values():
        if node.type is not NodeType.SUSPEND or node.phase is not NodePhase.RUNNING or node.outputs is None:
            continue
        expected = {item.name for item in node.outputs.parameters}
        values = {key: value for key, value in supplied.items() if key in expected}
        if APPROVER in expected and not selector:
            values.setdefault(APPROVER, approver)
        unknown -= expected
        if values:
            await session.verbs.set_outputs(namespace, name, selector=f"id={node.id}", parameters=values)
    if unknown:
        raise InvalidSpec(f"no waiting step expects {', '.join(sorted(unknown))}", path="--parameter")


@node_app.callback()
def _node() -> None:
    """Set values of nodes that wait."""


@node_app.command("set")
def node_set(
    name: WorkflowArgument,
    node_selector: NodeSelectorOption = "",
    output_parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--output-parameter", metavar="NAME=VALUE", help="An output that is to be supplied."),
    ] = None,
    message: Annotated[str, typer.Option("-m", "--message", help="The node's message.")] = "",
    phase: Annotated[str, typer.Option("--phase", help="End the node: Succeeded, Failed or Error.")] = "",
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    home: HomeOption = None,
) -> None:
    """Set outputs, message or phase of Suspend nodes that wait.

    `setpoint node set @latest --node-field-selector displayName=approve -p approved=yes`
    """
    place, outputs = find_place(home, namespace, context), parse_parameters(output_parameter)
    if not (outputs or message or phase):
        raise InvalidSpec("say what to set: --output-parameter, --message or --phase")

    async def main() -> None:
        async with place.open(Need.RUNNING) as session:
            found = await session.verbs.get(place.namespace, name)
            await session.verbs.set_outputs(
                place.namespace,
                found.metadata.name,
                selector=node_selector,
                parameters=outputs,
                message=message,
                phase=phase,
            )
            typer.echo(f"workflow {found.metadata.name!r} set")

    run_async(main)
