"""`listOptions` and what belongs to them: which objects of a list a client means, and which page.

Source: argo-workflows `server/utils/list_options.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from starlette.requests import Request

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.selectors import parse_selector
from setpoint.ports.archive import NameFilter, WorkflowQuery
from setpoint.server.argo._operations import FLAG, NUMBER, TEXT, Schema
from setpoint.server.argo._requests import Query, read_moment

LIST_KEYS: dict[str, Schema] = {
    "listOptions.labelSelector": TEXT,
    "listOptions.fieldSelector": TEXT,
    "listOptions.limit": NUMBER,
    "listOptions.continue": TEXT,
    "listOptions.resourceVersion": TEXT,
}
WORKFLOW_KEYS = LIST_KEYS | {
    "fields": TEXT,
    "nameFilter": TEXT,
    "createdAfter": {"type": "string", "format": "date-time"},
    "finishedBefore": {"type": "string", "format": "date-time"},
}
ARCHIVE_KEYS = LIST_KEYS | {"namePrefix": TEXT, "nameFilter": TEXT, "namespace": TEXT}
GET_KEYS: dict[str, Schema] = {"getOptions.resourceVersion": TEXT}
DELETE_KEYS: dict[str, Schema] = {
    "deleteOptions.propagationPolicy": TEXT,
    "deleteOptions.orphanDependents": FLAG,
    "deleteOptions.preconditions.uid": TEXT,
    "deleteOptions.preconditions.resourceVersion": TEXT,
    "deleteOptions.dryRun": TEXT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the field selector and the page of a request say."""

    query: WorkflowQuery
    show_remaining: bool = False


def selection_of(request: Request, namespace: str) -> Selection:
    """What a request means. `namespace` is that of the path or query, empty for all. Raises: InvalidSpec."""
    keys = Query(request)
    query = WorkflowQuery(
        namespace=namespace or None,
        selector=parse_selector(keys.text("listOptions.labelSelector")),
        created_after=keys.moment("createdAfter"),
        finished_before=keys.moment("finishedBefore"),
        offset=_offset(keys.text("listOptions.continue")),
        limit=keys.number("listOptions.limit") or 0,
        name_filter=_name_filter(keys.text("nameFilter")),
    )
    query, remaining = _with_fields(query, keys.text("listOptions.fieldSelector"))
    prefix = keys.text("namePrefix")
    if prefix:
        query = replace(query, name=prefix, name_filter=NameFilter.PREFIX)
    return Selection(query=query, show_remaining=remaining)


def _offset(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidSpec("must be a whole number that is not negative", path="listOptions.continue")
    return int(text)


def _name_filter(text: str) -> NameFilter:
    try:
        return NameFilter(text or NameFilter.EXACT)
    except ValueError:
        raise InvalidSpec(f"{text!r} is no way to compare", path="nameFilter", allowed=tuple(NameFilter)) from None


def _with_fields(query: WorkflowQuery, text: str) -> tuple[WorkflowQuery, bool]:
    remaining = False
    for part in filter(None, text.split(",")):
        if (value := _after(part, "metadata.namespace=")) is not None:
            if query.namespace not in (None, value):
                reason = f"namespace {query.namespace!r} and metadata.namespace={value} contradict each other"
                raise InvalidSpec(reason, path="listOptions.fieldSelector")
            query = replace(query, namespace=value or None)
        elif (value := _after(part, "metadata.name=")) is not None:
            query = replace(query, name=value)
        elif (value := _after(part, "spec.startedAt>")) is not None:
            query = replace(query, started_after=_moment(value))
        elif (value := _after(part, "spec.startedAt<")) is not None:
            query = replace(query, started_before=_moment(value))
        elif (value := _after(part, "ext.showRemainingItemCount=")) is not None:
            remaining = value == "true"
        else:
            raise InvalidSpec(f"unsupported requirement {part}", path="listOptions.fieldSelector")
    return query, remaining


def _after(part: str, begin: str) -> str | None:
    """What stands behind the sign; an equal sign may be written twice."""
    rest = part.removeprefix(begin) if part.startswith(begin) else None
    return rest.removeprefix("=") if rest is not None and begin.endswith("=") else rest


def _moment(text: str) -> datetime | None:
    return read_moment(text, "listOptions.fieldSelector")


def list_meta(selection: Selection, told: int, total: int, resource_version: str) -> dict[str, Any]:
    """The metadata of a list: where the next page begins, and how much is left if that is asked."""
    left = max(total - selection.query.offset - told, 0)
    meta: dict[str, Any] = {"resourceVersion": resource_version} if resource_version else {}
    if left:
        meta["continue"] = str(selection.query.offset + told)
    if selection.show_remaining:
        meta["remainingItemCount"] = left
    return meta


def paged(selection: Selection, items: tuple[Any, ...]) -> tuple[list[Any], int]:
    """One page of those objects whose names the selection means, and how many these are."""
    query = selection.query
    found = [item for item in items if _named(item, query)]
    end = query.offset + query.limit if query.limit else None
    return found[query.offset : end], len(found)


def _named(item: Any, query: WorkflowQuery) -> bool:
    meta = item.metadata
    return not query.name or query.name_filter.matches(meta.name, query.name)


def merged(*keys: Mapping[str, Schema]) -> dict[str, Schema]:
    """Query keys together."""
    return {name: schema for part in keys for name, schema in part.items()}
