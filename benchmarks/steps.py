"""Steps of a workflow through the whole control plane, as a rate against the floor's, isolated and not.

The floor is that of `benchmarks.pods`: a bare loop that makes a directory and two log files, forks, builds the same
private root (or none), execs the same command, waits and stores the exit code. A chain is one step after another; a
fan-out has as many at once as there are cores, and its floor as many bare loops beside each other. Workflow and floor
are taken in turns in the same run; figures are medians. `warm` is a Python step that a warm process takes: the time
from the moment its pod is asked for to its recorded end, as the workflow's own nodes tell it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.pods import time_floor
from setpoint.adapters.pods.isolation import Isolation, IsolationReport
from setpoint.apis.argo import Workflow, WorkflowSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.cli import COLLECT_EVERY
from setpoint.engines.workflow.head import WorkflowHead
from setpoint.wiring.control_plane import ControlPlane, control_plane
from setpoint.wiring.settings import Settings

_STEPS = 60
_ROUNDS = 3
_CORES = os.cpu_count() or 1


def run() -> dict[str, Any]:
    """All figures; about 40 s on two cores."""
    gc.set_threshold(COLLECT_EVERY)  # as the command line does
    with TemporaryDirectory(prefix="setpoint-bench-") as folder:
        return {mode: asyncio.run(_measure(Path(folder) / mode, mode)) for mode in ("namespace", "rewrite")}


async def _measure(home: Path, mode: str) -> dict[str, Any]:
    settings = Settings(home=home, isolation=mode)
    bare = IsolationReport(mode=Isolation(mode), user_namespace=os.geteuid() != 0, reason="")
    rates: dict[str, list[float]] = {}
    async with control_plane(settings, serve_stored=False) as plane:
        await _rate(plane, "first", _chain(1))  # starts the launcher's process
        for turn in range(_ROUNDS):
            floor = home / f"floor{turn}"
            for name, rate in (
                ("chain", await _rate(plane, f"chain{turn}", _chain(_STEPS))),
                ("chain_floor", await asyncio.to_thread(_floor, floor, 1, bare)),
                ("fan_out", await _rate(plane, f"fan-out{turn}", _fan_out(_STEPS))),
                ("fan_out_floor", await asyncio.to_thread(_floor, floor, _CORES, bare)),
            ):
                rates.setdefault(name, []).append(rate)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    ratios = {f"{name}_to_floor_rate": middle[name] / middle[f"{name}_floor"] for name in ("chain", "fan_out")}
    return {f"{name}_steps_per_second": round(value, 1) for name, value in middle.items()} | {
        name: round(value, 2) for name, value in ratios.items()
    }


def _chain(count: int) -> dict[str, Any]:
    tasks = [
        {"name": f"s{number}", "template": "nothing"} | ({"depends": f"s{number - 1}"} if number else {})
        for number in range(count)
    ]
    return {"dag": {"tasks": tasks}}


def _fan_out(count: int) -> dict[str, Any]:
    return {"parallelism": _CORES, "steps": [[{"name": "s", "template": "nothing", "withSequence": {"count": count}}]]}


async def _rate(plane: ControlPlane, name: str, main: dict[str, Any]) -> float:
    """Steps per second from the workflow's submission to its recorded end."""
    nothing = {"name": "nothing", "container": {"image": "busybox", "command": ["true"]}}
    spec = msgspec.convert({"entrypoint": "main", "templates": [{"name": "main", **main}, nothing]}, WorkflowSpec)
    begin = time.perf_counter()
    await plane.verbs.submit(Workflow(metadata=ObjectMeta(name=name, namespace="default"), spec=spec))
    async for event in plane.resources.watch(WorkflowHead, "default"):  # whose nodes nobody reads each time
        if event.resource.metadata.name == name and event.resource.status.phase.completed:
            break
    seconds = time.perf_counter() - begin
    ended = await plane.resources.get(Workflow, "default", name)
    if ended.status.phase.value != "Succeeded":
        raise RuntimeError(f"the workflow ended {ended.status.phase}: {ended.status.message}")
    return sum(1 for node in ended.status.nodes.values() if node.type.value == "Pod") / seconds


def _floor(home: Path, loops: int, isolation: IsolationReport) -> float:
    """Steps per second of as many bare loops at once."""
    home.mkdir(exist_ok=True)
    share = _STEPS // loops
    with ThreadPoolExecutor(loops) as pool:
        folders = [home / f"{loops}-{number}" for number in range(loops)]
        taken = list(pool.map(lambda folder: sum(time_floor(folder, share, isolation)) / 1000, folders))
    return share * loops / max(taken)
