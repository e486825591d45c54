"""The archive of workflows.

Source: Argo Server API, `ArchivedWorkflowService`.
"""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.operations.submission import pairs_of
from setpoint.ports.workflows import ArchivedWorkflowVerbs
from setpoint.server.argo import _requests as requests
from setpoint.server.argo._operations import FLAG, TEXT, TEXTS, Operation, Schema
from setpoint.server.argo._selection import ARCHIVE_KEYS, LIST_KEYS, list_meta, selection_of
from setpoint.server.argo._workflows import RESOURCE

_BASE = "/api/v1/archived-workflows"
_IN = {"namespace": TEXT}
_SENT: dict[str, Schema] = {"namespace": TEXT, "name": TEXT, "parameters": TEXTS}
_RETRY = _SENT | {"restartSuccessful": FLAG, "nodeFieldSelector": TEXT}
_all = partial(Operation, resource=RESOURCE)
_one = partial(Operation, resource=RESOURCE, statuses=(404, 409))


class ArchivedHandlers:
    """The operations on archived workflows."""

    def __init__(self, verbs: ArchivedWorkflowVerbs) -> None:
        self._verbs = verbs

    def operations(self) -> list[Operation]:
        """Below `/api/v1/archived-workflows`, and labels."""
        item = _BASE + "/{uid}"
        return [
            _all("GET", _BASE, self._list, "List archived workflows", "list", query=ARCHIVE_KEYS),
            _one("GET", item, self._get, "Get an archived workflow", "get", query=_IN | {"name": TEXT}),
            _one("DELETE", item, self._delete, "Delete an archived workflow", "delete", query=_IN),
            _one("PUT", item + "/retry", self._retry, "Run it again from what failed", "update", body=_RETRY),
            _one(
                "PUT",
                item + "/resubmit",
                self._resubmit,
                "Make a new one of its spec",
                "update",
                body=_SENT | {"memoized": FLAG},
            ),
            _all("GET", f"{_BASE}-label-keys", self._keys, "Keys of labels", "list", query=_IN),
            _all("GET", f"{_BASE}-label-values", self._values, "Values of a label", "list", query=LIST_KEYS | _IN),
        ]

    async def _list(self, request: Request) -> Response:
        selection = selection_of(request, request.query_params.get("namespace", ""))
        page = await self._verbs.list_archived(selection.query)
        meta = list_meta(selection, len(page.items), page.total, "")
        return requests.answer({"metadata": meta, "items": requests.rendered(page.items)})

    async def _get(self, request: Request) -> Response:
        return requests.answer_object(await self._found(request, "get", request.query_params.get("namespace", "")))

    async def _delete(self, request: Request) -> Response:
        await self._found(request, "delete", request.query_params.get("namespace", ""))
        await self._verbs.delete_archived(request.path_params["uid"])
        return requests.answer({})

    async def _found(self, request: Request, verb: str, namespace: str) -> Workflow:
        """The workflow, if whoever asks may do that to it; of the namespace where one is named."""
        uid = request.path_params["uid"]
        workflow = await self._verbs.get_archived(uid)
        await requests.authorize(request, verb, RESOURCE, workflow.metadata.namespace, workflow.metadata.name)
        if namespace and workflow.metadata.namespace != namespace:
            raise NotFound("Archived workflow", uid, namespace)
        return workflow

    async def _retry(self, request: Request) -> Response:
        body = await requests.json_object(request)
        await self._found(request, "update", requests.text_of(body, "namespace"))
        made = await self._verbs.retry_archived(
            request.path_params["uid"],
            restart_successful=requests.flag_of(body, "restartSuccessful"),
            selector=requests.text_of(body, "nodeFieldSelector"),
            parameters=pairs_of(requests.texts_of(body, "parameters"), "parameters"),
        )
        return requests.answer_object(made)

    async def _resubmit(self, request: Request) -> Response:
        body = await requests.json_object(request)
        await self._found(request, "update", requests.text_of(body, "namespace"))
        made = await self._verbs.resubmit_archived(
            request.path_params["uid"],
            memoized=requests.flag_of(body, "memoized"),
            parameters=pairs_of(requests.texts_of(body, "parameters"), "parameters"),
        )
        return requests.answer_object(made)

    async def _keys(self, request: Request) -> Response:
        keys = await self._verbs.archived_label_keys(request.query_params.get("namespace") or None)
        return requests.answer({"items": list(keys)})

    async def _values(self, request: Request) -> Response:
        selection = selection_of(request, request.query_params.get("namespace", ""))
        wanted = selection.query.selector.requirements
        if len(wanted) != 1:
            raise InvalidSpec("name the one label whose values are wanted", path="listOptions.labelSelector")
        values = await self._verbs.archived_label_values(wanted[0].key, selection.query.namespace)
        return requests.answer({"items": list(values)})
