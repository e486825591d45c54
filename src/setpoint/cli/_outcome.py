"""Following workflows that a command has started, as of argo's `--wait`, `--watch` and `--log`, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum, auto
from typing import Annotated

import typer
from rich.console import Console

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.cli._output import Output
from setpoint.cli._report import finish
from setpoint.cli._watch import View, follow, make_view
from setpoint.core.workflow.selectors import matches, parse_selector
from setpoint.wiring.session import Session

_LOOK_SECONDS = 0.1

WaitOption = Annotated[bool, typer.Option("-w", "--wait", help="Wait for the end; the exit code says how it went.")]
WatchOption = Annotated[bool, typer.Option("--watch", help="Show the tree until the end.")]
LogOption = Annotated[bool, typer.Option("--log", help="Print the logs until the end.")]
NodeSelectorOption = Annotated[
    str,
    typer.Option("--node-field-selector", help="Nodes that are meant, e.g. displayName=approve.", show_default=False),
]


class Follow(Enum):
    """What a command does until a workflow ends."""

    NOTHING = auto()
    WAIT = auto()
    WATCH = auto()
    LOG = auto()


def follow_of(*, wait: bool, watch: bool, log: bool, otherwise: Follow = Follow.NOTHING) -> Follow:
    """What the options ask for. Raises: InvalidSpec: More than one of `--watch` and `--log`."""
    if watch and log:
        raise InvalidSpec("--watch and --log exclude each other")
    if watch or log:
        return Follow.WATCH if watch else Follow.LOG
    return Follow.WAIT if wait else otherwise


def follow_again(*, wait: bool, watch: bool, log: bool, no_wait: bool) -> Follow:
    """What the options of a verb that follows by itself ask for. Raises: InvalidSpec: They contradict each other."""
    if no_wait and (wait or watch or log):
        raise InvalidSpec("--no-wait excludes --wait, --watch and --log")
    return Follow.NOTHING if no_wait else follow_of(wait=wait, watch=watch, log=log, otherwise=Follow.WATCH)


def narrowed(workflow: Workflow, selector: str, phases: Sequence[str] = ()) -> Workflow:
    """The workflow with those of its nodes that are to be shown. Raises: InvalidSpec."""
    if not selector and not phases:
        return workflow
    wanted = parse_selector(selector)
    nodes = {
        key: node
        for key, node in workflow.status.nodes.items()
        if matches(node, wanted) and (not phases or node.phase.value in phases)
    }
    return workflow.replace(status=workflow.status.replace(nodes=nodes))


class Narrowed:
    """A view of some nodes only."""

    def __init__(self, inner: View, selector: str, phases: Sequence[str]) -> None:
        self._inner, self._selector, self._phases = inner, selector, phases

    def show(self, workflow: Workflow) -> None:
        """See `View`."""
        self._inner.show(narrowed(workflow, self._selector, self._phases))


async def conclude(
    session: Session,
    workflows: Sequence[Workflow],
    how: Follow,
    output: Output,
    *,
    again: bool = False,
    selector: str = "",
    phases: Sequence[str] = (),
) -> int:
    """Follow the workflows to their ends, one after the other, and give the exit code.

    Args:
        session: Where they are.
        workflows: As they were seen last.
        how: What is shown meanwhile; NOTHING shows nothing either.
        output: In which form the ends are told.
        again: They have ended before and run again.
        selector: Nodes that are shown; empty means all.
        phases: The same by phase.

    Raises: NotFound: Somebody deleted one meanwhile.
    """
    narrowed(workflows[0], selector) if workflows else None  # a selector that is none is said at once
    quiet = how not in (Follow.WATCH,) or output not in (Output.TABLE, Output.WIDE)
    ended = []
    for workflow in workflows:
        if how is Follow.LOG:
            if again:
                await _begun_again(session, workflow)
            await print_logs(session, workflow)
        console = Console(stderr=not quiet and not Console().is_terminal)
        with make_view(console, session.clock.now, quiet=quiet) as view:
            shown = Narrowed(view, selector, phases) if view is not None and (selector or phases) else view
            ended.append(await follow(session.resources, workflow, shown, again=again))
        if how is Follow.WAIT and output is Output.TABLE:
            tell_end(ended[-1])
    return await finish(session, ended, output, single=True)


async def _begun_again(session: Session, workflow: Workflow) -> None:
    """Wait until one that had ended runs: its former logs would be taken for all there is."""
    meta, former = workflow.metadata, workflow.status.started_at
    while True:
        found = await session.resources.get(Workflow, meta.namespace, meta.name)
        if found.status.started_at != former:
            return
        await asyncio.sleep(_LOOK_SECONDS)


def tell_end(workflow: Workflow) -> None:
    """`hello Succeeded at 2026-01-31T12:00:00Z`, as argo says it."""
    at = workflow.status.finished_at
    when = f" at {at:%Y-%m-%dT%H:%M:%SZ}" if at is not None else ""
    typer.echo(f"{workflow.metadata.name} {workflow.status.phase.value}{when}")


async def print_logs(session: Session, workflow: Workflow) -> None:
    """All lines until it has ended."""
    meta = workflow.metadata
    async for line in session.verbs.logs(meta.namespace, meta.name, follow=True):
        typer.echo(f"{line.pod_name}: {line.content}")
