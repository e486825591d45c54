"""The description of the API, made of the table of operations: OpenAPI 3.1."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from setpoint.server.argo._operations import Operation

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_ALWAYS = (400, 401, 403, 409, 429, 500, 503, 504)
_ERROR = {
    "type": "object",
    "required": ["code", "message", "error"],
    "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "error": {"type": "string"}},
}


def describe(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """The document; every status that an operation may answer is declared."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Argo Server", "version": version},
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }


def _described(operation: Operation) -> dict[str, Any]:
    named = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _named(operation)]
    asked = [{"name": name, "in": "query", "schema": dict(schema)} for name, schema in operation.query.items()]
    found: dict[str, Any] = {
        "operationId": f"{operation.method.lower()}-{re.sub(r'[^a-zA-Z0-9]+', '-', operation.path).strip('-')}",
        "summary": operation.summary,
        "parameters": named + asked,
        "responses": _responses(operation),
    }
    if operation.body is not None:
        schema = {"type": "object", "properties": {name: dict(item) for name, item in operation.body.items()}}
        found["requestBody"] = {"content": {operation.takes: {"schema": schema}}}
    if operation.resource:
        found["x-resource"], found["x-verb"] = operation.resource, operation.verb
    return found


def _named(operation: Operation) -> list[str]:
    return _PARAMETER.findall(operation.path)


def _responses(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if 501 not in operation.statuses or operation.resource:
        told["200"] = {"description": "OK", "content": {operation.media: {}}}
    for status in sorted({*_ALWAYS, *operation.statuses}):
        described: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if status >= HTTPStatus.BAD_REQUEST:
            described["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        told[str(status)] = described
    return told
