"""Workflows: create, lint, submit, list, get, delete, and the verbs that steer one.

Source: Argo Server API, `WorkflowService`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import render_wire
from setpoint.operations.submission import pairs_of
from setpoint.ports.resources import Propagation
from setpoint.ports.workflows import SubmitOptions, WorkflowVerbs
from setpoint.server.argo import _requests as requests
from setpoint.server.argo._errors import LintFailed
from setpoint.server.argo._fields import FieldFilter
from setpoint.server.argo._operations import FLAG, OBJECT, TEXT, TEXTS, Handler, Operation, Schema
from setpoint.server.argo._selection import DELETE_KEYS, GET_KEYS, WORKFLOW_KEYS, list_meta, selection_of

BASE = "/api/v1/workflows/{namespace}"
RESOURCE = "workflows.argoproj.io"
_SUBMIT: dict[str, Schema] = {"resourceKind": TEXT, "resourceName": TEXT, "submitOptions": OBJECT}
_RETRY: dict[str, Schema] = {"restartSuccessful": FLAG, "nodeFieldSelector": TEXT, "parameters": TEXTS}
_SET: dict[str, Schema] = {"nodeFieldSelector": TEXT, "message": TEXT, "phase": TEXT, "outputParameters": TEXT}
_about = partial(Operation, resource=RESOURCE, statuses=(404, 409))
_NEVER = datetime(1, 1, 1, tzinfo=UTC)

Verb = Callable[[str, str, dict[str, Any]], Awaitable[Workflow | None]]


class WorkflowHandlers:
    """The operations on workflows."""

    def __init__(self, verbs: WorkflowVerbs) -> None:
        self._verbs = verbs

    def operations(self) -> list[Operation]:
        """Below `/api/v1/workflows`, logs and watches apart."""
        item, sent = BASE + "/{name}", {"workflow": OBJECT}
        created = sent | {"serverDryRun": FLAG, "createOptions": OBJECT}
        got, gone = GET_KEYS | {"fields": TEXT, "uid": TEXT}, DELETE_KEYS | {"force": FLAG}
        return [
            _about("GET", "/api/v1/workflows/", self._list, "List workflows", "list", query=WORKFLOW_KEYS),
            _about("GET", BASE, self._list, "List workflows", "list", query=WORKFLOW_KEYS),
            _about("POST", BASE, self._create, "Create a workflow", "create", body=created),
            _about("POST", BASE + "/lint", self._lint, "Lint a workflow", "create", body=sent),
            _about("POST", BASE + "/submit", self._submit, "Run a template", "create", body=_SUBMIT),
            _about("GET", item, self._get, "Get a workflow, archived or not", "get", query=got),
            _about("DELETE", item, self._delete, "Delete a workflow", "delete", query=gone),
            *self._steering(item),
        ]

    def _steering(self, item: str) -> list[Operation]:
        node: dict[str, Schema] = {"nodeFieldSelector": TEXT}
        table: tuple[tuple[str, Verb, str, dict[str, Schema]], ...] = (
            ("retry", self._retry, "Run again from what failed", _RETRY),
            ("resubmit", self._resubmit, "Make a new one of its spec", {"memoized": FLAG, "parameters": TEXTS}),
            ("resume", self._resume, "Let it go on", node),
            ("suspend", self._suspend, "Let it start nothing new", {}),
            ("stop", self._stop, "End it; exit handlers run", node | {"message": TEXT}),
            ("terminate", self._terminate, "End it at once", {}),
            ("set", self._set, "Set values of suspend nodes", _SET),
        )
        return [
            _about(
                "PUT",
                f"{item}/{name}",
                self._steered(verb),
                says,
                "create" if name == "resubmit" else "update",
                body=body,
            )
            for name, verb, says, body in table
        ]

    async def _list(self, request: Request) -> Response:
        selection = selection_of(request, request.path_params.get("namespace", ""))
        fields = FieldFilter(request.query_params.get("fields", ""))
        page = await self._verbs.list(selection.query)
        meta = list_meta(selection, len(page.items), page.total, page.resource_version)

        def told() -> Response:
            ordered: list[Workflow] = sorted(page.items, key=_last_first)
            found = fields.clean({"metadata": meta, "items": requests.rendered(ordered)})
            items = [readable(item) for item in found.get("items", ())]
            return requests.answer({"metadata": {}, **found, "items": items})

        return await asyncio.to_thread(told)  # thousands of workflows take seconds, in which others are to be answered

    async def _create(self, request: Request) -> Response:
        body = await requests.json_object(request)
        workflow = requests.decoded(body, "workflow", Workflow, request.path_params["namespace"])
        dry_run = requests.flag_of(body, "serverDryRun") or is_dry_run(body)
        made = await self._verbs.submit(requests.created_by(workflow, request), dry_run=dry_run)
        return requests.answer_object(made)

    async def _lint(self, request: Request) -> Response:
        body = await requests.json_object(request)
        workflow = requests.decoded(body, "workflow", Workflow, request.path_params["namespace"])
        try:
            await self._verbs.lint(workflow)
        except InvalidSpec as error:
            raise LintFailed(str(error)) from error
        return requests.answer_object(workflow)

    async def _submit(self, request: Request) -> Response:
        body = await requests.json_object(request)
        options = _submit_options(body)
        labels = [f"{key}={value}" for key, value in requests.creator_labels(request).items()]
        options = options.replace(labels=",".join(filter(None, (options.labels, *labels))))
        kind, name = requests.text_of(body, "resourceKind"), requests.text_of(body, "resourceName")
        made = await self._verbs.submit_from(request.path_params["namespace"], kind, name, options)
        return requests.answer_object(made)

    async def _get(self, request: Request) -> Response:
        keys = requests.Query(request)
        fields = FieldFilter(keys.text("fields"))
        found = await self._verbs.get(*_place(request), uid=keys.text("uid"))
        return requests.answer(readable(fields.clean(render_wire(found))))

    async def _delete(self, request: Request) -> Response:
        keys = requests.Query(request)
        force, how = keys.flag("force"), propagation_of(keys)
        if keys.text("deleteOptions.dryRun"):
            await self._verbs.get(*_place(request))
            return requests.answer({})
        await self._verbs.delete(
            *_place(request),
            force=force,
            propagation=how,
            uid=keys.text("deleteOptions.preconditions.uid"),
            resource_version=keys.text("deleteOptions.preconditions.resourceVersion"),
        )
        return requests.answer({})

    def _steered(self, verb: Verb) -> Handler:
        async def handler(request: Request) -> Response:
            namespace, name = _place(request)
            made = await verb(namespace, name, await requests.json_object(request))
            return requests.answer_object(made or await self._verbs.get(namespace, name))

        return handler

    async def _retry(self, namespace: str, name: str, body: dict[str, Any]) -> None:
        await self._verbs.retry(
            namespace,
            name,
            restart_successful=requests.flag_of(body, "restartSuccessful"),
            selector=requests.text_of(body, "nodeFieldSelector"),
            parameters=pairs_of(requests.texts_of(body, "parameters"), "parameters"),
        )

    async def _resubmit(self, namespace: str, name: str, body: dict[str, Any]) -> Workflow:
        parameters = pairs_of(requests.texts_of(body, "parameters"), "parameters")
        memoized = requests.flag_of(body, "memoized")
        return await self._verbs.resubmit(namespace, name, memoized=memoized, parameters=parameters)

    async def _resume(self, namespace: str, name: str, body: dict[str, Any]) -> None:
        await self._verbs.resume(namespace, name, selector=requests.text_of(body, "nodeFieldSelector"))

    async def _suspend(self, namespace: str, name: str, _: dict[str, Any]) -> None:
        await self._verbs.suspend(namespace, name)

    async def _stop(self, namespace: str, name: str, body: dict[str, Any]) -> None:
        message, selector = requests.text_of(body, "message"), requests.text_of(body, "nodeFieldSelector")
        await self._verbs.stop(namespace, name, message=message, selector=selector)

    async def _terminate(self, namespace: str, name: str, _: dict[str, Any]) -> None:
        await self._verbs.terminate(namespace, name)

    async def _set(self, namespace: str, name: str, body: dict[str, Any]) -> None:
        outputs = requests.text_of(body, "outputParameters") or "{}"
        try:
            parameters = msgspec.json.decode(outputs, type=dict[str, str])
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            reason = f"is not the JSON text of a map of texts: {error}"
            raise InvalidSpec(reason, path="outputParameters") from error
        await self._verbs.set_outputs(
            namespace,
            name,
            selector=requests.text_of(body, "nodeFieldSelector"),
            parameters=parameters,
            message=requests.text_of(body, "message"),
            phase=requests.text_of(body, "phase"),
        )


def readable(workflow: dict[str, Any]) -> dict[str, Any]:
    """A workflow of which parts were left out, with what no reader of workflows can do without."""
    return {"metadata": {}, "spec": {}, **workflow}


def is_dry_run(body: dict[str, Any]) -> bool:
    """Whether `createOptions` say that nothing is to be stored."""
    options = body.get("createOptions") or {}
    if not isinstance(options, dict):
        raise InvalidSpec("expected an object", path="createOptions")
    return bool(requests.texts_of(options, "dryRun"))


def propagation_of(keys: requests.Query) -> Propagation:
    """What a deletion does to dependants. Raises: InvalidSpec."""
    text = keys.text("deleteOptions.propagationPolicy")
    if not text:
        return Propagation.ORPHAN if keys.flag("deleteOptions.orphanDependents") else Propagation.BACKGROUND
    if text not in tuple(Propagation):
        raise InvalidSpec("unknown value", path="deleteOptions.propagationPolicy", allowed=tuple(Propagation))
    return Propagation(text)


def _submit_options(body: dict[str, Any]) -> SubmitOptions:
    try:
        return msgspec.convert(body.get("submitOptions") or {}, SubmitOptions)
    except msgspec.ValidationError as error:
        raise InvalidSpec(str(error), path="submitOptions") from error


def _place(request: Request) -> tuple[str, str]:
    return request.path_params["namespace"], request.path_params["name"]


def _last_first(workflow: Workflow) -> tuple[bool, float]:
    """Those that run come first, the newest of them first; then those that ended last."""
    finished = workflow.status.finished_at
    moment = finished or workflow.metadata.creation_timestamp or _NEVER
    return (finished is not None, -(moment - _NEVER).total_seconds())
