"""A supervisor whose pod has ended takes another: nothing of the one reaches the next."""

# ruff: noqa: ASYNC110, ASYNC240 - tests look at processes and files that tell nobody

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from setpoint.adapters.pods import records
from setpoint.adapters.pods.index import PodIndex
from setpoint.adapters.pods.isolation import Isolation
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.spare import set_stage
from setpoint.apis.pods import PodPhase
from setpoint.ports.launcher import ArtifactOutput, PodRequest
from tests.integration.test_pods_isolation import own_report
from tests.pods import appears, ended, log_text, pod, run, running_launcher, shell

MODES = pytest.mark.parametrize("isolation", [Isolation.AUTO, Isolation.REWRITE])


def _supervisor(home: Path, pod_id: str) -> int:
    claim = records.read_note(home / "pods" / pod_id, records.CLAIM, records.ProcessIdentity)
    assert claim is not None
    return claim.pid


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def _run_on_the_same(launcher: HostLauncher, home: Path, *requests: PodRequest) -> list[str]:
    """Results of pods that one supervisor ran. Others take turns with it: each is tried until it comes."""
    results: list[str] = []
    wanted = 0
    for request in requests:
        for turn in range(50):
            attempt = request.replace(id=f"{request.id}-{turn}")
            exit_ = await run(launcher, attempt)
            if _supervisor(home, attempt.id) == (wanted or _supervisor(home, attempt.id)):
                break
            await asyncio.sleep(0.02)
        wanted = _supervisor(home, attempt.id)
        results.append((exit_.result or exit_.message).replace(attempt.id, request.id))
    return results


async def _launch_on(launcher: HostLauncher, home: Path, supervisor: int, request: PodRequest) -> str:
    """The id under which the supervisor got the pod; those that others got are killed."""
    for turn in range(50):
        attempt = request.replace(id=f"{request.id}-{turn}")
        await launcher.launch(attempt)
        if _supervisor(home, attempt.id) == supervisor:
            await appears(home / "pods" / attempt.id / records.STARTED)
            return attempt.id
        await launcher.kill(attempt.id, grace_seconds=0)
        await ended(launcher, attempt.id)
    raise AssertionError("it never came")


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
        assert first == again


