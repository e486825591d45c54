"""Streams of the Argo Server by a real HTTP client: lines of JSON and server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from setpoint.apis.argo import Workflow
from setpoint.apis.core import Event
from tests.argo_server import Served, served_argo

pytestmark = pytest.mark.timeout(60)

EVENTS = {"Accept": "text/event-stream"}
QUICK = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: NAME, labels: {team: NAME}}
spec:
  entrypoint: main
  templates: [{name: main, container: {image: busybox, command: [sh, -c, 'echo one; echo two']}}]
"""


async def ended(served: Served, name: str) -> Workflow:
    return await served.plane.run(QUICK.replace("NAME", name))


@asynccontextmanager
async def lines_of(
    served: Served, path: str, **options: Any
) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[str]]]:
    async with asyncio.timeout(30), served.http.stream("GET", path, **options) as answer:
        yield answer, answer.aiter_lines()


async def results(served: Served, path: str, **options: Any) -> list[Any]:
    """All values of a stream of lines that ends."""
    async with lines_of(served, path, **options) as (_, lines):
        return [json.loads(line) async for line in lines]


async def until_ended(lines: AsyncIterator[str], prefix: str = "") -> list[Any]:
    """The values up to the one of a workflow that has ended."""
    told = []
    async for line in lines:
        if line.startswith(prefix) and line:
            value = json.loads(line.removeprefix(prefix))["result"]
            told.append(value)
            if value["object"].get("status", {}).get("finishedAt"):
                return told
    raise AssertionError("the stream ended")


async def test_changes_of_workflows_are_told_line_by_line(tmp_path: Path) -> None:
    async with served_argo(tmp_path) as served:
        async with lines_of(served, "/api/v1/workflow-events/default") as (answer, lines):
            assert answer.headers["content-type"] == "application/json"
            await served.plane.submit(QUICK.replace("NAME", "a"))
            told = await until_ended(lines)
        assert told[0]["type"] == "ADDED"
        assert {event["type"] for event in told[1:]} == {"MODIFIED"}
        assert told[-1]["object"]["status"]["nodes"]["a"]["phase"] == "Succeeded"
        assert told[-1]["object"]["kind"] == "Workflow"


async def test_a_watch_goes_on_from_a_version_and_tells_what_is_asked(tmp_path: Path) -> None:
    async with served_argo(tmp_path) as served:
        await ended(served, "a")
        version = (await served.http.get("/api/v1/workflows/default")).json()["metadata"]["resourceVersion"]
        query = {
            "listOptions.resourceVersion": version,
            "listOptions.labelSelector": "team in (b, c)",
            "listOptions.fieldSelector": "metadata.name=b",
            "fields": "result.object.metadata.name,result.object.status.finishedAt",
        }
        async with lines_of(served, "/api/v1/workflow-events/", params=query, headers=EVENTS) as (answer, lines):
            assert answer.headers["content-type"].startswith("text/event-stream")
            await ended(served, "c")
            await ended(served, "b")
            told = await until_ended(lines, "data: ")
        assert {event["object"]["metadata"]["name"] for event in told} == {"b"}
        assert set(told[-1]["object"]) == {"metadata", "spec", "status"}
        assert (told[-1]["object"]["spec"], set(told[-1]["object"]["status"])) == ({}, {"finishedAt"})


async def test_events_are_framed_as_server_sent_events(tmp_path: Path) -> None:
    async with served_argo(tmp_path) as served:
        await ended(served, "a")
        answer = await served.http.get("/api/v1/workflows/default/a/log", headers=EVENTS)
        assert answer.text == (
            'data: {"result":{"podName":"a","content":"one"}}\n\ndata: {"result":{"podName":"a","content":"two"}}\n\n'
        )


async def test_an_idle_event_stream_says_that_it_is_there(tmp_path: Path) -> None:
    path = "/api/v1/workflow-events/default"
    async with served_argo(tmp_path, keepalive=0.05) as served, lines_of(served, path, headers=EVENTS) as (_, lines):
        assert [await anext(lines) for _ in range(3)] == [":", ":", ":"]


