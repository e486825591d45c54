"""Paths that answer questions about access, and that give tokens of service accounts.

They keep nothing and are no kinds of the store. The guard has asked before whether the user may ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from setpoint.apis.errors import InvalidSpec, SetpointError
from setpoint.core.access import AUDIENCE, LOCAL_ADMIN, REVIEWS, User, review
from setpoint.ports.access import PolicySource, TokenIssuer
from setpoint.server.access.guard import USER_KEY
from setpoint.server.kubernetes import status_of

Handler = Callable[[Request], Awaitable[Response]]
_HOUR = 3600


class ReviewRoutes:
    """Routes of authorization.k8s.io, authentication.k8s.io and `serviceaccounts/NAME/token`."""

    def __init__(self, source: PolicySource, issuer: TokenIssuer) -> None:
        self._source, self._issuer = source, issuer

    def routes(self) -> list[Route]:
        """To stand before those of the resources, whose patterns fit these paths too."""
        found = [
            Route(
                "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", _guarded(self._token), methods=["POST"]
            )
        ]
        for plural, (api_version, _) in REVIEWS.items():
            scope = "/namespaces/{namespace}" if plural.startswith("local") else ""
            found.append(Route(f"/apis/{api_version}{scope}/{plural}", _guarded(self._review), methods=["POST"]))
        return found

    async def _review(self, request: Request) -> Response:
        document = await _document(request)
        user: User = request.scope.get(USER_KEY, LOCAL_ADMIN)
        namespace = request.path_params.get("namespace", "")
        policy = await self._source.policy()
        return JSONResponse(review(document, user, policy, namespace=namespace), status_code=201)

    async def _token(self, request: Request) -> Response:
        document = await _document(request)
        spec = document.get("spec") or {}
        seconds = spec.get("expirationSeconds") or _HOUR
        audiences = spec.get("audiences") or [AUDIENCE]
        if AUDIENCE not in audiences:
            raise InvalidSpec("tokens are for the API server only", path="spec.audiences", allowed=(AUDIENCE,))
        bound = spec.get("boundObjectRef") or {}
        if not isinstance(seconds, int):
            raise InvalidSpec("must be a whole number", path="spec.expirationSeconds")
        if bound and bound.get("kind") != "Pod":
            raise InvalidSpec("only pods can be bound to", path="spec.boundObjectRef.kind", allowed=("Pod",))
        pod = (str(bound.get("name", "")), str(bound.get("uid", ""))) if bound else None
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        issued = await self._issuer.issue(namespace, name, seconds, pod=pod)
        expires = datetime.fromtimestamp(issued.claims.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer: dict[str, Any] = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {**spec, "audiences": list(issued.claims.audiences), "expirationSeconds": seconds},
            "status": {"token": issued.token, "expirationTimestamp": expires},
        }
        return JSONResponse(answer, status_code=201)


async def _document(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidSpec(f"the body is not a JSON object: {error}") from error


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except SetpointError as error:
            status = status_of(error)
            return JSONResponse(status, status_code=status["code"])

    return guarded
