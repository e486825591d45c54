"""What every `Launcher` promises, over both ways in which this host can isolate pods."""

# ruff: noqa: ASYNC110, ASYNC240 - a test may look at a file between two awaits, and at what tells nobody

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.ports.launcher import (
    ArtifactInput,
    ArtifactOutput,
    Container,
    Mount,
    ParameterOutput,
    PodPhase,
)
from tests.contract.conftest import Start
from tests.pods import Isolation, appears, ended, log_text, pod, run, shell


async def test_a_command_that_ends_well_is_succeeded(start: Start) -> None:
    async with start() as launcher:
        exit_ = await run(launcher, pod("echo out; echo err >&2; printf tail", capture_result=True))
        assert (exit_.phase, exit_.message, exit_.exit_code) == (PodPhase.SUCCEEDED, "", 0)
        assert exit_.result == "out\ntail"
        assert sorted((await log_text(launcher, "pod-1")).split("\n")) == ["err", "out", "tail"]
        assert exit_.started_at is not None
        assert exit_.finished_at is not None
        assert exit_.started_at <= exit_.finished_at <= datetime.now(UTC)


@pytest.mark.rule("parameters.result-text")
async def test_the_result_loses_exactly_one_newline_and_keeps_its_last_256_kb(anyhow: Start) -> None:
    async with anyhow() as launcher:
        two = await run(launcher, pod("printf 'a\\n\\n'", capture_result=True))
        assert two.result == "a\n"
        big = await run(launcher, pod("yes 0123456789 | head -c 3000000; echo end", id="big", capture_result=True))
        assert big.result is not None
        assert len(big.result) == 256 * 1024 - 1
        assert big.result.endswith("end")
        unasked = await run(launcher, pod("echo x", id="unasked"))
        assert unasked.result is None


@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("exit 255", 255)]
)
async def test_a_bad_end_of_main_is_failed(anyhow: Start, script: str, code: int) -> None:
    async with anyhow() as launcher:
        exit_ = await run(launcher, pod(script))
        assert (exit_.phase, exit_.exit_code) == (PodPhase.FAILED, code)
        assert exit_.message == f"main: Error (exit code {code})"


@pytest.mark.rule("phases.command-not-found")
async def test_a_command_that_is_not_there_is_failed_with_its_name_and_image(start: Start) -> None:
    async with start() as launcher:
        main = Container(name="main", image="debian:12", command=("no-such-tool", "x"))
        exit_ = await run(launcher, pod(main))
        assert (exit_.phase, exit_.exit_code) == (PodPhase.FAILED, 64)
        assert exit_.message.startswith('main: Error (exit code 64): failed to find name in PATH: exec: "no-such-tool"')
        assert "debian:12" in exit_.message
        assert "no-such-tool" in await log_text(launcher, "pod-1")


@pytest.mark.rule("leaf.image-entrypoint")
@pytest.mark.rule("machine.images")
async def test_an_unknown_image_without_command_is_refused_at_launch(anyhow: Start) -> None:
    async with anyhow() as launcher:
        with pytest.raises(InvalidSpec, match="example/tool:1"):
            await launcher.launch(pod(Container(name="main", image="example/tool:1")))
        assert await launcher.state("pod-1") is None


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 300])
async def test_an_id_that_is_no_plain_name_is_refused(anyhow: Start, name: str) -> None:
    async with anyhow() as launcher:
        with pytest.raises(InvalidSpec):
            await launcher.launch(pod("true", id=name))


async def test_a_second_launch_does_nothing(anyhow: Start, tmp_path: Path) -> None:
    async with anyhow() as launcher:
        seen = tmp_path / "seen"
        request = pod(f"echo once >> {seen}; sleep 0.3")
        await asyncio.gather(*(launcher.launch(request) for _ in range(5)))
        await launcher.launch(request)
        await ended(launcher, request.id)
        await launcher.launch(request)
        assert (await ended(launcher, request.id)).phase is PodPhase.SUCCEEDED
        assert seen.read_text() == "once\n"


