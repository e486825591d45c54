"""Containers of a Pod are started again as its restart policy says, by its supervisor alone."""

# ruff: noqa: ASYNC110 - tests look at records until they are so

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.apis.probes import ExecAction, Probe, Probes
from setpoint.ports.launcher import ContainerLive, PodPhase, PodState
from tests.pods import ended, log_text, pod, run, running_launcher, shell


async def until(launcher: HostLauncher, pod_id: str, holds: Callable[[PodState], bool]) -> PodState:
    async with asyncio.timeout(30):
        while True:
            state = await launcher.state(pod_id)
            if state is not None and holds(state):
                return state
            await asyncio.sleep(0.02)


def live(state: PodState, name: str = "main") -> ContainerLive:
    return state.live.get(name, ContainerLive())


async def test_a_container_that_fails_is_started_again_until_it_succeeds(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        script = f"n=$(cat {tmp_path}/n || echo 0); echo $((n + 1)) > {tmp_path}/n; echo run $n; test $n = 2"
        request = pod(script, restart_policy="OnFailure", restart_pause_seconds=0.1)
        end = await run(launcher, request)
        assert end.phase is PodPhase.SUCCEEDED
        assert end.live["main"].restarts == 2
        before = end.live["main"].before
        assert before is not None
        assert before.exit_code == 1
        assert await log_text(launcher, "pod-1") == "run 2"
        lines = [line.content async for line in launcher.logs("pod-1", previous=True)]
        assert lines == ["run 1"]


async def test_between_restarts_it_is_told_when_the_next_one_is_due(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await launcher.launch(pod("exit 3", restart_policy="Always", restart_pause_seconds=60.0))
        state = await until(launcher, "pod-1", lambda state: live(state).due is not None)
        assert live(state).restarts == 1
        end = live(state).end
        assert end is not None
        assert end.exit_code == 3
        await launcher.kill("pod-1", grace_seconds=0)
        exit_ = await ended(launcher, "pod-1")
        assert exit_.phase is PodPhase.FAILED
        assert exit_.containers["main"].exit_code == 3


async def test_always_starts_again_what_ended_well(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await launcher.launch(pod("true", restart_policy="Always", restart_pause_seconds=0.05))
        await until(launcher, "pod-1", lambda state: live(state).restarts >= 3)
        await launcher.kill("pod-1")
        await ended(launcher, "pod-1")


async def test_never_runs_each_container_once_and_tells_of_each(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        request = pod("true", restart_policy="Never", fellows=(shell("exit 4", name="other"),))
        end = await run(launcher, request)
        assert end.phase is PodPhase.FAILED
        assert {name: one.end.exit_code for name, one in end.live.items() if one.end} == {"main": 0, "other": 4}


async def test_a_companion_runs_before_and_beside_and_is_started_again(tmp_path: Path) -> None:
    beside = shell(f"echo x >> {tmp_path}/beside; sleep 0.1", name="beside", restarts=True)
    after = shell(f"while ! test -s {tmp_path}/beside; do sleep 0.01; done", name="after")
    script = f"while test $(wc -l < {tmp_path}/beside) -lt 3; do sleep 0.02; done"
    async with running_launcher(tmp_path) as launcher:
        request = pod(script, init_containers=(beside, after), restart_policy="Never", restart_pause_seconds=0.05)
        end = await run(launcher, request)
        assert end.phase is PodPhase.SUCCEEDED
        assert end.live["beside"].restarts >= 2


async def test_a_companion_is_waited_for_until_its_startup_probe_succeeds(tmp_path: Path) -> None:
    probe = Probe(exec_=ExecAction(command=("test", "-e", f"{tmp_path}/up")), period_seconds=1, failure_threshold=30)
    script = f"sleep 0.3; touch {tmp_path}/up; sleep 60"
    beside = shell(script, name="beside", restarts=True, probes=Probes(startup=probe))
    async with running_launcher(tmp_path) as launcher:
        end = await run(
            launcher,
            pod(f"test -e {tmp_path}/up", init_containers=(beside,), restart_policy="Never", grace_seconds=0.2),
        )
        assert end.phase is PodPhase.SUCCEEDED


async def test_readiness_is_lost_when_the_probe_fails(tmp_path: Path) -> None:
    probe = Probe(exec_=ExecAction(command=("test", "-e", f"{tmp_path}/up")), period_seconds=1, failure_threshold=1)
    (tmp_path / "up").touch()
    async with running_launcher(tmp_path) as launcher:
        main = shell("sleep 60", probes=Probes(readiness=probe))
        await launcher.launch(pod(main, restart_policy="Always"))
        await until(launcher, "pod-1", lambda state: state.ready == ("main",))
        (tmp_path / "up").unlink()
        await until(launcher, "pod-1", lambda state: state.ready == ())
        await launcher.kill("pod-1", grace_seconds=0)


async def test_a_pod_that_runs_uses_processor_and_memory(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await launcher.launch(
            pod("while :; do :; done", fellows=(shell("sleep 60", name="idle"),), restart_policy="Never")
        )
        async with asyncio.timeout(30):
            while not (used := await launcher.usage("pod-1")) or used["main"].cpu_seconds < 0.1:
                await asyncio.sleep(0.05)
        assert used["main"].memory_bytes > 0
        assert used["idle"].cpu_seconds < used["main"].cpu_seconds
        await launcher.kill("pod-1", grace_seconds=0)
        await ended(launcher, "pod-1")
        assert await launcher.usage("pod-1") == {}


async def test_the_tail_of_a_log_begins_so_many_lines_before_its_end(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await run(launcher, pod("i=0; while test $i -lt 3000; do echo line $i; i=$((i+1)); done"))
        assert [line.content async for line in launcher.logs("pod-1", tail=2)] == ["line 2998", "line 2999"]
        assert [line.content async for line in launcher.logs("pod-1", tail=0)] == []
        assert len([line async for line in launcher.logs("pod-1", tail=5000)]) == 3000
        assert len([line async for line in launcher.logs("pod-1")]) == 3000
