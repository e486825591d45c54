"""kill -9 of the engine: it goes on, nothing runs twice, the tree is the undisturbed one, and nothing is left behind.

A workflow of forty nodes is killed at each point around the outbox, early and late, and at random moments; one run
goes through several deaths. `make soak` goes through 300 deaths and writes its lines into docs/soak.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.operations import workflows as verbs
from tests.integration.workflow_process import POINTS
from tests.processes import wait_until
from tests.soak_page import SoakPage
from tests.workflow_engine import shape

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = Path(__file__).parent / "manifests" / "forty.yaml"
Moment = tuple[str, int] | float
"""A point and how often to pass it by, or seconds."""

EACH_POINT: list[Moment] = [(point, times) for point in POINTS for times in (1, 4)]
RANDOM_MOMENTS, SOAK_DEATHS, DEATHS_OF_A_RUN = 8, 300, 10
SEED = 20261126


async def submit(home: Path, marks: Path) -> None:
    with SqliteStore(home / "store", SystemClock()) as store:
        resource = decode_document(load_documents(MANIFEST.read_text().replace("MARKS", str(marks)), "forty.yaml")[0])
        assert isinstance(resource, Workflow)
        await verbs.submit(store.resources, resource)


async def read(home: Path) -> Workflow:
    with SqliteStore(home / "store", SystemClock()) as store:
        return await store.resources.get(Workflow, "default", "wf")


def live(home: Path, moment: Moment | None) -> bool:
    """One life of the engine, to its end or to the moment of its death; whether it was killed."""
    arguments = [moment[0], str(moment[1])] if isinstance(moment, tuple) else []
    command = [sys.executable, "-m", "tests.integration.workflow_process", str(home), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if isinstance(moment, float):
                process.stdout.readline()
            process.wait(moment if isinstance(moment, float) else 90)
        except subprocess.TimeoutExpired:
            assert isinstance(moment, float), "the engine does not end"
        finally:
            process.kill()
        assert process.wait() in (0, -signal.SIGKILL)
        return process.returncode != 0


def run_with_deaths(folder: Path, moments: list[Moment]) -> tuple[Workflow, list[str], int]:
    """The workflow at its end, what its pods left, and how many of the deaths came before that."""
    home, marks = folder / "home", folder / "marks"
    home.mkdir(parents=True)
    marks.mkdir()
    asyncio.run(submit(home, marks))
    deaths = 0
    for moment in moments:
        if not live(home, moment):
            break
        deaths += 1
    else:
        assert not live(home, None)
    wait_until(lambda: not list(processes_of(home)), "the end of all processes")
    assert str(home) not in Path("/proc/self/mountinfo").read_text()
    ended = asyncio.run(read(home))
    assert ended.status.synchronization is None  # no lock is held
    return ended, sorted((marks / "marks").read_text().splitlines()), deaths


def processes_of(home: Path) -> Iterator[str]:
    """Command lines of processes that work for the state directory: by their words, environment or directory."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            with contextlib.suppress(OSError):
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                if str(home).encode() in told or str(process / "cwd").startswith(str(home)):
                    yield (process / "cmdline").read_bytes().decode()


def compare(folder: Path, calm: tuple[Workflow, list[str], int], moments: list[Moment]) -> int:
    wild, marks, deaths = run_with_deaths(folder, moments)
    assert shape(wild) == shape(calm[0]), moments
    assert wild.status.message == calm[0].status.message
    assert marks == calm[1], moments  # every pod ran exactly once, and to its end
    return deaths


@pytest.mark.timeout(240)
@pytest.mark.rule("machine.kill-control-plane", "machine.orphans")
def test_a_killed_engine_goes_on(tmp_path: Path) -> None:
    begin = time.monotonic()
    calm = run_with_deaths(tmp_path / "calm", [])
    seconds = time.monotonic() - begin
    assert calm[0].status.phase.value == "Succeeded"
    assert len(calm[0].status.nodes) >= 40
    assert len(calm[1]) == len(set(calm[1]))
    assert compare(tmp_path / "points", calm, EACH_POINT) >= len(POINTS)
    draw = random.Random(SEED)
    compare(tmp_path / "moments", calm, [draw.uniform(0, seconds / 4) for _ in range(RANDOM_MOMENTS)])


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_three_hundred_kills_of_the_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = time.monotonic()
    calm = run_with_deaths(tmp_path / "calm", [])
    seconds = time.monotonic() - begin
    draw = random.Random(SEED)
    tried = deaths = number = 0
    while deaths < SOAK_DEATHS:
        moments: list[Moment] = [
            draw.uniform(0, seconds / 4) if draw.random() < 0.5 else (draw.choice(POINTS), draw.randint(1, 8))
            for _ in range(DEATHS_OF_A_RUN)
        ]
        number += 1
        hit = compare(tmp_path / str(number), calm, moments)
        tried += min(hit + 1, DEATHS_OF_A_RUN)  # a life that sees the workflow's end is the last of its run
        deaths += hit
        with capsys.disabled():
            print(f"run {number}: {deaths} deaths")
    SoakPage("engine").write(tried, deaths, time.monotonic() - begin)
