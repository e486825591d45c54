"""Streams about workflows: changes of them, Kubernetes events, logs of their pods.

A watch that asks for changes which are not kept any more ends with an error of HTTP code 410: its client lists again.
Source: Argo Server API, `WatchWorkflows`, `WatchEvents`, `WorkflowLogs`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from setpoint.apis.argo import Workflow
from setpoint.apis.core import Event
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Resource, render_wire
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi, WatchEvent, WatchType
from setpoint.ports.workflows import LATEST, LogOptions, PodLogLine, WorkflowVerbs
from setpoint.server.argo._fields import FieldFilter
from setpoint.server.argo._operations import FLAG, NUMBER, TEXT, Operation, Schema
from setpoint.server.argo._requests import Query
from setpoint.server.argo._selection import LIST_KEYS, Selection, selection_of
from setpoint.server.argo._streams import Stream, first_of
from setpoint.server.argo._workflows import readable

_LOG_KEYS: dict[str, Schema] = {
    "grep": TEXT,
    "selector": TEXT,
    "logOptions.container": TEXT,
    "logOptions.follow": FLAG,
    "logOptions.previous": FLAG,
    "logOptions.sinceSeconds": NUMBER,
    "logOptions.sinceTime": {"type": "string", "format": "date-time"},
    "logOptions.sinceTime.seconds": NUMBER,
    "logOptions.sinceTime.nanos": NUMBER,
    "logOptions.timestamps": FLAG,
    "logOptions.tailLines": NUMBER,
    "logOptions.limitBytes": NUMBER,
}
_WATCH_KEYS = LIST_KEYS | {"fields": TEXT}
_FIRST_LINE_SECONDS = 0.5  # a log that is followed may have nothing to say for long, and the answer begins all the same
_MOST_SECONDS = 10**10  # more is no time of this calendar


class WatchHandlers:
    """The operations that stream."""

    def __init__(self, verbs: WorkflowVerbs, resources: ResourceApi, clock: Clock, keepalive: float) -> None:
        self._verbs, self._resources, self._clock, self._keepalive = verbs, resources, clock, keepalive

    def operations(self) -> list[Operation]:
        """Watches and logs."""
        watches = (
            ("/api/v1/workflow-events/", self._watch_workflows, "Watch workflows", "workflows.argoproj.io"),
            ("/api/v1/stream/events/", self._watch_events, "Watch events", "events"),
        )
        found = [
            Operation(
                method="GET",
                path=path + scope,
                handler=handler,
                summary=says,
                resource=resource,
                verb="watch",
                query=_WATCH_KEYS,
                statuses=(404,),
                media="text/event-stream",
            )
            for path, handler, says, resource in watches
            for scope in ("", "{namespace}")
        ]
        item = "/api/v1/workflows/{namespace}/{name}"
        for path, keys in ((f"{item}/log", _LOG_KEYS | {"podName": TEXT}), (f"{item}/{{podName}}/log", _LOG_KEYS)):
            found.append(
                Operation(
                    method="GET",
                    path=path,
                    handler=self._log,
                    summary="Logs of pods",
                    resource="pods/log",
                    verb="get",
                    query=keys,
                    statuses=(404,),
                    media="text/event-stream",
                )
            )
        return found

    async def _watch_workflows(self, request: Request) -> Response:
        namespace = request.path_params.get("namespace", "")
        selection = selection_of(request, namespace)
        name = selection.query.name
        if name == LATEST:
            name = (await self._verbs.get(namespace, name)).metadata.name
        fields = FieldFilter(request.query_params.get("fields", ""), prefix="result.object.")

        async def told() -> AsyncIterator[Any]:
            async with aclosing(self._changes(Workflow, selection, request)) as events:
                async for event in events:
                    if not name or selection.query.name_filter.matches(event.resource.metadata.name, name):
                        yield {"type": event.type.value, "object": readable(fields.clean(render_wire(event.resource)))}

        return Stream(request, told(), keepalive=self._keepalive)

    async def _watch_events(self, request: Request) -> Response:
        selection = selection_of(request, request.path_params.get("namespace", ""))

        async def told() -> AsyncIterator[Any]:
            async with aclosing(self._changes(Event, selection, request)) as events:
                async for event in events:
                    if event.type is not WatchType.DELETED:
                        yield render_wire(event.resource)

        return Stream(request, told(), keepalive=self._keepalive)

    def _changes(
        self, kind: type[Any], selection: Selection, request: Request
    ) -> AsyncGenerator[WatchEvent[Any], None]:
        """Changes of a kind from the resourceVersion on; from what there is now without one, or with `0`."""
        query = selection.query
        since = request.query_params.get("listOptions.resourceVersion", "")
        watch: AsyncIterator[WatchEvent[Resource]] = self._resources.watch(
            kind, query.namespace, since=since if since not in ("", "0") else None, selector=str(query.selector)
        )
        return cast("AsyncGenerator[WatchEvent[Any], None]", watch)  # all implementations are generators

    async def _log(self, request: Request) -> Response:
        parts, keys = request.path_params, Query(request)
        follow = keys.flag("logOptions.follow")
        lines = self._verbs.logs(
            parts["namespace"],
            parts["name"],
            pod_name=parts.get("podName", "") or keys.text("podName"),
            container=keys.text("logOptions.container") or "main",
            follow=follow,
            options=self._log_options(keys),
        )
        begun = await first_of(lines, _FIRST_LINE_SECONDS if follow else None)
        return Stream(request, _as_json(begun), keepalive=self._keepalive)

    def _log_options(self, keys: Query) -> LogOptions:
        return LogOptions(
            grep=keys.text("grep"),
            selector=keys.text("selector"),
            since=self._since(keys),
            tail_lines=keys.number("logOptions.tailLines"),
            limit_bytes=keys.number("logOptions.limitBytes"),
            timestamps=keys.flag("logOptions.timestamps"),
            previous=keys.flag("logOptions.previous"),
        )

    def _since(self, keys: Query) -> datetime | None:
        """The later of the two, which Kubernetes would not take together."""
        found = [keys.moment("logOptions.sinceTime")]
        if (ago := _seconds(keys, "logOptions.sinceSeconds")) is not None:
            found.append(self._clock.now() - timedelta(seconds=min(ago, 10**9)))
        if (seconds := _seconds(keys, "logOptions.sinceTime.seconds")) is not None:
            nanos = keys.number("logOptions.sinceTime.nanos") or 0
            found.append(datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=min(nanos, 10**9) // 1000))
        return max((moment for moment in found if moment is not None), default=None)


def _seconds(keys: Query, key: str) -> int | None:
    found = keys.number(key)
    if found is not None and found > _MOST_SECONDS:
        raise InvalidSpec(f"{found} seconds are too many", path=key)
    return found


async def _as_json(lines: AsyncIterator[PodLogLine]) -> AsyncGenerator[Any, None]:
    try:
        async for line in lines:
            yield msgspec.to_builtins(line)
    finally:
        if isinstance(lines, AsyncGenerator):
            await lines.aclose()
