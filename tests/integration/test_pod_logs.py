"""Logs of Pods as a kubelet answers for them."""

# ruff: noqa: ASYNC110 - tests look at objects until they are so

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.errors import NotFound
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.pod import Pod
from setpoint.engines.pod import PodEngine
from setpoint.engines.runner import Runner
from setpoint.operations.pod_logs import LogRefused, pod_log
from setpoint.ports.resources import ResourceApi
from tests.pods import running_launcher

HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\n"


@dataclass(frozen=True)
class Place:
    """What a test asks."""

    resources: ResourceApi
    launcher: HostLauncher

    async def make(self, spec: str, metadata: str = "") -> None:
        text = HEAD.replace("default}", "default" + metadata + "}") + spec
        await self.resources.create(decode_document(load_documents(text, "pod.yaml")[0]))

    async def until(self, phase: str) -> Pod:
        async with asyncio.timeout(30):
            while (found := await self.resources.get(Pod, "default", "p")).status.phase != phase:
                await asyncio.sleep(0.02)
        return found

    async def log(self, **options: Any) -> str:
        async with asyncio.timeout(30):
            pieces = [
                piece
                async for piece in pod_log(
                    self.resources, self.launcher, "default", "p", now=SystemClock().now(), **options
                )
            ]
        return b"".join(pieces).decode()


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[Place]:

    with SqliteStore(home / "store", SystemClock()) as store:
        async with running_launcher(home) as launcher:
            runner = Runner(store.resources, SystemClock(), CollectorRegistry())
            engine = PodEngine(store.resources, launcher, SystemClock())
            engine.attach(runner)
            async with runner:
                yield Place(store.resources, launcher)
            await engine.close()


ONE = 'spec: {restartPolicy: Never, containers: [{name: a, image: busybox, command: [sh, -c, "SCRIPT"]}]}'
TWO = (
    'spec: {restartPolicy: Never, containers: [{name: a, image: busybox, command: ["true"]},'
    ' {name: b, image: busybox, command: [sh, -c, "echo of b"]}],'
    " initContainers: [{name: i, image: busybox, command: [sh, -c, 'echo of i']}]}"
)


async def test_the_whole_log_and_parts_of_it(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.make(ONE.replace("SCRIPT", "for n in 1 2 3; do echo line $n; done"))
        await place.until("Succeeded")
        assert await place.log() == "line 1\nline 2\nline 3\n"
        assert await place.log(tail_lines=1) == "line 3\n"
        assert await place.log(tail_lines=0) == ""
        assert await place.log(limit_bytes=9) == "line 1\nli"
        assert await place.log(container="a", follow=True) == "line 1\nline 2\nline 3\n"
        assert await place.log(since_seconds=600) == "line 1\nline 2\nline 3\n"
        assert await place.log(since_time=SystemClock().now() + timedelta(hours=1)) == ""


async def test_lines_carry_their_time_if_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.make(ONE.replace("SCRIPT", "echo x"))
        await place.until("Succeeded")
        stamp, _, text = (await place.log(timestamps=True)).partition(" ")
        assert text == "x\n"
        assert abs(datetime.fromisoformat(stamp) - SystemClock().now()) < timedelta(minutes=5)


async def test_a_pod_of_several_containers_wants_one_named(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.make(TWO)
        await place.until("Succeeded")
        with pytest.raises(LogRefused) as refused:
            await place.log()
        assert refused.value.reason == (
            "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]"
        )
        assert await place.log(container="b") == "of b\n"
        assert await place.log(container="i") == "of i\n"
        with pytest.raises(LogRefused, match="container c is not valid for pod p"):
            await place.log(container="c")


async def test_the_annotation_names_the_default_container(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.make(TWO, ', annotations: {"kubectl.kubernetes.io/default-container": b}')
        await place.until("Succeeded")
        assert await place.log() == "of b\n"


async def test_what_has_not_started_has_no_log(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        waits = ONE.replace("image: busybox", "image: busybox, envFrom: [{configMapRef: {name: none}}]")
        await place.make(waits.replace("SCRIPT", "true"))
        await place.until("Pending")
        with pytest.raises(LogRefused, match='container "a" in pod "p" is waiting to start: '):
            await place.log()
        with pytest.raises(LogRefused, match='previous terminated container "a" in pod "p" not found'):
            await place.log(previous=True)
        await place.resources.delete(Pod, "default", "p")
        with suppress(NotFound):
            async with asyncio.timeout(30):
                while await place.resources.get(Pod, "default", "p"):
                    await asyncio.sleep(0.02)


async def test_a_running_container_is_followed_to_its_end(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        script = f"echo begin; while ! test -e {tmp_path}/go; do sleep 0.02; done; echo end"
        await place.make(ONE.replace("SCRIPT", script))
        await place.until("Running")
        pieces = pod_log(place.resources, place.launcher, "default", "p", follow=True, now=SystemClock().now())
        async with asyncio.timeout(30):
            assert await anext(pieces) == b"begin\n"
            (tmp_path / "go").touch()
            assert [piece async for piece in pieces] == [b"end\n"]


async def test_the_log_before_the_last_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.make(ONE.replace("Never", "Always").replace("SCRIPT", "echo once; exit 1"))
        async with asyncio.timeout(30):
            while True:
                found = await place.resources.get(Pod, "default", "p")
                if any(item.restart_count and item.last_state.terminated for item in found.status.container_statuses):
                    break
                await asyncio.sleep(0.02)
        assert await place.log(previous=True) == "once\n"


async def test_a_pod_that_is_not_there_has_none(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        with pytest.raises(NotFound):
            await place.log()
