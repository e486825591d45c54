"""A main that is started without a fork is what a forked one is, and dies with its parent as that does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from setpoint.adapters.pods.processes import ProcessSpec, Started
from setpoint.adapters.pods.starter import Starter, find_setpriv

SETPRIV = find_setpriv()
needs_setpriv = pytest.mark.skipif(SETPRIV is None, reason="needs setpriv of util-linux with --pdeathsig")
LOOK = """
echo $0 $# "$1"; pwd; umask; env | sort; ls -l /proc/self/fd | grep -c -- '->'
grep -E '^(Sig[BIC]|NoNewPrivs|Cap)' /proc/self/status; cat /proc/$$/comm; tr '\\0' ' ' < /proc/$$/cmdline
set -- $(cat /proc/$$/stat); [ $5 = $$ ] && echo leads; [ $6 = $$ ] || echo same session
cat; echo wrong >&2
"""
_IGNORED = re.compile(r"SigIgn:\t(\w+)")
ENVIRONMENT = {"PATH": os.environ["PATH"], "MINE": "a b\n§"}


def _spec(*argv: str, **environment: str) -> ProcessSpec:
    return ProcessSpec(argv=argv, environment=ENVIRONMENT | environment, working_dir="/usr")


def _forked(started: Started) -> bool:
    return started.last is not None


def _told(started: Started) -> tuple[str, str, int]:
    texts = []
    for descriptor in (started.stdout, started.stderr):
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "rb") as stream:
            texts.append(stream.read().decode())
    return texts[0], texts[1], os.waitstatus_to_exitcode(os.waitpid(started.pid, 0)[1])


def _ignored(text: str) -> int:
    """Set of ignored signals, less 32 and 33: glibc keeps those, and sets them itself where it starts a thread."""
    found = _IGNORED.search(text)
    assert found is not None
    return int(found[1], 16) & 0x7FFFFFFF


@contextmanager
def _ignoring(*numbers: int) -> Iterator[None]:
    """As the processes that start mains do."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        for number, handler in before.items():
            signal.signal(number, handler)


@needs_setpriv
def test_a_program_started_again_finds_what_a_forked_one_finds() -> None:
    starter, spec = Starter(SETPRIV), _spec("sh", "-c", LOOK, "zero", "-x")
    here, mask = Path.cwd(), os.umask(0o077)
    try:
        with _ignoring(signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            first, second = starter.start_main(spec), starter.start_main(spec)
            assert (_forked(first), _forked(second)) == (True, False)
            told, again = _told(first), _told(second)
            assert _ignored(told[0]) == _ignored(again[0]) == 0
            assert [_IGNORED.sub("", text) for text in told[:2]] == [_IGNORED.sub("", text) for text in again[:2]]
    finally:
        assert os.umask(mask) == 0o077
    assert Path.cwd() == here
    assert told[0].startswith("zero 1 -x\n/usr\n0022\n")
    assert told[0].endswith("leads\nsame session\n")
    assert told[1:] == again[1:] == ("wrong\n", 0)


@needs_setpriv
def test_what_main_dies_of_and_exits_with_is_told() -> None:
    starter = Starter(SETPRIV)
    for script, code in (("exit 7", 7), ("kill -9 $$", -9), ("kill -TERM $$", -15)):
        for turn in range(2):
            assert _told(starter.start_main(_spec("sh", "-c", script)))[2] == code, turn


@needs_setpriv
def test_only_the_same_file_is_started_without_a_fork(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho one\n")
    program.chmod(0o755)
    starter, spec = Starter(SETPRIV), _spec("program", PATH=f"{tmp_path}:/usr/bin:/bin")
    started = [starter.start_main(spec) for _ in range(2)]
    assert [_forked(one) for one in started] == [True, False]
    assert {_told(one)[0] for one in started} == {"one\n"}

    program.write_text("no program at all")  # what `execvp` takes for a shell script
    wrong = starter.start_main(spec)
    assert "Exec format error" in wrong.error
    _told(wrong)
    program.unlink()
    gone = starter.start_main(spec)
    assert gone.error == 'failed to find name in PATH: exec: "program": executable file not found in $PATH'
    _told(gone)


@needs_setpriv
@pytest.mark.parametrize(
    "spec",
    [
        replace(_spec("sh", "-c", "true"), working_dir="/no/such/directory"),
        _spec("sh", "-c", "true", "x" * 200_000),
        _spec("sh", "-c", "true\0"),
    ],
    ids=["directory", "too long", "zero"],
)
def test_what_cannot_be_started_is_told_as_ever(spec: ProcessSpec) -> None:
    fresh, known = Starter(SETPRIV), Starter(SETPRIV)
    _told(known.start_main(_spec("sh", "-c", "true")))
    open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all that is asked
    errors = []
    for starter in (fresh, known):
        started = starter.start_main(spec)
        errors.append(started.error)
        _told(started)
    assert errors[0]
    assert errors[0] == errors[1]
    assert len(os.listdir("/proc/self/fd")) == open_files  # noqa: PTH208 - the same


@needs_setpriv
def test_who_asks_for_the_loader_or_has_no_setpriv_is_forked() -> None:
    for starter, spec in (
        (Starter(SETPRIV), _spec("true", LD_LIBRARY_PATH="/nowhere")),
        (Starter(None), _spec("true")),
    ):
        for _ in range(2):
            started = starter.start_main(spec)
            assert _forked(started)
            assert _told(started)[2] == 0


_PARENT = """
import os, time
from setpoint.adapters.pods.processes import ProcessSpec
from setpoint.adapters.pods.starter import Starter, find_setpriv
starter = Starter(find_setpriv())
spec = ProcessSpec(argv=("sleep", "1000"), environment=dict(os.environ), working_dir="/")
print(*[starter.start_main(spec).pid for _ in range(2)], flush=True)
time.sleep(1000)
"""


@needs_setpriv
def test_it_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        mains = [Path("/proc") / pid for pid in parent.stdout.readline().split()]
        assert len(mains) == 2
        while not all("sleep" in (main / "comm").read_text() for main in mains):
            time.sleep(0.01)
        parent.kill()
    until = time.monotonic() + 10
    while any(_lives(main) for main in mains):
        assert time.monotonic() < until, "a main outlived its parent"
        time.sleep(0.01)


def _lives(process: Path) -> bool:
    try:
        return ") Z " not in (process / "stat").read_text()
    except OSError:
        return False
