"""What a command works with: the control plane that is up, one of its own, or the store alone.

A command says what it needs; where its objects live is decided here once, and the command sees ports only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from importlib import import_module
from urllib.parse import urlsplit

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import LeaseHeld
from setpoint.apis.errors import NeverReached, NotFound, Unavailable
from setpoint.apis.meta import render_wire
from setpoint.ports.clock import Clock
from setpoint.ports.resources import R, ResourceApi
from setpoint.ports.workflows import ArchivedWorkflowVerbs, WorkflowVerbs
from setpoint.wiring.detached import running_endpoint, start_detached
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.settings import Settings

_ATTEMPTS = 60
_PAUSE_SECONDS = 0.25  # 15 s in all: ending takes that long when a service is slow to go


class Need(Enum):
    """What a command needs."""

    READ = auto()
    """Objects and logs; the store alone will do."""

    RUNNING = auto()
    """A control plane that is up; nothing would happen without one."""

    OWN = auto()
    """A control plane: the one that is up, else one of its own for as long as the command lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Ports of the substrate at hand.

    `owns`: the control plane is this process. `peer`: the process of the one that is borrowed, None for none.
    `stored_only`: there is none, and what is stored changes by what this command does alone.
    """

    resources: ResourceApi
    verbs: WorkflowVerbs
    archived: ArchivedWorkflowVerbs
    clock: Clock
    owns: bool
    peer: int | None = None
    stored_only: bool = False

    async def apply(self, resource: R) -> R:
        """Create the object, or make the stored one have its labels, annotations and content."""
        kind, metadata = type(resource), resource.metadata
        try:
            stored = await self.resources.get(kind, metadata.namespace, metadata.name)
        except NotFound:
            return await self.resources.create(resource)
        merged = stored.metadata.replace(
            labels={**stored.metadata.labels, **metadata.labels},
            annotations={**stored.metadata.annotations, **metadata.annotations},
        )
        changes = {"status": getattr(stored, "status")} if hasattr(stored, "status") else {}  # noqa: B009
        wanted = resource.replace(metadata=merged, **changes)
        return stored if render_wire(wanted) == render_wire(stored) else await self.resources.update(wanted)


@asynccontextmanager
async def open_session(
    settings: Settings, need: Need, *, keep: bool = False, visible: Sequence[str] = ()
) -> AsyncIterator[Session]:
    """The session that fits the need.

    Args:
        settings: Whose state directory.
        need: See `Need`.
        keep: After the command, leave a control plane and the services running.
        visible: Host paths that pods of an own control plane shall see, see `control_plane`.

    Raises:
        Unavailable: A running control plane is needed and none is up, or another process keeps the state directory
            without answering.
        NeverReached: The control plane that was up ended before it was asked anything; open another session.
    """
    async with AsyncExitStack() as stack:
        session = await _enter(stack, settings, need, keep=keep, visible=visible)
        yield session
    if keep and session.owns:
        start_detached(settings)


async def _enter(
    stack: AsyncExitStack, settings: Settings, need: Need, *, keep: bool, visible: Sequence[str]
) -> Session:
    """The session, entered.

    Commands given at the same moment meet here: who finds the state directory held by a process that does not
    answer (it starts, it ends, it only reads the store) asks again until that one answers or is gone.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS)
        endpoint = running_endpoint(settings)
        if endpoint is not None:
            import_module("setpoint.clients.argo")  # before the look: it takes a while, and the other may end meanwhile
            import_module("setpoint.clients.kubernetes")
            if await _listens(endpoint):
                return await stack.enter_async_context(_attached(endpoint))
        if need is Need.RUNNING:
            raise Unavailable(f"no control plane is up for {settings.home}; start one by `setpoint up --detach`")
        try:
            return await stack.enter_async_context(_own(settings, need, keep=keep, visible=visible))
        except LeaseHeld as error:
            held = error
    raise held


async def _listens(endpoint: Endpoint) -> bool:
    """Whether somebody takes connections there."""
    url = urlsplit(endpoint.url)
    try:
        _, writer = await asyncio.open_connection(url.hostname, url.port)
    except OSError:
        return False
    writer.close()
    return True


def _own(settings: Settings, need: Need, *, keep: bool, visible: Sequence[str]) -> AbstractAsyncContextManager[Session]:
    """A session of this process alone."""
    from setpoint.wiring.control_plane import own_session, store_only  # noqa: PLC0415  engines, only if needed

    if need is Need.READ:
        return store_only(settings)
    return own_session(settings, keep_services=keep, visible=visible)


@asynccontextmanager
async def _attached(endpoint: Endpoint) -> AsyncIterator[Session]:
    from setpoint.clients.argo import ArchivedClient, ArgoClient  # noqa: PLC0415  HTTP, only if needed
    from setpoint.clients.connection import Address, connect  # noqa: PLC0415
    from setpoint.clients.kubernetes import KubernetesClient  # noqa: PLC0415

    address = Address(url=endpoint.url, token=endpoint.token)
    argo = Address(url=endpoint.argo_url or endpoint.url, token=endpoint.token)
    http, argo_http = connect(lambda: address), connect(lambda: argo)
    answers = 0

    async def count(_: object) -> None:
        nonlocal answers
        answers += 1

    for client in (http, argo_http):
        client.event_hooks["response"].append(count)
    try:
        yield Session(
            resources=KubernetesClient(http),
            verbs=ArgoClient(argo_http),
            archived=ArchivedClient(argo_http),
            clock=SystemClock(),
            owns=False,
            peer=endpoint.pid,
        )
    except Unavailable as error:
        if answers or await _listens(endpoint):
            raise
        raise NeverReached(str(error)) from error
    finally:
        await http.aclose()
        await argo_http.aclose()