async def test_a_supervisor_keeps_nothing_open_and_no_process_of_its_pods(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await run(launcher, pod("true", id="first"))
        supervisor = _supervisor(tmp_path, "first")
        await asyncio.sleep(0.3)  # it waits again
        before, children = _descriptors(supervisor), Path(f"/proc/{supervisor}/task/{supervisor}/children")
        assert not children.read_text().split()  # its next main needs no fork
        async with asyncio.timeout(30):
            for turn in range(10):
                await run(launcher, pod("sleep 100 & exit 3", id=f"n{turn}"))
            while _descriptors(supervisor) != before or children.read_text().split():
                await asyncio.sleep(0.02)


@MODES
async def test_an_order_for_the_pod_before_does_not_end_the_next(tmp_path: Path, isolation: Isolation) -> None:
    async with running_launcher(tmp_path, isolation=isolation) as launcher:
        await run(launcher, pod("true", id="before"))
        supervisor = _supervisor(tmp_path, "before")
        next_ = await _launch_on(
            launcher, tmp_path, supervisor, pod("echo begun; sleep 0.5; echo done", id="next", capture_result=True)
        )
        os.kill(supervisor, signal.SIGUSR1)  # what a late order for the pod before would do
        assert (await ended(launcher, next_)).result == "begun\ndone"
        assert await log_text(launcher, next_) == "begun\ndone"


async def test_a_supervisor_that_dies_takes_its_own_pod_along_and_none_before(tmp_path: Path) -> None:
    async with running_launcher(tmp_path) as launcher:
        await run(launcher, pod("true", id="before"))
        supervisor = _supervisor(tmp_path, "before")
        next_ = await _launch_on(launcher, tmp_path, supervisor, pod("sleep 60", id="next"))
        async with aclosing(launcher.exits()) as exits, asyncio.timeout(30):
            os.kill(supervisor, signal.SIGKILL)
            lost = await anext(exits)
            while lost.id != next_:
                lost = await anext(exits)
        assert lost.exit is not None
        assert (lost.exit.phase, lost.exit.message) == (PodPhase.ERROR, "pod deleted")
        before = await launcher.state("before")
        assert before is not None
        assert before.phase is PodPhase.SUCCEEDED
        assert (await run(launcher, pod("echo on", id="after", capture_result=True))).result == "on"


async def test_those_that_were_killed_while_they_waited_are_done_without(tmp_path: Path) -> None:
    async with running_launcher(tmp_path, isolation=Isolation.REWRITE) as launcher:
        for turn in range(3):
            await run(launcher, pod("true", id=f"pod-{turn}"))
            os.kill(supervisor := _supervisor(tmp_path, f"pod-{turn}"), signal.SIGKILL)
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
            told = {(await anext(exits)).id for _ in names}
        assert told == set(names)
        assert [await log_text(launcher, name) for name in names] == names
        supervisors = {_supervisor(tmp_path, name) for name in names}
        async with asyncio.timeout(30):  # those that nobody needs go
            while sum(records.start_ticks(pid) is not None for pid in supervisors) > (os.cpu_count() or 1):
                await asyncio.sleep(0.05)


async def test_files_of_a_pod_do_not_reach_the_next(tmp_path: Path) -> None:
    if own_report().mode is not Isolation.NAMESPACE:
        pytest.skip("without private roots the host's top-level directories are no pod's own")
    look = "stat -c '%n %a' / /tmp /var/tmp | sort; ls -A / /tmp/here /var/tmp/here"
    declared = (ArtifactOutput(name="o", path="/here-too/x", key="o", optional=True),)
    spoils = (
        "mkdir /here /tmp/here; echo x > /here/x; echo x > /tmp/here/x; echo x > /there; ln -s /tmp /link",
        "mkdir /var/tmp/here; echo x > /var/tmp/here/x; chmod 700 / /tmp; mkdir -p /here-too; echo x > /here-too/x",
        "setfacl -m u:daemon:r / /tmp; mkdir -m 000 /tmp/here; mkfifo /tmp/pipe; mknod /here p",
    )
    async with running_launcher(tmp_path) as launcher:
        seen = []
        for turn, spoil in enumerate(("true", *spoils)):
            spoiler = pod(spoil, id=f"spoil-{turn}", artifact_outputs=declared)
            looker = pod(look, id=f"look-{turn}", capture_result=True)
            seen.append((await _run_on_the_same(launcher, tmp_path, spoiler, looker))[1])
        assert set(seen) == {seen[0]}
    assert not any(Path(path).exists() for path in ("/here", "/tmp/here", "/var/tmp/here", "/there", "/here-too"))


async def test_rewritten_paths_of_a_pod_do_not_reach_the_next(tmp_path: Path) -> None:
    declared = (ArtifactOutput(name="o", path="/here-too/x", key="o", optional=True),)
    look = "ls -A /tmp /var/tmp /here-too | grep -v : | grep .; true"
    spoil = "mkdir -p /tmp/a/b; echo x > /tmp/a/b/c; echo x > /var/tmp/x; mkdir -p /here-too; echo x > /here-too/x"
    async with running_launcher(tmp_path, isolation=Isolation.REWRITE) as launcher:
        seen = await _run_on_the_same(
            launcher,
            tmp_path,
            pod(spoil, id="spoil", artifact_outputs=declared),
            pod(look, id="look", artifact_outputs=declared, capture_result=True),
        )
        assert seen[1] == ""


def test_what_a_pod_left_in_its_root_is_cleaned_without_following_a_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    (precious / "tmp").mkdir(parents=True)
    (precious / "file").write_text("x")
    place = tmp_path / "1"
    for number in range(5):
        assert set_stage(None, place).spare == place
        made = sorted(str(path.relative_to(place)) for path in place.rglob("*"))
        assert made == ["fs", "fs/tmp", "fs/var", "fs/var/tmp"]
        for name in ("fs/var/tmp", "fs/var", "fs/tmp", "fs", ".")[number:]:
            shutil.rmtree(place / name)
            target = place if name == "." else place / name
            target.symlink_to(precious)
            break
        assert (precious / "file").read_text() == "x"
    assert set_stage(None, place).spare == place
    assert (precious / "file").read_text() == "x"


async def test_a_request_that_cannot_be_read_ends_its_pod_and_not_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter = PodIndex.enter

    def torn(index: PodIndex, request: PodRequest) -> None:
        enter(index, request)
        (tmp_path / "pods" / request.id / records.REQUEST).write_text("{")

    async with running_launcher(tmp_path) as launcher:
        with monkeypatch.context() as patched:
            patched.setattr(PodIndex, "enter", torn)
            exit_ = await run(launcher, pod("true", id="torn"))
        assert "request is not readable" in exit_.message
        (result,) = await _run_on_the_same(launcher, tmp_path, pod("echo on", id="next", capture_result=True))
        assert result == "on"
        claim = records.read_note(tmp_path / "pods" / "torn", records.CLAIM, records.ProcessIdentity)
        assert claim is not None
    async with asyncio.timeout(30):
        while records.is_alive(claim):
            await asyncio.sleep(0.02)
