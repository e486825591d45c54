"""`/metrics` of a whole control plane."""

# ruff: noqa: ASYNC110 - metrics tell nobody that they have changed

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from setpoint.apis.argo import Workflow
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.ports.resources import WatchType
from setpoint.wiring.control_plane import control_plane
from setpoint.wiring.settings import Settings

MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf, namespace: default}
spec:
  entrypoint: main
  templates:
  - {name: main, steps: [[{name: a, template: one}, {name: b, template: one}]]}
  - {name: one, container: {image: busybox, command: ["true"]}}
"""


async def test_metrics_need_the_token_and_count_workflows_and_pods(tmp_path: Path) -> None:
    async with control_plane(Settings(home=tmp_path, require_token=True), serve_stored=False) as plane:
        workflow = decode_document(load_documents(MANIFEST, "test.yaml")[0])
        assert isinstance(workflow, Workflow)
        await plane.verbs.submit(workflow)
        async for event in plane.resources.watch(Workflow):
            if event.type is not WatchType.DELETED and event.resource.status.completed:
                break
        async with httpx.AsyncClient(base_url=plane.endpoint.url) as client:
            assert (await client.get("/metrics")).status_code == 401
            client.headers["Authorization"] = f"Bearer {plane.endpoint.token}"
            async with asyncio.timeout(30):  # the engine counts just after the store has told
                while (found := await _figures(client)).get(("argo_workflows_gauge", "Succeeded")) != 1 or (
                    "argo_workflows_total_count",
                    "default",
                    "Succeeded",
                ) not in found:
                    await asyncio.sleep(0.02)
        assert found["argo_workflows_gauge", "Running"] == 0
        assert found["argo_workflows_total_count", "default", "Succeeded"] == 1
        assert found["argo_workflows_pods_total_count", "default", "Succeeded"] == 2
        assert found["argo_workflows_pods_gauge", "Running"] == 0
        assert found[("process_open_fds",)] > 0
        assert any(name == "workqueue_depth" for name, *_ in found)


async def _figures(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Value by name and labels, these in the order of their names."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


MEASURED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: measured, namespace: default}
spec:
  entrypoint: main
  metrics: {prometheus: [{name: my_time, help: t, gauge: {realtime: true, value: "{{workflow.duration}}"}}]}
  templates:
  - {name: main, steps: [[{name: a, template: one}, {name: b, template: one}]]}
  - name: one
    metrics: {prometheus: [{name: my_count, help: c, labels: [{key: s, value: "{{status}}"}], counter: {value: "1"}}]}
    container: {image: busybox, command: ["true"]}
"""


async def test_custom_metrics_count_the_same_after_a_restart(tmp_path: Path) -> None:
    for first in (True, False):
        async with control_plane(Settings(home=tmp_path, require_token=True), serve_stored=False) as plane:
            if first:
                workflow = decode_document(load_documents(MEASURED, "test.yaml")[0])
                assert isinstance(workflow, Workflow)
                await plane.verbs.submit(workflow)
                async for event in plane.resources.watch(Workflow):
                    if event.type is not WatchType.DELETED and event.resource.status.completed:
                        break
            async with httpx.AsyncClient(base_url=plane.endpoint.url) as client:
                client.headers["Authorization"] = f"Bearer {plane.endpoint.token}"
                async with asyncio.timeout(30):
                    while (found := await _figures(client)).get(("argo_workflows_my_count", "Succeeded")) != 2:
                        await asyncio.sleep(0.02)
            assert found[("argo_workflows_my_time",)] > 0