@pytest.mark.rule("machine.private-root")
async def test_two_pods_do_not_share_tmp(start: Start) -> None:
    async with start() as launcher:
        script = "echo {0} > /tmp/setpoint-x; sleep 0.3; cat /tmp/setpoint-x"
        requests = [pod(script.format(name), id=name, capture_result=True) for name in ("a", "b")]
        exits = await asyncio.gather(*(run(launcher, request) for request in requests))
        assert [exit_.result for exit_ in exits] == ["a", "b"]
        assert not Path("/tmp/setpoint-x").exists()


async def test_the_working_directory_is_the_pods_own_root(start: Start) -> None:
    async with start() as launcher:
        main = shell("echo x > hello.txt && cat /hello.txt")
        request = pod(main, parameter_outputs=(ParameterOutput(name="h", path="/hello.txt"),))
        assert (await run(launcher, request)).parameters == {"h": "x"}
        assert not Path("/hello.txt").exists()


async def test_scripts_get_their_source_as_last_argument(start: Start) -> None:
    async with start() as launcher:
        source = 'import sys\nprint(len(sys.argv), open(__file__).read().count("sys"))'
        main = Container(name="main", image="python:3.12-alpine", command=("python",), source=source)
        assert (await run(launcher, pod(main, capture_result=True))).result == "1 3"
        file = Container(name="main", image="alpine", command=("sh", "-c"), source="echo $0 | grep -c script")
        assert (await run(launcher, pod(file, id="mode", capture_result=True))).result == "1"
        empty = Container(name="main", image="alpine", command=("echo", "x"), source="")
        assert (await run(launcher, pod(empty, id="empty", capture_result=True))).result == "x"


