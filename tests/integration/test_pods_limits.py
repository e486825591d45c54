"""Limits of real containers: memory and cpu by cgroup where this host allows it, memory by looking otherwise."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from setpoint.adapters.pods.cgroups import CGROUPS, PodGroups, find_hierarchy, remove_groups
from setpoint.ports.launcher import Mount, PodPhase
from tests.pods import appears, ended, log_text, pod, run, running_launcher, shell

MIB = 1024 * 1024
HOG = "python3 -c 'b = bytearray(200 * 1024 * 1024); import time; time.sleep(60)'"
"""Touches 200 MiB and keeps them."""


def allowed(tmp_path: Path, controller: str) -> bool:
    """Whether this host lets us limit."""
    tmp_path.mkdir(exist_ok=True)
    groups = PodGroups(tmp_path)
    _, refused = groups.limit(
        "main", 64 * MIB if controller == "memory" else None, 500 if controller == "cpu" else None
    )
    remove_groups(tmp_path)
    return not refused


@pytest.mark.rule("phases.oom")
@pytest.mark.parametrize("cgroups", [True, False], ids=["cgroup", "looked at"])
async def test_a_container_over_its_memory_limit_is_killed(tmp_path: Path, cgroups: bool) -> None:
    async with running_launcher(tmp_path / "home", cgroups=cgroups) as launcher:
        end = await run(launcher, pod(shell(HOG, memory_bytes=64 * MIB)))
    assert (end.phase, end.message, end.exit_code) == (PodPhase.FAILED, "main: OOMKilled (exit code 137)", 137)


async def test_a_container_under_its_limit_goes_on(tmp_path: Path) -> None:
    async with running_launcher(tmp_path / "home") as launcher:
        end = await run(launcher, pod(shell("exit 3", memory_bytes=64 * MIB, cpu_milli=500)))
    assert end.message == "main: Error (exit code 3)"


async def test_the_limit_of_the_pod_holds_for_all_containers_together(tmp_path: Path) -> None:
    if not allowed(tmp_path / "trial", "memory"):
        pytest.skip("this host lets no control group be made")
    shared = (Mount(volume="v", path="/mnt/v"),)
    small = 'python3 -c \'b = bytearray(40 << 20); open("/mnt/v/up", "w"); import time; time.sleep(60)\''
    large = "while [ ! -e /mnt/v/up ]; do sleep 0.02; done; python3 -c 'bytearray(80 << 20)'"
    async with running_launcher(tmp_path / "home") as launcher:
        side = shell(small, name="side", mounts=shared)
        end = await run(launcher, pod(shell(large, mounts=shared), sidecars=(side,), memory_bytes=96 * MIB))
    assert end.message == "main: OOMKilled (exit code 137)"


async def test_a_sidecar_that_is_killed_for_its_memory_is_no_failure(tmp_path: Path) -> None:
    async with running_launcher(tmp_path / "home") as launcher:
        side = shell(f"touch /tmp/x; {HOG}", name="side", memory_bytes=48 * MIB)
        end = await run(launcher, pod("sleep 1", sidecars=(side,)))
    assert (end.phase, end.message) == (PodPhase.SUCCEEDED, "")


async def test_groups_go_with_the_pod_also_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    if not allowed(tmp_path / "trial", "memory"):
        pytest.skip("this host lets no control group be made")
    async with running_launcher(tmp_path / "home") as launcher:
        await launcher.launch(pod(shell("touch $OUT; sleep 60", env={"OUT": "/tmp/up"}, memory_bytes=64 * MIB)))
        folder = tmp_path / "home" / "pods" / "pod-1"
        await appears(folder / "started")
        made = [Path(line) for line in (folder / CGROUPS).read_text().splitlines()]
        assert any(path.exists() for path in made)
        state = await launcher.state("pod-1")
        assert state is not None and state.pid is not None
        os.kill(state.pid, signal.SIGKILL)
        end = await ended(launcher, "pod-1")
    assert end.phase is PodPhase.ERROR
    assert not any(path.exists() for path in made)


async def test_a_cpu_limit_is_set_or_said_not_to_hold(tmp_path: Path) -> None:
    async with running_launcher(tmp_path / "home", cgroups=False) as launcher:
        await run(launcher, pod(shell("true", cpu_milli=500)))
        said = await log_text(launcher, "pod-1")
    assert said == "setpoint: the cpu limit does not hold: this host lets no control group be made"
    if allowed(tmp_path / "trial", "cpu"):
        found = find_hierarchy("cpu")
        assert found is not None
        name = "cpu.max" if found.version == 2 else "cpu.cfs_quota_us"
        controller = "" if found.version == 2 else "cpu"
        script = f"cat {found.mount}$(sed -n 's/.*:{controller}:\\(.*\\)/\\1/p' /proc/self/cgroup)/{name}"
        async with running_launcher(tmp_path / "other") as launcher:
            await run(launcher, pod(shell(script, cpu_milli=500)))
            assert (await log_text(launcher, "pod-1")).split()[0] == "50000"


async def test_a_pod_without_limits_makes_no_group(tmp_path: Path) -> None:
    async with running_launcher(tmp_path / "home") as launcher:
        await run(launcher, pod("true"))
    assert not (tmp_path / "home" / "pods" / "pod-1" / CGROUPS).exists()


HOSTS = {
    "version 2": (
        "25 1 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "0::/user.slice/app.scope\n",
        (2, "/sys/fs/cgroup/user.slice/app.scope"),
    ),
    "version 1": (
        "30 1 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        "4:memory:/docker/abc\n0::/\n",
        (1, "/sys/fs/cgroup/memory/docker/abc"),
    ),
    "both, memory with version 1": (
        "30 1 0:30 / /c/unified rw - cgroup2 cgroup2 rw\n31 1 0:31 / /c/memory rw - cgroup cgroup rw,memory\n",
        "4:memory:/x\n0::/y\n",
        (1, "/c/memory/x"),
    ),
    "inside a container that sees its own part": (
        "30 1 0:30 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        "4:memory:/docker/abc\n",
        (1, "/sys/fs/cgroup/memory"),
    ),
    "none": ("30 1 0:30 / / rw - ext4 /dev/sda rw\n", "0::/\n", None),
}


@pytest.mark.parametrize("name", list(HOSTS))
def test_where_groups_are_is_read_from_the_kernel(tmp_path: Path, name: str) -> None:
    mounts, groups, expected = HOSTS[name]
    top = tmp_path / "c"
    (top / "sys/fs/cgroup").mkdir(parents=True)
    (top / "sys/fs/cgroup/cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "mountinfo").write_text(mounts.replace(" /sys", f" {top}/sys"))
    (tmp_path / "cgroup").write_text(groups)
    found = find_hierarchy("memory", tmp_path)
    place = (found.version, str(found.own).removeprefix(str(top))) if found is not None else None
    assert place == expected
    if found is not None:
        assert found.places[-1] == found.mount


async def test_the_end_of_the_log_is_the_message_where_it_is_asked_for(tmp_path: Path) -> None:
    async with running_launcher(tmp_path / "home") as launcher:
        main = shell("seq 1 200; echo out of paint; exit 4", log_is_message=True)
        end = await run(launcher, pod(main))
        lines = [*map(str, range(122, 201)), "out of paint"]
        assert end.message == "main: Error (exit code 4): " + "".join(f"{line}\n" for line in lines)
        fine = await run(launcher, pod(shell("echo fine", log_is_message=True), id="pod-2"))
        assert fine.message == ""
