"""Every implementation of a port that its contract suite runs over.

To add one: write a function that opens it on an empty directory as an async context manager, and name it in the
table. All tests of the port then run over it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.ports.archive import WorkflowArchive
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.resources import ResourceApi
from tests.servers import served_over_http

HISTORY = 50  # changes that an implementation keeps for watchers here, so that a test can outrun it


@asynccontextmanager
async def sqlite_api(directory: Path) -> AsyncIterator[ResourceApi]:
    """The store in process."""
    with SqliteStore(directory, SystemClock(), history=HISTORY) as store:
        yield store.resources


@asynccontextmanager
async def http_api(directory: Path) -> AsyncIterator[ResourceApi]:
    """The same store through the Kubernetes API server and its client, over a real socket."""
    with SqliteStore(directory, SystemClock(), history=HISTORY) as store:
        async with served_over_http(store, directory) as client:
            yield client


@asynccontextmanager
async def sqlite_journal(directory: Path) -> AsyncIterator[tuple[ResourceApi, WorkflowJournal]]:
    """The store's journal, and the API that holds its Workflow objects."""
    with SqliteStore(directory, SystemClock()) as store:
        yield store.resources, store.journal


@dataclass(frozen=True)
class Archiving:
    """An archive, and the API and the journal that it is fed from."""

    archive: WorkflowArchive
    resources: ResourceApi
    journal: WorkflowJournal


@asynccontextmanager
async def sqlite_archive(directory: Path) -> AsyncIterator[Archiving]:
    """The store's archive, beside a change log that forgets soon."""
    with SqliteStore(directory, SystemClock(), history=3) as store:
        yield Archiving(store.archive, store.resources, store.journal)


RESOURCE_APIS: dict[str, Callable[[Path], AbstractAsyncContextManager[ResourceApi]]] = {
    "sqlite": sqlite_api,
    "http": http_api,
}
JOURNALS: dict[str, Callable[[Path], AbstractAsyncContextManager[tuple[ResourceApi, WorkflowJournal]]]] = {
    "sqlite": sqlite_journal,
}
ARCHIVES: dict[str, Callable[[Path], AbstractAsyncContextManager[Archiving]]] = {
    "sqlite": sqlite_archive,
}