async def test_the_environment_is_small_and_the_containers_own(anyhow: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTROL_PLANE_SECRET", "hidden")
    async with anyhow() as launcher:
        main = Container(name="main", image="alpine", command=("env",), env={"A": "1", "LANG": "C"})
        exit_ = await run(launcher, pod(main, capture_result=True))
        assert exit_.result is not None
        variables = dict(line.split("=", 1) for line in exit_.result.split("\n"))
        assert variables["A"] == "1"
        assert variables["LANG"] == "C"
        assert set(variables) <= {"A", "LANG", "PATH", "HOME", "TMPDIR", "PYTHONUNBUFFERED", "SETPOINT_POD"}


@pytest.mark.rule("parameters.path-output")
async def test_parameters_come_from_files_with_one_newline_cut(start: Start) -> None:
    async with start() as launcher:
        outputs = (
            ParameterOutput(name="one", path="/mnt/out/one"),
            ParameterOutput(name="two", path="/tmp/two"),
            ParameterOutput(name="none", path="/tmp/none", default="d"),
        )
        script = "mkdir -p /mnt/out; printf '1\\n\\n' > /mnt/out/one; printf 2 > /tmp/two"
        exit_ = await run(launcher, pod(script, parameter_outputs=outputs))
        assert exit_.parameters == {"one": "1\n", "two": "2", "none": "d"}
        assert not Path("/mnt/out/one").exists()


@pytest.mark.rule("phases.missing-output")
async def test_a_missing_parameter_is_an_error_but_a_failed_main_wins(anyhow: Start) -> None:
    async with anyhow() as launcher:
        outputs = (ParameterOutput(name="p", path="/tmp/p"), ParameterOutput(name="q", path="/tmp/q"))
        good = await run(launcher, pod("echo x > /tmp/q", parameter_outputs=outputs))
        assert good.phase is PodPhase.ERROR
        assert good.message.startswith("wait: Error (exit code 64): ")
        assert "/tmp/p" in good.message
        assert good.exit_code == 0
        bad = await run(launcher, pod("echo x > /tmp/q; exit 2", id="bad", parameter_outputs=outputs))
        assert (bad.phase, bad.message) == (PodPhase.FAILED, "main: Error (exit code 2)")
        assert bad.parameters == {"q": "x"}


@pytest.mark.rule("artifacts.archive-tar", "artifacts.mode", "artifacts.raw", "artifacts.optional-output")
async def test_artifacts_go_from_pod_to_pod(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        outputs = (
            ArtifactOutput(name="tree", path="/mnt/out", key="wf/tree.tgz"),
            ArtifactOutput(name="file", path="/result.txt", key="wf/file.tgz"),
            ArtifactOutput(name="gone", path="/tmp/gone", key="wf/gone.tgz", optional=True),
        )
        script = "mkdir -p /mnt/out/deep; echo 1 > /mnt/out/a; echo 2 > /mnt/out/deep/b; echo 3 > result.txt; exit 1"
        made = await run(launcher, pod(script, artifact_outputs=outputs))
        assert made.phase is PodPhase.FAILED
        assert set(made.artifacts) == {"tree", "file"}
        inputs = (
            ArtifactInput(name="tree", path="/job/in", key="wf/tree.tgz"),
            ArtifactInput(name="file", path="/usr/share/setpoint-test.txt", key="wf/file.tgz", mode=0o600),
            ArtifactInput(name="raw", path="/tmp/raw", raw="4\n"),
            ArtifactInput(name="gone", path="/tmp/gone", key="wf/gone.tgz", optional=True),
        )
        script = "cat /job/in/a /job/in/deep/b /usr/share/setpoint-test.txt /tmp/raw"
        script += "; stat -c %a /usr/share/setpoint-test.txt; test ! -e /tmp/gone"
        exit_ = await run(launcher, pod(script, id="reader", artifact_inputs=inputs, capture_result=True))
        assert (exit_.phase, exit_.result) == (PodPhase.SUCCEEDED, "1\n2\n3\n4\n600")
        assert not Path("/usr/share/setpoint-test.txt").exists()


@pytest.mark.rule("phases.input-not-loaded")
async def test_an_input_that_is_not_there_is_an_error_before_main(anyhow: Start, tmp_path: Path) -> None:
    async with anyhow() as launcher:
        seen = tmp_path / "seen"
        inputs = (ArtifactInput(name="x", path="/tmp/x", key="none.tgz"),)
        exit_ = await run(launcher, pod(f"touch {seen}", artifact_inputs=inputs))
        assert exit_.phase is PodPhase.ERROR
        assert exit_.message.startswith("init: ")
        assert "none.tgz" in exit_.message
        assert exit_.exit_code is None
        assert not seen.exists()


@pytest.mark.rule("artifacts.optional-output", "phases.missing-output")
async def test_a_required_artifact_that_main_did_not_make_is_an_error(anyhow: Start) -> None:
    async with anyhow() as launcher:
        exit_ = await run(
            launcher, pod("true", artifact_outputs=(ArtifactOutput(name="x", path="/tmp/x", key="x.tgz"),))
        )
        assert exit_.phase is PodPhase.ERROR
        assert exit_.message.startswith("wait: Error (exit code 64): ")
        assert "/tmp/x" in exit_.message


@pytest.mark.rule("machine.private-root", "machine.rewriting")
async def test_a_declared_path_never_is_the_hosts(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        outputs = (ArtifactOutput(name="hosts", path="/etc/hosts", key="hosts.tgz", optional=True),)
        exit_ = await run(launcher, pod("true", artifact_outputs=outputs))
        assert (exit_.phase, exit_.artifacts) == (PodPhase.SUCCEEDED, ())
        parameters = (ParameterOutput(name="p", path="/usr/share/setpoint-own/p"),)
        script = "mkdir -p /usr/share/setpoint-own; echo own > /usr/share/setpoint-own/p; ls -d /usr/bin/env"
        exit_ = await run(launcher, pod(script, id="usr", parameter_outputs=parameters))
        assert exit_.parameters == {"p": "own"}
        assert not Path("/usr/share/setpoint-own").exists()


async def test_the_state_directory_stays_visible_below_a_declared_path(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        parent = tmp_path.parent
        (tmp_path / "known").write_text("yes")
        outputs = (ArtifactOutput(name="tree", path=str(parent), key="tree.tgz"),)
        script = f"mkdir -p {parent}; echo new > {parent}/new; cat {tmp_path}/known"
        exit_ = await run(launcher, pod(script, artifact_outputs=outputs, capture_result=True))
        assert exit_.result == "yes"
        assert not (parent / "new").exists()
        script = "find /tmp/in -type f"
        inputs = (ArtifactInput(name="tree", path="/tmp/in", key="tree.tgz"),)
        back = await run(launcher, pod(script, id="back", artifact_inputs=inputs, capture_result=True))
        assert back.result is not None
        assert back.result.endswith("in/new")
        assert "\n" not in back.result


@pytest.mark.rule("volumes.empty-dir")
async def test_volumes_are_shared_by_the_containers_of_a_pod(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        host = tmp_path / "host"
        host.mkdir()
        (host / "given").write_text("given\n")
        first = shell("echo first > /data/x", name="first", mounts=(Mount(volume="v", path="/data"),))
        mounts = (Mount(volume="v", path="/mnt/v"), Mount(volume="h", path="/mnt/h", host_path=str(host)))
        main = shell("cat /mnt/v/x /mnt/h/given; echo back > /mnt/h/made", mounts=mounts)
        outputs = (ParameterOutput(name="x", path="/mnt/v/x"),)
        request = pod(main, init_containers=(first,), parameter_outputs=outputs, capture_result=True)
        exit_ = await run(launcher, request)
        assert (exit_.result, exit_.parameters) == ("first\ngiven", {"x": "first"})
        assert (host / "made").read_text() == "back\n"


@pytest.mark.parametrize("init", [True, False])
async def test_a_volume_of_another_container_may_lie_where_main_does_not_look(
    start: Start, tmp_path_factory: pytest.TempPathFactory, init: bool
) -> None:
    async with start() as launcher:
        host = tmp_path_factory.mktemp("outside")  # below /tmp, which is main's own
        (host / "given").write_text("given\n")
        mounts = (Mount(volume="h", path="/mnt/h", host_path=str(host)), Mount(volume="v", path="/mnt/v"))
        other = shell(
            "cp /mnt/h/given /mnt/v/.part; mv /mnt/v/.part /mnt/v/got; ls /mnt/h", name="other", mounts=mounts
        )
        script = f"while [ ! -e /mnt/v/got ]; do sleep 0.02; done; cat /mnt/v/got; test ! -e {host}"
        main = shell(script, mounts=(Mount(volume="v", path="/mnt/v"),))
        request = pod(main, capture_result=True)
        request = request.replace(init_containers=(other,)) if init else request.replace(sidecars=(other,))
        exit_ = await run(launcher, request)
        assert exit_.result == "given"
        if (await launcher.isolation()).mode is Isolation.NAMESPACE:  # rewriting hides nothing
            assert exit_.phase is PodPhase.SUCCEEDED, exit_.message


@pytest.mark.rule("leaf.init-containers")
async def test_a_failing_init_container_stops_the_pod(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        seen = tmp_path / "seen"
        inits = (shell("echo hello", name="one"), shell("exit 7", name="two"), shell(f"touch {seen}", name="three"))
        exit_ = await run(launcher, pod(f"touch {seen}", init_containers=inits))
        assert (exit_.phase, exit_.message) == (PodPhase.FAILED, "two: Error (exit code 7)")
        assert exit_.exit_code is None
        assert not seen.exists()
        assert await log_text(launcher, "pod-1", container="one") == "hello"


@pytest.mark.rule("leaf.sidecars")
async def test_sidecars_end_with_main(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        ready, gone = tmp_path / "ready", tmp_path / "gone"
        polite = shell(f"trap 'touch {gone}; exit 0' TERM; touch {ready}; while :; do sleep 0.05; done", name="polite")
        stubborn = shell("trap '' TERM; while :; do sleep 0.05; done", name="stubborn")
        main = f"while [ ! -e {ready} ]; do sleep 0.05; done"
        exit_ = await run(launcher, pod(main, sidecars=(polite, stubborn), grace_seconds=0.5))
        assert (exit_.phase, exit_.message) == (PodPhase.SUCCEEDED, "")
        assert gone.exists()


@pytest.mark.rule("phases.sidecar-fails")
async def test_a_sidecar_that_fails_fails_the_pod(anyhow: Start, tmp_path: Path) -> None:
    async with anyhow() as launcher:
        seen = tmp_path / "seen"
        sidecar = shell(f"touch {seen}; exit 5", name="helper")
        exit_ = await run(launcher, pod(f"while [ ! -e {seen} ]; do sleep 0.05; done; sleep 0.2", sidecars=(sidecar,)))
        assert (exit_.phase, exit_.message) == (PodPhase.FAILED, "helper: Error (exit code 5)")


@pytest.mark.rule("verbs.template-deadline")
async def test_the_deadline_ends_the_pod(anyhow: Start) -> None:
    async with anyhow() as launcher:
        await run(launcher, pod("true", id="first"))
        deadline = datetime.now(UTC) + timedelta(seconds=1)
        exit_ = await run(launcher, pod("exec sleep 60", deadline=deadline))
        assert exit_.phase is PodPhase.FAILED
        assert exit_.message == "Pod was active on the node longer than the specified deadline"
        assert exit_.exit_code == 143
        past = await run(launcher, pod("true", id="past", deadline=deadline))
        assert (past.phase, past.exit_code) == (PodPhase.FAILED, None)


@pytest.mark.rule("verbs.signals")
async def test_kill_ends_a_process_that_ignores_term(anyhow: Start, tmp_path: Path) -> None:
    async with anyhow() as launcher:
        seen = tmp_path / "seen"
        await launcher.launch(pod(f"trap '' TERM; touch {seen}; while :; do sleep 0.05; done"))
        await appears(seen)
        assert await launcher.ready("pod-1")
        state = await launcher.state("pod-1")
        assert state is not None
        assert (state.phase, state.exit) == (PodPhase.RUNNING, None)
        await launcher.kill("pod-1", grace_seconds=0.2, reason="workflow shutdown with strategy:  Stop")
        exit_ = await ended(launcher, "pod-1")
        assert (exit_.phase, exit_.exit_code) == (PodPhase.FAILED, 137)
        assert exit_.message == "workflow shutdown with strategy:  Stop"
        await launcher.kill("pod-1")


async def test_kill_lets_main_end_by_itself_and_keeps_its_outputs(anyhow: Start, tmp_path: Path) -> None:
    async with anyhow() as launcher:
        seen = tmp_path / "seen"
        outputs = (ParameterOutput(name="p", path="/tmp/p"),)
        script = f"trap 'echo saved > /tmp/p; exit 143' TERM; touch {seen}; while :; do sleep 0.05; done"
        await launcher.launch(pod(script, parameter_outputs=outputs))
        await appears(seen)
        await launcher.kill("pod-1", grace_seconds=20)
        exit_ = await ended(launcher, "pod-1")
        assert (exit_.phase, exit_.message) == (PodPhase.FAILED, "main: Error (exit code 143)")
        assert exit_.parameters == {"p": "saved"}


async def test_a_kill_right_after_launch_is_not_lost(start: Start) -> None:
    async with start() as launcher:
        names = [f"p{number}" for number in range(8)]
        for name in names:
            await launcher.launch(pod("exec sleep 60", id=name))
            await launcher.kill(name, grace_seconds=5, reason="stop")
        for name in names:
            exit_ = await ended(launcher, name)
            assert (exit_.phase, exit_.message) == (PodPhase.FAILED, "stop")


async def test_background_processes_end_with_the_pod(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        mark = tmp_path / "pids"
        script = f"sleep 77 & echo $! > {mark}; setsid sleep 78 & echo $! >> {mark}; sleep 0.2"
        await run(launcher, pod(script))
        for pid in mark.read_text().split():
            assert not Path(f"/proc/{pid}").exists()


async def test_exits_tells_of_every_pod_to_every_reader(anyhow: Start) -> None:
    async with anyhow() as launcher:
        await run(launcher, pod("exit 1", id="before"))
        async with aclosing(launcher.exits()) as first, aclosing(launcher.exits()) as second, asyncio.timeout(30):
            await launcher.launch(pod("true", id="after"))
            for reader in (first, second):
                states = [await anext(reader), await anext(reader)]
                assert {state.id for state in states} == {"before", "after"}
                assert all(state.exit is not None for state in states)


async def test_logs_follow_a_running_pod_to_its_end(anyhow: Start, tmp_path: Path) -> None:
    async with anyhow() as launcher:
        go = tmp_path / "go"
        await launcher.launch(pod(f"echo one; while [ ! -e {go} ]; do sleep 0.02; done; echo two; printf three"))
        async with aclosing(launcher.logs("pod-1", follow=True)) as lines, asyncio.timeout(30):
            first = await anext(lines)
            assert (first.content, first.container) == ("one", "main")
            assert first.time is not None
            go.touch()
            assert [line.content async for line in lines] == ["two", "three"]


async def test_logs_of_nothing_are_not_found(anyhow: Start) -> None:
    async with anyhow() as launcher:
        with pytest.raises(NotFound):
            await log_text(launcher, "nobody")
        await run(launcher, pod("true"))
        with pytest.raises(NotFound):
            await log_text(launcher, "pod-1", container="other")


async def test_remove_forgets_an_ended_pod_only(anyhow: Start, tmp_path: Path) -> None:
    async with anyhow() as launcher:
        await launcher.launch(pod("exec sleep 60"))
        with pytest.raises(InvalidSpec):
            await launcher.remove("pod-1")
        await launcher.kill("pod-1", grace_seconds=0)
        await ended(launcher, "pod-1")
        await launcher.remove("pod-1")
        assert await launcher.state("pod-1") is None
        assert not (tmp_path / "pods" / "pod-1").exists()
        await launcher.remove("pod-1")


async def test_state_of_a_pod_never_launched_is_none(anyhow: Start) -> None:
    async with anyhow() as launcher:
        assert await launcher.state("nobody") is None
        await launcher.kill("nobody")


async def test_a_process_that_talks_without_end_is_not_stopped_by_its_log(anyhow: Start) -> None:
    async with anyhow() as launcher:
        exit_ = await run(
            launcher, pod("head -c 5000000 /dev/zero | tr '\\0' 'x'; echo; echo done", capture_result=True)
        )
        assert exit_.phase is PodPhase.SUCCEEDED
        assert (await log_text(launcher, "pod-1")).endswith("done")
        assert os.environ.get("SETPOINT_POD") is None


async def test_progress_is_what_the_running_pod_wrote_last(start: Start, tmp_path: Path) -> None:
    async with start() as launcher:
        said, go = tmp_path / "said", tmp_path / "go"
        script = f"echo 2/5 > /tmp/p; touch {said}; while [ ! -e {go} ]; do sleep 0.02; done; echo 4/5 > /tmp/p; exit 1"
        await launcher.launch(pod(shell(script, env={"ARGO_PROGRESS_FILE": "/tmp/p"})))
        await appears(said)
        async with asyncio.timeout(30):
            while (found := await launcher.progress("pod-1")) is None:
                await asyncio.sleep(0.02)  # the note that main runs may be written after main's own words
        assert found == "2/5"
        go.touch()
        assert (await ended(launcher, "pod-1")).progress == "4/5"
        assert await launcher.progress("nobody") is None


@pytest.mark.parametrize(
    "script",
    [
        "mkfifo $ARGO_PROGRESS_FILE",
        "echo 1/2 > /tmp/q; ln -s /tmp/q $ARGO_PROGRESS_FILE",
        "yes 1/2 | head -c 1000000 > $ARGO_PROGRESS_FILE",
        "printf '\\377/2' > $ARGO_PROGRESS_FILE",
        "mkdir $ARGO_PROGRESS_FILE",
        "true",
    ],
)
async def test_what_is_no_progress_stops_nobody(anyhow: Start, tmp_path: Path, script: str) -> None:
    async with anyhow() as launcher:
        said, go = tmp_path / "said", tmp_path / "go"
        main = shell(
            f"{script}; touch {said}; while [ ! -e {go} ]; do sleep 0.02; done", env={"ARGO_PROGRESS_FILE": "/tmp/p"}
        )
        await launcher.launch(pod(main))
        await appears(said)
        assert await launcher.progress("pod-1") is None
        go.touch()
        exit_ = await ended(launcher, "pod-1")
        assert (exit_.phase, exit_.progress) == (PodPhase.SUCCEEDED, "")


async def test_with_its_owner_all_of_a_pod_goes(anyhow: Start, tmp_path: Path) -> None:
    async with anyhow() as launcher:
        await run(launcher, pod("echo a", id="ended", owner="one"))
        await run(launcher, pod("echo b", id="other", owner="two"))
        await launcher.launch(pod("exec sleep 600", id="running", owner="one"))
        assert await launcher.owners() == ("one", "two")
        await launcher.remove_owned("one")
        await launcher.remove_owned("one")
        assert await launcher.owners() == ("two",)
        assert [await launcher.state(one) for one in ("ended", "running")] == [None, None]
        assert await log_text(launcher, "other") == "b"
        assert [item.name for item in (tmp_path / "pods").iterdir()] == ["other"]
