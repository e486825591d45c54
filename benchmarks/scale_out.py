"""Data x 10 in one piece and in parts: time through the control plane, memory and processor time of the processes.

The steps are the shipped pipeline's own, `process` and `evaluate` with their parts, on three loads: `simulate` makes
and processes ten runs of each Tennessee Eastman fault, ten times the pipeline's default; `clean` processes a CSV file
of a plant with every defect, ten times that of `benchmarks.data_processing`; `judge` evaluates on the held-out runs of
the first. One piece is the same template without parts. Times are from the first pod's start to the last one's end, all
numbers of partitions in turns and the least of several rounds, each begun when nothing else is at work (or after a
while) and repeated if something is at its end. The limit is a processor for each part, as far as there are processors.
Memory is the largest anonymous resident set of one process, looked at every 5 ms (pages of a mapped file can be
dropped, these cannot), processor time that of all, each started anew; `simulate` has its tables by then, so that both
are of their processing.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from setpoint import pipelines
from setpoint.plant import DEFECTS, PLANTS, dataset, lay_defects

PARTITIONS = (1, 2, 4)
SOURCE = "plant://tep?runs=10"
CLEAN_RUNS, CLEAN_HOURS = 100, 24.0
ROUNDS, ROUNDS_OF_MINUTES = 5, 2
_NAME = "process-control"
_LOOK_SECONDS = 0.005
_QUIET = 0.15  # processors
PATIENCE_SECONDS, TRIES = 30.0, 2


def run() -> dict[str, Any]:
    """All figures; about 20 minutes on two cores."""
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        csv = _csv(home / "plant.csv")
        load = [os.getloadavg()[0]]
        with _control_plane(home):
            _prepare(home)
            times = {"simulate": _simulate(home), "clean": _clean(home, csv), "judge": _judge(home)}
        load.append(os.getloadavg()[0])
        used = {
            "clean": _used_by_data(home, str(csv), "cstr"),
            "simulate": _used_by_data(home, SOURCE, "auto"),
            "judge": _used_by_judging(home),
        }
    cores = os.cpu_count() or 1
    figures = {
        name: {f"partitions_{count}": _figures(times[name], count, cores) | used[name][count] for count in PARTITIONS}
        for name in times
    }
    return {"cores": cores, "load_average": [round(value, 1) for value in load], **figures}


def _figures(times: dict[int, list[float]], count: int, cores: int) -> dict[str, Any]:
    seconds, whole = min(times[count]), min(times[1])
    return {
        "seconds": round(seconds, 2),
        "rounds": [round(value, 2) for value in times[count]],
        "speed_up": round(whole / seconds, 2),
        "of_the_limit": round(whole / seconds / min(cores, count), 2),
    }


# --- loads through the control plane ----------------------------------------------------------------------------------


def _simulate(home: Path) -> dict[int, list[float]]:
    """With nothing kept from before."""

    def measure(count: int) -> float:
        for kept in (home / "cache" / "tables").glob("*"):
            kept.unlink()
        return _stage(_pods(home, count, source=SOURCE, recipe="auto"), "process")

    return _rounds(measure, ROUNDS_OF_MINUTES)


def _clean(home: Path, csv: Path) -> dict[int, list[float]]:
    return _rounds(lambda count: _stage(_pods(home, count, source=str(csv), recipe="cstr"), "process"), ROUNDS)


def _judge(home: Path) -> dict[int, list[float]]:
    return _rounds(
        lambda count: _stage(_pods(home, count, source=SOURCE, recipe="auto", judged=True), "evaluate"), ROUNDS
    )


def _rounds(measure: Callable[[int], float], rounds: int) -> dict[int, list[float]]:
    """All numbers of partitions in turns, so that a busy moment of the machine does not hit one alone."""
    times: dict[int, list[float]] = {count: [] for count in PARTITIONS}
    for _ in range(rounds):
        for count in PARTITIONS:
            times[count].append(_undisturbed(lambda count=count: measure(count)))  # type: ignore[misc]
    return times


def _undisturbed(measure: Callable[[], float]) -> float:
    """Measured with nothing else at work before and after; after some tries, whatever it was."""
    seconds = []
    for _ in range(TRIES):
        until = time.monotonic() + PATIENCE_SECONDS
        while _busy() > _QUIET and time.monotonic() < until:
            time.sleep(1.0)
        seconds.append(measure())
        if _busy() <= _QUIET:
            return seconds[-1]
    return min(seconds)


def _busy() -> float:
    """Processors at work in a second in which this program does nothing."""
    ticks = [_ticks()]
    time.sleep(1.0)
    ticks.append(_ticks())
    return (ticks[1] - ticks[0]) / os.sysconf("SC_CLK_TCK")


def _ticks() -> int:
    user, nice, system, _, _, irq, soft, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return user + nice + system + irq + soft + steal


def _pods(home: Path, partitions: int, *, source: str, recipe: str, judged: bool = False) -> list[dict[str, Any]]:
    """Run process, and evaluate if asked for; the pods that ended well."""
    path = home / "wf.yaml"
    path.write_text(yaml.safe_dump(_workflow(judged=judged)))
    given = {"partitions": str(partitions), "source": source, "recipe": recipe}
    done = _setpoint(home, "run", str(path), *(f"-p{name}={value}" for name, value in given.items()), "-o", "json")
    nodes = json.loads(done)["status"]["nodes"].values()
    return [node for node in nodes if node["type"] == "Pod" and node["phase"] == "Succeeded"]


def _workflow(*, judged: bool) -> dict[str, Any]:
    """The pipeline's own templates under a DAG of the tasks that are measured."""
    template = yaml.safe_load(pipelines.manifest(_NAME))
    spec = template["spec"]
    main = next(item for item in spec["templates"] if item["name"] == _NAME)
    wanted = ("process-parts", "process", *(("evaluate-parts", "evaluate") if judged else ()))
    tasks = [task for task in main["dag"]["tasks"] if task["name"] in wanted]
    for task in tasks:
        if task["name"] == "evaluate-parts":
            task["depends"] = "process"
        if task["name"] == "evaluate":
            task["depends"] = "evaluate-parts.Succeeded || evaluate-parts.Skipped"
        for item in task.get("arguments", {}).get("parameters", []):
            if item["name"] == "version":
                item["value"] = "1"
    main["dag"]["tasks"] = tasks
    del spec["onExit"]
    return {
        "apiVersion": template["apiVersion"],
        "kind": "Workflow",
        "metadata": {"generateName": "scale-out-"},
        "spec": spec,
    }


