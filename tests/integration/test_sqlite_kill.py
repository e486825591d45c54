"""A killed owner: nothing acknowledged is lost, nothing half-done is found, the lease is free."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import NotFound, Unavailable

ROOT = Path(__file__).resolve().parents[2]


def start(verb: str, directory: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.store_process", verb, str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )


def kill_after(process: subprocess.Popen[bytes], lines: int) -> list[list[str]]:
    """Whatever the process had acknowledged when it was killed, at least so many lines."""
    assert process.stdout is not None
    with process, process.stdout as output:
        said = [output.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += output.readlines()
    return [line.decode().split() for line in said if line.endswith(b"\n")]


async def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(20_26)
    objects: dict[str, str] = {}
    commits: dict[str, int] = {}
    newest = 0
    for _ in range(6):
        before = newest
        for what, name, value in kill_after(start("write", tmp_path), chance.randint(1, 400)):
            if what == "object":
                objects[name] = value
                assert int(value) > before, "a version that was given out is never given out again"
                newest = max(newest, int(value))
            else:
                commits[name] = max(commits.get(name, -1), int(value))
        with SqliteStore(tmp_path, SystemClock()) as store:
            found = {item.metadata.name: item for item in (await store.resources.list(ConfigMap)).items}
            assert {name: found[name].metadata.resource_version for name in objects} == objects
            for run in (await store.resources.list(Workflow)).items:
                record = await store.journal.load(run.metadata.uid)
                count = len(record.nodes)
                assert count - 1 >= commits.get(run.metadata.uid, -1)
                # one transaction: status, rows and commands are of the same commit
                assert set(record.commands) == {f"c{number}" for number in range(count)}
                assert record.status == (b'{"progress":"%d"}' % (count - 1) if count else b"")
    assert len(objects) > 100
    assert commits


def test_the_lease_names_its_owner_and_dies_with_it(tmp_path: Path) -> None:
    process = start("hold", tmp_path)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Unavailable, match=f"in use by process {process.pid}"):
            SqliteStore(tmp_path, SystemClock())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    SqliteStore(tmp_path, SystemClock()).close()  # although its children are alive


async def test_the_lease_holds_within_a_process_and_is_given_back(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()), pytest.raises(Unavailable, match=f"process {os.getpid()}"):
        SqliteStore(tmp_path, SystemClock())
    with SqliteStore(tmp_path, SystemClock()) as store, pytest.raises(NotFound):
        await store.resources.get(ConfigMap, "default", "a")


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """On a file system of 4 MB, in a mount name space of its own."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    script = (
        'mount -t tmpfs -o size=4m none "$1" 2>/dev/null || { echo refused; exit 0; }; '
        'exec "$2" -m tests.integration.store_process fill "$1/state"'
    )
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(tmp_path), sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.stdout == "refused\n" or (done.returncode and "unshare" in done.stderr):
        pytest.skip("this host allows no mount name space")
    said = done.stdout.splitlines()
    assert said[0].startswith("full: the disk that holds")
    assert said[1:] == ["all there"]
    assert done.stderr == ""
    assert done.returncode == 0
