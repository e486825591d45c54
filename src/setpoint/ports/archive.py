"""The archive of workflows: what is kept of those that have ended, also after their objects have gone.

A copy is written in the transaction that ends the workflow (`ports.journal.Change.archive`), and written again when it
ends again after a retry. Source: Argo Workflows, "Workflow Archive" (`persistence.archive`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from setpoint.apis.argo import Workflow
from setpoint.apis.selectors import Selector


class NameFilter(StrEnum):
    """How a name is compared, as on the wire of the Argo Server."""

    EXACT = "Exact"
    CONTAINS = "Contains"
    PREFIX = "Prefix"

    def matches(self, name: str, wanted: str) -> bool:
        """Whether a name is meant."""
        match self:
            case NameFilter.CONTAINS:
                return wanted in name
            case NameFilter.PREFIX:
                return name.startswith(wanted)
            case _:
                return name == wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowQuery:
    """Which workflows are meant; `None` and empty texts mean all.

    Args:
        namespace: None means all.
        name: Compared as `name_filter` says.
        name_filter: How.
        selector: On labels.
        created_after: Only those created after it.
        finished_before: Only those that ended before it.
        started_after: Only those that started after it.
        started_before: Only those that started before it.
        gone: Only archived ones whose objects are not there any more.
        offset: How many of the newest are passed over.
        limit: How many are told; 0 means all.
    """

    namespace: str | None = None
    name: str = ""
    name_filter: NameFilter = NameFilter.EXACT
    selector: Selector = field(default_factory=Selector)
    created_after: datetime | None = None
    finished_before: datetime | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    gone: bool = False
    offset: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPage:
    """Some of the workflows that a query means.

    Args:
        items: Those that started last first; archived ones without nodes.
        total: How many the query means.
        resource_version: From which a watch of the objects misses nothing; empty of an archive.
    """

    items: tuple[Workflow, ...]
    total: int
    resource_version: str = ""


class WorkflowArchive(Protocol):
    """Workflows that have ended, by uid. Documents carry the label `workflow-archiving-status: Persisted`."""

    async def list(self, query: WorkflowQuery) -> WorkflowPage:
        """What the query means, at one instant."""
        ...

    async def get(self, uid: str) -> Workflow:
        """The workflow as it ended, nodes and all; NotFound."""
        ...

    async def find(self, namespace: str, name: str) -> Workflow:
        """The one of that name that started last; NotFound."""
        ...

    async def delete(self, uid: str) -> None:
        """Forget it; NotFound."""
        ...

    async def restore(self, uid: str) -> Workflow:
        """Make the object anew, ended as it was, with a uid of its own, in one transaction.

        It has no `finishedAt`, so that its time to live does not end it before it is retried.

        Raises: NotFound; AlreadyExists if there is an object of that name.
        """
        ...

    async def label_keys(self, namespace: str | None = None) -> tuple[str, ...]:
        """The keys of all labels, sorted."""
        ...

    async def label_values(self, key: str, namespace: str | None = None) -> tuple[str, ...]:
        """The values of a label, sorted."""
        ...
