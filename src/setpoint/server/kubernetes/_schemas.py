"""What objects are made of: OpenAPI documents for clients, and the structures that patches go by.

Made when somebody asks, and kept for as long as the kinds stay the same.
Source: Kubernetes documentation, "The Kubernetes API", OpenAPI V3.
"""

from __future__ import annotations

import asyncio
import hashlib

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from setpoint import __version__
from setpoint.apis.definitions import Catalog, ResourceDefinition
from setpoint.apis.structure import Structure
from setpoint.core.openapi import document as openapi_document
from setpoint.core.openapi import structure_schema, swagger
from setpoint.server.kubernetes import _discovery as discovery
from setpoint.server.kubernetes._answers import json_answer
from setpoint.server.kubernetes._status import NoSuchPath

_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"  # with "@" in it no MIME type: clients ask so
_EMPTY_DOCUMENT = b"\x0a\x032.0"
"""A `Document` of gnostic's openapi.v2 with `swagger: "2.0"` (field 1) and nothing else."""


class Schemas:
    """OpenAPI documents and the structures that patches go by, made when somebody asks, kept while their kinds stay.

    The name that a document goes by in the index says which kinds are in it and which version made it, so the index
    costs no document; what a CustomResourceDefinition changes is the document of its group alone.
    """

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self._tags: dict[str, str] = {}
        self._documents: dict[str, tuple[str, bytes]] = {}  # by apiVersion, with the tag
        self._swagger = b""
        self._making = asyncio.Lock()  # of documents: beside the loop, since it takes long, and one at a time
        self._structures: dict[tuple[str, str], tuple[ResourceDefinition, Structure]] = {}

    def structure(self, catalog: Catalog, kind: ResourceDefinition) -> Structure:
        """How objects of a kind are made up."""
        key = (kind.api_version, kind.kind)
        known = self._structures.get(key)
        if known is None or known[0] is not kind:
            known = self._structures[key] = (kind, Structure.of(*structure_schema(kind)))
        return known[1]

    async def answer(self, served: discovery.Served, group_version: str, request: Request) -> Response:
        """`/openapi/v3`, or one of the documents it names. Raises: NoSuchPath."""
        self._renew(served.catalog)
        versions = list(dict.fromkeys(item.api_version for item in served.catalog))
        paths = {_openapi_path(item): item for item in versions}
        if not group_version:
            rows = {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self._tags[item]}"}
                for path, item in paths.items()
            }
            return json_answer(msgspec.json.encode({"paths": rows}))
        if group_version not in paths:
            raise NoSuchPath
        tag = self._tags[paths[group_version]]
        if request.headers.get("if-none-match", "").strip('"') == tag:
            return Response(status_code=304, headers={"etag": f'"{tag}"'})
        answer = json_answer(await self._document(served, paths[group_version], tag))
        answer.headers["etag"] = f'"{tag}"'
        if request.query_params.get("hash") == tag:
            answer.headers["cache-control"] = "public, immutable"
        return answer

    async def swagger(self, served: discovery.Served, accept: str) -> Response:
        """`/openapi/v2`, for clients that know no other.

        kubectl reads nothing but protobuf here, and asks before it sends a `List`. In that form the document says
        nothing of any kind, upon which kubectl leaves it to the server to find what is wrong with an object.
        """
        if "protobuf" in accept and "json" not in accept:
            return Response(_EMPTY_DOCUMENT, media_type=_PROTOBUF)
        async with self._making:
            self._renew(served.catalog)
            made = self._swagger or await asyncio.to_thread(_swagger_of, served.catalog)
            if served.catalog is self._catalog:
                self._swagger = made
        return json_answer(made)

    async def _document(self, served: discovery.Served, api_version: str, tag: str) -> bytes:
        async with self._making:
            known = self._documents.get(api_version)
            if known is None or known[0] != tag:
                made = await asyncio.to_thread(_document_of, served, api_version)
                known = self._documents[api_version] = (tag, made)
        return known[1]

    def _renew(self, catalog: Catalog) -> None:
        if catalog is self._catalog:
            return
        self._catalog, self._swagger = catalog, b""
        told: dict[str, list[str]] = {}
        for definition in catalog:
            told.setdefault(definition.api_version, [__version__]).append(repr(definition))
        self._tags = {
            version: hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32].upper()
            for version, lines in told.items()
        }


def _swagger_of(catalog: Catalog) -> bytes:
    return msgspec.json.encode(swagger(catalog))


def _document_of(served: discovery.Served, api_version: str) -> bytes:
    made = openapi_document(served.catalog, api_version, reviews=served.reviews, read_only=served.read_only)
    return msgspec.json.encode(made)


def _openapi_path(api_version: str) -> str:
    return f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
