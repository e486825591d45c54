"""Http and plugin templates over real sockets: what is sent, what comes of the reply, and the words of failures."""

# ruff: noqa: ASYNC110 - the server is a thread

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.apis.argo import NodePhase, NodeStatus, Workflow, WorkflowSpec
from setpoint.apis.http import HttpRequest, RequestFailed
from setpoint.apis.meta import ObjectMeta
from setpoint.clients.requests import RequestClient
from setpoint.core.workflow import ExecutePlugin
from setpoint.engines.workflow.plugin_actions import PluginActions
from setpoint.operations import workflows as verbs
from tests.http_stub import Answer, Server, serving
from tests.workflow_engine import node, running_plane


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
"""


def template(body: str) -> str:
    return HEAD + f"  - name: main\n    http: {body}\n"


def only(workflow: Any) -> NodeStatus:
    return node(workflow, "wf")


@pytest.mark.rule("leaf.http")
async def test_a_request_is_sent_as_written_and_its_body_is_the_result(tmp_path: Path, server: Server) -> None:
    server.answers["/x?a=1"] = lambda call: (201, f"got {call.body.decode()}")
    text = HEAD + (
        "  - name: main\n"
        "    http:\n"
        f"      url: {server.url}/x?a=1\n"
        "      method: PUT\n"
        "      headers: [{name: X-Plain, value: v}, "
        "{name: Authorization, valueFrom: {secretKeyRef: {name: token, key: t}}}]\n"
        "      body: some text\n"
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {t: hush}\n"
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(text)
        found = only(workflow)
        assert (found.type.value, found.phase, found.message) == ("HTTP", NodePhase.SUCCEEDED, "")
        assert found.outputs is not None
        assert found.outputs.result == "got some text"
        record = await plane.journal.load(workflow.metadata.uid)
        everything = b"".join((*record.commands.values(), *record.nodes.values(), record.status or b"", record.engine))
        assert b"hush" not in everything
    (call,) = server.calls
    assert (call.method, call.body) == ("PUT", b"some text")
    assert (call.headers["X-Plain"], call.headers["Authorization"]) == ("v", "hush")


async def test_bytes_of_the_body_and_the_condition_on_headers(tmp_path: Path, server: Server) -> None:
    server.answers["/"] = lambda call: (500, str(len(call.body)))
    data = base64.b64encode(b"\x00\xff\x01").decode()
    condition = "response.headers['X-Twice'][1] == 'b' && response.statusCode == 500 && len(request.bodyBytes) == 3"
    body = f"""{{url: {server.url}/, method: POST, bodyFrom: {{bytes: {data}}}, successCondition: "{condition}"}}"""
    async with running_plane(tmp_path) as plane:
        found = only(await plane.run(template(body)))
    assert (found.phase, found.message, found.outputs and found.outputs.result) == (NodePhase.SUCCEEDED, "", "3")


FAILURES = {
    "status": ("{url: URL/no}", "received non-2xx response code: 404"),
    "refused": (
        "{url: 'http://127.0.0.1:CLOSED/'}",
        'Get "http://127.0.0.1:CLOSED/": dial tcp 127.0.0.1:CLOSED: connect: connection refused',
    ),
    "scheme": ("{url: 'ftp://127.0.0.1/', method: POST}", 'Post "ftp://127.0.0.1/": unsupported protocol scheme "ftp"'),
    "method": ("{url: URL/ok, method: 'G ET'}", 'net/http: invalid method "G ET"'),
    "header": (
        '{url: URL/ok, headers: [{name: A, value: "a\\nb"}]}',
        'Get "URL/ok": net/http: invalid header field value',
    ),
    "time-out": ("{url: URL/slow, timeoutSeconds: 1}", 'Get "URL/slow": context deadline exceeded'),
    "circle": ("{url: URL/circle}", 'Get "URL/circle": stopped after 10 redirects'),
    "bad condition": (
        "{url: URL/ok, successCondition: response.statusCode}",
        "unable to cast expression result '200' to bool",
    ),
    "no secret": (
        "{url: URL/ok, headers: [{name: A, valueFrom: {secretKeyRef: {name: none, key: k}}}]}",
        'secrets "none" not found',
    ),
}


@pytest.mark.rule("leaf.http-failed")
async def test_what_goes_wrong_is_failed_in_the_words_of_go(tmp_path: Path, server: Server, closed_port: int) -> None:
    server.answers["/ok"] = lambda _: (200, "ok")
    server.answers["/circle"] = lambda _: (302, "/circle")
    server.answers["/slow"] = lambda _: (200, str(server.held.wait(30)))

    def filled(text: str) -> str:
        return text.replace("URL", server.url).replace("CLOSED", str(closed_port))

    names = [f"{{name: s{at}, template: t{at}, continueOn: {{failed: true}}}}" for at in range(len(FAILURES))]
    steps = "".join(f"    - - {name}\n" for name in names)
    bodies = "".join(f"  - name: t{at}\n    http: {filled(body)}\n" for at, (body, _) in enumerate(FAILURES.values()))
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(HEAD + "  - name: main\n    steps:\n" + steps + bodies)
    for at, (name, (_, message)) in enumerate(FAILURES.items()):
        found = node(workflow, f"wf[{at}].s{at}")
        assert (found.phase, found.message) == (NodePhase.FAILED, filled(message)), name
        assert (found.outputs is None) == (name != "status"), name


async def test_a_bug_of_ours_is_an_error_of_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(RequestClient, "send", broken)
    async with running_plane(tmp_path) as plane:
        found = only(await plane.run(template("{url: 'http://127.0.0.1/'}")))
    assert (found.phase, found.message) == (NodePhase.ERROR, "internal error: a bug")


async def test_a_password_in_the_url_is_in_no_message(closed_port: int) -> None:
    with pytest.raises(RequestFailed, match=r"http://me:\*\*\*@127.0.0.1") as caught:
        await RequestClient().send(HttpRequest(method="GET", url=f"http://me:hush@127.0.0.1:{closed_port}/"))
    assert "hush" not in str(caught.value)
    secret = HttpRequest(method="GET", url="http://x", headers=(("A", "hush"),), body=b"hush")
    assert "hush" not in repr(secret)


async def test_a_request_is_sent_again_by_the_next_engine_and_ends_with_its_workflow(
    tmp_path: Path, server: Server
) -> None:
    server.answers["/slow"] = lambda _: (200, str(server.held.wait(30)))
    async with running_plane(tmp_path) as plane:
        await plane.submit(template(f"{{url: {server.url}/slow}}"))
        await called(server, 1)
    async with running_plane(tmp_path) as plane:
        await called(server, 2)
        await verbs.stop(plane.resources, plane.journal, "default", "wf")
        workflow = await plane.finished("wf")
    assert only(workflow).message == "Stopped with strategy 'Stop'"


async def called(server: Server, times: int) -> None:
    async with asyncio.timeout(30):
        while len(server.calls) < times:
            await asyncio.sleep(0.01)


# Plugins

PATH = "/api/v1/template.execute"
PLUGIN = HEAD + (
    "  - name: main\n    inputs: {parameters: [{name: p, value: given}]}\n"
    "    plugin: {hello: {to: '{{inputs.parameters.p}}'}}\n"
)


def replies(*nodes: Any) -> Answer:
    """One reply after the other."""
    left = list(nodes)
    return lambda _: (200, json.dumps(left.pop(0)))


@pytest.mark.rule("leaf.plugin")
async def test_a_plugin_gets_workflow_and_template_and_says_what_the_node_is(tmp_path: Path, server: Server) -> None:
    outputs = {"parameters": [{"name": "x", "value": "1"}], "result": "r"}
    server.answers[PATH] = replies({"node": {"phase": "Succeeded", "message": "hi", "outputs": outputs}})
    async with running_plane(tmp_path, plugins=[server.url]) as plane:
        workflow = await plane.run(PLUGIN)
    found = only(workflow)
    assert (found.type.value, found.phase, found.message) == ("Plugin", NodePhase.SUCCEEDED, "hi")
    assert found.outputs is not None
    assert (found.outputs.result, found.outputs.parameters[0].value) == ("r", "1")
    asked = json.loads(server.calls[0].body)
    meta = workflow.metadata
    assert asked["workflow"] == {"metadata": {"name": "wf", "namespace": "default", "uid": meta.uid}}
    assert asked["template"]["plugin"] == {"hello": {"to": "given"}}
    assert asked["template"]["inputs"]["parameters"][0]["value"] == "given"


async def test_a_plugin_is_asked_again_when_it_says_so(tmp_path: Path, server: Server) -> None:
    server.answers[PATH] = replies(
        {"node": {"phase": "Running", "message": "at it"}, "requeue": "10ms"},
        {"node": {}, "requeue": "10ms"},
        {"node": {"phase": "Failed", "message": "no"}, "requeue": "1h"},
    )
    async with running_plane(tmp_path, plugins=[server.url]) as plane:
        found = only(await plane.run(PLUGIN))
    assert (found.phase, found.message, len(server.calls)) == (NodePhase.FAILED, "no", 3)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _: (200, "{}"), "no plugin executed the template"),
        (lambda _: (404, ""), "no plugin executed the template"),
        (lambda _: (500, "broken"), "500 Internal Server Error: broken"),
        (lambda _: (200, "{"), "the plugin's reply cannot be read: Input data was truncated"),
        (
            lambda _: (200, '{"node": {"phase": "Running"}}'),
            "the plugin left the node's phase Running and gave no requeue to ask it again",
        ),
    ],
)
async def test_a_plugin_that_does_not_answer_is_failed(
    tmp_path: Path, server: Server, answer: Answer, message: str
) -> None:
    server.answers[PATH] = answer
    async with running_plane(tmp_path, plugins=[server.url]) as plane:
        found = only(await plane.run(PLUGIN))
    assert (found.phase, found.message) == (NodePhase.FAILED, message)


async def test_the_next_plugin_is_asked_when_one_has_nothing_to_say(tmp_path: Path, server: Server) -> None:
    server.answers[f"/first{PATH}"] = replies({})
    server.answers[f"/second{PATH}"] = replies({"node": {"phase": "Succeeded"}})
    async with running_plane(tmp_path, plugins=[f"{server.url}/first/", f"{server.url}/second"]) as plane:
        assert only(await plane.run(PLUGIN)).phase is NodePhase.SUCCEEDED


async def test_a_plugin_that_is_not_up_or_busy_is_called_a_few_times(server: Server, closed_port: int) -> None:
    workflow = Workflow(metadata=ObjectMeta(name="wf", namespace="default", uid="u"), spec=WorkflowSpec())
    command = ExecutePlugin(id="c", node="n", template={"plugin": {}})

    async def run(url: str) -> tuple[NodePhase, str]:
        pauses = (timedelta(milliseconds=1),) * 2
        told = await PluginActions(RequestClient(), SystemClock(), [url], pauses).run(command, workflow, fail)
        return told.phase, told.message

    busy = [(503, "later"), (503, "later"), (200, '{"node": {"phase": "Succeeded"}}')]
    server.answers[PATH] = lambda _: busy.pop(0)
    assert await run(server.url) == (NodePhase.SUCCEEDED, "")
    server.answers[PATH] = lambda _: (503, "never")
    assert await run(server.url) == (NodePhase.FAILED, "never")
    url = f"http://127.0.0.1:{closed_port}"
    refused = f'Post "{url}{PATH}": dial tcp 127.0.0.1:{closed_port}: connect: connection refused'
    assert await run(url) == (NodePhase.FAILED, refused)


def fail(_: object) -> None:
    raise AssertionError("nothing is told before the end")


async def test_without_plugins_the_template_fails(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        assert only(await plane.run(PLUGIN)).message == "no plugin executed the template"
