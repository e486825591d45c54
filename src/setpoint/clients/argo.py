"""`WorkflowVerbs` over the Argo Server REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

import httpx
import msgspec

from setpoint.apis import errors
from setpoint.apis.argo import Workflow
from setpoint.apis.meta import render_wire
from setpoint.ports.workflows import PodLogLine


class ArgoClient:
    """The verbs as HTTP requests; errors come back as our tree."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def submit(self, workflow: Workflow) -> Workflow:
        """See `WorkflowVerbs.submit`."""
        namespace = workflow.metadata.namespace or "default"
        body = await self._send("POST", f"/api/v1/workflows/{namespace}", {"workflow": render_wire(workflow)})
        return msgspec.convert(msgspec.json.decode(body), Workflow)

    async def stop(self, namespace: str, name: str, *, message: str = "", selector: str = "") -> None:
        """See `WorkflowVerbs.stop`."""
        await self._put(namespace, name, "stop", {"message": message, "nodeFieldSelector": selector})

    async def terminate(self, namespace: str, name: str) -> None:
        """See `WorkflowVerbs.terminate`."""
        await self._put(namespace, name, "terminate", {})

    async def suspend(self, namespace: str, name: str) -> None:
        """See `WorkflowVerbs.suspend`."""
        await self._put(namespace, name, "suspend", {})

    async def resume(self, namespace: str, name: str, *, selector: str = "") -> None:
        """See `WorkflowVerbs.resume`."""
        await self._put(namespace, name, "resume", {"nodeFieldSelector": selector})

    async def set_outputs(
        self, namespace: str, name: str, *, selector: str, parameters: Mapping[str, str], message: str = ""
    ) -> None:
        """See `WorkflowVerbs.set_outputs`."""
        outputs = msgspec.json.encode(dict(parameters)).decode()
        body = {"nodeFieldSelector": selector, "outputParameters": outputs, "message": message}
        await self._put(namespace, name, "set", body)

    async def retry(
        self,
        namespace: str,
        name: str,
        *,
        restart_successful: bool = False,
        selector: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """See `WorkflowVerbs.retry`."""
        body = {
            "restartSuccessful": restart_successful,
            "nodeFieldSelector": selector,
            "parameters": [f"{key}={value}" for key, value in (parameters or {}).items()],
        }
        await self._put(namespace, name, "retry", body)

    async def resubmit(
        self, namespace: str, name: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """See `WorkflowVerbs.resubmit`."""
        body = {"memoized": memoized, "parameters": [f"{key}={value}" for key, value in (parameters or {}).items()]}
        return await self._put(namespace, name, "resubmit", body)

    async def logs(
        self, namespace: str, name: str, *, pod_name: str = "", container: str = "main", follow: bool = False
    ) -> AsyncIterator[PodLogLine]:
        """See `WorkflowVerbs.logs`."""
        query = {
            "podName": pod_name,
            "logOptions.container": container,
            "logOptions.follow": "true" if follow else "false",
        }
        async for line in self._stream(f"/api/v1/workflows/{namespace}/{name}/log", query, lines=True):
            yield msgspec.convert(msgspec.json.decode(line)["result"], PodLogLine)

    async def artifact(self, namespace: str, name: str, artifact: str) -> AsyncIterator[bytes]:
        """See `WorkflowVerbs.artifact`."""
        path = f"/api/v1/workflows/{namespace}/{name}/outputs/artifacts/{artifact}"
        async for chunk in self._stream(path, {}, lines=False):
            yield chunk

    async def _stream(self, path: str, query: Mapping[str, str], *, lines: bool) -> AsyncIterator[bytes]:
        timeout = httpx.Timeout(30.0, read=None)
        try:
            async with self._http.stream("GET", path, params=dict(query), timeout=timeout) as answer:
                if answer.is_error:
                    _raise(answer.status_code, await answer.aread())
                if lines:
                    async for line in answer.aiter_lines():
                        yield line.encode()
                else:
                    async for chunk in answer.aiter_bytes():
                        yield chunk
        except httpx.TransportError as error:
            raise errors.Unavailable(f"the control plane went away: {error}") from error

    async def _put(self, namespace: str, name: str, verb: str, body: dict[str, Any]) -> Workflow:
        answer = await self._send("PUT", f"/api/v1/workflows/{namespace}/{name}/{verb}", body)
        return msgspec.json.decode(answer, type=Workflow)

    async def _send(self, method: str, path: str, body: dict[str, Any]) -> bytes:
        try:
            answer = await self._http.request(method, path, content=msgspec.json.encode(body))
        except httpx.TransportError as error:
            raise errors.Unavailable(f"no answer from the control plane: {error or type(error).__name__}") from error
        if answer.is_error:
            _raise(answer.status_code, answer.content)
        return answer.content


class Refused(errors.SetpointError):
    """An answer of the server that is none of the known kinds."""


def _raise(number: int, content: bytes) -> NoReturn:
    try:
        message = msgspec.json.decode(content, type=dict[str, Any]).get("message", "")
    except msgspec.DecodeError:
        message = content[:200].decode(errors="replace")
    if number in (httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND, httpx.codes.CONFLICT):
        raise errors.InvalidSpec(message)
    if number in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise errors.Forbidden(message)
    if number in (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT):
        raise errors.Unavailable(message)
    raise Refused(message)
