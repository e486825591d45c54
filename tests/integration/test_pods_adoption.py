"""A control plane that is killed while pods run, and the next one, which finds them again."""

# ruff: noqa: ASYNC110 - tests look at processes and files that tell nobody

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import msgspec
import pytest

from setpoint.adapters.pods import records
from setpoint.adapters.pods.isolation import Isolation
from setpoint.apis.errors import Unavailable
from setpoint.ports.launcher import ParameterOutput, PodExit, PodPhase, PodRequest
from tests.pods import appears, ended, log_text, pod, running_launcher, shell

CONTROL_PLANE = """
import asyncio, sys
import msgspec
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.settings import PodSettings
from setpoint.ports.launcher import PodRequest

async def main():
    settings, requests = sys.argv[1:]
    async with HostLauncher(msgspec.json.decode(settings, type=PodSettings)) as launcher:
        for request in msgspec.json.decode(requests, type=list[PodRequest]):
            await launcher.launch(request)
        print("launched", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def control_plane(home: Path, *requests: PodRequest, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """Another process with a launcher that has launched the pods; killed at the latest at the end."""
    given = msgspec.json.encode({"home": str(home), **settings}).decode()
    command = [sys.executable, "-c", CONTROL_PLANE, given, msgspec.json.encode(requests).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"launched\n"
            yield process
        finally:
            process.kill()


def waiting_pod(go: Path, id: str, then: str) -> PodRequest:
    outputs = (ParameterOutput(name="p", path="/tmp/p"),)
    main = shell(f"echo begun; while [ ! -e {go} ]; do sleep 0.02; done; echo x > /tmp/p; {then}")
    return pod(main, id=id, parameter_outputs=outputs, capture_result=True)


@pytest.mark.parametrize("mode", [Isolation.AUTO, Isolation.REWRITE])
async def test_pods_go_on_without_a_control_plane_and_are_adopted(tmp_path: Path, mode: Isolation) -> None:
    go, late = tmp_path / "go", tmp_path / "late"
    requests = (
        waiting_pod(go, "good", "echo done"),
        waiting_pod(go, "bad", "exit 3"),
        waiting_pod(late, "late", "echo late"),
    )
    with control_plane(tmp_path, *requests, isolation=mode) as process:
        process.kill()
        process.wait()
        go.touch()
        for name in ("good", "bad"):
            await appears(tmp_path / "pods" / name / records.EXIT)
    async with running_launcher(tmp_path, isolation=mode) as launcher, aclosing(launcher.exits()) as exits:
        async with asyncio.timeout(30):
            first = {state.id: state.exit for state in [await anext(exits), await anext(exits)]}
            assert set(first) == {"good", "bad"}
            async with aclosing(launcher.logs("late", follow=True)) as lines:
                assert (await anext(lines)).content == "begun"
            state = await launcher.state("late")
            assert state is not None
            assert state.phase is PodPhase.RUNNING
            await launcher.launch(requests[2])
            late.touch()
            third = await anext(exits)
    assert first["good"] is not None
    assert first["bad"] is not None
    assert (first["good"].phase, first["good"].result) == (PodPhase.SUCCEEDED, "begun\ndone")
    assert (first["bad"].phase, first["bad"].message) == (PodPhase.FAILED, "main: Error (exit code 3)")
    assert first["bad"].parameters == {"p": "x"}
    assert third.id == "late"
    assert third.exit is not None
    assert (third.exit.result, third.exit.parameters) == ("begun\nlate", {"p": "x"})


async def test_an_adopted_pod_can_be_killed(tmp_path: Path) -> None:
    with control_plane(tmp_path, waiting_pod(tmp_path / "never", "pod-1", "")) as process:
        process.kill()
        process.wait()
    async with running_launcher(tmp_path) as launcher:
        async with aclosing(launcher.logs("pod-1", follow=True)) as lines, asyncio.timeout(30):
            assert (await anext(lines)).content == "begun"
        await launcher.kill("pod-1", grace_seconds=0.2, reason="stop")
        exit_ = await ended(launcher, "pod-1")
        assert (exit_.phase, exit_.message) == (PodPhase.FAILED, "stop")
        assert await log_text(launcher, "pod-1") == "begun"


async def test_a_pod_whose_supervisor_was_killed_is_an_error_and_nothing_of_it_stays(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        mark = tmp_path / "pids"
        script = f"sleep 71 & echo $! > {mark}; setsid sleep 72 & echo $! >> {mark}; echo $$ >> {mark}; sleep 73"
        async with aclosing(launcher.exits()) as exits, asyncio.timeout(30):
            await launcher.launch(pod(script))
            while not mark.exists() or len(mark.read_text().split()) < 3:
                await asyncio.sleep(0.02)
            state = await launcher.state("pod-1")
            assert state is not None
            assert state.pid is not None
            os.kill(state.pid, signal.SIGKILL)
            lost = await anext(exits)
        assert lost.exit is not None
        assert (lost.exit.phase, lost.exit.message) == (PodPhase.ERROR, "pod deleted")
        assert lost.exit.started_at is not None
        for pid in mark.read_text().split():
            assert records.start_ticks(int(pid)) is None


async def test_cleaning_up_spares_a_pod_of_the_same_id_in_another_state_directory(tmp_path: Path) -> None:
    async with running_launcher(tmp_path / "one") as one, running_launcher(tmp_path / "two") as two:
        for launcher in (one, two):
            await launcher.launch(pod("echo begun; sleep 74"))
        await appears(tmp_path / "one" / "pods" / "pod-1" / records.STARTED)
        await appears(tmp_path / "two" / "pods" / "pod-1" / records.STARTED)
        state = await one.state("pod-1")
        assert state is not None
        assert state.pid is not None
        os.kill(state.pid, signal.SIGKILL)
        assert (await ended(one, "pod-1")).phase is PodPhase.ERROR
        other = await two.state("pod-1")
        assert other is not None
        assert other.phase is PodPhase.RUNNING


async def test_a_supervisor_that_died_while_nobody_looked_is_found(tmp_path: Path) -> None:
    with control_plane(tmp_path, waiting_pod(tmp_path / "never", "pod-1", "")) as process:
        process.kill()
        process.wait()
        claim = records.read_note(tmp_path / "pods" / "pod-1", records.CLAIM, records.ProcessIdentity)
        assert claim is not None
        os.kill(claim.pid, signal.SIGKILL)
    async with running_launcher(tmp_path) as launcher, aclosing(launcher.exits()) as exits, asyncio.timeout(30):
        lost = await anext(exits)
        assert lost.exit is not None
        assert lost.exit.phase is PodPhase.ERROR


async def test_a_claim_of_another_boot_or_process_is_dead(tmp_path: Path) -> None:
    """The pid in the claim is alive, but it is not the process that made the claim: it must not be touched."""
    folder = tmp_path / "pods" / "old"
    folder.mkdir(parents=True)
    own = records.own_identity()
    records.write_record(folder, records.REQUEST, pod("true", id="old"))
    records.make_note(folder, records.CLAIM, own.replace(boot_id="another"))
    async with running_launcher(tmp_path) as launcher:
        assert (await ended(launcher, "old")).phase is PodPhase.ERROR
        assert records.is_alive(own)


async def test_a_torn_exit_record_is_a_lost_pod(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await launcher.launch(pod("true"))
        await ended(launcher, "pod-1")
    (tmp_path / "pods" / "pod-1" / records.EXIT).write_bytes(b"")
    async with running_launcher(tmp_path) as launcher:
        exit_ = await ended(launcher, "pod-1")
        assert (exit_.phase, exit_.message) == (PodPhase.ERROR, "pod deleted")


async def test_a_killed_zygote_is_started_again(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await launcher.launch(pod("exec sleep 60", id="long"))
        for process in children(os.getpid()):
            os.kill(process, signal.SIGKILL)
        async with asyncio.timeout(30):
            while True:
                try:
                    await launcher.launch(pod("true"))
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)
        assert (await ended(launcher, "pod-1")).phase is PodPhase.SUCCEEDED
        state = await launcher.state("long")
        assert state is not None
        assert state.exit is None


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_private_roots_are_dropped_and_records_stay(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await launcher.launch(pod("echo big > /tmp/file"))
        await ended(launcher, "pod-1")
        folder = tmp_path / "pods" / "pod-1"
        async with asyncio.timeout(30):
            while (folder / "root").exists():
                await asyncio.sleep(0.02)
        assert {path.name for path in folder.iterdir()} == {
            "request.json", "claim", "started", "exit.json",
        }  # fmt: skip
        assert records.read_record(folder, records.EXIT, PodExit) is not None


async def test_an_end_that_was_taken_is_not_told_to_the_next_life(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher, aclosing(launcher.exits()) as exits, asyncio.timeout(30):
        for name in ("taken", "seen"):
            await launcher.launch(pod("echo x", id=name))
            assert (await anext(exits)).id == name
    async with running_launcher(tmp_path) as launcher, asyncio.timeout(30):
        await launcher.launch(pod("true", id="new"))
        async with aclosing(launcher.exits()) as exits:
            assert [(await anext(exits)).id, (await anext(exits)).id] == ["seen", "new"]
        assert await log_text(launcher, "taken") == "x"
        state = await launcher.state("taken")
        assert state is not None
        assert state.phase is PodPhase.SUCCEEDED
        await launcher.launch(pod("echo again", id="taken"))
        assert await log_text(launcher, "taken") == "x"
