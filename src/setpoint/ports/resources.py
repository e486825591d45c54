"""The Kubernetes API as everything above and below the line sees it, in process or over HTTP.

One contract suite (`tests/contract/test_resource_api.py`) runs over every implementation.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from setpoint.apis.meta import Resource

R = TypeVar("R", bound=Resource)


class WatchType(StrEnum):
    """Kinds of watch events, as on the wire."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


class Propagation(StrEnum):
    """What deleting an owner does to its dependants."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent(Generic[R]):
    """One change; `resource.metadata.resource_version` is where a later watch would go on."""

    type: WatchType
    resource: R


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceList(Generic[R]):
    """A list at one instant; a watch from `resource_version` misses nothing."""

    items: tuple[R, ...]
    resource_version: str


class ResourceApi(Protocol):
    """Typed verbs on resources. `namespace` is "" for cluster-scoped kinds.

    Raises (all verbs): NotFound, AlreadyExists, Conflict, InvalidSpec, Forbidden, Unavailable as they apply.
    """

    async def create(self, resource: R) -> R:
        """Store a new object; sets uid, resourceVersion, generation 1, creationTimestamp, a name from generateName.

        Status is dropped on kinds that have one. AlreadyExists if the name is taken.
        """
        ...

    async def get(self, kind: type[R], namespace: str, name: str) -> R:
        """The object as it is now, or NotFound."""
        ...

    async def list(self, kind: type[R], namespace: str | None = None, *, selector: str = "") -> ResourceList[R]:
        """Objects by namespace and name; None means all namespaces. `selector` is a Kubernetes label selector."""
        ...

    async def update(self, resource: R) -> R:
        """Replace all but status. A resourceVersion that is set must be the present one, else Conflict.

        A changed spec raises generation. An object under deletion whose finalizers become empty is removed.
        """
        ...

    async def update_status(self, resource: R) -> R:
        """Replace status only, with the same conflict rule; generation stays."""
        ...

    async def patch(self, kind: type[R], namespace: str, name: str, merge_patch: dict[str, Any]) -> R:
        """JSON merge patch (RFC 7396) of all but status; a resourceVersion in the patch is a precondition."""
        ...

    async def patch_status(self, kind: type[R], namespace: str, name: str, merge_patch: dict[str, Any]) -> R:
        """JSON merge patch of `status` only; the patch is the whole object's: `{"status": {...}}`."""
        ...

    async def delete(
        self,
        kind: type[R],
        namespace: str,
        name: str,
        *,
        propagation: Propagation = Propagation.BACKGROUND,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Delete, or mark for deletion while finalizers hold it; uid and resourceVersion are preconditions."""
        ...

    def watch(
        self,
        kind: type[R],
        namespace: str | None = None,
        *,
        since: str | None = None,
        selector: str = "",
    ) -> AsyncIterator[WatchEvent[R]]:
        """Changes after version `since`, in order, for ever; None begins with ADDED for what there is.

        Conflict if `since` is older than what is kept (HTTP 410 Gone): list again.
        """
        ...
