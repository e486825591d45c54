"""The workflow engine with its store, pods only pretended: durable transitions a second, and what many nodes cost.

Every node is made, launched, ended and committed as always; only the processes are missing. Fan-outs of 1,000 and
100,000 pods tell whether a node costs the same among many, a DAG of 10,000 tasks with random dependencies the price of
conditions. Each shape runs in a process of its own, with the command line's setting of the garbage collector; its
processor time and largest memory are told beside the clock.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow, WorkflowSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pods import PodExit, PodPhase, PodRequest, PodState
from setpoint.cli import COLLECT_EVERY
from setpoint.engines.workflow import WorkflowEngine
from setpoint.engines.workflow.head import WorkflowHead
from setpoint.ports.launcher import Machine, PodListener, Usage
from setpoint.wiring.engines import outside
from setpoint.wiring.settings import Settings

SHAPES = {"fan_out_1000": ("fan-out", 1_000), "fan_out_100000": ("fan-out", 100_000), "dag_10000": ("dag", 10_000)}
_SMALL, _ROUNDS = 5_000, 7
_TASKS_BEFORE = 3
_SEED = 7


def run() -> dict[str, Any]:
    """All shapes, one after another; about two minutes on two cores."""
    found: dict[str, Any] = {name: _median(shape, count) for name, (shape, count) in SHAPES.items()}
    small, large = found["fan_out_1000"], found["fan_out_100000"]
    found["cost_of_a_node_at_100000_to_1000"] = round(large["cpu_us_per_node"] / small["cpu_us_per_node"], 2)
    return found


def _median(shape: str, count: int) -> dict[str, Any]:
    """A small shape takes a moment, in which a busy machine may be at its best or worst: the median of several."""
    runs = [_apart(shape, count) for _ in range(1 if count > _SMALL else _ROUNDS)]
    return sorted(runs, key=lambda measured: measured["cpu_us_per_node"])[len(runs) // 2]


def _apart(shape: str, count: int) -> dict[str, Any]:
    """One shape in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.durable", shape, str(count)]
    top = Path(__file__).resolve().parents[1]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=top)
    measured: dict[str, Any] = json.loads(answer.stdout)
    return measured


def fan_out(count: int) -> dict[str, Any]:
    """One step over many items."""
    loop = {
        "name": "each",
        "template": "say",
        "withSequence": {"count": count},
        "arguments": {"parameters": [{"name": "m", "value": "{{item}}"}]},
    }
    return {"steps": [[loop]]}


def random_dag(count: int) -> dict[str, Any]:
    """Tasks that wait for up to three earlier ones, not far before them."""
    draw = random.Random(_SEED)
    tasks = []
    for number in range(count):
        near = range(max(0, number - 100), number)
        before = sorted(draw.sample(near, min(len(near), draw.randint(0, _TASKS_BEFORE))))
        task: dict[str, Any] = {"name": f"t{number}", "template": "say"}
        value = f"{{{{tasks.t{before[0]}.outputs.result}}}}" if before else "x"
        task["arguments"] = {"parameters": [{"name": "m", "value": value}]}
        tasks.append(task | ({"depends": " && ".join(f"t{other}" for other in before)} if before else {}))
    return {"dag": {"tasks": tasks}}


class PretendedPods:
    """The Launcher port without processes: a pod has ended when it is launched."""

    listener: PodListener | None = None

    def __init__(self) -> None:
        self._ended: dict[str, PodState] = {}
        self._news: asyncio.Queue[PodState] = asyncio.Queue()

    def machine(self) -> Machine:
        return Machine(name="pretended", resources={})

    async def reserve(self, request: PodRequest, waits: Callable[[str], None]) -> PodRequest:
        return request

    def release(self, pod_id: str) -> None:
        """Nothing is set aside."""

    async def launch(self, request: PodRequest) -> None:
        result = "x" if request.capture_result else None
        end = PodExit(phase=PodPhase.SUCCEEDED, exit_code=0, result=result)
        state = PodState(id=request.id, phase=PodPhase.SUCCEEDED, exit=end)
        self._ended[request.id] = state
        self._news.put_nowait(state)

    async def kill(self, pod_id: str, *, grace_seconds: float | None = None, reason: str = "") -> None:
        """Nothing runs."""

    async def state(self, pod_id: str) -> PodState | None:
        return self._ended.get(pod_id)

    async def ready(self, pod_id: str) -> bool:
        return False

    async def exits(self) -> AsyncIterator[PodState]:
        while True:
            state = await self._news.get()
            del self._ended[state.id]
            yield state

    async def live(self) -> tuple[PodRequest, ...]:
        return ()

    async def request(self, pod_id: str) -> PodRequest | None:
        return None

    async def usage(self, pod_id: str) -> dict[str, Usage]:
        return {}

    async def progress(self, pod_id: str) -> str | None:
        return None

    async def claims(self) -> tuple[str, ...]:
        return ()

    async def remove_claim(self, uid: str) -> None:
        """Nothing was written."""

    async def owners(self) -> tuple[str, ...]:
        return ()

    async def remove_owned(self, owner: str) -> None:
        """Nothing was written."""

    async def remove(self, pod_id: str) -> None:
        """Nothing was written."""

    def logs(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


async def measure(shape: str, count: int, home: Path) -> dict[str, Any]:
    """One workflow from its submission to its recorded end."""
    main = {"fan-out": fan_out, "dag": random_dag}[shape](count)
    say = {
        "name": "say",
        "inputs": {"parameters": [{"name": "m"}]},
        "container": {"image": "busybox", "command": ["echo", "{{inputs.parameters.m}}"]},
    }
    spec = msgspec.convert({"entrypoint": "main", "templates": [{"name": "main", **main}, say]}, WorkflowSpec)
    workflow = Workflow(metadata=ObjectMeta(name="wf", namespace="default"), spec=spec)
    clock = SystemClock()
    with SqliteStore(home / "store", clock) as store:
        engine = WorkflowEngine(
            resources=store.resources,
            journal=store.journal,
            launcher=PretendedPods(),
            clock=clock,
            outside=outside(Settings(home=home)),
            validate=_valid,
        )
        task = asyncio.create_task(engine.run())
        began, cpu = time.perf_counter(), time.process_time()
        await store.resources.create(workflow)
        async for event in store.resources.watch(WorkflowHead, "default"):
            if event.resource.status.phase.completed:
                break
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ended = await store.resources.get(Workflow, "default", "wf")
    if ended.status.phase.value != "Succeeded":
        raise RuntimeError(f"the benchmark's workflow ended {ended.status.phase}: {ended.status.message}")
    nodes = len(ended.status.nodes)
    return {
        "nodes": nodes,
        "nodes_per_second": round(nodes / seconds),
        "cpu_us_per_node": round(cpu / nodes * 1e6),
        "memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


async def _valid(workflow: Workflow) -> None:
    """The benchmark's own workflow is valid; linting it is not what is measured."""


def main() -> None:
    """One shape, for `_apart`."""
    shape, count = sys.argv[1:]
    gc.set_threshold(COLLECT_EVERY)
    with TemporaryDirectory(prefix="setpoint-bench-") as folder:
        print(json.dumps(asyncio.run(measure(shape, int(count), Path(folder)))))


if __name__ == "__main__":
    main()
