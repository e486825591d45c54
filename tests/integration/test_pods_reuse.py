"""A supervisor whose pod has ended takes another: nothing of the one reaches the next."""

# ruff: noqa: ASYNC110, ASYNC240 - tests look at processes and files that tell nobody

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from setpoint.adapters.pods import records
from setpoint.adapters.pods.isolation import Isolation
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.apis.pods import PodPhase
from setpoint.ports.launcher import PodRequest
from tests.pods import appears, log_text, pod, run, running_launcher, shell

MODES = pytest.mark.parametrize("isolation", [Isolation.AUTO, Isolation.REWRITE])


def _supervisor(home: Path, pod_id: str) -> int:
    claim = records.read_note(home / "pods" / pod_id, records.CLAIM, records.ProcessIdentity)
    assert claim is not None
    return claim.pid


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def _let_the_other(launcher: HostLauncher, pod_id: str) -> None:
    await asyncio.sleep(0.1)  # the one is free again
    await run(launcher, pod("true", id=f"{pod_id}-other"))
    await asyncio.sleep(0.1)


async def _run_on_the_same(launcher: HostLauncher, home: Path, *requests: PodRequest) -> list[str]:
    """Results of pods that one supervisor ran, one after another. Two take turns: one waits while the other is busy."""
    results = []
    for request in requests:
        exit_ = await run(launcher, request)
        results.append(exit_.result or exit_.message)
        await _let_the_other(launcher, request.id)
    assert len({_supervisor(home, request.id) for request in requests}) == 1
    return results


@MODES
async def test_signals_descriptors_limits_and_processes_of_a_pod_end_with_it(
    tmp_path: Path, isolation: Isolation
) -> None:
    look = "ls /proc/self/fd | wc -l; ulimit -n; umask; echo $MINE; trap"
    spoil = shell("sleep 100 & ulimit -n 50; umask 77; cd /usr; echo $MINE", env={"MINE": "x"}, working_dir="/usr")
    async with running_launcher(tmp_path, isolation=isolation) as launcher:
        first, _, _, again = await _run_on_the_same(
            launcher,
            tmp_path,
            pod(look, id="first", capture_result=True),
            pod(spoil, id="spoil", capture_result=True),
            pod("exit 3", id="bad"),
            pod(look, id="again", capture_result=True),
        )
        supervisor = _supervisor(tmp_path, "again")
        assert first == again
        assert not Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
        before = _descriptors(supervisor)
        await _run_on_the_same(launcher, tmp_path, *(pod("true", id=f"n{number}") for number in range(5)))
        assert _descriptors(_supervisor(tmp_path, "n4")) == before


@MODES
async def test_an_order_for_the_pod_before_does_not_end_the_next(tmp_path: Path, isolation: Isolation) -> None:
    async with running_launcher(tmp_path, isolation=isolation) as launcher:
        await _run_on_the_same(launcher, tmp_path, pod("true", id="before"))
        request = pod("echo begun; sleep 0.5; echo done", id="next", capture_result=True)
        await launcher.launch(request)
        await appears(tmp_path / "pods" / "next" / records.STARTED)
        supervisor = _supervisor(tmp_path, "next")
        assert supervisor == _supervisor(tmp_path, "before")
        os.kill(supervisor, signal.SIGUSR1)  # what a late order for the pod before would do
        assert (await run(launcher, request)).result == "begun\ndone"
        assert await log_text(launcher, "next") == "begun\ndone"


async def test_a_supervisor_that_dies_takes_its_own_pod_along_and_none_before(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher, aclosing(launcher.exits()) as exits, asyncio.timeout(30):
        await _run_on_the_same(launcher, tmp_path, pod("true", id="before"))
        assert [(await anext(exits)).id, (await anext(exits)).id] == ["before", "before-other"]
        await launcher.launch(pod("sleep 60", id="next"))
        await appears(tmp_path / "pods" / "next" / records.STARTED)
        assert _supervisor(tmp_path, "next") == _supervisor(tmp_path, "before")
        os.kill(_supervisor(tmp_path, "next"), signal.SIGKILL)
        lost = await anext(exits)
        assert lost.exit is not None
        assert (lost.id, lost.exit.phase, lost.exit.message) == ("next", PodPhase.ERROR, "pod deleted")
        before = await launcher.state("before")
        assert before is not None
        assert before.phase is PodPhase.SUCCEEDED
        assert (await run(launcher, pod("echo on", id="after", capture_result=True))).result == "on"


async def test_a_killed_one_that_waits_is_done_without(tmp_path: Path) -> None:
    async with running_launcher(tmp_path, isolation=Isolation.REWRITE) as launcher:
        for turn in range(3):
            await _run_on_the_same(launcher, tmp_path, pod("true", id=f"pod-{turn}"))
            for name in (f"pod-{turn}", f"pod-{turn}-other"):
                os.kill(supervisor := _supervisor(tmp_path, name), signal.SIGKILL)
                while records.start_ticks(supervisor) is not None:
                    await asyncio.sleep(0.01)
        assert (await run(launcher, pod("echo on", id="after", capture_result=True))).result == "on"


async def test_more_pods_at_once_than_supervisors_are_kept(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with running_launcher(tmp_path, isolation=Isolation.REWRITE) as launcher:
        names = [f"pod-{number}" for number in range(80)]
        for name in names:
            await launcher.launch(pod(f"while [ ! -e {go} ]; do sleep 0.1; done; echo {name}", id=name))
        assert len({_supervisor(tmp_path, name) for name in names}) == len(names)
        go.touch()
        async with aclosing(launcher.exits()) as exits, asyncio.timeout(60):
            ended = {(await anext(exits)).id for _ in names}
        assert ended == set(names)
        assert [await log_text(launcher, name) for name in names] == names
        supervisors = {_supervisor(tmp_path, name) for name in names}
        async with asyncio.timeout(30):  # those that nobody needs go
            while sum(records.start_ticks(pid) is not None for pid in supervisors) > (os.cpu_count() or 1):
                await asyncio.sleep(0.05)
