"""`ResourceApi` over HTTP, against any server that speaks the Kubernetes API.

Errors come back as the same tree that the in-process API raises: `Status` objects are mapped here, once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NoReturn
from urllib.parse import quote

import httpx
import msgspec

from setpoint.apis import errors
from setpoint.apis.meta import Resource, render_wire
from setpoint.ports.resources import Propagation, R, ResourceList, WatchEvent, WatchType

_JSON = {"content-type": "application/json"}
_MERGE_PATCH = {"content-type": "application/merge-patch+json"}
_WRITES = {"fieldManager": "setpoint", "fieldValidation": "Strict"}
"""A field that the server does not know is a mistake of ours, never dropped silently."""


class _ListMeta(msgspec.Struct, rename={"resource_version": "resourceVersion", "continue_": "continue"}):
    resource_version: str = ""
    continue_: str = ""


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Name(msgspec.Struct):
    name: str = ""


class _Named(msgspec.Struct):
    metadata: _Name = msgspec.field(default_factory=_Name)


class KubernetesClient:
    """The typed verbs of `ports.resources.ResourceApi` as HTTP requests."""

    def __init__(self, http: httpx.AsyncClient, *, chunk_size: int = 0) -> None:
        """`chunk_size`: large lists are fetched in pieces of so many objects; 0 means at once."""
        self._http, self._chunk_size = http, chunk_size

    async def create(self, resource: R) -> R:
        """See `ResourceApi.create`."""
        path = _path(type(resource), resource.metadata.namespace or "default")
        return await self._call("POST", path, type(resource), render_wire(resource))

    async def get(self, kind: type[R], namespace: str, name: str) -> R:
        """See `ResourceApi.get`."""
        return await self._call("GET", _path(kind, namespace or "default", name), kind)

    async def list(self, kind: type[R], namespace: str | None = None, *, selector: str = "") -> ResourceList[R]:
        """See `ResourceApi.list`."""
        query = {"labelSelector": selector} if selector else {}
        query |= {"limit": str(self._chunk_size)} if self._chunk_size else {}
        items: list[R] = []
        while True:
            answer = await self._request("GET", _path(kind, namespace), kind, params=query)
            page = msgspec.json.decode(answer.content, type=_List)
            items += [_decode(item, kind) for item in page.items or ()]
            if not page.metadata.continue_:
                return ResourceList(items=tuple(items), resource_version=page.metadata.resource_version)
            query["continue"] = page.metadata.continue_

    async def update(self, resource: R) -> R:
        """See `ResourceApi.update`."""
        return await self._call("PUT", _object_path(resource), type(resource), render_wire(resource))

    async def update_status(self, resource: R) -> R:
        """See `ResourceApi.update_status`."""
        return await self._call("PUT", _object_path(resource) + "/status", type(resource), render_wire(resource))

    async def patch(self, kind: type[R], namespace: str, name: str, merge_patch: dict[str, Any]) -> R:
        """See `ResourceApi.patch`."""
        return await self._call("PATCH", _path(kind, namespace or "default", name), kind, merge_patch, _MERGE_PATCH)

    async def patch_status(self, kind: type[R], namespace: str, name: str, merge_patch: dict[str, Any]) -> R:
        """See `ResourceApi.patch_status`."""
        path = _path(kind, namespace or "default", name) + "/status"
        return await self._call("PATCH", path, kind, merge_patch, _MERGE_PATCH)

    async def delete(
        self,
        kind: type[R],
        namespace: str,
        name: str,
        *,
        propagation: Propagation = Propagation.BACKGROUND,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """See `ResourceApi.delete`."""
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value is not None}
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation.value}
        if preconditions:
            options["preconditions"] = preconditions
        await self._request("DELETE", _path(kind, namespace or "default", name), kind, json=options)

    async def watch(
        self, kind: type[R], namespace: str | None = None, *, since: str | None = None, selector: str = ""
    ) -> AsyncIterator[WatchEvent[R]]:
        """See `ResourceApi.watch`; ends with Unavailable when the server goes away."""
        query = {"watch": "true", "labelSelector": selector, "resourceVersion": since or ""}
        timeout = httpx.Timeout(30.0, read=None)
        try:
            async with self._http.stream("GET", _path(kind, namespace), params=query, timeout=timeout) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    raise_error(answer, kind)
                async for line in answer.aiter_lines():
                    event = msgspec.json.decode(line, type=_Event)
                    if event.type == "ERROR":
                        _raise_status(msgspec.json.decode(event.object), kind)
                    yield WatchEvent(type=WatchType(event.type), resource=_decode(event.object, kind))
        except httpx.TransportError as error:
            raise errors.Unavailable(f"the watch of {kind.PLURAL} was cut off: {error}") from error

    async def _call(
        self, method: str, path: str, kind: type[R], body: Any = None, headers: dict[str, str] | None = None
    ) -> R:
        content = msgspec.json.encode(body) if body is not None else None
        if content is None:
            answer = await self._request(method, path, kind)
        else:
            answer = await self._request(method, path, kind, content=content, headers=headers or _JSON, params=_WRITES)
        return _decode(answer.content, kind)

    async def _request(self, method: str, path: str, kind: type[Resource], **options: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise errors.Unavailable(f"no answer from the API server: {error or type(error).__name__}") from error
        if answer.is_error:
            raise_error(answer, kind)
        return answer


def _path(kind: type[Resource], namespace: str | None, name: str = "") -> str:
    prefix = f"/apis/{kind.API_VERSION}" if "/" in kind.API_VERSION else f"/api/{kind.API_VERSION}"
    scope = f"/namespaces/{quote(namespace, safe='')}" if kind.NAMESPACED and namespace else ""
    return prefix + scope + f"/{kind.PLURAL}" + (f"/{quote(name, safe='')}" if name else "")


def _object_path(resource: Resource) -> str:
    return _path(type(resource), resource.metadata.namespace or "default", resource.metadata.name)


def _decode(document: bytes | msgspec.Raw, kind: type[R]) -> R:
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.ValidationError as error:
        name = msgspec.json.decode(document, type=_Named).metadata.name
        raise errors.SetpointError(
            f"the server's {kind.KIND} {name!r} has a form that this version of Setpoint does not know: {error}"
        ) from error


def raise_error(answer: httpx.Response, kind: type[Resource]) -> NoReturn:
    """Raise what the server meant by an answer that is an error; its body has been read."""
    try:
        status = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        status = {"code": answer.status_code, "message": answer.text[:200]}
    _raise_status(status, kind)


def _raise_status(status: dict[str, Any], cls: type[Resource]) -> NoReturn:
    """Raise what the server meant by a `Status`, in our words."""
    reason, message = status.get("reason", ""), status.get("message", "unknown error")
    details = status.get("details") or {}
    kind, name = cls.KIND, details.get("name", "")
    match reason:
        case "NotFound":
            raise errors.NotFound(kind, name)
        case "AlreadyExists":
            raise errors.AlreadyExists(kind, name)
        case "Conflict":
            raise errors.Conflict(kind, name, found=details.get("found", "?"), wanted=details.get("wanted", "?"))
        case "Expired" | "Gone":
            raise errors.Expired(kind, found="newer", wanted=message)
        case "Forbidden" | "Unauthorized":
            raise errors.Forbidden(message)
        case "Invalid" | "BadRequest" | "UnsupportedMediaType" | "RequestEntityTooLarge":
            cause = (details.get("causes") or [{}])[0]
            raise errors.InvalidSpec(
                cause.get("message", message), path=cause.get("field", ""), allowed=tuple(details.get("allowed", ()))
            )
        case "TooManyRequests":
            raise errors.Throttled(message)
        case "Timeout":
            raise errors.Timeout(message)
        case "ServiceUnavailable":
            raise errors.Unavailable(message)
    raise errors.SetpointError(message)
