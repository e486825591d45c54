"""The verbs of the Argo Server REST API over `WorkflowVerbs`: translation only.

First form: create, stop, terminate, suspend, resume, set, retry, log, artifacts by workflow output name.
Source: Argo Server API, `/api/v1/workflows`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec, SetpointError
from setpoint.apis.manifest import decode_object
from setpoint.apis.meta import render_wire
from setpoint.core.events import IncomingEvent
from setpoint.operations.events import dispatch
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import WorkflowVerbs
from setpoint.server.argo._errors import error_body

Handler = Callable[[Request], Awaitable[Response]]
_BASE = "/api/v1/workflows/{namespace}"


class ArgoRoutes:
    """Routes of the Argo Server API."""

    def __init__(self, verbs: WorkflowVerbs, resources: ResourceApi, clock: Clock) -> None:
        self._verbs, self._resources, self._clock = verbs, resources, clock

    def routes(self) -> list[Route]:
        """Paths below `/api/v1/workflows`, and artifacts."""
        return [
            Route(_BASE, _guarded(self._create), methods=["POST"]),
            Route("/api/v1/events/{namespace}/{discriminator}", _guarded(self._event), methods=["POST"]),
            Route("/api/v1/events/{namespace}/", _guarded(self._event), methods=["POST"]),
            Route(_BASE + "/{name}/log", _guarded(self._log), methods=["GET"]),
            Route(_BASE + "/{name}/outputs/artifacts/{artifact}", _guarded(self._artifact), methods=["GET"]),
            Route(_BASE + "/{name}/{verb}", _guarded(self._verb), methods=["PUT"]),
        ]

    async def _create(self, request: Request) -> Response:
        body = await _json(request)
        workflow = decode_object(body.get("workflow"), Workflow, ("workflow",))
        metadata = workflow.metadata.replace(namespace=request.path_params["namespace"])
        return JSONResponse(render_wire(await self._verbs.submit(workflow.replace(metadata=metadata))))

    async def _event(self, request: Request) -> Response:
        raw = await request.body()
        try:
            payload = msgspec.json.decode(raw) if raw else None
        except msgspec.DecodeError as error:
            raise InvalidSpec(f"the body is not JSON: {error}") from error
        headers = [name for name in request.headers if name.startswith("x-")]
        event = IncomingEvent(
            namespace=request.path_params["namespace"],
            discriminator=request.path_params.get("discriminator", ""),
            metadata={name: request.headers.getlist(name) for name in headers},
            payload=payload,
        )
        await dispatch(self._resources, self._verbs, event, self._clock.now())
        return JSONResponse({})

    async def _verb(self, request: Request) -> Response:
        namespace, name, verb = (request.path_params[key] for key in ("namespace", "name", "verb"))
        body = await _json(request)
        selector = str(body.get("nodeFieldSelector") or "")
        match verb:
            case "stop":
                message = str(body.get("message") or "")
                await self._verbs.stop(namespace, name, message=message, selector=selector)
            case "terminate":
                await self._verbs.terminate(namespace, name)
            case "suspend":
                await self._verbs.suspend(namespace, name)
            case "resume":
                await self._verbs.resume(namespace, name, selector=selector)
            case "set":
                outputs = msgspec.json.decode(body.get("outputParameters") or "{}", type=dict[str, str])
                await self._verbs.set_outputs(namespace, name, selector=selector, parameters=outputs)
            case "retry":
                await self._verbs.retry(
                    namespace,
                    name,
                    restart_successful=bool(body.get("restartSuccessful")),
                    selector=selector,
                    parameters=_pairs(body.get("parameters") or []),
                )
            case "resubmit":
                parameters = _pairs(body.get("parameters") or [])
                memoized = bool(body.get("memoized"))
                made = await self._verbs.resubmit(namespace, name, memoized=memoized, parameters=parameters)
                return JSONResponse(render_wire(made))
            case _:
                allowed = ("stop", "terminate", "suspend", "resume", "set", "retry", "resubmit")
                raise InvalidSpec(f"unknown verb {verb!r}", allowed=allowed)
        return JSONResponse(render_wire(await self._resources.get(Workflow, namespace, name)))

    async def _log(self, request: Request) -> Response:
        query = request.query_params
        lines = self._verbs.logs(
            request.path_params["namespace"],
            request.path_params["name"],
            pod_name=query.get("podName", ""),
            container=query.get("logOptions.container", "main"),
            follow=query.get("logOptions.follow") == "true",
        )
        first = await anext(lines, None)  # so that a missing workflow is a 404 and not a broken stream

        async def stream() -> AsyncIterator[bytes]:
            if first is not None:
                yield _result(first)
            async for line in lines:
                yield _result(line)

        return StreamingResponse(stream(), media_type="application/json")

    async def _artifact(self, request: Request) -> Response:
        chunks = self._verbs.artifact(*(request.path_params[key] for key in ("namespace", "name", "artifact")))
        first = await anext(chunks, b"")

        async def stream() -> AsyncIterator[bytes]:
            yield first
            async for chunk in chunks:
                yield chunk

        return StreamingResponse(stream(), media_type="application/octet-stream")


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except SetpointError as error:
            number, body = error_body(error)
            return JSONResponse(body, status_code=number)

    return guarded


async def _json(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        return msgspec.json.decode(raw or b"{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise InvalidSpec(f"the body is not a JSON object: {error}") from error


def _pairs(texts: list[str]) -> dict[str, str]:
    """`["a=b"]` as `{"a": "b"}`."""
    pairs = dict(text.partition("=")[::2] for text in texts)
    if "" in pairs:
        raise InvalidSpec("parameters are written name=value", path="parameters")
    return pairs


def _result(line: Any) -> bytes:
    return msgspec.json.encode({"result": msgspec.to_builtins(line)}) + b"\n"
