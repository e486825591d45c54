"""Getting, listing and watching objects: what a client may ask for, and in which form it gets it.

Source: Kubernetes API concepts, "Resource versions", "Retrieving large results sets in chunks".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp

from setpoint.apis.definitions import Catalog, ResourceDefinition
from setpoint.apis.errors import Expired, InvalidSpec, Malformed, NotFound, Timeout
from setpoint.apis.field_selectors import parse_field_selector
from setpoint.apis.selectors import Selector, parse_selector
from setpoint.ports.objects import ListQuery, ObjectApi, Page, Told
from setpoint.server.kubernetes._answers import json_answer
from setpoint.server.kubernetes._forms import Shown
from setpoint.server.kubernetes._options import LONGEST_LIST, Form, flag, form_of, number
from setpoint.server.kubernetes._virtual import VirtualKind
from setpoint.server.kubernetes._watching import WatchAnswer

_LONGEST_WATCH_SECONDS = 24 * 3600
_SHOWN_AT_ONCE = 500  # a page of kubectl's
_MATCHES = ("Exact", "NotOlderThan")
_INCLUDES = ("None", "Metadata", "Object")


class Reads:
    """The reading verbs over an `ObjectApi`, and over kinds that are measured instead of stored."""

    def __init__(self, api: ObjectApi, virtual: Mapping[str, VirtualKind]) -> None:
        self._api, self._virtual = api, virtual

    async def get(
        self, catalog: Catalog, kind: ResourceDefinition, namespace: str, name: str, shown: Shown
    ) -> Response:
        """GET of one object."""
        virtual = self._virtual.get(kind.key)
        if virtual is not None:
            found = await virtual(namespace or None)
            one = next((item for item in found if item["metadata"]["name"] == name), None)
            if one is None:
                raise NotFound(kind.kind, name, namespace)
            return json_answer(shown.one(msgspec.json.encode(one)))
        return json_answer(shown.one(await self._api.get(catalog.stored(kind), namespace, name)))

    async def list(
        self, catalog: Catalog, kind: ResourceDefinition, namespace: str | None, query: Mapping[str, str], shown: Shown
    ) -> ASGIApp:
        """GET of a collection: a list, or a watch."""
        wanted = _list_query(kind, namespace, query)
        virtual = self._virtual.get(kind.key)
        if virtual is not None:
            return json_answer(shown.page(await _measured(virtual, wanted)))
        if flag(query, "watch"):
            return await self._watch(catalog.stored(kind), wanted, query, shown)
        page = await self._api.list(catalog.stored(kind), wanted)
        _check_version(kind, wanted, page.version)
        return json_answer(await shown_page(shown, page))

    async def selected(
        self, catalog: Catalog, kind: ResourceDefinition, namespace: str | None, query: Mapping[str, str]
    ) -> Page:
        """What a list with these options shows."""
        return await self._api.list(catalog.stored(kind), _list_query(kind, namespace, query))

    async def _watch(
        self, stored: ResourceDefinition, wanted: ListQuery, query: Mapping[str, str], shown: Shown
    ) -> ASGIApp:
        initial = query.get("sendInitialEvents", "")
        begins = flag(query, "sendInitialEvents")
        if initial and not (wanted.match == "NotOlderThan" and (flag(query, "allowWatchBookmarks") or not begins)):
            reason = "needs resourceVersionMatch=NotOlderThan and allowWatchBookmarks=true"
            raise Malformed(reason, path="sendInitialEvents")
        since: str | None = wanted.version
        if begins or since in ("", "0"):
            since = None
        if initial and not begins and since is None:  # from now on, without what there is
            since = (await self._api.list(stored, ListQuery(namespace="\0", limit=1))).version
        events: AsyncGenerator[Told, None] = self._api.watch(stored, wanted, since=since)
        return WatchAnswer(
            events,
            shown,
            bookmarks=flag(query, "allowWatchBookmarks"),
            initial_end=begins,
            seconds=number(query, "timeoutSeconds", most=_LONGEST_WATCH_SECONDS) or None,
        )


async def shown_page(shown: Shown, page: Page) -> bytes:
    """The page as bytes: what takes long is made beside the loop, on which everybody else waits."""
    if len(page.documents) <= _SHOWN_AT_ONCE:
        return shown.page(page)
    return await asyncio.to_thread(shown.page, page)


def shown_for(kind: ResourceDefinition, accept: str, query: Mapping[str, str], now: datetime) -> Shown:
    """How this client wants objects shown. Raises: Malformed."""
    form = form_of(accept)
    include = query.get("includeObject", "") or "Metadata"
    if form is Form.TABLE and include not in _INCLUDES:
        raise Malformed(f"{include!r} is no value of it", path="includeObject", allowed=_INCLUDES)
    return Shown(kind=kind, form=form, now=now, include=include)


def _selector(text: str) -> Selector:
    try:
        return parse_selector(text)
    except InvalidSpec as error:  # it is the request that is wrong, not an object
        raise Malformed(f"unable to parse requirement: {error.reason}", path="labelSelector") from error


def _list_query(kind: ResourceDefinition, namespace: str | None, query: Mapping[str, str]) -> ListQuery:
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    if version and not (version.isascii() and version.isdecimal() and len(version) < 20):
        raise Malformed(f"{version[:40]!r} is not a resourceVersion", path="resourceVersion")
    if match and match not in _MATCHES:
        raise Malformed(f"{match!r} is no value of it", path="resourceVersionMatch", allowed=_MATCHES)
    if match and not version and not query.get("sendInitialEvents"):
        raise Malformed("is forbidden unless resourceVersion is provided", path="resourceVersionMatch")
    if match == "Exact" and version == "0":
        raise Malformed('"Exact" is forbidden for resourceVersion "0"', path="resourceVersionMatch")
    after = query.get("continue", "")
    if after and (match or version not in ("", "0")):
        raise Malformed("specifying resource version is not allowed when using continue", path="resourceVersion")
    return ListQuery(
        namespace=namespace,
        selector=_selector(query.get("labelSelector", "")),
        fields=parse_field_selector(query.get("fieldSelector", ""), kind),
        limit=number(query, "limit", most=LONGEST_LIST) or 0,
        after=after,
        version=version,
        match=match,
    )


def _check_version(kind: ResourceDefinition, wanted: ListQuery, found: str) -> None:
    """What a version that the client names demands of a list. Raises: Expired, Timeout."""
    if not wanted.version or wanted.version == "0" or wanted.after:
        return
    if int(wanted.version) > int(found):
        raise Timeout(f"Too large resource version: {wanted.version}, current: {found}")
    exact = wanted.match == "Exact" or (not wanted.match and wanted.limit)
    if exact and int(wanted.version) != int(found):
        raise Expired(kind.kind, found=found, wanted=wanted.version)


async def _measured(virtual: VirtualKind, wanted: ListQuery) -> Page:
    found: list[dict[str, Any]] = []
    for item in await virtual(wanted.namespace):
        labels = item["metadata"].get("labels") or {}
        if wanted.selector.matches(labels) and (wanted.fields is None or wanted.fields(item)):
            found.append(item)
    return Page(documents=[msgspec.json.encode(item) for item in found], version="")
