"""What the Argo Server makes of requests: bodies, keys of queries, users; and what it tells of itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from setpoint.adapters.artifact_files import StoredArtifactFiles
from setpoint.adapters.clock import SystemClock
from setpoint.apis.argo import Workflow
from setpoint.apis.errors import Forbidden
from setpoint.server.argo import ArgoRoutes, argo_app
from tests.argo_server import steered_in_process
from tests.pods import store_of

pytestmark = pytest.mark.timeout(60)

SPEC = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}
CREATOR = "workflows.argoproj.io/creator"


@dataclass(frozen=True)
class User:
    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class As:
    """What authentication leaves in the scope of a request."""

    app: ASGIApp
    user: User

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "setpoint.user": self.user}, receive, send)


@asynccontextmanager
async def server(home: Path, user: User | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async with steered_in_process(home) as local:
        app: ASGIApp = argo_app(routes_of(local, home))
        app = As(app, user) if user is not None else app
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://argo/api/v1") as client:
            yield client


def routes_of(local: Any, home: Path) -> ArgoRoutes:
    artifacts = StoredArtifactFiles(store_of(home))
    return ArgoRoutes(local.verbs, local.plane.resources, SystemClock(), archived=local.archived, artifacts=artifacts)


def sent(name: str, **metadata: Any) -> dict[str, Any]:
    return {"workflow": {"metadata": {"name": name, **metadata}, "spec": SPEC}}


BODIES = {
    "no JSON": (b"{", "not JSON"),
    "a list": (b"[]", "not a JSON object but a list"),
    "not UTF-8": (b'{"workflow": "\xff"}', "not JSON"),
    "half a surrogate": (b'{"workflow": "\\ud800"}', "not JSON"),
    "deep": (b'{"a":' * 90_000 + b"1" + b"}" * 90_000, "nested"),
    "a little deep": (b'{"a":' * 150 + b"1" + b"}" * 150, "nested more than 100 levels deep"),
    "a large number": (b'{"workflow": {"spec": {"priority": 123456789012345678901234567890}}}', "64 bits"),
    "a number too large for any": (b'{"a": 1e999}', "JSON"),
    "large": (b'{"a": "' + b"x" * (9 << 20) + b'"}', "larger than 8388608 bytes"),
    "no workflow": (b"{}", "there is no workflow in the body"),
    "of another type": (b'{"workflow": 5}', "workflow"),
    "an unknown field": (b'{"workflow": {"spec": {"entrypont": "x"}}}', "entrypont"),
    "of another namespace": (b'{"workflow": {"metadata": {"name": "a", "namespace": "b"}, "spec": {}}}', "namespace"),
    "no name": (
        b'{"workflow": {"spec": {"entrypoint": "m", "templates": [{"name": "m", "suspend": {}}]}}}',
        "metadata is required",
    ),
}


@pytest.mark.parametrize("name", BODIES)
async def test_bodies_that_cannot_be_stored_are_refused(tmp_path: Path, name: str) -> None:
    body, words = BODIES[name]
    async with server(tmp_path) as client:
        answer = await client.post("/workflows/default", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, 3), answer.text
        assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/workflows/default/submit", {"resourceKind": 5}),
        ("POST", "/workflows/default/submit", {"resourceKind": "WorkflowTemplate", "submitOptions": {"priorty": 1}}),
        ("POST", "/workflows/default", {**sent("a"), "createOptions": 5}),
        ("POST", "/workflows/default", {**sent("a"), "serverDryRun": "yes"}),
        ("PUT", "/workflows/default/a/retry", {"parameters": "a=b"}),
        ("PUT", "/workflows/default/a/retry", {"parameters": [5]}),
        ("PUT", "/workflows/default/a/retry", {"parameters": ["a"]}),
        ("PUT", "/workflows/default/a/set", {"outputParameters": "[", "nodeFieldSelector": "id=a"}),
        ("PUT", "/workflows/default/a/set", {"outputParameters": '{"a": 5}', "nodeFieldSelector": "id=a"}),
        ("PUT", "/workflows/default/a/resume", {"nodeFieldSelector": "wrong"}),
        ("PUT", "/workflow-templates/default/a", {"template": {"metadata": {"name": "b"}, "spec": SPEC}}),
        ("POST", "/sync/default", {"cmName": "m", "key": "k", "limit": 0}),
        ("POST", "/sync/default", {"cmName": "m", "key": "k", "limit": True}),
        ("POST", "/sync/default", {"cmName": "m", "key": "k", "limit": 1, "type": 7}),
        ("POST", "/sync/default", {"key": "k", "limit": 1}),
    ],
)
async def test_fields_that_make_no_sense_are_refused(
    tmp_path: Path, method: str, path: str, body: dict[str, Any]
) -> None:
    async with server(tmp_path) as client:
        await client.post("/workflows/default", json=sent("a"))
        answer = await client.request(method, path, json=body)
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "query",
    [
        {"listOptions.limit": "many"},
        {"listOptions.limit": "-1"},
        {"listOptions.continue": "x"},
        {"listOptions.labelSelector": "a in"},
        {"listOptions.fieldSelector": "status.phase=Failed"},
        {"listOptions.fieldSelector": "metadata.namespace=other"},
        {"listOptions.fieldSelector": "spec.startedAt>now"},
        {"nameFilter": "Like"},
        {"createdAfter": "yesterday"},
    ],
)
async def test_keys_of_lists_that_make_no_sense_are_refused(tmp_path: Path, query: dict[str, str]) -> None:
    async with server(tmp_path) as client:
        answer = await client.get("/workflows/default", params=query)
        assert (answer.status_code, answer.json()["code"]) == (400, 3)


async def test_lists_have_pages_and_tell_what_is_left(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        for name in ("a", "b", "c"):
            assert (await client.post("/workflows/default", json=sent(name))).status_code == 200
        # Argo's pages are counted, and workflows that have not started come first: none may start in between.
        await all_run(client)
        query = {"listOptions.limit": "2", "listOptions.fieldSelector": "ext.showRemainingItemCount=true"}
        first = (await client.get("/workflows/", params=query)).json()
        assert (len(first["items"]), first["metadata"]["remainingItemCount"]) == (2, 1)
        rest = (await client.get("/workflows/", params=query | {"listOptions.continue": "2"})).json()
        assert (len(rest["items"]), rest["metadata"].get("continue")) == (1, None)
        names = {item["metadata"]["name"] for item in (*first["items"], *rest["items"])}
        assert names == {"a", "b", "c"}


async def all_run(client: httpx.AsyncClient) -> None:
    while True:
        listed = (await client.get("/workflows/")).json()["items"]
        if all(item.get("status", {}).get("phase") == "Running" for item in listed):
            return
        await asyncio.sleep(0.01)


async def test_who_creates_something_is_on_its_label(tmp_path: Path) -> None:
    async with server(tmp_path, User("system:user:Zoë@plant", ("operators",))) as client:
        made = (await client.post("/workflows/default", json=sent("a", labels={CREATOR: "somebody"}))).json()
        assert made["metadata"]["labels"][CREATOR] == "system-user-Zo--plant"
        body = {"template": {"metadata": {"name": "t"}, "spec": SPEC}}
        template = (await client.post("/workflow-templates/default", json=body)).json()
        assert template["metadata"]["labels"][CREATOR] == "system-user-Zo--plant"
        wanted = {"resourceKind": "WorkflowTemplate", "resourceName": "t", "submitOptions": {"labels": "x=y"}}
        run = (await client.post("/workflows/default/submit", json=wanted)).json()
        assert {key: run["metadata"]["labels"][key] for key in (CREATOR, "x")} == {
            CREATOR: "system-user-Zo--plant",
            "x": "y",
        }
        told = (await client.get("/userinfo")).json()
        assert told == {"subject": "system:user:Zoë@plant", "name": "system:user:Zoë@plant", "groups": ["operators"]}


async def test_a_service_account_is_told_by_its_parts(tmp_path: Path) -> None:
    async with server(tmp_path, User("system:serviceaccount:plant:robot")) as client:
        told = (await client.get("/userinfo")).json()
        assert (told["serviceAccountNamespace"], told["serviceAccountName"]) == ("plant", "robot")


async def test_nobody_is_the_creator_where_nobody_is_known(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        made = (await client.post("/workflows/default", json=sent("a", labels={CREATOR: "somebody", "x": "y"}))).json()
        assert CREATOR not in made["metadata"]["labels"]
        assert made["metadata"]["labels"]["x"] == "y"


async def test_who_authorizes_is_asked_once_the_namespace_is_known(tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []

    async def refuse(*what: str) -> None:
        asked.append(what)
        raise Forbidden("not yours")

    async with steered_in_process(tmp_path) as local:
        quick = {"entrypoint": "m", "templates": [{"name": "m", "suspend": {"duration": "0"}}]}
        document = {"metadata": {"name": "a", "namespace": "default"}, "spec": quick}
        made = await local.verbs.submit(msgspec.convert(document, Workflow))
        await local.plane.finished("a")
        app = argo_app(routes_of(local, tmp_path))

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "setpoint.authorize": refuse}, receive, send)

        uid = made.metadata.uid
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://argo") as client:
            for path in (
                f"/api/v1/archived-workflows/{uid}",
                f"/artifacts-by-uid/{uid}/a/x",
                f"/artifact-files/default/archived-workflows/{uid}/a/outputs/x",
            ):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["code"]) == (403, 7)
    assert asked == [("get", "workflows.argoproj.io", "default", "a")] * 3


async def test_what_is_not_served_says_so(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        for path in ("/event-sources/default", "/sensors/default/a", "/stream/sensors/default/logs"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (501, 12)
        answer = await client.get("/sync/default/k", params={"type": "1", "cmName": "m"})
        assert answer.status_code == 501
        assert (await client.post("/tracking/event", json={"name": "click"})).json() == {}
        assert (await client.get("/nowhere")).json()["code"] == 5
        wrong = await client.patch("/workflows/default")
        assert (wrong.status_code, wrong.json()["code"]) == (405, 12)


async def test_bindings_are_listed(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        answer = await client.get("/workflow-event-bindings/default")
        assert answer.json()["items"] == []
        assert (await client.post("/events/default/", json={"a": 1})).json() == {}
        assert (await client.post("/events/default/x", content=b"{")).status_code == 400


async def test_a_template_deleted_dry_stays(tmp_path: Path) -> None:
    async with server(tmp_path) as client:
        body = {"template": {"metadata": {"name": "t"}, "spec": SPEC}}
        assert (await client.post("/workflow-templates/default", json=body)).status_code == 200
        path = "/workflow-templates/default/t"
        assert (await client.delete(path, params={"deleteOptions.dryRun": "All"})).status_code == 200
        gone = await client.delete(path, params={"deleteOptions.propagationPolicy": "Sideways"})
        assert gone.status_code == 400
        wrong = await client.delete(path, params={"deleteOptions.preconditions.uid": "other"})
        assert (wrong.status_code, wrong.json()["code"]) == (409, 10)
        assert (await client.get(path)).status_code == 200


async def test_the_description_has_every_route_and_every_status_an_operation_declares(tmp_path: Path) -> None:
    async with steered_in_process(tmp_path, engine=False) as local:
        routes = routes_of(local, tmp_path)
    told = routes.describe()
    for route in routes.routes():
        assert isinstance(route, Route)
        if route.path.endswith("openapi.json"):
            continue
        described = told["paths"][re.sub(r":\w+}", "}", route.path)]
        for method in (route.methods or set()) - {"HEAD"}:
            operation = described[method.lower()]
            assert {"400", "500"} <= operation["responses"].keys()
            assert [item["name"] for item in operation["parameters"] if item["in"] == "path"] == re.findall(
                r"{(\w+)", route.path
            )
    ids = [item["operationId"] for path in told["paths"].values() for item in path.values()]
    assert len(ids) == len(set(ids))
