"""Requests of real pods against the machine's capacity: who waits, why, and when it goes on."""

# ruff: noqa: ASYNC110 - tests look at what tells nobody

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.settings import PodSettings
from setpoint.apis.argo import NodePhase, Workflow
from setpoint.operations import workflows as verbs
from setpoint.ports.launcher import PodPhase, PodRequest
from tests.pods import appears, ended, pod, run, running_launcher, shell
from tests.workflow_engine import Plane, node, running_plane

LACKS_CPU = "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."


def workflow(name: str, requests: str, script: str = "true") -> str:
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: {name}}}
spec:
  entrypoint: main
  templates:
  - name: main
    outputs: {{parameters: [{{name: o, valueFrom: {{path: /tmp/o, default: none}}}}]}}
    container:
      image: busybox
      command: [sh, -c, '{script}']
      resources: {requests}
"""


async def shown(plane: Plane, name: str, message: str) -> None:
    """The workflow's one node is Pending with the message."""
    found = await plane.until(name, lambda wf: bool(wf.status.nodes) and bool(node(wf, name).message))
    assert (node(found, name).phase, node(found, name).message) == (NodePhase.PENDING, message)


@pytest.mark.rule("machine.requests")
async def test_a_pod_waits_until_another_has_ended(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with running_plane(tmp_path, capacity={"cpu": "1"}, visible=(str(tmp_path),)) as plane:
        await plane.submit(workflow("first", "{requests: {cpu: 600m}}", f"while [ ! -e {gate} ]; do sleep 0.02; done"))
        await plane.until("first", lambda wf: bool(wf.status.nodes) and node(wf, "first").phase is NodePhase.RUNNING)
        await plane.submit(workflow("second", "{limits: {cpu: 500m}}"))
        await shown(plane, "second", LACKS_CPU)
        small = await plane.run(workflow("small", "{requests: {cpu: 400m}}"))
        assert node(small, "small").phase is NodePhase.SUCCEEDED  # whoever fits does not wait for others
        gate.touch()
        second = await plane.finished("second")
    assert (node(second, "second").phase, node(second, "second").message) == (NodePhase.SUCCEEDED, "")


@pytest.mark.rule("machine.unschedulable")
async def test_a_pod_that_can_never_start_says_what_is_lacking_and_can_be_stopped(tmp_path: Path) -> None:
    async with running_plane(tmp_path, capacity={"cpu": "1", "memory": "1Gi"}) as plane:
        await plane.submit(workflow("big", "{requests: {memory: 2Gi, cpu: 4, example.com/fpga: 1}}"))
        message = (
            "Unschedulable: 0/1 nodes are available: "
            "1 Insufficient cpu, 1 Insufficient example.com/fpga, 1 Insufficient memory."
        )
        await shown(plane, "big", message)
        await verbs.stop(plane.resources, plane.journal, "default", "big")
        end = await plane.finished("big")
    assert node(end, "big").phase is NodePhase.FAILED
    assert node(end, "big").message == "workflow shutdown with strategy:  Stop"


async def test_a_pod_of_a_deleted_workflow_waits_no_more(tmp_path: Path) -> None:
    async with running_plane(tmp_path, capacity={"cpu": "1"}) as plane:
        await plane.submit(workflow("big", "{requests: {cpu: 4}}"))
        await shown(plane, "big", LACKS_CPU)
        await plane.resources.delete(Workflow, "default", "big")
        assert (await plane.run(workflow("small", "{requests: {cpu: 1}}"))).status.phase.value == "Succeeded"


async def test_what_is_set_aside_is_known_after_a_restart(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f"while [ ! -e {gate} ]; do sleep 0.02; done"
    first = pod(script, requests={"cpu": 600})
    second = pod("true", id="pod-2", requests={"cpu": 600})
    reasons: list[str] = []
    home = tmp_path / "home"
    settings = PodSettings(home=str(home), capacity={"cpu": "1"}, visible=(str(tmp_path),))
    async with HostLauncher(settings) as launcher:
        await launcher.launch(await launcher.reserve(first, reasons.append))
        await appears(home / "pods" / "pod-1" / "started")
    async with running_launcher(home, capacity={"cpu": "1"}, visible=(str(tmp_path),)) as launcher:
        assert await launcher.reserve(first, reasons.append) == first  # it was launched: nothing more is set aside
        waiting = asyncio.create_task(launcher.reserve(second, reasons.append))
        while not reasons:
            await asyncio.sleep(0)
        assert reasons == [LACKS_CPU]
        gate.touch()
        await launcher.launch(await waiting)
        assert (await ended(launcher, "pod-2")).phase is PodPhase.SUCCEEDED


async def test_who_stops_waiting_takes_nothing(tmp_path: Path) -> None:
    async with running_launcher(tmp_path / "home", capacity={"cpu": "1"}) as launcher:
        first, second, third = (pod("true", id=f"p-{n}", requests={"cpu": 1000}) for n in range(3))
        await launcher.reserve(first, print)
        reasons: list[str] = []
        waiting = asyncio.create_task(launcher.reserve(second, reasons.append))
        while not reasons:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        launcher.release(first.id)
        assert await launcher.reserve(third, reasons.append) == third
        assert len(reasons) == 1


@pytest.mark.rule("machine.gpus")
async def test_gpus_are_handed_out_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5,7")
    script = "echo $CUDA_VISIBLE_DEVICES > /tmp/o"

    def wanting(name: str, count: int) -> PodRequest:
        return pod(shell("echo $CUDA_VISIBLE_DEVICES", gpus=count), id=name, requests={"nvidia.com/gpu": count})

    async with running_launcher(tmp_path / "home") as launcher:
        held = await launcher.reserve(wanting("held", 2), print)
        assert held.main.env["CUDA_VISIBLE_DEVICES"] == "3,GPU-5"
        assert (await launcher.reserve(wanting("rest", 1), print)).main.env["CUDA_VISIBLE_DEVICES"] == "7"
        end = await run(launcher, held.replace(capture_result=True))
        assert end.result == "3,GPU-5"
        assert (await launcher.reserve(wanting("next", 2), print)).main.env["CUDA_VISIBLE_DEVICES"] == "3,GPU-5"
    async with running_plane(tmp_path / "plane") as plane:
        found = await plane.run(workflow("gpu", "{limits: {nvidia.com/gpu: 1}}", script))
        outputs = node(found, "gpu").outputs
        assert outputs is not None and outputs.parameters[0].value == "3"


async def test_without_a_gpu_the_pod_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    async with running_plane(tmp_path) as plane:
        await plane.submit(workflow("gpu", "{limits: {nvidia.com/gpu: 1}}"))
        await shown(plane, "gpu", "Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")


async def test_a_pod_that_waited_when_the_control_plane_ended_goes_on_waiting(tmp_path: Path) -> None:
    async with running_plane(tmp_path, capacity={"cpu": "1"}) as plane:
        await plane.submit(workflow("big", "{requests: {cpu: 2}}"))
        await plane.submit(workflow("bigger", "{requests: {cpu: 8}}"))
        await shown(plane, "big", LACKS_CPU)
        await shown(plane, "bigger", LACKS_CPU)
    async with running_plane(tmp_path, capacity={"cpu": "4"}) as plane:
        assert (await plane.finished("big")).status.phase.value == "Succeeded"
        await shown(plane, "bigger", LACKS_CPU)
        await verbs.stop(plane.resources, plane.journal, "default", "bigger")
        assert (await plane.finished("bigger")).status.phase.value == "Failed"


@pytest.mark.rule("verbs.signals")
async def test_a_pod_that_ignores_term_is_killed_after_its_grace_period(tmp_path: Path) -> None:
    up = tmp_path / "up"
    text = workflow("stubborn", "{}", f'trap "" TERM; touch {up}; while :; do sleep 0.05; done')
    text = text.replace("  templates:", "  podSpecPatch: 'terminationGracePeriodSeconds: 1'\n  templates:")
    async with running_plane(tmp_path, visible=(str(tmp_path),)) as plane:
        await plane.submit(text)
        await appears(up)
        await verbs.stop(plane.resources, plane.journal, "default", "stubborn")
        stopped = await plane.finished("stubborn")
        assert node(stopped, "stubborn").message == "workflow shutdown with strategy:  Stop"
        (folder,) = (tmp_path / "pods").iterdir()
        end = await ended(plane.launcher, folder.name)
    assert (end.exit_code, end.message) == (137, "workflow shutdown with strategy:  Stop")


@pytest.mark.rule("machine.log-size")
async def test_a_log_without_end_keeps_its_last_part(tmp_path: Path) -> None:
    """A gigabyte at the default size of 64 MiB; here the same with smaller numbers."""
    most, chunk = 512 * 1024, 8 * 64 * 1024  # what is read at once, each line with its time
    async with running_launcher(tmp_path / "home", log_bytes=most) as launcher:
        main = shell("seq 1 200000")
        end = await run(launcher, pod(main, capture_result=True))
        kept = [int(line.content) async for line in launcher.logs("pod-1")]
    assert end.phase is PodPhase.SUCCEEDED
    assert end.result is not None
    assert end.result.endswith("\n200000") and len(end.result) <= 256 * 1024
    assert kept == list(range(kept[0], 200001))
    files = list((tmp_path / "home" / "pods" / "pod-1").glob("main.log*"))
    assert files
    assert sum(file.stat().st_size for file in files) <= 2 * (most + chunk)
