"""Following a workflow to its end: a live tree on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from types import TracebackType
from typing import ClassVar, Protocol, Self

import msgspec
from rich.console import Console, Group
from rich.live import Live

from setpoint.apis.argo import API_VERSION, NodePhase, NodeStatus, NodeType, Workflow, WorkflowPhase
from setpoint.apis.errors import Conflict, NotFound
from setpoint.apis.meta import Resource
from setpoint.cli._tree import ICONS, format_elapsed, natural_order, render_tree, waiting_for
from setpoint.ports.resources import ResourceApi, WatchType

_TICK_SECONDS = 0.25  # running times move on without events
_READ_SECONDS = 0.1  # at most so often the whole workflow is read
_READ_SHARE = 10  # and a large one no longer than this part of the time
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
        news = [node for node in workflow.status.nodes.values() if self._seen.get(node.id) != _told(node)]
        for node in sorted(news, key=_telling_order):
            self._seen[node.id] = _told(node)
            if node.type is not NodeType.STEP_GROUP and (node.phase is not NodePhase.PENDING or node.message):
                self._console.file.write(f"{_line(node)}\n")  # plain: a console's print takes a millisecond
        self._console.file.flush()


def _told(node: NodeStatus) -> tuple[NodePhase, str]:
    """What a line says of a node: that it waits, for what; or that it has begun, or ended."""
    return (node.phase, node.message if node.phase is NodePhase.PENDING else "")


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


class _Unread(msgspec.Struct, frozen=True):
    """Whatever it has is passed over."""


class _GlanceStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    phase: WorkflowPhase = WorkflowPhase.UNKNOWN
    started_at: datetime | None = None


class _Glance(Resource, frozen=True, kw_only=True):
    """A Workflow without spec and nodes, which cost as much as they are large: what is watched for changes."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "Workflow"
    PLURAL: ClassVar[str] = "workflows"

    spec: _Unread = _Unread()
    status: _GlanceStatus = _GlanceStatus()


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
    former = workflow.status.started_at if again else None
    clock = asyncio.get_running_loop().time
    latest, changed, next_read = workflow, False, 0.0
    changes = _changes(resources, workflow).__aiter__()
    pending: asyncio.Future[_Glance] = asyncio.ensure_future(anext(changes))
    try:
        while True:
            patience = max(0.0, next_read - clock()) if changed else _TICK_SECONDS
            if (await asyncio.wait({pending}, timeout=patience))[0]:
                status, changed = pending.result().status, True
                if status.phase.completed and (not again or status.started_at != former):
                    break
                pending = asyncio.ensure_future(anext(changes))
            running = not again or latest.status.started_at != former
            if changed and view is not None and clock() >= next_read:
                begun = clock()
                latest, changed = await _read(resources, workflow), False
                next_read = clock() + max(_READ_SECONDS, _READ_SHARE * (clock() - begun))
                running = not again or latest.status.started_at != former
                if running:
                    view.show(latest)
            elif isinstance(view, LiveTree) and running:
                view.show(latest)
    finally:
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
    latest = await _read(resources, workflow)
    if view is not None:
        view.show(latest)
    return latest


async def _read(resources: ResourceApi, workflow: Workflow) -> Workflow:
    name, namespace = workflow.metadata.name, workflow.metadata.namespace
    found = await resources.get(Workflow, namespace, name)
    if found.metadata.uid != workflow.metadata.uid:
        raise NotFound("Workflow", name, namespace)
    return found


async def _changes(resources: ResourceApi, workflow: Workflow) -> AsyncIterator[_Glance]:
    """The one workflow as it is now, and at each change; goes on after a compacted watch."""
    name, namespace = workflow.metadata.name, workflow.metadata.namespace
    while True:
        current = await resources.get(_Glance, namespace, name)
        if current.metadata.uid != workflow.metadata.uid:
            raise NotFound("Workflow", name, namespace)
        yield current
        try:
            async for event in resources.watch(_Glance, namespace, since=current.metadata.resource_version):
                if event.resource.metadata.uid != workflow.metadata.uid:
                    continue
                if event.type is WatchType.DELETED:
                    raise NotFound("Workflow", name, namespace)
                yield event.resource
        except Conflict:  # fell behind what the store keeps: read it anew
            continue
