"""Following a workflow to its end: a live tree on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, Workflow
from setpoint.apis.errors import Conflict, NotFound
from setpoint.cli._tree import ICONS, format_elapsed, natural_order, render_tree, waiting_for
from setpoint.ports.resources import ResourceApi, WatchType

_TICK_SECONDS = 0.25  # running times move on without events
_LAST_LINES = 100  # of the tree that stays on the screen


class View(Protocol):
    """Something that shows the present state of a workflow."""

    def show(self, workflow: Workflow) -> None:
        """Called on each change, and by the live view between changes."""
        ...


class LiveTree:
    """Redraws the tree in place, never taller than the screen: a terminal cannot go back above its first line.

    At the end the tree stays, of a large one what failed and what ended last.
    """

    def __init__(self, console: Console, now: Callable[[], datetime]) -> None:
        self._now = now
        self._console = console
        self._latest: Workflow | None = None
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop", transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._latest is not None:
            self._live.update(Group(*render_tree(self._latest, self._now(), height=_LAST_LINES)))
        self._live.__exit__(kind, error, trace)

    def show(self, workflow: Workflow) -> None:
        """Draw anew."""
        self._latest = workflow
        lines = render_tree(workflow, self._now(), height=self._console.size.height - 1)
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        self._live.update(Group(*lines), refresh=True)


class PlainLines:
    """One line when a node begins, or waits for something it names, and one when it ends, for logs to keep."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[str, tuple[NodePhase, str]] = {}

    def show(self, workflow: Workflow) -> None:
        """Print what changed since the last call."""
        for node in sorted(workflow.status.nodes.values(), key=_telling_order):
            waits = node.message if node.phase is NodePhase.PENDING else ""
            if self._seen.get(node.id) == (node.phase, waits) or node.type is NodeType.STEP_GROUP:
                continue
            self._seen[node.id] = (node.phase, waits)
            if waits or node.phase is not NodePhase.PENDING:
                self._console.print(_line(node), highlight=False, markup=False, soft_wrap=True)


def _telling_order(node: NodeStatus) -> tuple[bool, str, int, list[tuple[bool, int, str]]]:
    """What ended by when it ended, a group after what is in it; then what began, a group before what is in it."""
    if node.finished_at is not None:
        return (False, node.finished_at.isoformat(), -len(node.name), natural_order(node.name))
    return (True, "", 0, natural_order(node.name))


def _line(node: NodeStatus) -> str:
    took = ""
    if node.completed and node.started_at and node.finished_at:
        took = f" ({format_elapsed(node.started_at, node.finished_at)})"
    text = waiting_for(node) or node.message
    message = f": {text}" if text else ""
    return f"{ICONS[node.phase.value][0]} {node.display_name or node.name} {node.phase.value}{took}{message}"


def make_view(console: Console, now: Callable[[], datetime], *, quiet: bool) -> AbstractContextManager[View | None]:
    """The view for this console; None when nothing shall be shown."""
    if quiet:
        return nullcontext(None)
    return LiveTree(console, now) if console.is_terminal else nullcontext(PlainLines(console))


async def follow(resources: ResourceApi, workflow: Workflow, view: View | None, *, again: bool = False) -> Workflow:
    """Show the workflow until it is completed, and return its last state.

    Args:
        resources: Where it is.
        workflow: As it was seen last.
        view: What shows it; None shows nothing.
        again: It has ended and was asked to run again: its former end does not count. A new start time tells.

    Raises:
        NotFound: Somebody deleted it meanwhile.
    """
    latest = workflow
    changes = _changes(resources, workflow).__aiter__()
    pending: asyncio.Future[Workflow] = asyncio.ensure_future(anext(changes))
    try:
        while not latest.status.completed or (again and latest.status.started_at == workflow.status.started_at):
            done, _ = await asyncio.wait({pending}, timeout=_TICK_SECONDS)
            if done:
                latest = pending.result()
                pending = asyncio.ensure_future(anext(changes))
            former = again and latest.status.started_at == workflow.status.started_at
            if view is not None and not former and (done or isinstance(view, LiveTree)):
                view.show(latest)
    finally:
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
    if view is not None:
        view.show(latest)
    return latest


async def _changes(resources: ResourceApi, workflow: Workflow) -> AsyncIterator[Workflow]:
    """States of the one workflow, its present one first; goes on after a compacted watch."""
    name, namespace = workflow.metadata.name, workflow.metadata.namespace
    while True:
        current = await resources.get(Workflow, namespace, name)
        yield current
        try:
            async for event in resources.watch(Workflow, namespace, since=current.metadata.resource_version):
                if event.resource.metadata.uid != workflow.metadata.uid:
                    continue
                if event.type is WatchType.DELETED:
                    raise NotFound("Workflow", name, namespace)
                yield event.resource
        except Conflict:  # fell behind what the store keeps: read it anew
            continue
