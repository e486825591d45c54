"""What every `Launcher` promises of pods with several main containers, over both ways to isolate them."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.ports.launcher import Container, Mount, ParameterOutput, PodPhase
from tests.contract.conftest import Start
from tests.pods import appears, ended, log_text, pod, run, shell

SHARED = (Mount(volume="work", path="/workspace"),)


def one(name: str, script: str, *dependencies: str) -> Container:
    return shell(script, name=name, dependencies=dependencies, mounts=SHARED)


async def test_containers_start_when_their_dependencies_ended_well_and_share_volumes_only(start: Start) -> None:
    async with start() as launcher:
        request = pod(
            one("main", "cat /workspace/a /workspace/b; test ! -e /tmp/own", "a", "b"),
            fellows=(
                one("a", "echo from a > /workspace/a; touch /tmp/own"),
                one("b", "test ! -e /tmp/own && cat /workspace/a > /workspace/b && echo log of b", "a"),
            ),
            capture_result=True,
            parameter_outputs=(ParameterOutput(name="out", path="/workspace/b"),),
        )
        exit_ = await run(launcher, request)
        assert (exit_.phase, exit_.message, exit_.exit_code) == (PodPhase.SUCCEEDED, "", 0)
        assert exit_.result == "from a\nfrom a"
        assert exit_.parameters == {"out": "from a"}
        assert {name: end.exit_code for name, end in exit_.containers.items()} == {"a": 0, "b": 0, "main": 0}
        times = exit_.containers
        assert times["a"].finished_at is not None
        assert times["b"].started_at is not None
        assert times["a"].finished_at <= times["b"].started_at
        assert await log_text(launcher, "pod-1", container="b") == "log of b"


async def test_what_depends_on_a_bad_end_has_its_code_and_never_runs(start: Start) -> None:
    async with start() as launcher:
        request = pod(
            one("main", "echo ran", "b"),
            fellows=(one("b", "echo ran", "a"), one("a", "exit 3"), one("free", "echo ran")),
        )
        exit_ = await run(launcher, request)
        assert (exit_.phase, exit_.message, exit_.exit_code) == (PodPhase.FAILED, "a: Error (exit code 3)", 3)
        codes = {name: (end.exit_code, end.started_at is None) for name, end in exit_.containers.items()}
        assert codes == {"a": (3, False), "b": (3, True), "main": (3, True), "free": (0, False)}
        assert exit_.containers["b"].message == "b: Error (exit code 3)"


async def test_outputs_are_read_when_the_last_container_has_ended(start: Start) -> None:
    async with start() as launcher:
        slow = "while test ! -e /workspace/main; do sleep 0.01; done; echo late > /workspace/out"
        request = pod(
            one("main", "touch /workspace/main"),
            fellows=(one("slow", slow),),
            parameter_outputs=(ParameterOutput(name="out", path="/workspace/out"),),
        )
        assert (await run(launcher, request)).parameters == {"out": "late"}


@pytest.mark.rule("leaf.container-set-retry")
@pytest.mark.parametrize("name", ["main", "other"])
async def test_a_command_is_run_again_in_its_own_container(start: Start, name: str) -> None:
    """Each attempt finds what the one before has written; the result is that of all."""
    async with start() as launcher:
        count = "echo x; echo x >> /tmp/n; test $(wc -l < /tmp/n) -ge 3"
        scripts = {"main": "true", "other": "true"} | {name: count}
        request = pod(
            one("main", scripts["main"]),
            fellows=(one("other", scripts["other"]),),
            attempts=3,
            attempt_pause_seconds=0.01,
        )
        exit_ = await run(launcher, request)
        assert (exit_.phase, exit_.message) == (PodPhase.SUCCEEDED, "")
        assert await log_text(launcher, "pod-1", container=name) == "x\nx\nx"
        again = await run(launcher, request.replace(id="pod-2", attempts=2))
        assert (again.phase, again.message) == (PodPhase.FAILED, f"{name}: Error (exit code 1)")


async def test_a_set_that_is_told_to_end_starts_nothing_more(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        request = pod(
            one("main", "echo ran", "a"),
            fellows=(shell(f"touch {tmp_path}/up; exec sleep 60", name="a"),),
            attempts=5,
        )
        await launcher.launch(request)
        await appears(tmp_path / "up")
        await launcher.kill("pod-1", reason="enough")
        exit_ = await ended(launcher, "pod-1")
        assert (exit_.phase, exit_.message) == (PodPhase.FAILED, "enough")
        assert {name: end.exit_code for name, end in exit_.containers.items()} == {"a": 143, "main": 143}


async def test_init_containers_come_before_a_set_and_sidecars_beside_it(start: Start) -> None:
    async with start() as launcher:
        request = pod(
            one("main", "cat /workspace/init", "a"),
            fellows=(one("a", "cat /workspace/init; while test ! -e /workspace/side; do sleep 0.01; done"),),
            init_containers=(one("before", "echo init > /workspace/init"),),
            sidecars=(one("beside", "touch /workspace/side; exec sleep 60"),),
            capture_result=True,
        )
        exit_ = await run(launcher, request)
        assert (exit_.phase, exit_.message, exit_.result) == (PodPhase.SUCCEEDED, "", "init")
