"""`retry`, `resubmit`, `stop`, `resume`, `logs`: steering a workflow and reading what its pods say."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from rich.console import Console

from setpoint.apis.argo import NodePhase, NodeType, Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.cli._context import HomeOption, NamespaceOption, ParameterOption, parse_parameters, run_async
from setpoint.cli._output import Output, OutputOption
from setpoint.cli._report import finish
from setpoint.cli._watch import follow, make_view
from setpoint.wiring.session import Need, Session, open_session
from setpoint.wiring.settings import load_settings

APPROVER = "approved-by"

retry_app = typer.Typer(add_completion=False)
resubmit_app = typer.Typer(add_completion=False)
stop_app = typer.Typer(add_completion=False)
resume_app = typer.Typer(add_completion=False)
logs_app = typer.Typer(add_completion=False)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the workflow.")]
_Selector = Annotated[
    str, typer.Option("--node-field-selector", help="Nodes to act on, e.g. displayName=approve.", show_default=False)
]


@retry_app.command()
def retry(
    name: _Name,
    parameter: ParameterOption = None,
    restart_successful: Annotated[
        bool, typer.Option("--restart-successful", help="Also restart the selected nodes that succeeded.")
    ] = False,
    selector: _Selector = "",
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Run a failed workflow again from the failed step; what succeeded is kept. Follows it to its end.

    `setpoint retry process-control-x7k2p`
    """

    async def main() -> int:
        async with open_session(load_settings(home), Need.OWN) as session:
            workflow = await session.resources.get(Workflow, namespace, name)
            await session.verbs.retry(
                namespace,
                name,
                restart_successful=restart_successful,
                selector=selector,
                parameters=parse_parameters(parameter),
            )
            quiet = output is not Output.TABLE
            with make_view(
                Console(stderr=not quiet and not Console().is_terminal), session.clock.now, quiet=quiet
            ) as v:
                ended = await follow(session.resources, workflow, v, again=True)
            return await finish(session, [ended], output, single=True)

    raise typer.Exit(run_async(main))


@resubmit_app.command()
def resubmit(
    name: _Name,
    parameter: ParameterOption = None,
    memoized: Annotated[
        bool, typer.Option("--memoized", help="Take over what succeeded in the failed workflow.")
    ] = False,
    output: OutputOption = Output.TABLE,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Run a workflow once more as a new one, and follow it to its end.

    `setpoint resubmit process-control-x7k2p`, `setpoint resubmit process-control-x7k2p --memoized -p rows=100`
    """

    async def main() -> int:
        async with open_session(load_settings(home), Need.OWN) as session:
            made = await session.verbs.resubmit(
                namespace, name, memoized=memoized, parameters=parse_parameters(parameter)
            )
            quiet = output is not Output.TABLE
            with make_view(
                Console(stderr=not quiet and not Console().is_terminal), session.clock.now, quiet=quiet
            ) as v:
                ended = await follow(session.resources, made, v)
            return await finish(session, [ended], output, single=True)

    raise typer.Exit(run_async(main))


@stop_app.command()
def stop(
    name: _Name,
    message: Annotated[str, typer.Option("--message", help="Why, for the record.")] = "",
    selector: _Selector = "",
    terminate: Annotated[bool, typer.Option("--now", help="Without its exit handler.")] = False,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Stop a workflow; its exit handler still runs.

    `setpoint stop process-control-x7k2p`
    """

    async def main() -> None:
        async with open_session(load_settings(home), Need.RUNNING) as session:
            if terminate:
                await session.verbs.terminate(namespace, name)
            else:
                await session.verbs.stop(namespace, name, message=message, selector=selector)
            typer.echo(f"workflow {name!r} is stopping")

    run_async(main)


@resume_app.command()
def resume(
    name: _Name,
    parameter: ParameterOption = None,
    approver: Annotated[str, typer.Option("--by", help="Who approves; the user of this session if not given.")] = "",
    selector: _Selector = "",
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Resume a suspended workflow, or approve the step it waits at; `-p` supplies outputs of that step.

    `setpoint resume process-control-x7k2p --by "A. Operator"`
    """
    supplied = parse_parameters(parameter)

    async def main() -> None:
        async with open_session(load_settings(home), Need.RUNNING) as session:
            await _supply(session, namespace, name, supplied, approver or getpass.getuser(), selector)
            await session.verbs.resume(namespace, name, selector=selector)
            typer.echo(f"workflow {name!r} goes on")

    run_async(main)


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


@logs_app.command()
def logs(
    name: _Name,
    pod: Annotated[str, typer.Argument(help="Name of one pod; all pods if not given.")] = "",
    follow_: Annotated[bool, typer.Option("-f", "--follow", help="Until the workflow has ended.")] = False,
    container: Annotated[str, typer.Option("-c", "--container", help="Container of the pods.")] = "main",
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """Print the logs of a workflow's pods.

    `setpoint logs process-control-x7k2p -f`, `setpoint logs @latest`
    """

    async def main() -> None:
        async with open_session(load_settings(home), Need.READ) as session:
            lines = session.verbs.logs(namespace, name, pod_name=pod, container=container, follow=follow_)
            async for line in lines:
                typer.echo(line.content if pod else f"{line.pod_name}: {line.content}")

    run_async(main)
