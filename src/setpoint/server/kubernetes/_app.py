"""The Kubernetes API over HTTP: from a request's path and method to the verb, and from errors to `Status`.

One handler for all paths, since which resources there are is known at run time only. This module decides nothing.
Source: Kubernetes API concepts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from setpoint.apis.definitions import Catalog, ResourceDefinition
from setpoint.apis.errors import (
    Malformed,
    MethodNotAllowed,
    NotFound,
    NotImplementedHere,
    SetpointError,
    UnsupportedMedia,
)
from setpoint.apis.structure import Structure
from setpoint.ports.clock import Clock
from setpoint.ports.objects import ObjectApi
from setpoint.server.kubernetes import _discovery as discovery
from setpoint.server.kubernetes._bodies import body_of, decoded, delete_options_of, media_of, raw_of
from setpoint.server.kubernetes._options import WriteOptions, deletion, write_options
from setpoint.server.kubernetes._places import Place, parse_place
from setpoint.server.kubernetes._reads import Reads, json_answer, shown_for
from setpoint.server.kubernetes._scale import scale_of, scaled
from setpoint.server.kubernetes._schemas import Schemas
from setpoint.server.kubernetes._status import NoSuchPath, status_of
from setpoint.server.kubernetes._virtual import PodLog, Review, Subcreate, VirtualKind
from setpoint.server.kubernetes._writes import APPLY_PATCH, PATCHES, Admitter, MayCreate, Subject, Writes, Written

_ANSWERED_WHOLE = frozenset({"PersistentVolumeClaim", "Pod", "Service", "ServiceAccount"})
"""Kinds whose deletion is answered with the object as it was last; of others a Status tells that it has gone."""

_REFUSED_BELOW = ("exec", "attach", "portforward", "proxy", "eviction", "binding", "ephemeralcontainers", "resize")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the API is made of.

    Attributes:
        api: Stored objects.
        catalog: The kinds there are now.
        admitters: What a kind demands beyond its type, by `Kind.group`.
        virtual: Kinds that are measured, not stored.
        reviews: Kinds that are only created.
        subcreates: Subresources that are only created, by `Kind.group/subresource`.
        may_create: Whether somebody who applies an object that is not there may create it; None: everybody.
        pod_log: Logs of pods.
        version: What `GET /version` answers.
    """

    api: ObjectApi
    catalog: Callable[[], Catalog]
    clock: Clock
    pod_log: PodLog
    version: Mapping[str, str]
    admitters: Mapping[str, Admitter] = field(default_factory=dict)
    virtual: Mapping[str, VirtualKind] = field(default_factory=dict)
    reviews: Mapping[str, Review] = field(default_factory=dict)
    subcreates: Mapping[str, Subcreate] = field(default_factory=dict)
    may_create: MayCreate | None = None


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
        handler = _Guarded(self._answer)
        paths = ("/api", "/apis", "/api/{rest:path}", "/apis/{rest:path}", "/openapi/{rest:path}", "/version")
        return [Route(path, handler) for path in paths]

    def _structure(self, kind: ResourceDefinition) -> Structure:
        return self._schemas.structure(self._backend.catalog(), kind)

    async def _answer(self, request: Request) -> tuple[ASGIApp, ResourceDefinition | None, str]:
        """The answer; what the request is about is told apart, for errors."""
        path = request.scope.get("raw_path", b"").decode("latin-1").partition("?")[0] or request.url.path
        place = parse_place(path)
        if place is None or not place.plural:
            return self._about_kinds(request, path.rstrip("/"), place), None, ""
        kind = self._backend.catalog().of_path(place.api_version, place.plural)
        if kind is None or (place.namespace and not kind.namespaced):
            raise NoSuchPath
        try:
            return await self._verb(request, kind, place), kind, place.name
        except SetpointError as error:
            raise _About(error, kind, place.name) from error

    def _about_kinds(self, request: Request, path: str, place: Place | None) -> Response:
        """Discovery, schemas, version."""
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(f"{request.method} is not for {path}")
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
                return self._schemas.swagger(served)
            case ["", "openapi", "v3", *rest]:
                return self._schemas.answer(served, "/".join(rest), request)
            case _:
                found = discovery.resource_list(served, place.api_version) if place is not None else None
        if found is None:
            raise NoSuchPath
        return json_answer(msgspec.json.encode(found))

    async def _verb(self, request: Request, kind: ResourceDefinition, place: Place) -> ASGIApp:
        if place.subresource and not (place.subresource == "status" and kind.has_status):
            return await self._below(request, kind, place)
        if kind.key in self._backend.reviews and place.name == "":
            return await self._review(request, kind, place)
        query = request.query_params
        shown = shown_for(kind, request.headers.get("accept", ""), query, self._backend.clock.now())
        catalog = self._backend.catalog()
        writable = kind.key not in self._backend.virtual and kind.key not in self._backend.reviews
        match request.method, bool(place.name):
            case (("GET" | "HEAD"), True):
                return await self._reads.get(catalog, kind, place.namespace, place.name, shown)
            case (("GET" | "HEAD"), False):
                where = place.namespace or None if kind.namespaced else ""
                return await self._reads.list(catalog, kind, where, query, shown)
            case "POST", False if writable and not (kind.namespaced and not place.namespace):
                body, told = await body_of(request, _options(request).validation)
                try:
                    written = await self._writes.create(self._subject(request, kind, place), body)
                except SetpointError as error:
                    raise _About(error, kind, _name_in(body)) from error
                return _told(shown.one, written, told)
            case "PUT", True if writable:
                body, told = await body_of(request, _options(request).validation)
                return _told(shown.one, await self._writes.replace(self._subject(request, kind, place), body), told)
            case "PATCH", True if writable:
                return await self._patch(request, kind, place, shown.one)
            case "DELETE", True if writable and not place.subresource:
                return await self._delete(request, kind, place)
            case "DELETE", False if writable:
                return await self._delete_all(request, kind, place)
        raise MethodNotAllowed(f"{request.method} is not for {place.plural}{' of a name' if place.name else ''}")

    async def _patch(
        self, request: Request, kind: ResourceDefinition, place: Place, show: Callable[[bytes], bytes]
    ) -> Response:
        media = media_of(request)
        if media not in PATCHES:
            raise UnsupportedMedia(f"{media[:80]!r} is no type of patch", path="Content-Type", allowed=PATCHES)
        subject = self._subject(request, kind, place, apply=media == APPLY_PATCH)
        raw = await raw_of(request)
        patch, told = decoded(raw, subject.options.validation, yaml=media == APPLY_PATCH)
        if media == APPLY_PATCH and not isinstance(patch, dict):
            raise Malformed("the body is no object")
        return _told(show, await self._writes.patch(subject, media, patch), told)

    async def _delete(self, request: Request, kind: ResourceDefinition, place: Place) -> Response:
        how = deletion(await delete_options_of(request), request.query_params)
        stored = self._backend.catalog().stored(kind)
        document, gone = await self._backend.api.delete(stored, place.namespace, place.name, how)
        if not gone or kind.key in _ANSWERED_WHOLE:
            return json_answer(document)
        metadata = msgspec.json.decode(document)["metadata"]
        details = {"name": place.name, "group": kind.group, "kind": kind.plural, "uid": metadata["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return json_answer(msgspec.json.encode(status))

    async def _delete_all(self, request: Request, kind: ResourceDefinition, place: Place) -> ASGIApp:
        """Of those that a list would show, each; one that is gone meanwhile is passed over."""
        how = deletion(await delete_options_of(request), request.query_params)
        catalog = self._backend.catalog()
        where = place.namespace or None if kind.namespaced else ""
        page = await self._reads.selected(catalog, kind, where, request.query_params)
        for document in page.documents:
            metadata = msgspec.json.decode(document)["metadata"]
            try:
                await self._backend.api.delete(
                    catalog.stored(kind), metadata.get("namespace", ""), metadata["name"], how
                )
            except NotFound:
                continue
        shown = shown_for(kind, "", request.query_params, self._backend.clock.now())
        return json_answer(shown.page(page))

    async def _below(self, request: Request, kind: ResourceDefinition, place: Place) -> ASGIApp:
        """A subresource other than status."""
        backend = self._backend
        if place.subresource == "scale" and kind.scale is not None:
            return await self._scale(request, kind, place)
        if place.subresource == "finalize" and kind.key == "Namespace" and request.method == "PUT":
            body, _ = await body_of(request, _options(request).validation)
            whole = Place(place.api_version, place.plural, "", place.name)
            written = await self._writes.replace(self._subject(request, kind, whole), body)
            return json_answer(written.document)
        if place.subresource == "log" and kind.key == "Pod" and request.method == "GET":
            return await _streamed(backend.pod_log(place.namespace, place.name, request.query_params))
        create = backend.subcreates.get(f"{kind.key}/{place.subresource}")
        if create is not None and request.method == "POST":
            body, _ = await body_of(request, _options(request).validation)
            made = await create(place.namespace, place.name, body, request.scope.get("setpoint.user"))
            return json_answer(msgspec.json.encode(made), 201)
        if place.subresource in _REFUSED_BELOW:
            await backend.api.get(backend.catalog().stored(kind), place.namespace, place.name)
            raise NotImplementedHere(
                f"{place.subresource} of {kind.plural} is not done here: a pod is a set of processes of this machine, "
                "which its own tools reach"
            )
        raise NoSuchPath

    async def _scale(self, request: Request, kind: ResourceDefinition, place: Place) -> Response:
        assert kind.scale is not None  # noqa: S101  the caller asked
        scale, backend = kind.scale, self._backend
        present = msgspec.json.decode(
            await backend.api.get(backend.catalog().stored(kind), place.namespace, place.name)
        )
        if request.method == "GET":
            return json_answer(msgspec.json.encode(scale_of(present, scale)))
        if request.method not in ("PUT", "PATCH"):
            raise MethodNotAllowed(f"{request.method} is not for scale")
        body, _ = await body_of(request, _options(request).validation)
        wanted = scaled(present | {"apiVersion": kind.api_version}, scale, body)
        whole = Place(place.api_version, place.plural, place.namespace, place.name)
        written = await self._writes.replace(self._subject(request, kind, whole), wanted)
        return json_answer(msgspec.json.encode(scale_of(msgspec.json.decode(written.document), scale)))

    async def _review(self, request: Request, kind: ResourceDefinition, place: Place) -> Response:
        if request.method != "POST":
            raise MethodNotAllowed(f"{request.method} is not for {kind.plural}: they are created only")
        body, _ = await body_of(request, _options(request).validation)
        review = self._backend.reviews[kind.key]
        body = {"apiVersion": kind.api_version, "kind": kind.kind} | body
        made = await review(body, place.namespace, request.scope.get("setpoint.user"))
        return json_answer(msgspec.json.encode(made), 201)

    def _subject(self, request: Request, kind: ResourceDefinition, place: Place, *, apply: bool = False) -> Subject:
        return Subject(
            kind=kind,
            namespace=place.namespace,
            name=place.name,
            options=_options(request, apply=apply),
            user=request.scope.get("setpoint.user"),
            subresource=place.subresource,
        )


class _About(Exception):
    """An error with the resource that the request was about."""

    def __init__(self, error: SetpointError, kind: ResourceDefinition, name: str) -> None:
        self.error, self.kind, self.name = error, kind, name
        super().__init__(str(error))


def _name_in(body: dict[str, Any]) -> str:
    """The name that a new object was to have."""
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


class _Guarded:
    """An ASGI application of a handler: its answer, or the `Status` of its error."""

    def __init__(self, handler: Callable[[Request], Awaitable[tuple[ASGIApp, ResourceDefinition | None, str]]]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        request = Request(scope, receive)
        try:
            answer, _, _ = await self._handler(request)
        except ClientDisconnect:
            return
        except _About as about:
            answer = _status_answer(status_of(about.error, about.kind, about.name))
        except SetpointError as error:
            answer = _status_answer(status_of(error))
        await answer(scope, receive, send)


def _aggregated(served: discovery.Served, accept: str, *, core: bool) -> Response:
    version = "v2" if "v=v2;" in accept.replace(" ", "") + ";" else "v2beta1"
    answer = json_answer(msgspec.json.encode(discovery.aggregated(served, version, core=core)))
    answer.headers["content-type"] = f"application/json;g={discovery.AGGREGATED};v={version};as=APIGroupDiscoveryList"
    return answer


def _options(request: Request, *, apply: bool = False) -> WriteOptions:
    return write_options(request.query_params, request.headers.get("user-agent", ""), apply=apply)


async def _streamed(pieces: Any) -> Response:
    first = await anext(pieces, None)  # so that a missing pod is a 404 and not a broken stream

    async def stream() -> Any:
        if first is not None:
            yield first
        async for piece in pieces:
            yield piece

    return StreamingResponse(stream(), media_type="text/plain")


def _told(show: Callable[[bytes], bytes], written: Written, warnings: tuple[str, ...]) -> Response:
    return json_answer(show(written.document), 201 if written.created else 200, (*warnings, *written.warnings))


def _status_answer(status: dict[str, Any]) -> Response:
    answer = json_answer(msgspec.json.encode(status), status["code"])
    if "retryAfterSeconds" in status.get("details", {}):
        answer.headers["retry-after"] = str(status["details"]["retryAfterSeconds"])
    return answer
