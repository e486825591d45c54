"""Which workflows there are: objects first, then what only the archive holds; and the newest of a namespace.

Source: argo-workflows `server/workflow/workflow_server.go`, `ListWorkflows`, `getLatestWorkflow`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from setpoint.apis.argo import API_VERSION, Workflow
from setpoint.apis.errors import NotFound
from setpoint.apis.meta import Resource
from setpoint.ports.archive import WorkflowArchive, WorkflowPage, WorkflowQuery
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import LATEST

_NEVER = datetime(1, 1, 1, tzinfo=UTC)


class _Times(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The fields of a status that a list is made by; others are passed over."""

    started_at: datetime | None = None
    finished_at: datetime | None = None


class ListedWorkflow(Resource, frozen=True, kw_only=True):
    """A Workflow without its nodes, so that a list of which a page is told costs no nodes but the page's."""

    API_VERSION: ClassVar[str] = API_VERSION
    KIND: ClassVar[str] = "Workflow"
    PLURAL: ClassVar[str] = "workflows"

    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: _Times = _Times()


msgspec.json.Decoder(ListedWorkflow)  # worked out once, here, while there is one thread


async def list_workflows(resources: ResourceApi, archive: WorkflowArchive | None, query: WorkflowQuery) -> WorkflowPage:
    """What the query means, objects first. Pages of an archive that changes meanwhile may overlap, as upstream's do."""
    listed = await resources.list(ListedWorkflow, query.namespace, selector=str(query.selector))
    live = sorted((item for item in listed.items if _is_meant(item, query)), key=_begun, reverse=True)
    end = query.offset + query.limit if query.limit else None
    items = await _whole(resources, live[query.offset : end], len(listed.items))
    total = len(live)
    if archive is not None:
        left = query.limit - len(items) if query.limit else 0
        wanted = replace(query, gone=True, offset=max(query.offset - len(live), 0), limit=left or 1)
        page = await archive.list(replace(wanted, limit=0) if not query.limit else wanted)
        total += page.total
        if left or not query.limit:
            items += page.items
    return WorkflowPage(items=tuple(items), total=total, resource_version=listed.resource_version)


async def _whole(resources: ResourceApi, chosen: list[ListedWorkflow], present: int) -> list[Workflow]:
    """The workflows with their nodes; one that has gone meanwhile is left out."""
    if len(chosen) * 2 > present:
        namespaces = {item.metadata.namespace for item in chosen}
        found = await resources.list(Workflow, namespaces.pop() if len(namespaces) == 1 else None)
        by_uid = {item.metadata.uid: item for item in found.items}
        return [by_uid[item.metadata.uid] for item in chosen if item.metadata.uid in by_uid]
    items = []
    for item in chosen:
        try:
            items.append(await resources.get(Workflow, item.metadata.namespace, item.metadata.name))
        except NotFound:
            continue
    return items


def _is_meant(item: ListedWorkflow, query: WorkflowQuery) -> bool:
    meta, status = item.metadata, item.status
    if query.name and not query.name_filter.matches(meta.name, query.name):
        return False
    created, started, finished = meta.creation_timestamp or _NEVER, status.started_at, status.finished_at
    return (
        (query.created_after is None or created > query.created_after)
        and (query.started_after is None or (started is not None and started > query.started_after))
        and (query.started_before is None or (started is not None and started < query.started_before))
        and (query.finished_before is None or (finished is not None and finished < query.finished_before))
    )


def _begun(item: ListedWorkflow) -> tuple[bool, datetime, datetime, str]:
    """Those that have not started yet are the newest."""
    started = item.status.started_at
    return (started is None, started or _NEVER, item.metadata.creation_timestamp or _NEVER, item.metadata.uid)


async def find_workflow(
    resources: ResourceApi, archive: WorkflowArchive | None, namespace: str, name: str, *, uid: str = ""
) -> Workflow:
    """The workflow, of the archive if its object has gone or is not that of the uid. Raises: NotFound."""
    try:
        found = await resources.get(Workflow, namespace, await resolve_name(resources, namespace, name))
        if not uid or found.metadata.uid == uid or archive is None:
            return found
    except NotFound:
        if archive is None:
            raise
    try:
        return await (archive.get(uid) if uid else archive.find(namespace, name))
    except NotFound:
        raise NotFound("Workflow", name, namespace) from None


async def resolve_name(resources: ResourceApi, namespace: str, name: str) -> str:
    """The name, or that of the newest workflow for `@latest`. Raises: NotFound if there is none."""
    if name != LATEST:
        return name
    listed = await resources.list(ListedWorkflow, namespace)
    if not listed.items:
        raise NotFound("Workflow", name, namespace)
    newest = max(listed.items, key=lambda item: (item.metadata.creation_timestamp or _NEVER, *_begun(item)))
    return newest.metadata.name
