"""Events that come in from outside, and the bindings that say what they start.

Source: Argo Server API, `EventService`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from setpoint.apis.argo import WorkflowEventBinding
from setpoint.core.events import IncomingEvent
from setpoint.operations.events import dispatch
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import WorkflowVerbs
from setpoint.server.argo import _requests as requests
from setpoint.server.argo._operations import Operation
from setpoint.server.argo._selection import LIST_KEYS, list_meta, paged, selection_of

_RESOURCE = "workfloweventbindings.argoproj.io"


class EventHandlers:
    """The operations on events and bindings."""

    def __init__(self, verbs: WorkflowVerbs, resources: ResourceApi, clock: Clock) -> None:
        self._verbs, self._resources, self._clock = verbs, resources, clock

    def operations(self) -> list[Operation]:
        """Below `/api/v1/events` and `/api/v1/workflow-event-bindings`."""
        receiving = [
            Operation(
                method="POST",
                path=path,
                handler=self._receive,
                summary="Start what the bindings of the namespace say",
                resource=_RESOURCE,
                verb="list",
                body={},
            )
            for path in ("/api/v1/events/{namespace}/{discriminator}", "/api/v1/events/{namespace}/")
        ]
        listing = [
            Operation(
                method="GET",
                path="/api/v1/workflow-event-bindings/" + scope,
                handler=self._list,
                summary="List event bindings",
                resource=_RESOURCE,
                verb="list",
                query=LIST_KEYS,
            )
            for scope in ("{namespace}", "")
        ]
        return [*receiving, *listing]

    async def _receive(self, request: Request) -> Response:
        raw = await requests.read_body(request)
        headers = [name for name in request.headers if name.startswith("x-")]
        event = IncomingEvent(
            namespace=request.path_params["namespace"],
            discriminator=request.path_params.get("discriminator", ""),
            metadata={name: request.headers.getlist(name) for name in headers},
            payload=requests.read_json(raw) if raw else None,
        )
        await dispatch(self._resources, self._verbs, event, self._clock.now())
        return requests.answer({})

    async def _list(self, request: Request) -> Response:
        selection = selection_of(request, request.path_params.get("namespace", ""))
        query = selection.query
        found = await self._resources.list(WorkflowEventBinding, query.namespace, selector=str(query.selector))
        items, total = paged(selection, found.items)
        meta = list_meta(selection, len(items), total, found.resource_version)
        return requests.answer({"metadata": meta, "items": requests.rendered(items)})
