"""The ObjectApi port over SQLite: objects as JSON, of any kind, through the same transactions as typed ones."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import msgspec

from setpoint.adapters.sqlite import admission, objects, verbs
from setpoint.adapters.sqlite.feed import Feeds
from setpoint.adapters.sqlite.hub import Hub
from setpoint.adapters.sqlite.paging import Pages
from setpoint.adapters.sqlite.readers import Readers
from setpoint.adapters.sqlite.rows import KindInfo, definition_info, split_document
from setpoint.adapters.sqlite.verbs import Target
from setpoint.adapters.sqlite.watching import View
from setpoint.adapters.sqlite.writer import Transaction, Writer
from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import SetpointError
from setpoint.ports.clock import Clock
from setpoint.ports.objects import Deletion, Json, ListQuery, Page, Told

T = TypeVar("T")


class _Rehearsed(SetpointError):
    """A dry run has come to its end: its transaction is taken back."""


class SqliteObjectApi:
    """Implements `setpoint.ports.objects.ObjectApi`; made by `SqliteStore`."""

    def __init__(self, writer: Writer, readers: Readers, hub: Hub, uids: Callable[[], str], clock: Clock) -> None:
        self._writer, self._readers, self._uids = writer, readers, uids
        self._feeds = Feeds(readers, hub)
        self._pages = Pages(clock)

    async def create(self, kind: ResourceDefinition, document: Json, *, dry_run: bool = False) -> bytes:
        """See the port."""
        info = definition_info(kind)
        return await self._write(partial(self._create, info=info, document=document), dry_run=dry_run)

    async def get(self, kind: ResourceDefinition, namespace: str, name: str) -> bytes:
        """See the port."""
        info = definition_info(kind)
        find = partial(objects.document, kind=info, namespace=info.namespace(namespace), name=name)
        return await self._readers.read(find)

    async def list(self, kind: ResourceDefinition, query: ListQuery) -> Page:
        """See the port. The rest of a list that is read page by page is kept in memory for a while."""
        if query.after:
            return self._pages.go_on(kind.key, query)
        view = _view(kind, query)

        def read(connection: sqlite3.Connection) -> tuple[list[bytes], int]:
            documents, version = view.list(connection)
            if query.fields is not None:
                wanted = query.fields
                documents = [item for item in documents if wanted(msgspec.json.decode(item))]
            return documents, version

        documents, version = await self._readers.read(read)
        return self._pages.first(kind.key, query, documents, str(version))

    async def update(
        self, kind: ResourceDefinition, document: Json, *, subresource: str = "", dry_run: bool = False
    ) -> bytes:
        """See the port."""
        info = definition_info(kind)
        metadata, body, status = split_document(document, info)
        place = info.namespace(metadata.get("namespace", ""))
        target = Target(
            info, place, metadata.get("name", ""), metadata.get("uid") or None, metadata.get("resourceVersion") or None
        )
        managed = metadata.get("managedFields") or []
        if subresource == "status":
            return await self._write(lambda tx: verbs.update_status(tx, target, status, managed), dry_run=dry_run)
        body = admission.admit_body(info, body)
        admission.check_metadata(metadata)
        admission.check_size(info, metadata, body)
        return await self._write(lambda tx: verbs.update(tx, target, metadata, body, managed), dry_run=dry_run)

    async def delete(self, kind: ResourceDefinition, namespace: str, name: str, how: Deletion) -> tuple[bytes, bool]:
        """See the port."""
        info = definition_info(kind)
        target = Target(info, info.namespace(namespace), name, how.uid, how.version)

        def job(transaction: Transaction) -> tuple[bytes, bool]:
            document = verbs.delete(transaction, target, how.propagation, how.grace_seconds)
            return document, not objects.taken(transaction.connection, info.key, target.namespace, name)

        return await self._write(job, dry_run=how.dry_run)

    def watch(self, kind: ResourceDefinition, query: ListQuery, *, since: str | None) -> AsyncGenerator[Told, None]:
        """See the port. Raises Expired if `since` is too old, Unavailable when the store closes."""
        return self._feeds.watch(_view(kind, query), query.fields, since)

    def leads(self, kind: ResourceDefinition) -> bool:
        """Whether a watcher of the kind waits for the store just now, for all of them."""
        return self._feeds.leads(definition_info(kind).key)

    async def _write(self, job: Callable[[Transaction], T], *, dry_run: bool) -> T:
        if not dry_run:
            return await self._writer.write(job)
        results: list[T] = []

        def rehearse(transaction: Transaction) -> None:
            results.append(job(transaction))
            raise _Rehearsed

        with suppress(_Rehearsed):
            await self._writer.write(rehearse)
        return results[-1]

    def _create(self, transaction: Transaction, info: KindInfo, document: Json) -> bytes:
        metadata, body, status = split_document(document, info)
        admission.check_new(info, metadata, body)
        return verbs.create(transaction, info, metadata, admission.admit_body(info, body), self._uids, status)


def _view(kind: ResourceDefinition, query: ListQuery) -> View:
    info = definition_info(kind)
    return View(info, None if query.namespace is None else info.namespace(query.namespace), query.selector)
