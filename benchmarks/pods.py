"""Pods: an isolated process step against the floor, and a warm Python step against a cold one.

The floor is a bare loop in a light process: make a directory and two log files, fork, build the same private root,
exec the same command, wait, store the exit code in batched commits. It has no claim, no adoption, no log format, no
outputs: what a pod costs above it is the price of those. Both are taken in the same run, in turns, so that a busy
machine is busy for both; figures are medians in milliseconds.

A warm step is taken three ways: a Python script forked from a light interpreter, the entry point of a package in a
process that has imported LightGBM, polars and scikit-learn, and the same with a polars query, which starts threads.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from setpoint.adapters.pods.images import ImageKind, ImageRule
from setpoint.adapters.pods.isolation import Isolation, IsolationReport, PrivateRoot, enter_base_namespace
from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.adapters.pods.settings import PodSettings
from setpoint.ports.launcher import Container, PodRequest

HEAVY = ("numpy", "polars", "lightgbm", "sklearn.linear_model")
_BATCH = 20
_ROUNDS = 5
_STEP = """
import lightgbm, numpy, polars, sklearn.linear_model, sys

def main():
    if len(sys.argv) > 1:
        print(polars.DataFrame({"a": [1, 2]}).lazy().select(polars.col("a").sum()).collect().item())
"""


def run(*, pods: int = 100, steps: int = 6) -> dict[str, Any]:
    """All figures; about 20 s on two cores."""
    with TemporaryDirectory(prefix="setpoint-bench-") as folder:
        return asyncio.run(_measure(Path(folder), pods, steps))


async def _measure(home: Path, pods: int, steps: int) -> dict[str, Any]:
    (home / "steps").mkdir()
    (home / "steps" / "benchstep.py").write_text(_STEP)
    program = home / "step"
    program.write_text(f"#!{sys.executable}\nfrom benchstep import main\nmain()\n")
    program.chmod(0o755)
    settings = PodSettings(
        home=str(home),
        preload=(*HEAVY, "benchstep"),
        entry_points={"step": "benchstep:main"},
        images=(ImageRule(pattern="step", kind=ImageKind.SETPOINT, path=(str(home),)),),
        python_path=(str(home / "steps"),),
        warm_patience_seconds=60,
    )
    async with HostLauncher(settings) as launcher:
        isolation = await launcher.isolation()
        refusal = await launcher.warm_refusal()
        process, floor = [], []
        for turn in range(_ROUNDS):
            true = Container(name="main", image="busybox", command=("true",))
            process += await _time_pods(launcher, true, f"p{turn}", pods // _ROUNDS)
            floor += await asyncio.to_thread(time_floor, home / f"floor{turn}", pods // _ROUNDS, isolation)
        step = Container(name="main", image="step", command=("step",))
        warm = await _time_pods(launcher, step, "w", 10 * steps)
        computing = await _time_pods(launcher, step.replace(args=("compute",)), "q", steps)
        cold = await _time_pods(launcher, step.replace(env={"PYTHONHASHSEED": "0"}), "c", steps)
    async with HostLauncher(
        PodSettings(home=str(home / "light"))
    ) as launcher:  # without paths of its own to import from
        script = Container(name="main", image="python", command=("python",), source="print(1)")
        scripts = await _time_pods(launcher, script, "s", 10 * steps)
    return {
        "isolation": isolation.reason,
        "process_step_ms": round(statistics.median(process), 2),
        "floor_ms": round(statistics.median(floor), 2),
        "process_step_to_floor_ratio": round(statistics.median(process) / statistics.median(floor), 2),
        "warm_refusal": refusal,
        "warm_python_step_ms": round(statistics.median(warm), 1),
        "warm_computing_step_ms": round(statistics.median(computing), 1),
        "python_script_step_ms": round(statistics.median(scripts), 1),
        "cold_python_step_ms": round(statistics.median(cold), 1),
        "cold_to_warm_ratio": round(statistics.median(cold) / statistics.median(warm), 1),
    }


async def _time_pods(launcher: HostLauncher, main: Container, name: str, count: int) -> list[float]:
    """Milliseconds from the request to the news of the end, one pod after another."""
    times = []
    async with aclosing(launcher.exits()) as exits:
        for number in range(count):
            pod_id = f"{name}-{number}"
            begin = time.perf_counter()
            await launcher.launch(PodRequest(id=pod_id, name=pod_id, namespace="default", main=main))
            async for state in exits:
                if state.id == pod_id:
                    assert state.exit is not None
                    assert state.exit.exit_code == 0, state.exit
                    break
            times.append((time.perf_counter() - begin) * 1000)
    return times


def time_floor(home: Path, count: int, isolation: IsolationReport) -> list[float]:
    """Milliseconds per step of the bare loop, in a process as light as the one that forks supervisors."""
    command = [sys.executable, "-m", "benchmarks.pods", str(home), str(count), isolation.mode]
    command += [str(int(isolation.user_namespace))]
    top = Path(__file__).resolve().parents[1]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=top)
    return [float(text) for text in answer.stdout.split()]


def _bare_loop(home: Path, count: int, mode: Isolation, *, user: bool) -> list[float]:
    home.mkdir()
    database = sqlite3.connect(home / "exits.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE exits (id TEXT, code INTEGER)")
    times, batch = [], []
    for number in range(count):
        begin = time.perf_counter()
        folder = home / str(number)
        folder.mkdir()
        logs = [os.open(folder / name, os.O_CREAT | os.O_WRONLY) for name in ("stdout.log", "stderr.log")]
        batch.append((str(number), _isolated(folder, mode, user)))
        for log in logs:
            os.close(log)
        if len(batch) == _BATCH:
            database.execute("BEGIN")
            database.executemany("INSERT INTO exits VALUES (?, ?)", batch)
            database.execute("COMMIT")
            batch.clear()
        times.append((time.perf_counter() - begin) * 1000)
    return times


def _isolated(folder: Path, mode: Isolation, user: bool) -> int:
    """Exit code of `true` in a private root of its own."""
    pid = os.fork()
    if pid == 0:
        root = PrivateRoot(directory=folder / "root", kept=(str(folder.parent),), rewrite=mode is Isolation.REWRITE)
        root.prepare()
        if mode is Isolation.NAMESPACE:
            enter_base_namespace(user=user)
            root.enter()
        os.execve("/bin/true", ["true"], {})
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """The bare loop, for `time_floor`."""
    home, count, mode, user = sys.argv[1:]
    print(*_bare_loop(Path(home), int(count), Isolation(mode), user=user == "1"))


if __name__ == "__main__":
    main()
