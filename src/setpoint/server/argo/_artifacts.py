"""Artifacts of workflows: as they are stored, looked into by a browser, and uploaded.

What is stored comes out as it is; below `artifact-files` archives are looked into and directories are listed.
Source: argo-workflows `server/artifacts/artifact_server.go`.
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from setpoint.apis.argo import Artifact, Workflow, WorkflowTemplate
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.apis.pods import ArtifactInput
from setpoint.ports.artifacts import ArtifactFile, ArtifactFiles, ArtifactFolder
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import ArchivedWorkflowVerbs, WorkflowVerbs
from setpoint.server.argo import _requests as requests
from setpoint.server.argo._artifact_source import input_of
from setpoint.server.argo._errors import NotServed
from setpoint.server.argo._files import SANDBOX, file_answer
from setpoint.server.argo._multipart import boundary_of, copy_file
from setpoint.server.argo._operations import Handler, Operation, Schema
from setpoint.server.argo._workflows import RESOURCE

MAX_UPLOAD_BYTES = 1 << 30
_AT_ONCE = 4  # each may unpack, to the disk, as much as an archive may hold
_NODE = "/{nodeId}/{artifact:path}"
_PLAIN = re.compile(r"[^-_.a-zA-Z0-9]")
_FILE: Schema = {"type": "string", "format": "binary"}


class ArtifactHandlers:
    """The operations on artifacts; all but workflow-level outputs need `files`."""

    def __init__(
        self,
        verbs: WorkflowVerbs,
        resources: ResourceApi,
        archived: ArchivedWorkflowVerbs | None,
        files: ArtifactFiles | None,
    ) -> None:
        self._verbs, self._resources, self._archived, self._files = verbs, resources, archived, files
        self._room = asyncio.Semaphore(_AT_ONCE)

    def operations(self) -> list[Operation]:
        """Downloads by name and uid, files for browsers, uploads."""
        found = [
            _operation(
                "/api/v1/workflows/{namespace}/{name}/outputs/artifacts/{artifact}",
                self._output,
                "A workflow-level output",
            )
        ]
        if self._files is None:
            return found
        for inputs, word in ((False, ""), (True, "input-")):
            by_name, by_uid = partial(self._stored, inputs=inputs), partial(self._stored_by_uid, inputs=inputs)
            found += [
                _operation(f"/{word}artifacts/{{namespace}}/{{name}}{_NODE}", by_name, "An artifact as it is stored"),
                _operation(f"/{word}artifacts-by-uid/{{uid}}{_NODE}", by_uid, "The same of an archived workflow"),
            ]
        below = "/artifact-files/{namespace}/{idDiscriminator}/{id}/{nodeId}/{direction}/{artifact}"
        found += [
            _operation(below, self._browse, "An artifact for a browser", redirects=True),
            _operation(below + "/{path:path}", self._browse, "A file or directory in an artifact", redirects=True),
            Operation(
                method="POST",
                path="/upload-artifacts/{namespace}/{template}/{artifact}",
                handler=self._upload,
                summary="Store a file as an input artifact of a template",
                resource=RESOURCE,
                verb="create",
                body={"file": _FILE},
                takes="multipart/form-data",
                statuses=(404,),
            ),
        ]
        return found

    async def _output(self, request: Request) -> Response:
        parts = request.path_params
        chunks = self._verbs.artifact(parts["namespace"], parts["name"], parts["artifact"])
        first = await anext(chunks, b"")

        async def stream() -> AsyncIterator[bytes]:
            yield first
            async for chunk in chunks:
                yield chunk

        return StreamingResponse(stream(), media_type="application/octet-stream", headers=SANDBOX)

    async def _stored(self, request: Request, *, inputs: bool) -> Response:
        parts = request.path_params
        workflow = await self._verbs.get(parts["namespace"], parts["name"])
        return await self._whole(request, workflow, inputs=inputs)

    async def _stored_by_uid(self, request: Request, *, inputs: bool) -> Response:
        workflow = await self._of_archive(request, request.path_params["uid"])
        return await self._whole(request, workflow, inputs=inputs)

    async def _whole(self, request: Request, workflow: Workflow, *, inputs: bool) -> Response:
        parts = request.path_params
        source = await self._source(workflow, parts["nodeId"], parts["artifact"], inputs=inputs)
        async with self._room:
            found = await asyncio.to_thread(self._reader().stored, source)
        if isinstance(found, ArtifactFolder):
            raise InvalidSpec(f"artifact {source.name!r} is a directory: its files are below /artifact-files/")
        return file_answer(request, found)

    async def _browse(self, request: Request) -> Response:
        parts = request.path_params
        namespace, where, direction = parts["namespace"], parts["idDiscriminator"], parts["direction"]
        if direction not in ("inputs", "outputs"):
            raise InvalidSpec(f"{direction!r} is no direction", path="path", allowed=("inputs", "outputs"))
        match where:
            case "workflows":
                workflow = await self._verbs.get(namespace, parts["id"])
            case "archived-workflows":
                workflow = await self._of_archive(request, parts["id"])
                if workflow.metadata.namespace != namespace:
                    raise NotFound("Archived workflow", parts["id"], namespace)
            case _:
                raise InvalidSpec(f"{where!r} is unknown", path="path", allowed=("workflows", "archived-workflows"))
        source = await self._source(workflow, parts["nodeId"], parts["artifact"], inputs=direction == "inputs")
        async with self._room:
            found = await asyncio.to_thread(self._reader().shown, source, parts.get("path", ""))
        if isinstance(found, ArtifactFile):
            return file_answer(request, found)
        return _listing(request, found)

    async def _source(self, workflow: Workflow, node: str, name: str, *, inputs: bool) -> ArtifactInput:
        return await input_of(self._resources, workflow, _artifact(workflow, node, name, inputs=inputs), node)

    async def _of_archive(self, request: Request, uid: str) -> Workflow:
        if self._archived is None:
            raise NotFound("Archived workflow", uid)
        workflow = await self._archived.get_archived(uid)
        await requests.authorize(request, "get", RESOURCE, workflow.metadata.namespace, workflow.metadata.name)
        return workflow

    def _reader(self) -> ArtifactFiles:
        if self._files is None:
            raise NotServed("artifacts are not served here")
        return self._files

    async def _upload(self, request: Request) -> Response:
        parts = request.path_params
        namespace, name, artifact = parts["namespace"], parts["template"], parts["artifact"]
        boundary = boundary_of(request.headers.get("content-type", ""))
        template = await self._resources.get(WorkflowTemplate, namespace, name)
        if template.spec.arguments.artifact(artifact) is None:
            raise NotFound("Artifact argument", artifact, namespace)
        with TemporaryDirectory() as folder:
            body, content = Path(folder) / "body", Path(folder) / "content"
            with body.open("w+b") as file:
                await _spool(request, file)
                file.seek(0)
                with content.open("w+b") as target:
                    told = await asyncio.to_thread(copy_file, file, boundary, target)
                    target.seek(0)
                    digest = (await asyncio.to_thread(hashlib.file_digest, target, "sha256")).hexdigest()
            plain = _PLAIN.sub("_", told.replace("\\", "/").rpartition("/")[2]).lstrip(".") or "file"
            key = f"uploads/{namespace}/{name}/{artifact}/{digest[:16]}/{plain}"
            await asyncio.to_thread(self._reader().keep, key, content)
        return requests.answer({"name": artifact, "key": key})


def _operation(path: str, handler: Handler, summary: str, *, redirects: bool = False) -> Operation:
    return Operation(
        method="GET",
        path=path,
        handler=handler,
        summary=summary,
        resource=RESOURCE,
        verb="get",
        statuses=(206, 404, 416, *((307,) if redirects else ())),
        media="application/octet-stream",
    )


async def _spool(request: Request, file: BinaryIO) -> None:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_UPLOAD_BYTES:
            raise InvalidSpec(f"the body is larger than {MAX_UPLOAD_BYTES} bytes")
        await asyncio.to_thread(file.write, chunk)


def _artifact(workflow: Workflow, node: str, name: str, *, inputs: bool) -> Artifact:
    status = workflow.status.nodes.get(node)
    if status is None:
        raise NotFound("Node", node, workflow.metadata.namespace)
    put = status.inputs if inputs else status.outputs
    found = put.artifact(name) if put is not None else None
    if found is None or found.deleted:
        raise NotFound("Artifact", name, workflow.metadata.namespace)
    return found


def _listing(request: Request, folder: ArtifactFolder) -> Response:
    """A page of links; of a directory that has an `index.html`, that."""
    here = quote(request.url.path)
    if not request.url.path.endswith("/"):
        return _redirect(f"{here}/")
    if "index.html" in folder.names:
        return _redirect(f"{here}index.html")
    links = "".join(
        f'<li><a href="./{html.escape(quote(name))}">{html.escape(name)}</a></li>\n' for name in ("../", *folder.names)
    )
    page = f"<!doctype html>\n<html><body><ul>\n{links}</ul></body></html>\n"
    return HTMLResponse(page, headers=SANDBOX)


def _redirect(location: str) -> Response:
    return Response(status_code=307, headers={**SANDBOX, "Location": location})
