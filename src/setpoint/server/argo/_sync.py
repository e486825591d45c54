"""Limits of semaphores, which are keys of config maps.

Source: Argo Server API, `SyncService`; limits in a database need one, which is not here.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import AlreadyExists, InvalidSpec, NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.ports.resources import ResourceApi
from setpoint.server.argo import _requests as requests
from setpoint.server.argo._errors import NotServed
from setpoint.server.argo._operations import NUMBER, TEXT, Operation, Schema

_BASE = "/api/v1/sync/{namespace}"
_TYPE: Schema = {"oneOf": [{"type": "integer"}, {"type": "string"}]}
_CONFIG_MAP = ("0", "", "configmap")
_DATABASE = ("1", "database")
_LARGEST = (1 << 31) - 1
_LIMIT = "Sync limit"
_about = partial(Operation, resource="configmaps", statuses=(404, 409, 501))


class SyncHandlers:
    """The operations on limits."""

    def __init__(self, resources: ResourceApi) -> None:
        self._resources = resources

    def operations(self) -> list[Operation]:
        """Below `/api/v1/sync`."""
        item, keys = _BASE + "/{key:path}", {"type": _TYPE, "cmName": TEXT}
        sent = keys | {"limit": NUMBER}
        return [
            _about("POST", _BASE, self._create, "Set a limit anew", "create", body=sent | {"key": TEXT}),
            _about("GET", item, self._get, "Get a limit", "get", query=keys),
            _about("PUT", item, self._update, "Change a limit", "update", body=sent),
            _about("DELETE", item, self._delete, "Remove a limit", "delete", query=keys),
        ]

    async def _create(self, request: Request) -> Response:
        body, namespace = await requests.json_object(request), request.path_params["namespace"]
        name, key, limit = _map_of(body), requests.text_of(body, "key"), _limit_of(body)
        if not key:
            raise InvalidSpec("is required", path="key")
        try:
            found = await self._resources.get(ConfigMap, namespace, name)
        except NotFound:
            metadata = ObjectMeta(name=name, namespace=namespace)
            await self._resources.create(ConfigMap(metadata=metadata, data={key: str(limit)}))
            return _answer(namespace, name, key, limit)
        if key in found.data:
            raise AlreadyExists(_LIMIT, key, namespace)
        await self._resources.update(found.replace(data={**found.data, key: str(limit)}))
        return _answer(namespace, name, key, limit)

    async def _get(self, request: Request) -> Response:
        found, key = await self._found(request, dict(request.query_params))
        return _answer(found.metadata.namespace, found.metadata.name, key, _read(found.data[key], key))

    async def _update(self, request: Request) -> Response:
        body = await requests.json_object(request)
        limit = _limit_of(body)
        found, key = await self._found(request, body)
        await self._resources.update(found.replace(data={**found.data, key: str(limit)}))
        return _answer(found.metadata.namespace, found.metadata.name, key, limit)

    async def _delete(self, request: Request) -> Response:
        found, key = await self._found(request, dict(request.query_params))
        await self._resources.update(found.replace(data={k: v for k, v in found.data.items() if k != key}))
        return requests.answer({})

    async def _found(self, request: Request, told: dict[str, Any]) -> tuple[ConfigMap, str]:
        namespace, key = request.path_params["namespace"], request.path_params["key"]
        found = await self._resources.get(ConfigMap, namespace, _map_of(told))
        if key not in found.data:
            raise NotFound(_LIMIT, key, namespace)
        return found, key


def _map_of(told: dict[str, Any]) -> str:
    """The name of the config map. Raises: InvalidSpec; NotServed for a database."""
    kind = str(told.get("type") or "").lower()
    if kind in _DATABASE:
        raise NotServed("limits in a database are not served here: use type 0, a config map")
    if kind not in _CONFIG_MAP:
        raise InvalidSpec(f"{kind[:50]!r} is no type of limit", path="type", allowed=("0", "1"))
    name = requests.text_of(told, "cmName")
    if not name:
        raise InvalidSpec("is required", path="cmName")
    return name


def _limit_of(body: dict[str, Any]) -> int:
    limit = body.get("limit")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= _LARGEST:
        raise InvalidSpec("must be a whole number greater than zero", path="limit")
    return limit


def _read(text: str, key: str) -> int:
    if not text.strip().isdecimal() or len(text) > len(str(_LARGEST)):
        raise InvalidSpec(f"the value of key {key!r} is no limit: {text[:50]!r}")
    return int(text)


def _answer(namespace: str, name: str, key: str, limit: int) -> Response:
    """`type` is left out where it is 0, as the Argo Server does."""
    return requests.answer({"namespace": namespace, "cmName": name, "key": key, "limit": limit})
