"""The Kubernetes REST verbs over a `ResourceApi`: this module translates and decides nothing.

Paths are `/api/v1/...` for the core group and `/apis/<group>/<version>/...` for the rest; watches answer one
JSON object a line. Source: Kubernetes API concepts (verbs, watch, `Status`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from setpoint.apis.errors import InvalidSpec, NotFound, SetpointError
from setpoint.apis.manifest import decode_object
from setpoint.apis.meta import Resource, render_wire
from setpoint.ports.resources import Propagation, ResourceApi
from setpoint.server.kubernetes._status import make_status, status_of

MAX_BODY_BYTES = 8 * 1024 * 1024
_MERGE_PATCH = "application/merge-patch+json"

Handler = Callable[[Request], Awaitable[Response]]


class KubernetesRoutes:
    """Routes for the given kinds.

    Args:
        resources: Where the verbs go.
        kinds: Resource classes to serve.
    """

    def __init__(self, resources: ResourceApi, kinds: Iterable[type[Resource]]) -> None:
        self._resources = resources
        self._kinds = {(kind.API_VERSION, kind.PLURAL): kind for kind in kinds}

    def routes(self) -> list[Route]:
        """Core and group paths, with and without namespace, for collections, objects and status."""
        routes: list[Route] = []
        for prefix in ("/api/{version}", "/apis/{group}/{version}"):
            for scope in ("/namespaces/{namespace}/{plural}", "/{plural}"):
                routes.append(Route(prefix + scope, self._guarded(self._collection), methods=["GET", "POST"]))
                item = prefix + scope + "/{name}"
                routes.append(Route(item + "/status", self._guarded(self._status), methods=["GET", "PUT", "PATCH"]))
                routes.append(Route(item, self._guarded(self._item), methods=["GET", "PUT", "PATCH", "DELETE"]))
        # `/api/v1/namespaces/x` also fits the namespaced collection pattern less its plural: objects come last.
        return sorted(routes, key=lambda route: "/namespaces/{namespace}" not in route.path)

    @staticmethod
    def _guarded(handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except SetpointError as error:
                status = status_of(error)
                return JSONResponse(status, status_code=status["code"])

        return guarded

    def _kind(self, request: Request) -> type[Resource]:
        parts = request.path_params
        api_version = "/".join(part for part in (parts.get("group"), parts["version"]) if part)
        kind = self._kinds.get((api_version, parts["plural"]))
        if kind is None:
            raise NotFound("resource", f"{parts['plural']}.{api_version}")
        return kind

    async def _collection(self, request: Request) -> Response:
        kind, namespace = self._kind(request), request.path_params.get("namespace")
        query = request.query_params
        if request.method == "POST":
            resource = await self._body(request, kind)
            if kind.NAMESPACED:
                resource = _in_namespace(resource, namespace)
            return _answer(await self._resources.create(resource), 201)
        selector = query.get("labelSelector", "")
        if query.get("watch") in ("true", "1"):
            return StreamingResponse(
                self._watch_lines(kind, namespace, query.get("resourceVersion") or None, selector),
                media_type="application/json",
            )
        found = await self._resources.list(kind, namespace, selector=selector)
        return JSONResponse(
            {
                "apiVersion": kind.API_VERSION,
                "kind": f"{kind.KIND}List",
                "metadata": {"resourceVersion": found.resource_version},
                "items": [render_wire(item) for item in found.items],
            }
        )

    async def _watch_lines(
        self, kind: type[Resource], namespace: str | None, since: str | None, selector: str
    ) -> AsyncIterator[bytes]:
        try:
            async for event in self._resources.watch(kind, namespace, since=since, selector=selector):
                yield _line({"type": event.type.value, "object": render_wire(event.resource)})
        except SetpointError as error:
            status = status_of(error)
            if status["reason"] == "Conflict":  # too old a version: the watcher must list again
                status = make_status(410, "Expired", str(error))
            yield _line({"type": "ERROR", "object": status})

    async def _item(self, request: Request) -> Response:
        kind, name = self._kind(request), request.path_params["name"]
        namespace = request.path_params.get("namespace", "")
        if request.method == "GET":
            return _answer(await self._resources.get(kind, namespace, name))
        if request.method == "PUT":
            resource = _named(await self._body(request, kind), namespace, name)
            return _answer(await self._resources.update(resource))
        if request.method == "PATCH":
            patch = await self._patch(request)
            return _answer(await self._resources.patch(kind, namespace, name, patch))
        options = await _json(request) if int(request.headers.get("content-length") or 0) else {}
        policy = options.get("propagationPolicy") or request.query_params.get("propagationPolicy") or "Background"
        if policy not in tuple(Propagation):
            raise InvalidSpec("unknown value", path="propagationPolicy", allowed=tuple(Propagation))
        preconditions = options.get("preconditions") or {}
        await self._resources.delete(
            kind,
            namespace,
            name,
            propagation=Propagation(policy),
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
        )
        return JSONResponse({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    async def _status(self, request: Request) -> Response:
        kind, name = self._kind(request), request.path_params["name"]
        namespace = request.path_params.get("namespace", "")
        if request.method == "GET":
            return _answer(await self._resources.get(kind, namespace, name))
        if request.method == "PUT":
            resource = _named(await self._body(request, kind), namespace, name)
            return _answer(await self._resources.update_status(resource))
        return _answer(await self._resources.patch_status(kind, namespace, name, await self._patch(request)))

    @staticmethod
    async def _patch(request: Request) -> dict[str, Any]:
        media = request.headers.get("content-type", "").partition(";")[0].strip()
        if media != _MERGE_PATCH:
            raise InvalidSpec(f"patch type {media!r} is not supported", path="Content-Type", allowed=(_MERGE_PATCH,))
        return await _json(request)

    @staticmethod
    async def _body(request: Request, kind: type[Resource]) -> Resource:
        return decode_object(await _json(request), kind)


async def _json(request: Request) -> dict[str, Any]:
    """The body as a JSON object, of limited size."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise InvalidSpec(f"the body is larger than {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    try:
        return msgspec.json.decode(b"".join(chunks), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidSpec(f"the body is not a JSON object: {error}") from error


def _in_namespace(resource: Resource, namespace: str | None) -> Resource:
    wanted = namespace or "default"
    if resource.metadata.namespace not in ("", wanted):
        raise InvalidSpec(f"the object is of namespace {resource.metadata.namespace!r}, the path of {wanted!r}")
    return resource.replace(metadata=resource.metadata.replace(namespace=wanted))


def _named(resource: Resource, namespace: str, name: str) -> Resource:
    metadata = resource.metadata
    if metadata.name not in ("", name) or metadata.namespace not in ("", namespace):
        raise InvalidSpec("name and namespace of the object and of the path differ", path="metadata")
    return resource.replace(metadata=metadata.replace(name=name, namespace=namespace))


def _answer(resource: Resource, status_code: int = 200) -> Response:
    return Response(msgspec.json.encode(render_wire(resource)), status_code, media_type="application/json")


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"
