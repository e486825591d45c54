"""The control plane: store, launcher, engines and API of one state directory, in one event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from setpoint.adapters.access.secret_files import make_private
from setpoint.adapters.artifacts import LocalArtifactStore
from setpoint.adapters.clock import SteadyClock, SystemClock, last_written
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.sqlite import SqliteStore
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import ArchivedWorkflowVerbs, WorkflowVerbs
from setpoint.wiring.endpoint import Endpoint
from setpoint.wiring.images import check_images
from setpoint.wiring.listeners import sockets
from setpoint.wiring.pods import pod_settings
from setpoint.wiring.session import Session
from setpoint.wiring.settings import Settings
from setpoint.wiring.verbs import LocalArchivedVerbs, LocalVerbs


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """What is up, as ports, and where others reach it."""

    resources: ResourceApi
    verbs: WorkflowVerbs
    archived: ArchivedWorkflowVerbs
    clock: Clock
    endpoint: Endpoint


@asynccontextmanager
async def control_plane(
    settings: Settings, *, serve_stored: bool, keep_services: bool = False, visible: Sequence[str] = ()
) -> AsyncIterator[ControlPlane]:
    """Everything up, for as long as the context lasts; running pods outlive it.

    Args:
        settings: Whose state directory, and how.
        serve_stored: Start the InferenceServices that are stored; else only those that are touched from now on, and
            those whose servers a killed predecessor left running.
        keep_services: Leave model servers and gateway running at the end; a later control plane adopts them.
        visible: Host paths that pods shall see even where a pod has its own directory, as below /tmp.

    Raises:
        Unavailable: Another process has the state directory, or a port that was asked for is in use.
    """
    make_private(settings.home)
    clock = SystemClock()
    steady = SteadyClock(last_written(settings.home / "store"))
    pods = pod_settings(settings, visible, lasting=serve_stored)
    async with AsyncExitStack() as stack:
        store = stack.enter_context(_open_store(settings, clock))
        bound = stack.enter_context(sockets(settings, lasting=serve_stored))
        launcher = await stack.enter_async_context(HostLauncher(pods))
        # the launcher's process starts while the rest is imported: a first step would wait for both in turn
        from setpoint.wiring.doors import open_doors  # noqa: PLC0415
        from setpoint.wiring.engines import engines_up  # noqa: PLC0415
        from setpoint.wiring.substrate import Substrate  # noqa: PLC0415

        artifacts = LocalArtifactStore(settings.home / "artifacts")
        verbs = LocalVerbs(
            store.resources,
            store.journal,
            launcher,
            artifacts,
            clock=clock,
            archive=store.archive,
            check=partial(check_images, pods.rules),
        )
        doors = open_doors(settings, bound, clock)
        substrate = Substrate(
            settings=settings, store=store, launcher=launcher, verbs=verbs, clock=clock, steady=steady
        )
        up = engines_up(substrate, doors, serve_stored=serve_stored, keep_services=keep_services)
        await stack.enter_async_context(up)
        archived = LocalArchivedVerbs(store.resources, store.journal, store.archive)
        yield ControlPlane(
            resources=store.resources, verbs=verbs, archived=archived, clock=clock, endpoint=doors.endpoint
        )


def _open_store(settings: Settings, clock: Clock) -> SqliteStore:
    lifetime = timedelta(days=settings.archive_ttl_days) if settings.archive_ttl_days else None
    return SqliteStore(
        settings.home / "store",
        clock,
        archive_lifetime=lifetime,
        outlives_power=settings.durability == "power",
    )


@asynccontextmanager
async def own_session(settings: Settings, *, keep_services: bool, visible: Sequence[str]) -> AsyncIterator[Session]:
    """A control plane for as long as one command lasts; see `control_plane`."""
    async with control_plane(settings, serve_stored=False, keep_services=keep_services, visible=visible) as plane:
        yield Session(
            resources=plane.resources, verbs=plane.verbs, archived=plane.archived, clock=plane.clock, owns=True
        )


@asynccontextmanager
async def store_only(settings: Settings) -> AsyncIterator[Session]:
    """Objects and logs of a state directory where no control plane is up; nothing is started."""
    make_private(settings.home)
    with _open_store(settings, SystemClock()) as store:
        launcher = HostLauncher(pod_settings(settings))
        artifacts = LocalArtifactStore(settings.home / "artifacts")
        verbs = LocalVerbs(store.resources, store.journal, launcher, artifacts, archive=store.archive)
        archived = LocalArchivedVerbs(store.resources, store.journal, store.archive)
        yield Session(
            resources=store.resources, verbs=verbs, archived=archived, clock=SystemClock(), owns=False, stored_only=True
        )
