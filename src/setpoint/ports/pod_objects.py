"""Pod objects of engines, written in batches: many short pods must not cost what as many requests to the API would.

Beside `ports.resources`, whose verbs hold for them too; uid and status come with the object here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PodChange:
    """What becomes of one Pod object.

    Args:
        uid: Of the object.
        status: As JSON; empty keeps it.
        metadata: With `body`, of an object that is made unless it is there; its owner must exist.
        body: All but metadata and status.
        ended: Its processes have ended: nothing of ours holds it any more, and it goes if it is to be deleted.
        gone: It is deleted.
    """

    uid: str
    status: bytes = b""
    metadata: dict[str, Any] | None = None
    body: dict[str, Any] | None = None
    ended: bool = False
    gone: bool = False


class PodObjects(Protocol):
    """Writes Pod objects of engines."""

    async def record(self, changes: Sequence[PodChange]) -> None:
        """Store all of them in one transaction; what is about an object that is gone does nothing.

        Raises: Unavailable if the store cannot be written.
        """
        ...
