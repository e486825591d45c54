"""Private roots built in each of the ways a host may allow, and the rewriting where it allows none."""

# ruff: noqa: ASYNC110, ASYNC240 - tests look at processes and files that tell nobody

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.adapters.pods.isolation import (
    Bind,
    Isolation,
    IsolationReport,
    PrivateRoot,
    choose,
    isolation_report,
    normal_path,
)
from setpoint.adapters.pods.records import CLAIM, ProcessIdentity, read_note, start_ticks
from setpoint.adapters.pods.spare import drop_spare
from setpoint.apis.errors import InvalidSpec
from setpoint.ports.launcher import ArtifactOutput, Mount, PodPhase
from tests.pods import pod as pod_request
from tests.pods import run, running_launcher, shell

# Builds a private root in a process of its own and says what is seen there.
LOOK = """
import json, os, subprocess, sys
from pathlib import Path
from setpoint.adapters.pods.isolation import Bind, PrivateRoot, enter_base_namespace

given = json.loads(sys.argv[1])
binds = tuple(Bind(**bind) for bind in given.pop("binds"))
lists = {name: tuple(given.pop(name)) for name in ("declared", "kept")}
user, script = given.pop("user"), given.pop("script")
root = PrivateRoot(directory=Path(given.pop("directory")), binds=binds, **lists, **given)
enter_base_namespace(user=user)
root.prepare()
root.enter()
done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True)
print(json.dumps([done.returncode, done.stdout, done.stderr]))
"""

WAYS = ["overlay", "bind", "user-overlay", "user-bind"]
WITHOUT_PRIVILEGE = ("setpriv", "--bounding-set", "-sys_admin")


@pytest.fixture(params=WAYS)
def look(request: pytest.FixtureRequest, tmp_path: Path) -> Look:
    user = request.param.startswith("user")
    prefix: tuple[str, ...] = ()
    report = own_report()
    if user and not report.user_namespace:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed")
        prefix = WITHOUT_PRIVILEGE
        report = report_under(prefix)
    if report.mode is not Isolation.NAMESPACE or report.user_namespace is not user:
        pytest.skip(report.reason)
    if request.param.endswith("overlay") and not report.overlay:
        pytest.skip("no overlayfs")
    return Look(tmp_path / "root", user, request.param.endswith("overlay"), prefix)


own_report = cache(isolation_report)


@cache
def report_under(prefix: tuple[str, ...]) -> IsolationReport:
    with TemporaryDirectory() as scratch:
        command = [*prefix, sys.executable, "-m", "setpoint.adapters.pods.isolation", scratch]
        answer = subprocess.run(command, capture_output=True, check=True)
    return msgspec.json.decode(answer.stdout, type=IsolationReport)


