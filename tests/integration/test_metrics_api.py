"""The machine as a Node, and what it and its pods use."""

# ruff: noqa: ASYNC110 - tests look at objects until they are so

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.pods.host import HostView
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.core import Node
from setpoint.apis.errors import NotFound
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.pod import Pod
from setpoint.apis.quantity import parse_quantity
from setpoint.engines.pod import PodEngine
from setpoint.engines.runner import Runner
from setpoint.operations.metrics import Metrics, write_node
from setpoint.wiring.control_plane import control_plane
from setpoint.wiring.settings import Settings
from tests.pods import running_launcher

POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default, labels: {app: x}}\n"
    'spec: {containers: [{name: busy, image: busybox, command: [sh, -c, "while :; do :; done"]},'
    ' {name: idle, image: busybox, command: [sleep, "600"]}], terminationGracePeriodSeconds: 0}\n'
)


async def test_the_machine_is_a_node_that_is_ready(tmp_path: Path) -> None:
    async with control_plane(Settings(home=tmp_path, capacity="cpu=8,memory=16Gi"), serve_stored=True) as plane:
        async with asyncio.timeout(30):
            while not (nodes := (await plane.resources.list(Node)).items) or not nodes[0].status:
                await asyncio.sleep(0.02)
        (node,) = nodes
        assert node.status["capacity"]["cpu"] == "8"
        assert node.status["allocatable"]["memory"] == "16777216Ki"
        ready = next(item for item in node.status["conditions"] if item["type"] == "Ready")
        assert ready["status"] == "True"


async def test_a_heartbeat_keeps_the_time_of_the_transition(tmp_path: Path) -> None:
    clock = SystemClock()
    with SqliteStore(tmp_path / "store", clock) as store:
        async with running_launcher(tmp_path) as launcher:
            view = HostView(launcher.machine(), tmp_path)
            first = await write_node(store.resources, view, clock.now())
            again = await write_node(store.resources, view, clock.now())
            since = [item["lastTransitionTime"] for item in first.status["conditions"]]
            assert [item["lastTransitionTime"] for item in again.status["conditions"]] == since


async def test_what_pods_and_the_machine_use(tmp_path: Path) -> None:
    clock = SystemClock()
    with SqliteStore(tmp_path / "store", clock) as store:
        async with running_launcher(tmp_path) as launcher:
            runner = Runner(store.resources, clock, CollectorRegistry())
            engine = PodEngine(store.resources, launcher, clock)
            engine.attach(runner)
            async with runner:
                await store.resources.create(decode_document(load_documents(POD, "pod.yaml")[0]))
                async with asyncio.timeout(30):
                    while (await store.resources.get(Pod, "default", "p")).status.phase != "Running":
                        await asyncio.sleep(0.02)
                metrics = Metrics(store.resources, launcher, HostView(launcher.machine(), tmp_path), clock)
                found = await metrics.pod("default", "p")
                used = {item["name"]: item["usage"] for item in found["containers"]}
                assert found["metadata"]["labels"] == {"app": "x"}
                assert parse_quantity(used["busy"]["cpu"]) > parse_quantity(used["idle"]["cpu"])
                assert parse_quantity(used["idle"]["memory"]) > 0
                listed = await metrics.pods(selector="app=x")
                assert [item["metadata"]["name"] for item in listed["items"]] == ["p"]
                assert (await metrics.pods(selector="app=y"))["items"] == []
                (node,) = (await metrics.nodes())["items"]
                assert parse_quantity(node["usage"]["cpu"]) > 0
                assert parse_quantity(node["usage"]["memory"]) > 0
                with pytest.raises(NotFound):
                    await metrics.node("another")
                await store.resources.delete(Pod, "default", "p")
            await engine.close()
