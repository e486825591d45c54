"""The OpenAPI v3 document of one group and version: its paths, what they take, what they answer.

kubectl reads from it whether a server validates fields by itself, and what `kubectl explain` prints.
Source: OpenAPI 3.0; kube-openapi; Kubernetes API reference.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.catalog import MEASURED, REVIEWS, define
from setpoint.apis.definitions import Catalog, ResourceDefinition
from setpoint.apis.reviews import TokenRequest
from setpoint.core.openapi.schemas import REF, Components, component_name, gvk

Json = dict[str, Any]

INFO: Json = {"title": "Kubernetes", "version": "v1.32.0"}
"""Whose API is spoken."""

_LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
_STATUS = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
_DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
_PATCH = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
_SCALE = "io.k8s.api.autoscaling.v1.Scale"
_EVENT = "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent"

_TEXT, _FLAG, _NUMBER = {"type": "string"}, {"type": "boolean"}, {"type": "integer", "minimum": 0}
_LIST_OPTIONS: Json = {
    "allowWatchBookmarks": _FLAG,
    "continue": _TEXT,
    "fieldSelector": _TEXT,
    "labelSelector": _TEXT,
    "limit": _NUMBER,
    "resourceVersion": _TEXT,
    "resourceVersionMatch": {"type": "string", "enum": ["Exact", "NotOlderThan"]},
    "sendInitialEvents": _FLAG,
    "timeoutSeconds": _NUMBER,
    "watch": _FLAG,
}
_WRITE_OPTIONS: Json = {
    "dryRun": {"type": "string", "enum": ["All"]},
    "fieldManager": {"type": "string", "maxLength": 128},
    "fieldValidation": {"type": "string", "enum": ["Strict", "Warn", "Ignore"]},
}
_DELETE_QUERY: Json = {
    "dryRun": {"type": "string", "enum": ["All"]},
    "gracePeriodSeconds": _NUMBER,
    "orphanDependents": _FLAG,
    "propagationPolicy": {"type": "string", "enum": ["Background", "Foreground", "Orphan"]},
}
_LOG_OPTIONS: Json = {
    "container": _TEXT,
    "follow": _FLAG,
    "limitBytes": _NUMBER,
    "previous": _FLAG,
    "sinceSeconds": _NUMBER,
    "tailLines": _NUMBER,
    "timestamps": _FLAG,
}
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
)
_STRATEGIC = "application/strategic-merge-patch+json"
_REVIEWS = frozenset(item.key for item in REVIEWS)
_TOKEN_REQUEST = define(TokenRequest)
_READ_ONLY = frozenset(item.key for item in MEASURED)
_ERRORS = {
    "400": "cannot be read",
    "401": "nobody known",
    "403": "not allowed",
    "404": "not found",
    "405": "no such verb",
    "406": "no such form",
    "409": "in conflict",
    "410": "expired",
    "413": "too large",
    "415": "no such type of body",
    "422": "invalid",
    "429": "too many requests",
    "500": "failed",
    "501": "not done here",
    "503": "not available",
    "504": "too slow",
}


def document(
    catalog: Catalog,
    api_version: str,
    *,
    reviews: frozenset[str] = _REVIEWS,
    read_only: frozenset[str] = _READ_ONLY,
) -> Json:
    """The document of a group and version.

    Args:
        catalog: All kinds.
        api_version: `v1`, or `group/version`.
        reviews: Keys of kinds that are only created.
        read_only: Keys of kinds that are only read.
    """
    components = Components()
    _common(components)
    paths: Json = {}
    for definition in catalog:
        if definition.api_version == api_version:
            _add_paths(
                paths,
                definition,
                components,
                create_only=definition.key in reviews,
                read_only=definition.key in read_only,
            )
    return {
        "openapi": "3.0.0",
        "info": INFO,
        "paths": paths,
        "components": {
            "schemas": components.schemas,
            "securitySchemes": {"BearerToken": {"type": "apiKey", "in": "header", "name": "authorization"}},
        },
    }


def _add_paths(
    paths: Json, definition: ResourceDefinition, components: Components, *, create_only: bool, read_only: bool
) -> None:
    one = components.of_kind(definition)
    many = _list_schema(definition, components)
    root = f"/apis/{definition.api_version}" if definition.group else f"/api/{definition.api_version}"
    place = (
        f"{root}/namespaces/{{namespace}}/{definition.plural}"
        if definition.namespaced
        else f"{root}/{definition.plural}"
    )
    make = _Operations(definition)
    create = {"post": make("post", "create", _WRITE_OPTIONS, body=one, answer=one, created=True)}
    if create_only:
        paths[place] = _with_parameters(create, definition, item=False)
        return
    read = {"get": make("list", "read", _LIST_OPTIONS, answer=many)}
    if definition.namespaced:
        paths[f"{root}/{definition.plural}"] = {"get": make("list", "read", _LIST_OPTIONS, answer=many)}
    item = {"get": make("get", "read", {}, answer=one)}
    if not read_only:
        read |= create
        if definition.collected:
            read["delete"] = make(
                "deletecollection", "delete", _LIST_OPTIONS | _DELETE_QUERY, answer=many, body=_ref(_DELETE_OPTIONS)
            )
        item |= make.writes(one) | {
            "delete": make(
                "delete", "delete", _DELETE_QUERY, answer={"anyOf": [_ref(_STATUS), one]}, body=_ref(_DELETE_OPTIONS)
            )
        }
    paths[place] = _with_parameters(read, definition, item=False)
    paths[place + "/{name}"] = _with_parameters(item, definition, item=True)
    if read_only:
        return
    if definition.has_status:
        below = {"get": make("get", "read", {}, answer=one)} | make.writes(one)
        paths[place + "/{name}/status"] = _with_parameters(below, definition, item=True)
    if definition.scale is not None:
        below = {"get": make("get", "read", {}, answer=_ref(_SCALE))} | make.writes(_ref(_SCALE))
        paths[place + "/{name}/scale"] = _with_parameters(below, definition, item=True)
    paths |= _special(definition, components, place)


def _special(definition: ResourceDefinition, components: Components, place: str) -> Json:
    """Subresources that single kinds have."""
    make = _Operations(definition)
    match definition.key:
        case "Pod":
            log = make("get", "read", _LOG_OPTIONS, answer=_TEXT, media=("text/plain",))
            return {place + "/{name}/log": _with_parameters({"get": log}, definition, item=True)}
        case "ServiceAccount":
            token = components.of_kind(_TOKEN_REQUEST)
            request = _Operations(_TOKEN_REQUEST)(
                "post", "create", _WRITE_OPTIONS, body=token, answer=token, created=True
            )
            return {place + "/{name}/token": _with_parameters({"post": request}, definition, item=True)}
        case "Namespace":
            put = make.writes(components.of_kind(definition))["put"]
            return {place + "/{name}/finalize": _with_parameters({"put": put}, definition, item=True)}
        case _:
            return {}


class _Operations:
    """Makes the operations of one kind."""

    def __init__(self, definition: ResourceDefinition) -> None:
        self._definition = definition

    def writes(self, schema: Json) -> Json:
        """PUT and PATCH."""
        put = self("put", "update", _WRITE_OPTIONS, body=schema, answer=schema, created=True)
        options = _WRITE_OPTIONS | {"force": _FLAG}
        takes = (*_PATCHES, _STRATEGIC) if self._definition.built_in else _PATCHES
        patch = self("patch", "patch", options, body=_ref(_PATCH), answer=schema, created=True, takes=takes)
        return {"put": put, "patch": patch}

    def __call__(
        self,
        action: str,
        verb: str,
        query: Json,
        *,
        answer: Json,
        body: Json | None = None,
        created: bool = False,
        takes: tuple[str, ...] = ("application/json", "application/yaml"),
        media: tuple[str, ...] = ("application/json", "application/json;stream=watch"),
    ) -> Json:
        """One operation."""
        content = {kind: {"schema": answer} for kind in media}
        answers: Json = {"200": {"description": "as asked", "content": content}}
        if created:
            answers["201"] = {"description": "created", "content": content}
        failure = {"application/json": {"schema": _ref(_STATUS)}}
        answers |= {code: {"description": text, "content": failure} for code, text in _ERRORS.items()}
        found: Json = {
            "description": f"{verb} {self._definition.plural}",
            "parameters": [_parameter(name, schema) for name, schema in query.items()],
            "responses": answers,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk(self._definition),
        }
        if body is not None:
            found["requestBody"] = {"content": {kind: {"schema": body} for kind in takes}}
        return found


def _with_parameters(operations: Json, definition: ResourceDefinition, *, item: bool) -> Json:
    names = (["name"] if item else []) + (["namespace"] if definition.namespaced else [])
    path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    return operations | {"parameters": [*path, _parameter("pretty", _TEXT)]}


def _parameter(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


def _list_schema(definition: ResourceDefinition, components: Components) -> Json:
    name = component_name(definition) + "List"
    components.schemas[name] = {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": _ref(_LIST_META),
            "items": {"type": "array", "items": components.of_kind(definition)},
        },
        "x-kubernetes-group-version-kind": [gvk(definition) | {"kind": f"{definition.kind}List"}],
    }
    return _ref(name)


def _common(components: Components) -> None:
    components.metadata()
    open_object = {"type": "object", "additionalProperties": True}
    metadata = {"continue": _TEXT, "remainingItemCount": _NUMBER, "resourceVersion": _TEXT, "selfLink": _TEXT}
    components.schemas |= {
        _LIST_META: {"type": "object", "properties": metadata},
        _STATUS: {
            "type": "object",
            "properties": {
                "apiVersion": _TEXT,
                "kind": _TEXT,
                "metadata": _ref(_LIST_META),
                "status": _TEXT,
                "message": _TEXT,
                "reason": _TEXT,
                "code": {"type": "integer"},
                "details": open_object,
            },
            "x-kubernetes-group-version-kind": [{"group": "", "kind": "Status", "version": "v1"}],
        },
        _DELETE_OPTIONS: {
            "type": "object",
            "properties": {
                "apiVersion": _TEXT,
                "kind": _TEXT,
                "dryRun": {"type": "array", "items": _TEXT},
                "gracePeriodSeconds": _NUMBER,
                "orphanDependents": _FLAG,
                "preconditions": {"type": "object", "properties": {"uid": _TEXT, "resourceVersion": _TEXT}},
                "propagationPolicy": _TEXT,
            },
        },
        _PATCH: {},
        _SCALE: {
            "type": "object",
            "properties": {
                "apiVersion": _TEXT,
                "kind": _TEXT,
                "metadata": components.metadata(),
                "spec": {"type": "object", "properties": {"replicas": _NUMBER}},
                "status": {"type": "object", "properties": {"replicas": _NUMBER, "selector": _TEXT}},
            },
        },
        _EVENT: {"type": "object", "properties": {"type": _TEXT, "object": open_object}},
    }


def _ref(name: str) -> Json:
    return {"$ref": REF + name}
