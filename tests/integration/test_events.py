"""Events posted to the control plane start the workflows that bindings say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from setpoint.apis.argo import Workflow, default
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.wiring.control_plane import ControlPlane, control_plane
from setpoint.wiring.settings import Settings

pytestmark = pytest.mark.rule("parameters.event")

OBJECTS = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: alarm, namespace: default}
spec:
  entrypoint: main
  arguments: {parameters: [{name: tag}, {name: values, value: "[]"}, {name: limit, value: "7"}]}
  templates:
  - name: main
    container:
      image: busybox
      command: [echo, "{{workflow.parameters.tag}} {{workflow.parameters.values}} {{workflow.parameters.limit}}"]
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowEventBinding
metadata: {name: alarms, namespace: default}
spec:
  event: {selector: "payload.tag != '' && discriminator == 'plant' && metadata['x-line'][0] == 'a'"}
  submit:
    workflowTemplateRef: {name: alarm}
    metadata:
      generateName: '"alarm-" + payload.tag + "-"'
      labels: {line: "metadata['x-line'][0]"}
    arguments:
      parameters:
      - {name: tag, valueFrom: {event: payload.tag}}
      - {name: values, valueFrom: {event: payload.values}}
"""


@asynccontextmanager
async def bound(home: Path) -> AsyncIterator[ControlPlane]:
    async with control_plane(Settings(home=home), serve_stored=True) as found:
        for document in load_documents(OBJECTS, "test.yaml"):
            await found.resources.create(default(decode_document(document)))
        yield found


async def post(plane: ControlPlane, body: str, line: str = "a", discriminator: str = "plant") -> httpx.Response:
    headers = {"Authorization": f"Bearer {plane.endpoint.token}", "X-Line": line}
    url = f"{plane.endpoint.argo_url}/api/v1/events/default/{discriminator}"
    async with httpx.AsyncClient() as http:
        return await http.post(url, content=body, headers=headers)


async def test_the_binding_that_is_meant_starts_its_workflow(tmp_path: Path) -> None:
    async with bound(tmp_path) as plane:
        answer = await post(plane, '{"tag": "ti-101", "values": [1, 2]}')
        assert (answer.status_code, answer.json()) == (200, {})
        (workflow,) = (await plane.resources.list(Workflow)).items
        assert workflow.metadata.name.startswith("alarm-ti-101-")
        assert workflow.metadata.labels["line"] == "a"
        assert workflow.metadata.labels["workflows.argoproj.io/workflow-event-binding"] == "alarms"
        given = {item.name: item.value for item in workflow.spec.arguments.parameters}
        assert given == {"tag": "ti-101", "values": "[1,2]"}
        async with asyncio.timeout(30):
            async for event in plane.resources.watch(Workflow, "default"):
                if event.resource.status.completed:
                    assert event.resource.status.phase.value == "Succeeded"
                    break


@pytest.mark.parametrize(
    ("body", "line", "discriminator"),
    [('{"tag": "x"}', "b", "plant"), ('{"tag": "x"}', "a", ""), ('{"tag": ""}', "a", "plant")],
)
async def test_others_start_nothing(tmp_path: Path, body: str, line: str, discriminator: str) -> None:
    async with bound(tmp_path) as plane:
        answer = await post(plane, body, line, discriminator)
        assert answer.status_code == 200
        assert (await plane.resources.list(Workflow)).items == ()


async def test_what_goes_wrong_is_said(tmp_path: Path) -> None:
    async with bound(tmp_path) as plane:
        answer = await post(plane, '{"tag": 5}')
        assert answer.status_code == 500
        assert "alarms: " in answer.json()["message"]
        assert (await post(plane, "no json")).status_code == 400


async def test_values_are_passed_on_as_go_writes_json(tmp_path: Path) -> None:
    async with bound(tmp_path) as plane:
        answer = await post(plane, '{"tag": "t", "values": {"b": 1.0, "a": "<"}}')
        assert answer.status_code == 200
        (made,) = (await plane.resources.list(Workflow, "default")).items
        values = made.spec.arguments.parameter("values")
        assert values is not None
        assert values.value == '{"a":"\\u003c","b":1}'
