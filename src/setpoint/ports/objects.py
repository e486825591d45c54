"""The Kubernetes API on objects as JSON: what its HTTP server is made of, of kinds known only at run time too.

Documents come out as the bytes they are stored as, so that a list of 10,000 is not decoded to be encoded again. Typed
code uses `ports.resources`; both look at the same store.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.selectors import Selector
from setpoint.ports.resources import Propagation

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What is listed or watched; `namespace` None means all."""

    namespace: str | None = None
    selector: Selector = field(default_factory=Selector)
    fields: Callable[[Mapping[str, Any]], bool] | None = None  # on the whole object
    limit: int = 0
    after: str = ""  # the token of the page before
    version: str = ""
    match: str = ""  # Exact, NotOlderThan or nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Documents of a list at one version; `token` is empty where nothing is left, `remaining` is how many are."""

    documents: list[bytes]
    version: str
    token: str = ""
    remaining: int = 0


class Told(NamedTuple):
    """One event of a watch: `ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`, the document, and its version."""

    type: str
    document: bytes
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """How an object goes."""

    propagation: Propagation = Propagation.BACKGROUND
    grace_seconds: int | None = None
    uid: str | None = None
    version: str | None = None
    dry_run: bool = False


class ObjectApi(Protocol):
    """Verbs on objects. `namespace` is "" for cluster-scoped kinds. Errors as of `ports.resources.ResourceApi`."""

    async def create(self, kind: ResourceDefinition, document: Json, *, dry_run: bool = False) -> bytes:
        """Store a new object, already admitted; a status in it is its first one."""
        ...

    async def get(self, kind: ResourceDefinition, namespace: str, name: str) -> bytes:
        """The object as it is now."""
        ...

    async def list(self, kind: ResourceDefinition, query: ListQuery) -> Page:
        """One page; a token of an earlier page goes on at that page's version, or raises Expired."""
        ...

    async def update(
        self, kind: ResourceDefinition, document: Json, *, subresource: str = "", dry_run: bool = False
    ) -> bytes:
        """Replace an object, already admitted, and who owns its fields (metadata.managedFields).

        With subresource `status` only status is replaced, without one all but status. A resourceVersion or uid in the
        document is a precondition. An update that changes nothing keeps the resourceVersion.
        """
        ...

    async def delete(self, kind: ResourceDefinition, namespace: str, name: str, how: Deletion) -> tuple[bytes, bool]:
        """Delete or mark; the last document, and whether the object is gone."""
        ...

    def watch(self, kind: ResourceDefinition, query: ListQuery, *, since: str | None) -> AsyncGenerator[Told, None]:
        """Changes after `since`, in order, for ever; None begins with ADDED for what there is.

        Whenever all has been told up to a version, a BOOKMARK of that version without document. Raises: Expired.
        """
        ...