async def test_a_version_that_is_not_kept_ends_the_watch_with_gone(tmp_path: Path) -> None:
    async with served_argo(tmp_path) as served:
        query = {"listOptions.resourceVersion": "999999999"}
        (told,) = await results(served, "/api/v1/workflow-events/default", params=query)
        error = told["error"]
        assert (error["http_code"], error["http_status"]) == (410, "Gone")
        assert "list again" in error["message"]
        (told,) = await results(served, "/api/v1/workflow-events/default", params={"listOptions.resourceVersion": "x"})
        assert (told["error"]["http_code"], told["error"]["grpc_code"]) == (400, 3)


async def test_a_client_that_goes_away_leaves_nothing_behind(tmp_path: Path) -> None:
    """The test fails by itself if a task is left."""
    async with served_argo(tmp_path) as served:
        for _ in range(3):
            async with lines_of(served, "/api/v1/workflow-events/default") as (answer, _):
                assert answer.status_code == 200
        assert (await served.http.get("/api/v1/version")).status_code == 200


async def test_the_newest_workflow_is_watched_by_its_alias(tmp_path: Path) -> None:
    async with served_argo(tmp_path) as served:
        query = {"listOptions.fieldSelector": "metadata.name=@latest"}
        assert (await served.http.get("/api/v1/workflow-events/default", params=query)).status_code == 404
        await ended(served, "a")
        async with lines_of(served, "/api/v1/workflow-events/default", params=query) as (_, lines):
            assert (await until_ended(lines))[0]["object"]["metadata"]["name"] == "a"


async def test_kubernetes_events_are_told(tmp_path: Path) -> None:
    async with served_argo(tmp_path) as served:
        async with lines_of(served, "/api/v1/stream/events/default") as (_, lines):
            await ended(served, "a")
            told = json.loads(await anext(lines))["result"]
        assert (told["kind"], told["involvedObject"]["name"]) == (Event.KIND, "a")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"podName": "a"}, ["one", "two"]),
        ({"grep": "w"}, ["two"]),
        ({"logOptions.tailLines": "1"}, ["two"]),
        ({"logOptions.container": "other"}, []),
        ({"logOptions.follow": "true", "logOptions.container": "main"}, ["one", "two"]),
        ({"selector": "workflows.argoproj.io/workflow=b"}, []),
        ({"logOptions.previous": "True"}, []),
        ({"logOptions.sinceSeconds": "3600"}, ["one", "two"]),
        ({"logOptions.sinceTime": "2100-01-01T00:00:00Z"}, []),
        ({"logOptions.sinceTime.seconds": "4102444800", "logOptions.sinceTime.nanos": "5"}, []),
    ],
)
async def test_logs_are_told_as_asked(tmp_path: Path, query: dict[str, str], wanted: list[str]) -> None:
    async with served_argo(tmp_path) as served:
        await ended(served, "a")
        told = await results(served, "/api/v1/workflows/default/a/log", params=query)
        assert told == [{"result": {"podName": "a", "content": text}} for text in wanted]


async def test_logs_of_one_pod_have_a_path_of_their_own(tmp_path: Path) -> None:
    async with served_argo(tmp_path) as served:
        await ended(served, "a")
        told = await results(served, "/api/v1/workflows/default/a/a/log")
        assert [line["result"]["content"] for line in told] == ["one", "two"]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("none/log", {}, 404),
        ("a/log", {"podName": "none"}, 404),
        ("a/log", {"grep": "("}, 400),
        ("a/log", {"logOptions.tailLines": "-1"}, 400),
        ("a/log", {"logOptions.follow": "maybe"}, 400),
        ("a/log", {"logOptions.sinceTime": "yesterday"}, 400),
        ("a/log", {"logOptions.sinceSeconds": "99999999999999"}, 400),
    ],
)
async def test_what_is_wrong_with_a_log_is_said_before_it_begins(
    tmp_path: Path, path: str, query: dict[str, str], status: int
) -> None:
    async with served_argo(tmp_path) as served:
        await ended(served, "a")
        answer = await served.http.get(f"/api/v1/workflows/default/{path}", params=query)
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "message", "error"}
