"""The same in the older form: one OpenAPI v2 document of all groups, for clients that know no v3.

Source: OpenAPI 2.0; Kubernetes documentation, "The Kubernetes API", OpenAPI V2.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis.definitions import Catalog
from setpoint.core.openapi.documents import INFO, document
from setpoint.core.openapi.schemas import INT_OR_STRING, QUANTITY, REF

Json = dict[str, Any]

_METHODS = ("get", "put", "post", "patch", "delete")
_TEXTS: Json = {INT_OR_STRING: {"type": "string", "format": "int-or-string"}, QUANTITY: {"type": "string"}}
_UNKNOWN_TO_V2 = ("anyOf", "oneOf", "not", "nullable")


def swagger(catalog: Catalog) -> Json:
    """The document of all groups and versions of a catalog."""
    definitions: Json = {}
    paths: Json = {}
    for version in dict.fromkeys(item.api_version for item in catalog):
        newer = document(catalog, version)
        for name, schema in newer["components"]["schemas"].items():
            definitions[name] = _TEXTS.get(name) or _schema(schema)
        for path, item in newer["paths"].items():
            paths[path] = _path(item)
    return {
        "swagger": "2.0",
        "info": INFO,
        "paths": paths,
        "definitions": definitions,
        "securityDefinitions": {"BearerToken": {"type": "apiKey", "in": "header", "name": "authorization"}},
        "security": [{"BearerToken": []}],
    }


def _schema(value: Any) -> Any:
    """A schema of v3 as v2 has it: alternatives are left out, a reference with words of its own loses its `allOf`."""
    if isinstance(value, list):
        return [_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: Json = {}
    for name, item in value.items():
        if name == "allOf" and len(item) == 1:
            found |= _schema(item[0])
        elif name == "$ref" and isinstance(item, str):
            found[name] = "#/definitions/" + item.removeprefix(REF)
        elif name == "properties":
            found[name] = {field: _schema(schema) for field, schema in item.items()}
        elif name not in _UNKNOWN_TO_V2:
            found[name] = _schema(item)
    return found


def _path(item: Json) -> Json:
    found: Json = {name: _operation(item[name]) for name in _METHODS if name in item}
    if "parameters" in item:
        found["parameters"] = [_parameter(one) for one in item["parameters"]]
    return found


def _parameter(parameter: Json) -> Json:
    """A parameter, whose schema v2 writes beside its name."""
    schema: Json = parameter["schema"]
    return {name: value for name, value in parameter.items() if name != "schema"} | schema


def _operation(operation: Json) -> Json:
    parameters = [_parameter(one) for one in operation["parameters"]]
    found = {name: value for name, value in operation.items() if name not in ("parameters", "requestBody", "responses")}
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        found["consumes"] = list(content)
        body = next(iter(content.values()))["schema"]
        parameters.append({"name": "body", "in": "body", "required": True, "schema": _schema(body)})
    answers = operation["responses"]
    found["produces"] = list(answers["200"]["content"])
    found["responses"] = {
        code: {
            "description": answer["description"],
            "schema": _schema(next(iter(answer["content"].values()))["schema"]),
        }
        for code, answer in answers.items()
    }
    return found | {"parameters": parameters, "schemes": ["https"]}
