"""Paths of reviews and of tokens, for a server of resources that has none; see `hooks`.

They keep nothing and are no kinds of the store. The guard has asked before whether the user may ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from setpoint.apis.errors import InvalidSpec, SetpointError
from setpoint.core.access import REVIEWS
from setpoint.server.access.guard import USER_KEY
from setpoint.server.access.hooks import AccessHooks
from setpoint.server.kubernetes import status_of

Handler = Callable[[Request], Awaitable[dict[str, Any]]]
_TOKEN = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"  # noqa: S105  a path


class ReviewRoutes:
    """Routes of authorization.k8s.io, authentication.k8s.io and `serviceaccounts/NAME/token`."""

    def __init__(self, hooks: AccessHooks) -> None:
        self._hooks = hooks

    def routes(self) -> list[Route]:
        """To stand before those of the resources, whose patterns fit these paths too."""
        found = [Route(_TOKEN, _guarded(self._token), methods=["POST"])]
        for plural, (api_version, _) in REVIEWS.items():
            scope = "/namespaces/{namespace}" if plural.startswith("local") else ""
            found.append(Route(f"/apis/{api_version}{scope}/{plural}", _guarded(self._review), methods=["POST"]))
        return found

    async def _review(self, request: Request) -> dict[str, Any]:
        namespace, user = request.path_params.get("namespace", ""), request.scope.get(USER_KEY)
        return await self._hooks.review(await _document(request), namespace, user)

    async def _token(self, request: Request) -> dict[str, Any]:
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        return await self._hooks.token(namespace, name, await _document(request), request.scope.get(USER_KEY))


async def _document(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidSpec(f"the body is not a JSON object: {error}") from error


def _guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request), status_code=201)
        except SetpointError as error:
            status = status_of(error)
            return JSONResponse(status, status_code=status["code"])

    return guarded
