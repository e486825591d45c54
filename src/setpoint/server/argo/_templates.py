"""Workflow templates, cluster workflow templates and cron workflows: the same verbs on each.

Source: Argo Server API, `WorkflowTemplateService`, `ClusterWorkflowTemplateService`, `CronWorkflowService`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from setpoint.apis.argo import ClusterWorkflowTemplate, CronWorkflow, WorkflowTemplate, default
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Resource
from setpoint.ports.archive import NameFilter
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import WorkflowVerbs
from setpoint.server.argo import _requests as requests
from setpoint.server.argo._operations import OBJECT, TEXT, Handler, Operation, Schema
from setpoint.server.argo._selection import DELETE_KEYS, GET_KEYS, LIST_KEYS, list_meta, paged, selection_of
from setpoint.server.argo._workflows import is_dry_run, propagation_of

_LIST_KEYS = LIST_KEYS | {"namePattern": TEXT}


class TemplateHandlers:
    """The operations on one kind.

    Args:
        kind: The class.
        plural: As it stands in the path.
        key: The field of a body that holds the object.
        verbs: For its lint.
        resources: Where it is.
    """

    def __init__(self, kind: type[Any], plural: str, key: str, *, verbs: WorkflowVerbs, resources: ResourceApi) -> None:
        self._kind, self._key, self._verbs, self._resources = kind, key, verbs, resources
        self._root = f"/api/v1/{plural}"
        self._base = self._root + ("/{namespace}" if kind.NAMESPACED else "")

    def operations(self) -> list[Operation]:
        """List, create, lint, get, update, delete; of all namespaces too."""
        base, item, name = self._base, self._base + "/{name}", self._kind.KIND
        about = partial(Operation, resource=f"{self._kind.PLURAL}.argoproj.io", statuses=(404, 409))
        sent: dict[str, Schema] = {self._key: OBJECT}
        created = sent | {"createOptions": OBJECT}
        found = [
            about("GET", base, self._list, f"List {name}s", "list", query=_LIST_KEYS),
            about("POST", base, self._create, f"Create a {name}", "create", body=created),
            about("POST", base + "/lint", self._lint, f"Lint a {name}", "create", body=sent),
            about("GET", item, self._get, f"Get a {name}", "get", query=GET_KEYS),
            about("PUT", item, self._update, f"Update a {name}", "update", body=sent),
            about("DELETE", item, self._delete, f"Delete a {name}", "delete", query=DELETE_KEYS),
        ]
        if self._kind.NAMESPACED:
            everywhere = self._root + "/"
            found.append(about("GET", everywhere, self._list, f"List {name}s", "list", query=_LIST_KEYS))
        if self._kind is CronWorkflow:
            for verb, suspended in (("suspend", True), ("resume", False)):
                handler = self._suspending(suspended)
                says = f"{verb.capitalize()} a {name}"
                found.append(about("PUT", f"{item}/{verb}", handler, says, "update", body={}))
        return found

    async def _list(self, request: Request) -> Response:
        selection = selection_of(request, request.path_params.get("namespace", ""))
        query, pattern = selection.query, request.query_params.get("namePattern", "")
        if pattern:
            selection = replace(selection, query=replace(query, name=pattern, name_filter=NameFilter.CONTAINS))
        namespace = query.namespace if self._kind.NAMESPACED else None
        found = await self._resources.list(self._kind, namespace, selector=str(query.selector))
        items, total = paged(selection, found.items)
        meta = list_meta(selection, len(items), total, found.resource_version)
        return requests.answer({"metadata": meta, "items": requests.rendered(items)})

    async def _create(self, request: Request) -> Response:
        body = await requests.json_object(request)
        resource = self._read(body, request)
        await self._verbs.lint(resource)
        resource = requests.created_by(resource, request)
        if not is_dry_run(body):
            resource = await self._resources.create(resource)
        return requests.answer_object(resource)

    async def _lint(self, request: Request) -> Response:
        resource = self._read(await requests.json_object(request), request)
        await self._verbs.lint(resource)
        return requests.answer_object(resource)

    async def _get(self, request: Request) -> Response:
        return requests.answer_object(await self._resources.get(self._kind, *self._place(request)))

    async def _update(self, request: Request) -> Response:
        resource, (_, name) = self._read(await requests.json_object(request), request), self._place(request)
        if resource.metadata.name not in ("", name):
            reason = f"the object is named {resource.metadata.name!r}, the path {name!r}"
            raise InvalidSpec(reason, path=f"{self._key}.metadata.name")
        resource = resource.replace(metadata=resource.metadata.replace(name=name))
        await self._verbs.lint(resource)
        return requests.answer_object(await self._resources.update(resource))

    async def _delete(self, request: Request) -> Response:
        keys, place = requests.Query(request), self._place(request)
        how = propagation_of(keys)
        if keys.text("deleteOptions.dryRun"):
            await self._resources.get(self._kind, *place)
            return requests.answer({})
        await self._resources.delete(
            self._kind,
            *place,
            propagation=how,
            uid=keys.text("deleteOptions.preconditions.uid") or None,
            resource_version=keys.text("deleteOptions.preconditions.resourceVersion") or None,
        )
        return requests.answer({})

    def _suspending(self, suspended: bool) -> Handler:
        async def handler(request: Request) -> Response:
            await requests.json_object(request)
            patch = {"spec": {"suspend": suspended}}
            return requests.answer_object(await self._resources.patch(self._kind, *self._place(request), patch))

        return handler

    def _read(self, body: dict[str, Any], request: Request) -> Any:
        namespace = request.path_params.get("namespace", "")
        resource: Resource = requests.decoded(body, self._key, self._kind, namespace)
        return default(resource)

    def _place(self, request: Request) -> tuple[str, str]:
        return request.path_params.get("namespace", ""), request.path_params["name"]


def template_handlers(verbs: WorkflowVerbs, resources: ResourceApi) -> tuple[TemplateHandlers, ...]:
    """Those of each kind."""
    kinds: tuple[tuple[type[Resource], str, str], ...] = (
        (WorkflowTemplate, "workflow-templates", "template"),
        (ClusterWorkflowTemplate, "cluster-workflow-templates", "template"),
        (CronWorkflow, "cron-workflows", "cronWorkflow"),
    )
    return tuple(TemplateHandlers(kind, plural, key, verbs=verbs, resources=resources) for kind, plural, key in kinds)
