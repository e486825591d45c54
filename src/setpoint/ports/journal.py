"""The workflow engine's durable memory: nodes as rows, an outbox of commands, an inbox of requests.

One `commit` is one transaction: node rows, workflow status, new commands and consumed ids become durable
together or not at all. The status object of a Workflow is assembled from rows when somebody reads it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the journal holds for one workflow. Values are JSON, opaque to the journal."""

    nodes: Mapping[str, bytes]  # node id -> NodeStatus JSON
    status: bytes  # WorkflowStatus JSON without nodes; b"" before the first commit
    engine: bytes  # the engine's own state (locks, timers ...); b"" before the first commit
    commands: Mapping[str, bytes]  # command id -> command JSON, not yet done
    requests: Sequence[tuple[int, bytes]]  # (sequence number, request JSON), oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One transaction."""

    nodes: Mapping[str, bytes | None] = field(default_factory=dict)  # None deletes the row
    status: bytes | None = None
    engine: bytes | None = None
    labels: Mapping[str, str | None] = field(default_factory=dict)  # set (or remove) on the Workflow object
    commands: Mapping[str, bytes] = field(default_factory=dict)
    done_commands: Sequence[str] = ()
    done_requests: Sequence[int] = ()
    archive: bool = False  # the workflow has ended: keep a copy of it as it is then, see `ports.archive`


class WorkflowJournal(Protocol):
    """Durable state of running workflows, by uid of the Workflow object."""

    async def load(self, uid: str) -> Record:
        """All that is held for the workflow; an empty record if nothing is."""
        ...

    async def commit(self, uid: str, change: Change) -> None:
        """Make the change durable; returns after the transaction is on disk. Readers and watchers see it then."""
        ...

    async def request(self, uid: str, request: bytes) -> int:
        """Put a request (stop, resume, retry ...) into the inbox; durable on return. NotFound if no such uid."""
        ...

    async def pending(self) -> frozenset[str]:
        """Uids of workflows with commands that are not done yet."""
        ...

    def requested(self) -> AsyncIterator[str]:
        """Uids with new requests, each at least once; begins with those that already wait."""
        ...
