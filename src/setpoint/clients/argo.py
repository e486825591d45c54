"""`WorkflowVerbs` and `ArchivedWorkflowVerbs` over the Argo Server REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import msgspec

from setpoint.apis import errors
from setpoint.apis.argo import ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowTemplate
from setpoint.apis.meta import Resource, render_wire, to_wire
from setpoint.clients.argo_http import ArgoHttp, Refused, query_of, raise_error
from setpoint.ports.archive import WorkflowPage, WorkflowQuery
from setpoint.ports.resources import Propagation
from setpoint.ports.workflows import LogOptions, PodLogLine, SubmitOptions

__all__ = ["ArchivedClient", "ArgoClient", "Refused"]

_LINTED = {
    Workflow: ("workflows", "workflow"),
    WorkflowTemplate: ("workflow-templates", "template"),
    ClusterWorkflowTemplate: ("cluster-workflow-templates", "template"),
    CronWorkflow: ("cron-workflows", "cronWorkflow"),
}


class ArgoClient:
    """The verbs as HTTP requests; errors come back as our tree."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._server = ArgoHttp(http)

    async def submit(self, workflow: Workflow, *, dry_run: bool = False) -> Workflow:
        """See `WorkflowVerbs.submit`."""
        namespace = workflow.metadata.namespace or "default"
        body = {"workflow": render_wire(workflow)} | ({"createOptions": {"dryRun": ["All"]}} if dry_run else {})
        return _workflow(await self._server.send("POST", f"/api/v1/workflows/{namespace}", body))

    async def submit_from(self, namespace: str, kind: str, name: str, options: SubmitOptions | None = None) -> Workflow:
        """See `WorkflowVerbs.submit_from`."""
        body = {"resourceKind": kind, "resourceName": name, "submitOptions": to_wire(options or SubmitOptions())}
        return _workflow(await self._server.send("POST", f"/api/v1/workflows/{namespace}/submit", body))

    async def lint(self, resource: Resource) -> None:
        """See `WorkflowVerbs.lint`."""
        plural, key = _LINTED[type(resource)]
        scope = f"/{resource.metadata.namespace or 'default'}" if type(resource).NAMESPACED else ""
        try:
            await self._server.send("POST", f"/api/v1/{plural}{scope}/lint", {key: render_wire(resource)})
        except Refused as error:  # the lint of workflows answers 500
            raise errors.InvalidSpec(str(error)) from error

    async def get(self, namespace: str, name: str, *, uid: str = "") -> Workflow:
        """See `WorkflowVerbs.get`."""
        query = {"uid": uid} if uid else {}
        return _workflow(await self._server.send("GET", f"/api/v1/workflows/{namespace}/{name}", query=query))

    async def list(self, query: WorkflowQuery) -> WorkflowPage:
        """See `WorkflowVerbs.list`."""
        path = f"/api/v1/workflows/{query.namespace or ''}"
        return _page(await self._server.send("GET", path, query=query_of(query)), query)

    async def delete(
        self,
        namespace: str,
        name: str,
        *,
        force: bool = False,
        propagation: Propagation = Propagation.BACKGROUND,
        uid: str = "",
        resource_version: str = "",
    ) -> None:
        """See `WorkflowVerbs.delete`."""
        query = {"deleteOptions.propagationPolicy": propagation.value, "force": "true" if force else "false"}
        query |= {"deleteOptions.preconditions.uid": uid} if uid else {}
        query |= {"deleteOptions.preconditions.resourceVersion": resource_version} if resource_version else {}
        await self._server.send("DELETE", f"/api/v1/workflows/{namespace}/{name}", query=query)

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
        self,
        namespace: str,
        name: str,
        *,
        selector: str,
        parameters: Mapping[str, str],
        message: str = "",
        phase: str = "",
    ) -> None:
        """See `WorkflowVerbs.set_outputs`."""
        outputs = msgspec.json.encode(dict(parameters)).decode()
        body = {"nodeFieldSelector": selector, "outputParameters": outputs, "message": message, "phase": phase}
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
        await self._put(namespace, name, "retry", _retry_body(restart_successful, selector, parameters))

    async def resubmit(
        self, namespace: str, name: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """See `WorkflowVerbs.resubmit`."""
        return await self._put(namespace, name, "resubmit", {"memoized": memoized, "parameters": _texts(parameters)})

    async def logs(
        self,
        namespace: str,
        name: str,
        *,
        pod_name: str = "",
        container: str = "main",
        follow: bool = False,
        options: LogOptions | None = None,
    ) -> AsyncIterator[PodLogLine]:
        """See `WorkflowVerbs.logs`."""
        query = {
            "podName": pod_name,
            "logOptions.container": container,
            "logOptions.follow": "true" if follow else "false",
        }
        query |= _log_query(options or LogOptions())
        async for line in self._server.stream(f"/api/v1/workflows/{namespace}/{name}/log", query, lines=True):
            told = msgspec.json.decode(line, type=_Streamed)
            if told.error is not None:  # the stream had begun when it went wrong
                raise_error(told.error.http_code, msgspec.json.encode(told.error))
            if told.result is not None:
                yield told.result

    async def artifact(self, namespace: str, name: str, artifact: str) -> AsyncIterator[bytes]:
        """See `WorkflowVerbs.artifact`."""
        path = f"/api/v1/workflows/{namespace}/{name}/outputs/artifacts/{artifact}"
        async for chunk in self._server.stream(path, {}, lines=False):
            yield chunk

    async def node_artifact(self, namespace: str, name: str, node_id: str, artifact: str) -> AsyncIterator[bytes]:
        """See `WorkflowVerbs.node_artifact`."""
        async for chunk in self._server.stream(f"/artifacts/{namespace}/{name}/{node_id}/{artifact}", {}, lines=False):
            yield chunk

    async def _put(self, namespace: str, name: str, verb: str, body: dict[str, Any]) -> Workflow:
        return _workflow(await self._server.send("PUT", f"/api/v1/workflows/{namespace}/{name}/{verb}", body))


class ArchivedClient:
    """The verbs of the archive as HTTP requests."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._server = ArgoHttp(http)

    async def list_archived(self, query: WorkflowQuery) -> WorkflowPage:
        """See `ArchivedWorkflowVerbs.list_archived`."""
        keys = query_of(query) | ({"namespace": query.namespace} if query.namespace else {})
        return _page(await self._server.send("GET", "/api/v1/archived-workflows", query=keys), query)

    async def get_archived(self, uid: str) -> Workflow:
        """See `ArchivedWorkflowVerbs.get_archived`."""
        return _workflow(await self._server.send("GET", f"/api/v1/archived-workflows/{uid}"))

    async def delete_archived(self, uid: str) -> None:
        """See `ArchivedWorkflowVerbs.delete_archived`."""
        await self._server.send("DELETE", f"/api/v1/archived-workflows/{uid}")

    async def retry_archived(
        self,
        uid: str,
        *,
        restart_successful: bool = False,
        selector: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Workflow:
        """See `ArchivedWorkflowVerbs.retry_archived`."""
        body = _retry_body(restart_successful, selector, parameters)
        return _workflow(await self._server.send("PUT", f"/api/v1/archived-workflows/{uid}/retry", body))

    async def resubmit_archived(
        self, uid: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """See `ArchivedWorkflowVerbs.resubmit_archived`."""
        body = {"memoized": memoized, "parameters": _texts(parameters)}
        return _workflow(await self._server.send("PUT", f"/api/v1/archived-workflows/{uid}/resubmit", body))

    async def archived_label_keys(self, namespace: str | None = None) -> tuple[str, ...]:
        """See `ArchivedWorkflowVerbs.archived_label_keys`."""
        query = {"namespace": namespace} if namespace else {}
        return _items(await self._server.send("GET", "/api/v1/archived-workflows-label-keys", query=query))

    async def archived_label_values(self, key: str, namespace: str | None = None) -> tuple[str, ...]:
        """See `ArchivedWorkflowVerbs.archived_label_values`."""
        query = {"listOptions.labelSelector": key} | ({"namespace": namespace} if namespace else {})
        return _items(await self._server.send("GET", "/api/v1/archived-workflows-label-values", query=query))


class _Items(msgspec.Struct):
    items: tuple[str, ...] = ()


class _StreamError(msgspec.Struct):
    http_code: int = 500
    message: str = ""


class _Streamed(msgspec.Struct):
    result: PodLogLine | None = None
    error: _StreamError | None = None


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    remaining_item_count: int = 0


class _Listed(msgspec.Struct):
    metadata: _ListMeta
    items: tuple[Workflow, ...] = ()


def _workflow(content: bytes) -> Workflow:
    return msgspec.json.decode(content, type=Workflow)


def _items(content: bytes) -> tuple[str, ...]:
    return msgspec.json.decode(content, type=_Items).items


def _page(content: bytes, query: WorkflowQuery) -> WorkflowPage:
    found = msgspec.json.decode(content, type=_Listed)
    total = query.offset + len(found.items) + found.metadata.remaining_item_count
    return WorkflowPage(items=found.items, total=total, resource_version=found.metadata.resource_version)


def _texts(parameters: Mapping[str, str] | None) -> list[str]:
    return [f"{key}={value}" for key, value in (parameters or {}).items()]


def _retry_body(restart_successful: bool, selector: str, parameters: Mapping[str, str] | None) -> dict[str, Any]:
    return {
        "restartSuccessful": restart_successful,
        "nodeFieldSelector": selector,
        "parameters": _texts(parameters),
    }


def _log_query(options: LogOptions) -> dict[str, str]:
    found = {
        "grep": options.grep,
        "selector": options.selector,
        "logOptions.timestamps": "true" if options.timestamps else "",
        "logOptions.previous": "true" if options.previous else "",
        "logOptions.tailLines": "" if options.tail_lines is None else str(options.tail_lines),
        "logOptions.limitBytes": "" if options.limit_bytes is None else str(options.limit_bytes),
    }
    if options.since is not None:
        seconds = options.since.timestamp()
        found["logOptions.sinceTime.seconds"] = str(int(seconds))
        found["logOptions.sinceTime.nanos"] = str(options.since.microsecond * 1000)
    return {key: text for key, text in found.items() if text}
