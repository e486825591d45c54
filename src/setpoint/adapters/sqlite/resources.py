"""The ResourceApi port over SQLite: types at the door, JSON inside.

Writes go through the one writer thread and return when durable; reads take a snapshot in a reading thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar

from setpoint.adapters.sqlite import admission, objects, verbs
from setpoint.adapters.sqlite.hub import Hub
from setpoint.adapters.sqlite.readers import Readers
from setpoint.adapters.sqlite.rows import KindInfo, kind_info, split, typed
from setpoint.adapters.sqlite.verbs import Target
from setpoint.adapters.sqlite.watching import View, list_view, watch_view
from setpoint.adapters.sqlite.writer import Transaction, Writer
from setpoint.apis.errors import Forbidden, InvalidSpec
from setpoint.apis.meta import Resource
from setpoint.apis.selectors import parse_selector
from setpoint.ports.resources import Propagation, ResourceList, WatchEvent

R = TypeVar("R", bound=Resource)


class SqliteResourceApi:
    """Implements `setpoint.ports.resources.ResourceApi`; made by `SqliteStore`."""

    def __init__(self, writer: Writer, readers: Readers, hub: Hub, uids: Callable[[], str]) -> None:
        self._writer = writer
        self._readers = readers
        self._hub = hub
        self._uids = uids

    async def create(self, resource: R) -> R:
        """See the port. Generated names and uids are drawn here; the status of a new object is dropped."""
        kind = kind_info(type(resource))
        metadata, body, _ = split(resource)
        metadata.pop("managedFields", None)
        admission.check_new(kind, metadata, body)
        body = admission.admit_body(kind, body)
        document = await self._writer.write(lambda tx: verbs.create(tx, kind, metadata, body, self._uids))
        return typed(kind, type(resource), document)

    async def get(self, kind: type[R], namespace: str, name: str) -> R:
        """See the port."""
        info = kind_info(kind)
        find = partial(objects.document, kind=info, namespace=info.namespace(namespace), name=name)
        return typed(info, kind, await self._readers.read(find))

    async def list(self, kind: type[R], namespace: str | None = None, *, selector: str = "") -> ResourceList[R]:
        """See the port."""
        return await list_view(self._readers, _view(kind, namespace, selector), kind)

    async def update(self, resource: R) -> R:
        """See the port. An update that changes nothing keeps the resourceVersion."""
        kind = kind_info(type(resource))
        metadata, body, _ = split(resource)
        body = admission.admit_body(kind, body)
        admission.check_metadata(metadata)
        admission.check_size(kind, metadata, body)
        target = _target_of(resource, kind)
        document = await self._writer.write(lambda tx: verbs.update(tx, target, metadata, body))
        return typed(kind, type(resource), document)

    async def update_status(self, resource: R) -> R:
        """See the port. Forbidden for kinds whose status the journal writes."""
        kind = _with_client_status(type(resource))
        _, _, status = split(resource)
        target = _target_of(resource, kind)
        document = await self._writer.write(lambda tx: verbs.update_status(tx, target, status))
        return typed(kind, type(resource), document)

    async def patch(self, kind: type[R], namespace: str, name: str, merge_patch: dict[str, Any]) -> R:
        """See the port."""
        info = kind_info(kind)
        target = _target(info, namespace, name, merge_patch)
        document = await self._writer.write(lambda tx: verbs.patch(tx, target, merge_patch))
        return typed(info, kind, document)

    async def patch_status(self, kind: type[R], namespace: str, name: str, merge_patch: dict[str, Any]) -> R:
        """See the port. Forbidden for kinds whose status the journal writes."""
        info = _with_client_status(kind)
        target = _target(info, namespace, name, merge_patch)
        document = await self._writer.write(lambda tx: verbs.patch_status(tx, target, merge_patch))
        return typed(info, kind, document)

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
        """See the port. Dependants go in the same transaction."""
        info = kind_info(kind)
        target = Target(info, info.namespace(namespace), name, uid, resource_version)

        def job(transaction: Transaction) -> None:
            verbs.delete(transaction, target, propagation)

        await self._writer.write(job)

    def watch(
        self,
        kind: type[R],
        namespace: str | None = None,
        *,
        since: str | None = None,
        selector: str = "",
    ) -> AsyncIterator[WatchEvent[R]]:
        """See the port. Raises Expired (a Conflict) if `since` is too old, Unavailable when the store closes."""
        return watch_view(self._readers, self._hub, _view(kind, namespace, selector), kind, since)


def _view(kind: type[Resource], namespace: str | None, selector: str) -> View:
    info = kind_info(kind)
    return View(info, None if namespace is None else info.namespace(namespace), parse_selector(selector))


def _target(kind: KindInfo, namespace: str, name: str, patch: dict[str, Any]) -> Target:
    metadata = patch.get("metadata") or {}
    return Target(kind, kind.namespace(namespace), name, metadata.get("uid"), metadata.get("resourceVersion"))


def _target_of(resource: Resource, kind: KindInfo) -> Target:
    metadata = resource.metadata
    if not metadata.name:
        raise InvalidSpec("a name is required", path="metadata.name")
    return Target(
        kind, kind.namespace(metadata.namespace), metadata.name, metadata.uid or None, metadata.resource_version or None
    )


def _with_client_status(cls: type[Resource]) -> KindInfo:
    kind = kind_info(cls)
    if kind.journaled:
        raise Forbidden(f"the status of a {kind.name} is its engine's: ask for a stop, resume or retry instead")
    if not kind.has_status:
        raise InvalidSpec(f"{kind.name} has no status", path="status")
    return kind
