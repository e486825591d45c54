"""One request about objects of one kind: which verb it is, what it is given, how its outcome is shown.

Source: Kubernetes API concepts, "Resource operations", "Resource URIs".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from setpoint.apis.definitions import ResourceDefinition, Scale
from setpoint.apis.errors import (
    Malformed,
    MethodNotAllowed,
    NotFound,
    NotImplementedHere,
    SetpointError,
    UnsupportedMedia,
)
from setpoint.core.admission import admit
from setpoint.core.apply import apply_json_patch
from setpoint.ports.objects import Json
from setpoint.server.kubernetes._answers import json_answer, text_stream
from setpoint.server.kubernetes._backend import Backend
from setpoint.server.kubernetes._bodies import body_of, decoded, delete_options_of, media_of, raw_of
from setpoint.server.kubernetes._forms import Shown
from setpoint.server.kubernetes._options import WriteOptions, deletion, write_options
from setpoint.server.kubernetes._places import Place
from setpoint.server.kubernetes._reads import Reads, shown_for, shown_page
from setpoint.server.kubernetes._scale import scale_of, scale_patch
from setpoint.server.kubernetes._status import NoSuchPath
from setpoint.server.kubernetes._writes import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    PATCHES,
    STRATEGIC_PATCH,
    Subject,
    Writes,
    Written,
)

_ANSWERED_WHOLE = frozenset({"PersistentVolumeClaim", "Pod", "Service", "ServiceAccount"})
"""Kinds whose deletion is answered with the object as it was last; of others a Status tells that it has gone."""

_NOT_DONE = ("exec", "attach", "portforward", "proxy", "eviction", "binding", "ephemeralcontainers", "resize")


class About(Exception):
    """An error with the resource that the request was about, which its `Status` names."""

    def __init__(self, error: SetpointError, kind: ResourceDefinition, name: str) -> None:
        self.error, self.kind, self.name = error, kind, name
        super().__init__(str(error))


class Asked:
    """A request whose path names a kind that is served."""

    def __init__(
        self, request: Request, kind: ResourceDefinition, place: Place, backend: Backend, reads: Reads, writes: Writes
    ) -> None:
        self._request, self._kind, self._place = request, kind, place
        self._backend, self._reads, self._writes = backend, reads, writes
        self._catalog = backend.catalog()
        self._user = request.scope.get("setpoint.user")

    async def answer(self) -> ASGIApp:
        """The answer. Raises: SetpointError, or one with what it is about."""
        kind, place = self._kind, self._place
        if place.subresource and not (place.subresource == "status" and kind.has_status):
            return await self._below()
        if kind.key in self._backend.reviews:
            return await self._review()
        match self._request.method, bool(place.name):
            case (("GET" | "HEAD"), True):
                return await self._reads.get(self._catalog, kind, place.namespace, place.name, self._shown())
            case (("GET" | "HEAD"), False):
                return await self._reads.list(
                    self._catalog, kind, self._where(), self._request.query_params, self._shown()
                )
        if kind.key not in self._backend.virtual:
            answer = await self._written()
            if answer is not None:
                return answer
        of_name = " of a name" if place.name else ""
        raise MethodNotAllowed(f"{self._request.method} is not for {place.plural}{of_name}")

    async def _written(self) -> ASGIApp | None:
        """The answer of a writing verb; None if there is no such verb at this place."""
        place = self._place
        match self._request.method, bool(place.name):
            case "POST", False if place.namespace or not self._kind.namespaced:
                return await self._create()
            case "PUT", True:
                body, told = await self._body()
                return self._told(await self._writes.replace(self._subject(), body), told)
            case "PATCH", True:
                return await self._patch()
            case "DELETE", True if not place.subresource:
                return await self._delete()
            case "DELETE", False if self._kind.collected and (place.namespace or not self._kind.namespaced):
                return await self._delete_all()
        return None

    async def _create(self) -> Response:
        body, told = await self._body()
        try:
            written = await self._writes.create(self._subject(), body)
        except SetpointError as error:
            raise About(error, self._kind, _name_in(body)) from error
        return self._told(written, told)

    async def _patch(self) -> Response:
        media = media_of(self._request)
        if media not in PATCHES:
            raise UnsupportedMedia(f"{media[:80]!r} is no type of patch", path="Content-Type", allowed=PATCHES)
        subject = self._subject(apply=media == APPLY_PATCH)
        raw = await raw_of(self._request)
        patch, told = decoded(raw, subject.options.validation, yaml=media == APPLY_PATCH)
        if media == APPLY_PATCH and not isinstance(patch, dict):
            raise Malformed("the body is no object")
        return self._told(await self._writes.patch(subject, media, patch), told)

    async def _delete(self) -> Response:
        kind, place = self._kind, self._place
        how = deletion(await delete_options_of(self._request), self._request.query_params)
        stored = self._catalog.stored(kind)
        document, gone = await self._backend.api.delete(stored, place.namespace, place.name, how)
        if not gone or kind.key in _ANSWERED_WHOLE:
            return json_answer(document)
        metadata = msgspec.json.decode(document)["metadata"]
        details = {"name": place.name, "group": kind.group, "kind": kind.plural, "uid": metadata["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return json_answer(msgspec.json.encode(status))

    async def _delete_all(self) -> Response:
        """Of those that a list would show, each; one that is gone meanwhile is passed over."""
        kind, query = self._kind, self._request.query_params
        how = deletion(await delete_options_of(self._request), query)
        page = await self._reads.selected(self._catalog, kind, self._where(), query)
        for document in page.documents:
            metadata = msgspec.json.decode(document)["metadata"]
            place = metadata.get("namespace", "")
            try:
                await self._backend.api.delete(self._catalog.stored(kind), place, metadata["name"], how)
            except NotFound:
                continue
        return json_answer(await shown_page(shown_for(kind, "", query, self._backend.clock.now()), page))

    async def _below(self) -> ASGIApp:
        """A subresource other than status."""
        backend, kind, place, method = self._backend, self._kind, self._place, self._request.method
        create = backend.subcreates.get(f"{kind.key}/{place.subresource}")
        match kind.key, place.subresource:
            case _, "scale" if kind.scale is not None:
                return await self._scale()
            case "Namespace", "finalize" if method == "PUT":
                body, told = await self._body()
                return self._told(await self._writes.replace(self._subject(whole=True), body), told)
            case "Pod", "log" if method == "GET":
                return await text_stream(backend.pod_log(place.namespace, place.name, self._request.query_params))
            case _ if create is not None and method == "POST":
                body, _ = await self._body()
                made = await create(place.namespace, place.name, body, self._user)
                return json_answer(msgspec.json.encode(made), 201)
            case _, subresource if subresource in _NOT_DONE:
                await backend.api.get(self._catalog.stored(kind), place.namespace, place.name)
                raise NotImplementedHere(
                    f"{subresource} of {kind.plural} is not done here: a pod is a set of processes of this machine, "
                    "which its own tools reach"
                )
        raise NoSuchPath

    async def _scale(self) -> Response:
        kind, place = self._kind, self._place
        assert kind.scale is not None  # noqa: S101  the caller asked
        if self._request.method in ("GET", "HEAD"):
            document = await self._backend.api.get(self._catalog.stored(kind), place.namespace, place.name)
        elif self._request.method in ("PUT", "PATCH"):
            wanted = (
                await self._wanted_scale(kind.scale) if self._request.method == "PATCH" else (await self._body())[0]
            )
            patch = scale_patch(kind.scale, wanted)
            document = (await self._writes.patch(self._subject(whole=True), MERGE_PATCH, patch)).document
        else:
            raise MethodNotAllowed(f"{self._request.method} is not for scale")
        return json_answer(msgspec.json.encode(scale_of(msgspec.json.decode(document), kind.scale)))

    async def _wanted_scale(self, scale: Scale) -> Json:
        """What a patch makes of the scale, or the part of it that it is about."""
        media, place = media_of(self._request), self._place
        if media not in (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH):
            allowed = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)
            raise UnsupportedMedia(f"{media[:80]!r} is not read here", path="Content-Type", allowed=allowed)
        wanted, _ = decoded(await raw_of(self._request), self._options().validation, yaml=False)
        if media == JSON_PATCH:
            document = await self._backend.api.get(self._catalog.stored(self._kind), place.namespace, place.name)
            wanted = apply_json_patch(scale_of(msgspec.json.decode(document), scale), wanted)
        if not isinstance(wanted, dict):
            raise Malformed("the body is no object")
        return wanted

    async def _review(self) -> Response:
        if self._request.method != "POST" or self._place.name:
            raise MethodNotAllowed(f"{self._request.method} is not for {self._kind.plural}: they are created only")
        body, told = await self._body()
        body = {"apiVersion": self._kind.api_version, "kind": self._kind.kind} | body
        asked = admit(self._kind, body, self._options().validation)
        made = await self._backend.reviews[self._kind.key](asked.document, self._place.namespace, self._user)
        return json_answer(msgspec.json.encode(made), 201, (*told, *asked.warnings))

    async def _body(self) -> tuple[Json, tuple[str, ...]]:
        return await body_of(self._request, self._options().validation)

    def _options(self, *, apply: bool = False) -> WriteOptions:
        query: Mapping[str, str] = self._request.query_params
        return write_options(query, self._request.headers.get("user-agent", ""), apply=apply)

    def _subject(self, *, apply: bool = False, whole: bool = False) -> Subject:
        """What is written; `whole`: the object itself, though the path names something below it."""
        place = self._place
        return Subject(
            kind=self._kind,
            namespace=place.namespace,
            name=place.name,
            options=self._options(apply=apply),
            user=self._user,
            subresource="" if whole else place.subresource,
        )

    def _where(self) -> str | None:
        return self._place.namespace or None if self._kind.namespaced else ""

    def _shown(self) -> Shown:
        accept = self._request.headers.get("accept", "")
        return shown_for(self._kind, accept, self._request.query_params, self._backend.clock.now())

    def _told(self, written: Written, warnings: tuple[str, ...]) -> Response:
        show: Callable[[bytes], bytes] = self._shown().one
        status = 201 if written.created else 200
        return json_answer(show(written.document), status, (*warnings, *written.warnings))


def _name_in(body: Json) -> str:
    """The name that a new object was to have."""
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""