def _stage(pods: list[dict[str, Any]], task: str) -> float:
    """Seconds from the first start to the last end of a task's pods and those of its parts."""
    mine = [node for node in pods if node["displayName"].startswith((f"{task}(", f"{task}-p"))]
    begin = min(datetime.fromisoformat(node["startedAt"]) for node in mine)
    return (max(datetime.fromisoformat(node["finishedAt"]) for node in mine) - begin).total_seconds()


@contextmanager
def _control_plane(home: Path) -> Iterator[None]:
    _setpoint(home, "up", "--detach")
    try:
        yield
    finally:
        _setpoint(home, "down")


def _prepare(home: Path) -> None:
    """A model to judge, and everything warm: compiled simulation, imported libraries."""
    small = ("--source", "plant://tep?runs=1&hours=12", "--train", str(home / "t"), "--holdout", str(home / "h"))
    _setpoint(home, "component", "run", "data-processing", *small, "--report", str(home / "r"))
    given = ("--dataset", str(home / "t"), "--model-name", _NAME, "--trials", "1", "--model", str(home / "m"))
    _setpoint(home, "component", "run", "model-training", *given, "--report", str(home / "t.json"))
    for count in (1, 2):
        _pods(home, count, source="plant://tep?runs=1&hours=12", recipe="auto", judged=True)


def _csv(path: Path) -> Path:
    plant = PLANTS["cstr"]
    table = lay_defects(dataset(plant, runs=CLEAN_RUNS, hours=CLEAN_HOURS), plant.variables, kinds=DEFECTS, seed=1)
    table.write_csv(path, float_precision=5)
    return path


# --- plain processes --------------------------------------------------------------------------------------------------


def _used_by_data(home: Path, source: str, recipe: str) -> dict[int, dict[str, Any]]:
    read = ("--source", source, "--recipe", recipe)
    out = [word for name in ("train", "holdout", "report") for word in (f"--{name}", str(home / "out" / name))]
    return _used(home, "data-processing", asked=read, part=(), out=out, parts="parts")


def _used_by_judging(home: Path) -> dict[int, dict[str, Any]]:
    """After that of `simulate`, which leaves the held-out runs."""
    data = ("--dataset", str(home / "out" / "holdout"))
    names = ("report", "figures", "exposition", "parts")
    out = [word for name in names for word in (f"--{name}", str(home / f"judged-{name}"))]
    asked = (*data, "--model-name", _NAME, "--version", "1")
    return _used(home, "model-evaluation", asked=asked, part=data, out=out, parts="answers")


def _used(
    home: Path, component: str, *, asked: Sequence[str], part: Sequence[str], out: Sequence[str], parts: str
) -> dict[int, dict[str, Any]]:
    """Largest process by stage in MiB, and the processor seconds of all, by number of partitions."""
    found: dict[int, dict[str, Any]] = {}
    for count in PARTITIONS:
        if count == 1:
            most, seconds = _process(home, component, *asked, *out)
            found[count] = {"memory_mib": {"one_piece": most}, "processor_seconds": round(seconds, 2)}
            continue
        with tempfile.TemporaryDirectory(dir=home) as folder:
            plan = ("--plan", f"{folder}/plan")
            ran = {"plan": _process(home, f"{component}-plan", *asked, *plan, "--partitions", str(count))}
            for n in range(count):
                given = (*part, *plan, "--partition", str(n), "--part", f"{folder}/{n}")
                ran[f"part {n}"] = _process(home, f"{component}-part", *given)
            ran["join"] = _process(home, component, *asked, *out, f"--{parts}", folder)
        memory = {"plan": ran["plan"][0], "largest_part": 0, "join": ran["join"][0]}
        memory["largest_part"] = max(most for name, (most, _) in ran.items() if name.startswith("part"))
        total = sum(seconds for _, seconds in ran.values())
        found[count] = {"memory_mib": memory, "processor_seconds": round(total, 2)}
    return found


def _process(home: Path, component: str, *words: str) -> tuple[int, float]:
    """MiB of the largest anonymous resident set, and processor seconds, of one component."""
    command = [sys.executable, "-m", "setpoint", "component", "run", component, *words]
    most, before = 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, env=os.environ | {"SETPOINT_HOME": str(home)}, stdout=sys.stderr) as process:
        while process.poll() is None:
            most = max(most, _anonymous_kib(process.pid))
            time.sleep(_LOOK_SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"{component} ended with {process.returncode}")
    return most // 1024, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _anonymous_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in text.splitlines() if line.startswith("RssAnon:")), "RssAnon: 0")
    return int(line.split()[1])


def _setpoint(home: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "setpoint", *words],
        env=os.environ | {"SETPOINT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"setpoint {' '.join(words)}: {done.stderr[-2000:]}")
    return done.stdout
