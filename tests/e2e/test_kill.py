"""kill -9 of the control plane at random moments: the same command goes on, nothing runs twice, the tree is the same.

`make soak` does it 300 times and writes docs/soak.md.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import MANIFESTS, command, environment, final_object, setpoint, tree
from tests.soak_page import SoakPage

MANIFEST = str(MANIFESTS / "kill.yaml")
MOMENTS, SOAK_MOMENTS = 8, 300
SEED = 20261123
STEPS = Counter(
    ["make", "work-1", "work-2", "work-3", "flaky-0", "flaky-1", "broken", "work-caught", "join", "bye-Succeeded"]
)


def run_arguments(folder: Path) -> list[str]:
    return ["run", MANIFEST, "-p", f"folder={folder}", "-o", "json"]


def undisturbed(folder: Path) -> tuple[dict[str, Any], float]:
    """The tree of a run that nobody disturbs, and how long it took."""
    folder.mkdir()
    begin = time.monotonic()
    done = setpoint(folder / "home", *run_arguments(folder))
    assert done.returncode == 0, done.stderr
    assert Counter((folder / "ledger").read_text().split()) == STEPS
    return tree(final_object(done)), time.monotonic() - begin


def killed_and_continued(folder: Path, delay_seconds: float) -> tuple[bool, dict[str, Any]]:
    """Kill after the delay, run the same command again; whether the kill hit, and the tree.

    A kill that comes after the final object was printed does not count: then the same command is a new run.
    """
    folder.mkdir()
    first = subprocess.Popen(
        command(*run_arguments(folder)),
        env=environment(folder / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        first.wait(delay_seconds)
    if first.poll() is None:
        os.kill(first.pid, signal.SIGKILL)
    printed, said = first.communicate()
    assert first.returncode in (0, -signal.SIGKILL), said
    hit = not printed.endswith("}\n")
    again = setpoint(folder / "home", *run_arguments(folder))
    assert again.returncode == 0, again.stderr
    ran = Counter((folder / "ledger").read_text().split())
    assert ran == STEPS or not hit, (
        f"killed after {delay_seconds:.3f} s: {ran - STEPS} too often, {STEPS - ran} missing"
    )
    return hit, tree(final_object(again))


def kill_many(folder: Path, moments: int, tell: Callable[[str], None]) -> dict[str, int]:
    """As many kills at random moments; all trees must equal the undisturbed one."""
    wanted, seconds = undisturbed(folder / "undisturbed")
    draw = random.Random(SEED)
    hits = 0
    for index in range(moments):
        delay = draw.uniform(0, seconds * 0.95)
        hit, found = killed_and_continued(folder / str(index), delay)
        assert found == wanted, f"killed after {delay:.3f} s"
        hits += hit
        if not hit:  # it runs faster than it did undisturbed
            seconds = min(seconds, delay)
        tell(f"{index + 1}/{moments}: killed after {delay:.2f} s" if hit else f"{index + 1}/{moments}: too late")
    return {"moments": moments, "hits": hits}


@pytest.mark.timeout(240)
def test_the_same_command_goes_on_after_a_kill(tmp_path: Path) -> None:
    result = kill_many(tmp_path, MOMENTS, lambda _: None)
    assert result["hits"] >= MOMENTS // 2


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_three_hundred_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = time.monotonic()
    with capsys.disabled():
        result = kill_many(tmp_path, SOAK_MOMENTS, print)
    SoakPage("command").write(result["moments"], result["hits"], time.monotonic() - begin)
