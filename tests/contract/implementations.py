"""Every implementation of a port that its contract suite runs over.

To add one: write a function that opens it on an empty directory as an async context manager, and name it in the
table. All tests of the port then run over it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.ports.journal import WorkflowJournal
from setpoint.ports.resources import ResourceApi

HISTORY = 50  # changes that an implementation keeps for watchers here, so that a test can outrun it


@asynccontextmanager
async def sqlite_api(directory: Path) -> AsyncIterator[ResourceApi]:
    """The store in process."""
    with SqliteStore(directory, SystemClock(), history=HISTORY) as store:
        yield store.resources


@asynccontextmanager
async def sqlite_journal(directory: Path) -> AsyncIterator[tuple[ResourceApi, WorkflowJournal]]:
    """The store's journal, and the API that holds its Workflow objects."""
    with SqliteStore(directory, SystemClock()) as store:
        yield store.resources, store.journal


RESOURCE_APIS: dict[str, Callable[[Path], AbstractAsyncContextManager[ResourceApi]]] = {
    "sqlite": sqlite_api,
}
JOURNALS: dict[str, Callable[[Path], AbstractAsyncContextManager[tuple[ResourceApi, WorkflowJournal]]]] = {
    "sqlite": sqlite_journal,
}
