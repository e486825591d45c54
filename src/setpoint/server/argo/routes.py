"""The Argo Server REST API: all operations together, as routes, as an application, as a description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from setpoint.ports.artifacts import ArtifactFiles
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import ArchivedWorkflowVerbs, WorkflowVerbs
from setpoint.server.argo import _describe
from setpoint.server.argo._archived import ArchivedHandlers
from setpoint.server.argo._artifacts import ArtifactHandlers
from setpoint.server.argo._events import EventHandlers
from setpoint.server.argo._info import InfoHandlers, ServerInfo
from setpoint.server.argo._operations import Operation
from setpoint.server.argo._requests import answer
from setpoint.server.argo._streams import KEEPALIVE_SECONDS
from setpoint.server.argo._sync import SyncHandlers
from setpoint.server.argo._templates import template_handlers
from setpoint.server.argo._watches import WatchHandlers
from setpoint.server.argo._workflows import WorkflowHandlers

_CODES = {404: 5, 405: 12}


class ArgoRoutes:
    """Routes of the Argo Server API.

    The user of a request is `setpoint.user` of its scope, an object with `name` and `groups`; without one it is the
    local user.

    Args:
        verbs: Verbs on workflows.
        resources: Where objects are.
        clock: Time, for logs and events.
        archived: Verbs on archived workflows; None: nothing of the archive is served.
        artifacts: What artifacts hold; None: only workflow-level outputs are served.
        info: What the server says of itself.
        keepalive: Seconds after which an event stream that has nothing to say says so.
    """

    def __init__(
        self,
        verbs: WorkflowVerbs,
        resources: ResourceApi,
        clock: Clock,
        *,
        archived: ArchivedWorkflowVerbs | None = None,
        artifacts: ArtifactFiles | None = None,
        info: ServerInfo | None = None,
        keepalive: float = KEEPALIVE_SECONDS,
    ) -> None:
        self._info = info or ServerInfo()
        groups: list[Any] = [
            WatchHandlers(verbs, resources, clock, keepalive),  # before paths that theirs would fit too
            ArtifactHandlers(verbs, resources, archived, artifacts),
            WorkflowHandlers(verbs),
            *template_handlers(verbs, resources),
            EventHandlers(verbs, resources, clock),
            InfoHandlers(self._info),
            SyncHandlers(resources),
        ]
        if archived is not None:
            groups.append(ArchivedHandlers(archived))
        self._operations: tuple[Operation, ...] = tuple(item for group in groups for item in group.operations())

    @property
    def operations(self) -> Sequence[Operation]:
        """The table: for who authorizes requests, and for the description."""
        return self._operations

    def routes(self) -> list[BaseRoute]:
        """For a starlette application; the first that fits answers."""
        return [
            *(operation.route() for operation in self._operations),
            Route("/api/v1/openapi.json", self._description),
        ]

    def describe(self) -> dict[str, Any]:
        """The API as an OpenAPI document."""
        return _describe.describe(self._operations, self._info.version)

    async def _description(self, _: Request) -> Response:
        return answer(self.describe())


def argo_app(routes: ArgoRoutes) -> Starlette:
    """An application of these routes alone, whose own errors have the Argo Server's bodies too."""

    async def told(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = str(error.detail) if isinstance(error, HTTPException) else "internal error"
        body = {"code": _CODES.get(status, 2), "message": text, "error": text}
        return JSONResponse(body, status_code=status, headers=getattr(error, "headers", None))

    return Starlette(routes=routes.routes(), exception_handlers={HTTPException: told, Exception: told})