class Look:
    """Runs a line of shell in a private root; the text it prints."""

    def __init__(self, directory: Path, user: bool, overlay: bool, prefix: tuple[str, ...]) -> None:
        self._fixed = {"directory": str(directory), "user": user, "overlay": overlay}
        self._prefix = prefix

    def __call__(self, script: str, **root: object) -> str:
        given = {"declared": [], "kept": [], "binds": []} | self._fixed | root | {"script": script}
        command = [*self._prefix, sys.executable, "-c", LOOK, json.dumps(given)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        code, output, errors = json.loads(answer.stdout)
        assert code == 0, errors
        return str(output)


def test_the_host_is_there_and_tmp_is_empty(look: Look) -> None:
    assert look("test -x /bin/sh && test -d /proc/1 && ls -A /tmp /var/tmp /dev/shm && pwd").split() == [
        "/dev/shm:", "/tmp:", "/var/tmp:", "/",
    ]  # fmt: skip


@pytest.mark.rule("machine.private-root")
def test_a_declared_file_in_a_host_directory_is_hidden_and_its_neighbours_are_not(look: Look) -> None:
    script = "test ! -e /etc/hosts && test -e /etc/passwd && echo mine > /etc/hosts && cat /etc/hosts"
    before = Path("/etc/hosts").read_bytes()
    assert look(script, declared=["/etc/hosts"]) == "mine\n"
    assert Path("/etc/hosts").read_bytes() == before


def test_a_declared_directory_deep_in_the_host_is_its_own(look: Look) -> None:
    script = "test ! -e /usr/share/doc && mkdir /usr/share/doc && touch /usr/share/doc/x && ls /usr/share/doc"
    assert look(script, declared=["/usr/share/doc"]) == "x\n"
    assert not Path("/usr/share/doc/x").exists()


def test_parents_of_a_declared_path_are_made(look: Look) -> None:
    script = "echo 1 > /opt/a/b/c && echo 2 > /brand/new/file && cat /opt/a/b/c /brand/new/file"
    assert look(script, declared=["/opt/a/b/c", "/brand/new/file"]) == "1\n2\n"
    assert not Path("/opt/a").exists()
    assert not Path("/brand").exists()


def test_a_whole_top_level_directory_can_be_declared(look: Look) -> None:
    assert look("mkdir -p /opt && ls -A /opt; test ! -e /srv || ls -A /srv", declared=["/opt", "/srv/x"]) == ""


def test_kept_paths_are_the_hosts_on_top_of_what_hides_them(look: Look, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "known").write_text("host")
    script = f"cat {kept}/known && echo new > {kept}/new && ls {tmp_path}"
    assert look(script, kept=[str(kept)]) == "hostkept\n"
    assert (kept / "new").read_text() == "new\n"


def test_volumes_are_shown_and_can_be_read_only(look: Look, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "file").write_text("text")
    binds = [
        {"source": str(volume), "path": "/mnt/rw"},
        {"source": str(volume), "path": "/usr/share/ro", "read_only": True},
        {"source": str(volume / "file"), "path": "/etc/one-file", "read_only": True},
    ]
    script = (
        "touch /mnt/rw/new && ! touch /usr/share/ro/bad 2>/dev/null && ! echo x > /etc/one-file 2>/dev/null;"
        " cat /etc/one-file && ls /usr/share/ro"
    )
    assert look(script, binds=binds) == "textfile\nnew\n"
    assert not Path("/etc/one-file").exists()


def test_a_working_directory_that_the_host_lacks_is_made(look: Look) -> None:
    assert look("cd /usr/src/app && pwd", working_dir="/usr/src/app") == "/usr/src/app\n"
    assert not Path("/usr/src/app").exists()


def test_pods_run_in_a_user_namespace(tmp_path: Path) -> None:
    """The whole way: a launcher without the right to mount."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    if not (report := report_under(WITHOUT_PRIVILEGE)).user_namespace:
        pytest.skip(report.reason)
    script = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from tests.pods import pod, run, running_launcher\n"
        "from setpoint.ports.launcher import ArtifactOutput\n"
        "async def main():\n"
        "    async with running_launcher(Path(sys.argv[1])) as launcher:\n"
        "        out = ArtifactOutput(name='o', path='/mnt/o', key='o.tgz')\n"
        "        request = pod('echo x > /mnt/o; id -u; ls /tmp', artifact_outputs=(out,), capture_result=True)\n"
        "        exit_ = await run(launcher, request)\n"
        "        print((await launcher.isolation()).user_namespace, exit_.phase, exit_.artifacts, exit_.result)\n"
        "asyncio.run(main())\n"
    )
    command = [*WITHOUT_PRIVILEGE, sys.executable, "-c", script, str(tmp_path / "home")]
    top = Path(__file__).resolve().parents[2]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=top, check=False)
    assert answer.stdout.startswith("True Succeeded ('o',) "), answer.stderr


def rewritten(tmp_path: Path, **root: object) -> PrivateRoot:
    return PrivateRoot(directory=tmp_path / "root", rewrite=True, **root)  # type: ignore[arg-type]


@pytest.mark.rule("machine.rewriting")
def test_rewriting_maps_declared_paths_their_parents_and_tmp(tmp_path: Path) -> None:
    root = rewritten(tmp_path, declared=("/mnt/out/x", "/hello.txt", "/usr/share/y"))
    own = root.file_system
    assert root.render("cp /mnt/out/x /mnt/out/z; ls /mnt") == f"cp {own}/mnt/out/x {own}/mnt/out/z; ls /mnt"
    assert root.render('--out="/hello.txt" >/tmp/a') == f'--out="{own}/hello.txt" >{own}/tmp/a'
    assert root.render("/usr/share/y /usr/share/z") == f"{own}/usr/share/y /usr/share/z"
    assert root.render("/hello.txt.bak my/tmp/x file:///tmp/x /tmpfile") == (
        "/hello.txt.bak my/tmp/x file:///tmp/x /tmpfile"
    )


def test_rewriting_leaves_kept_paths_alone_and_maps_volumes(tmp_path: Path) -> None:
    binds = (Bind(source="/data/v", path="/mnt/v"),)
    root = rewritten(tmp_path, declared=("/job",), kept=("/job/venv",), binds=binds)
    assert root.render("/job/venv/bin/python /job/a /mnt/v/b") == (
        f"/job/venv/bin/python {root.file_system}/job/a /data/v/b"
    )
    assert root.locate("/mnt/v/b") == Path("/data/v/b")
    assert root.locate("relative") == Path(root.file_system) / "relative"
    assert root.excluded("/job") == ("/job/venv",)


@given(st.text(alphabet="ab/. -\"'$\n", max_size=40))
def test_rewriting_text_without_own_paths_changes_nothing(text: str) -> None:
    root = PrivateRoot(directory=Path("/nowhere"), declared=("/declared/path",), rewrite=True)
    assert root.render(text) == text
    once = root.render(f"{text} /declared/path/x")
    assert once == f"{text} {root.file_system}/declared/path/x"


@given(st.lists(st.sampled_from(["a", "..", ".", "", "b"]), max_size=6).map("/".join))
def test_no_path_leads_out_of_the_root(path: str) -> None:
    normal = normal_path(path)
    assert normal.startswith("/")
    assert not normal.startswith("//")
    assert ".." not in normal.split("/")


def test_a_demand_that_cannot_be_met_is_one_clear_error() -> None:
    found = IsolationReport(mode=Isolation.REWRITE, reason="the host allows no private root: no")
    with pytest.raises(InvalidSpec, match="the host allows no private root"):
        choose(Isolation.NAMESPACE, found)
    assert choose(Isolation.AUTO, found) is found


async def test_a_volume_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    mount = Mount(volume="v", path="/mnt/v", host_path=str(tmp_path / "none"))
    async with running_launcher(tmp_path) as launcher:
        exit_ = await run(launcher, pod_request(shell("true", mounts=(mount,))))
        assert exit_.phase is PodPhase.ERROR
        assert str(tmp_path / "none") in exit_.message


def _reserves(home: Path) -> list[int]:
    folder = home / "kubelet" / "spare"
    return [int(entry.name) for entry in folder.iterdir()] if folder.exists() else []


async def _reserve(home: Path) -> int:
    """The pid of the supervisor in reserve, when it has begun."""
    async with asyncio.timeout(30):
        while not (found := _reserves(home)):
            await asyncio.sleep(0.01)
    return found[0]


async def test_a_reserve_becomes_one_pod_after_another_and_leaves_nothing_at_the_end(tmp_path: Path) -> None:
    if own_report().mode is not Isolation.NAMESPACE:
        pytest.skip("without private roots there is no reserve")
    async with running_launcher(tmp_path) as launcher:
        pids = {await _reserve(tmp_path)}
        for turn in range(5):
            script = f"ls /x /tmp/own*; echo own{turn} > /x; touch /tmp/own{turn}; cat /x; ls /tmp/own*"
            exit_ = await run(launcher, pod_request(script, id=f"pod-{turn}", capture_result=True))
            assert exit_.result == f"own{turn}\n/tmp/own{turn}"
            claim = read_note(tmp_path / "pods" / f"pod-{turn}", CLAIM, ProcessIdentity)
            assert claim is not None
            assert claim.pid in pids or len(pids) == 1  # another, if the one is busy for long
            pids.add(claim.pid)
            while claim.pid not in _reserves(tmp_path):
                await asyncio.sleep(0.01)
    async with asyncio.timeout(30):
        while _reserves(tmp_path):
            await asyncio.sleep(0.01)
    assert not Path("/x").exists()


async def test_a_reserve_that_was_killed_is_done_without(tmp_path: Path) -> None:
    if own_report().mode is not Isolation.NAMESPACE:
        pytest.skip("without private roots there is no reserve")
    async with running_launcher(tmp_path) as launcher:
        pid = await _reserve(tmp_path)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            while start_ticks(pid) is not None:
                await asyncio.sleep(0.01)
        assert (await run(launcher, pod_request("echo done", capture_result=True))).result == "done"


async def test_a_top_level_directory_of_the_host_can_be_declared_by_a_pod(tmp_path: Path) -> None:
    outputs = (ArtifactOutput(name="o", path="/opt", key="o.tgz"),)
    async with running_launcher(tmp_path) as launcher:
        script = "mkdir -p /opt && echo own > /opt/file && ls /opt"
        exit_ = await run(launcher, pod_request(script, artifact_outputs=outputs, capture_result=True))
        assert (exit_.phase, exit_.result) == (PodPhase.SUCCEEDED, "file")
    assert not Path("/opt/file").exists()


def test_a_spare_root_that_nobody_took_is_removed_without_touching_what_is_full(tmp_path: Path) -> None:
    place = tmp_path / "1"
    (place / "fs" / "usr").mkdir(parents=True)
    (place / "fs" / "bin").symlink_to("usr")
    (place / "fs" / "file").touch()
    drop_spare(place)
    assert not place.exists()
    (place / "fs" / "usr").mkdir(parents=True)
    (place / "fs" / "usr" / "precious").write_text("x")
    drop_spare(place)
    assert (place / "fs" / "usr" / "precious").read_text() == "x"
