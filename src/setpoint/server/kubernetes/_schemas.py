"""What objects are made of: OpenAPI documents for clients, and the structures that patches go by.

Made when somebody asks, and kept for as long as the kinds stay the same.
Source: Kubernetes documentation, "The Kubernetes API", OpenAPI V3.
"""

from __future__ import annotations

import hashlib

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from setpoint.apis.definitions import Catalog, ResourceDefinition
from setpoint.apis.structure import Structure
from setpoint.core.openapi import document as openapi_document
from setpoint.core.openapi import structure_schema, swagger
from setpoint.server.kubernetes import _discovery as discovery
from setpoint.server.kubernetes._answers import json_answer
from setpoint.server.kubernetes._status import NoSuchPath

_V2 = "v2"


class Schemas:
    """OpenAPI documents and the structures that patches go by, made when somebody asks, kept while kinds stay."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self._documents: dict[str, tuple[bytes, str]] = {}
        self._structures: dict[tuple[str, str], Structure] = {}

    def structure(self, catalog: Catalog, kind: ResourceDefinition) -> Structure:
        """How objects of a kind are made up."""
        self._renew(catalog)
        key = (kind.api_version, kind.kind)
        if key not in self._structures:
            self._structures[key] = Structure.of(*structure_schema(kind))
        return self._structures[key]

    def answer(self, served: discovery.Served, group_version: str, request: Request) -> Response:
        """`/openapi/v3`, or one of the documents it names. Raises: NoSuchPath."""
        self._renew(served.catalog)
        versions = list(dict.fromkeys(item.api_version for item in served.catalog))
        paths = {_openapi_path(item): item for item in versions}
        if not group_version:
            rows = {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self._document(served, item)[1]}"}
                for path, item in paths.items()
            }
            return json_answer(msgspec.json.encode({"paths": rows}))
        if group_version not in paths:
            raise NoSuchPath
        body, tag = self._document(served, paths[group_version])
        if request.headers.get("if-none-match", "").strip('"') == tag:
            return Response(status_code=304, headers={"etag": f'"{tag}"'})
        answer = json_answer(body)
        answer.headers["etag"] = f'"{tag}"'
        if request.query_params.get("hash") == tag:
            answer.headers["cache-control"] = "public, immutable"
        return answer

    def swagger(self, served: discovery.Served) -> Response:
        """`/openapi/v2`, for clients that know no other."""
        self._renew(served.catalog)
        if _V2 not in self._documents:
            body = msgspec.json.encode(swagger(served.catalog))
            self._documents[_V2] = (body, hashlib.sha256(body).hexdigest()[:32].upper())
        return json_answer(self._documents[_V2][0])

    def _document(self, served: discovery.Served, api_version: str) -> tuple[bytes, str]:
        if api_version not in self._documents:
            body = msgspec.json.encode(
                openapi_document(served.catalog, api_version, reviews=served.reviews, read_only=served.read_only)
            )
            self._documents[api_version] = (body, hashlib.sha256(body).hexdigest()[:32].upper())
        return self._documents[api_version]

    def _renew(self, catalog: Catalog) -> None:
        if catalog is not self._catalog:
            self._catalog = catalog
            self._documents.clear()
            self._structures.clear()


def _openapi_path(api_version: str) -> str:
    return f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
