"""The Kubernetes API over HTTP: from a request's path to the kind that it is about, and from errors to `Status`.

One handler for all paths, since which resources there are is known at run time only. This module decides nothing.
Source: Kubernetes API concepts.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import MethodNotAllowed, SetpointError
from setpoint.apis.structure import Structure
from setpoint.server.kubernetes import _discovery as discovery
from setpoint.server.kubernetes._answers import json_answer, status_answer
from setpoint.server.kubernetes._backend import Backend
from setpoint.server.kubernetes._objects import About, Asked
from setpoint.server.kubernetes._places import Place, parse_place
from setpoint.server.kubernetes._reads import Reads
from setpoint.server.kubernetes._schemas import Schemas
from setpoint.server.kubernetes._status import NoSuchPath, status_of
from setpoint.server.kubernetes._writes import Writes

_PATHS = ("/api", "/apis", "/api/{rest:path}", "/apis/{rest:path}", "/openapi/{rest:path}", "/version")


class KubernetesRoutes:
    """Routes of the Kubernetes API."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._schemas = Schemas()
        self._reads = Reads(backend.api, backend.virtual)
        self._writes = Writes(
            backend.api, backend.catalog, self._structure, backend.admitters, backend.clock, backend.may_create
        )

    def routes(self) -> list[Route]:
        """For a Starlette application."""
        return [Route(path, _Application(self)) for path in _PATHS]

    async def respond(self, request: Request) -> ASGIApp:
        """The answer to a request, an error's `Status` included."""
        try:
            return await self._answer(request)
        except About as about:
            return status_answer(status_of(about.error, about.kind, about.name))
        except SetpointError as error:
            return status_answer(status_of(error))

    async def _answer(self, request: Request) -> ASGIApp:
        path = request.scope.get("raw_path", b"").decode("latin-1").partition("?")[0] or request.url.path
        place = parse_place(path)
        if place is None or not place.plural:
            return await self._about_kinds(request, path.rstrip("/"), place)
        kind = self._backend.catalog().of_path(place.api_version, place.plural)
        if kind is None or (place.namespace and not kind.namespaced):
            raise NoSuchPath
        try:
            return await Asked(request, kind, place, self._backend, self._reads, self._writes).answer()
        except SetpointError as error:
            raise About(error, kind, place.name) from error

    async def _about_kinds(self, request: Request, path: str, place: Place | None) -> Response:
        """Discovery, schemas, version."""
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(f"{request.method} is not for {path[:200]}")
        catalog = self._backend.catalog()
        served = discovery.Served(
            catalog=catalog, read_only=frozenset(self._backend.virtual), reviews=frozenset(self._backend.reviews)
        )
        accept = request.headers.get("accept", "")
        found: dict[str, Any] | None
        match path.split("/"):
            case ["", "version"]:
                found = dict(self._backend.version)
            case ["", ("api" | "apis") as root] if discovery.AGGREGATED in accept:
                return _aggregated(served, accept, core=root == "api")
            case ["", "api"]:
                found = discovery.api_versions(request.headers.get("host", ""))
            case ["", "apis"]:
                found = discovery.group_list(catalog)
            case ["", "apis", group]:
                found = discovery.group(catalog, group)
            case ["", "openapi", "v2"]:
                return await self._schemas.swagger(served, accept)
            case ["", "openapi", "v3", *rest]:
                return await self._schemas.answer(served, "/".join(rest), request)
            case _:
                found = discovery.resource_list(served, place.api_version) if place is not None else None
        if found is None:
            raise NoSuchPath
        return json_answer(msgspec.json.encode(found))

    def _structure(self, kind: ResourceDefinition) -> Structure:
        return self._schemas.structure(self._backend.catalog(), kind)


class _Application:
    """As a class, so that Starlette takes it for an application, which answers all methods and streams by itself."""

    def __init__(self, routes: KubernetesRoutes) -> None:
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            answer = await self._routes.respond(Request(scope, receive))
        except ClientDisconnect:
            return
        await answer(scope, receive, send)


def _aggregated(served: discovery.Served, accept: str, *, core: bool) -> Response:
    version = "v2" if "v=v2;" in accept.replace(" ", "") + ";" else "v2beta1"
    answer = json_answer(msgspec.json.encode(discovery.aggregated(served, version, core=core)))
    answer.headers["content-type"] = f"application/json;g={discovery.AGGREGATED};v={version};as=APIGroupDiscoveryList"
    return answer
