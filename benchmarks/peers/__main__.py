"""Runs every peer and Setpoint in turns and prints JSON. Usage: `python -m benchmarks.peers [--document] [PEER ...]`.

A peer lives in a virtual environment of its own below `.peers`, made when it is first asked for, and is set to one
process per task. Shapes: chains of 1, 20 and 200 empty tasks, and 200 tasks beside each other; seconds are those of
the whole command, which is what a person waits for. `step_ms` is what one more step of a chain costs: the time between
the chains of 20 and 200, per step. Ratios are the peer's time over Setpoint's in the same run. `--document` writes
docs/benchmarks/peers.md.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers._document import write_document

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKERS = 4
SHAPES = (("chain", 1), ("chain", 20), ("chain", 200), ("fan-out", 200))


@dataclass(frozen=True, slots=True)
class Program:
    """An engine: the script that runs it, and what its environment needs ("" for Setpoint's own)."""

    script: str
    requirement: str = ""


PROGRAMS = {
    "setpoint": Program("setpoint_run.py"),
    "metaflow": Program("metaflow_local.py", "metaflow==2.19.39"),
    "kfp.local": Program("kfp_local.py", "kfp==2.17.3"),
    "dagster": Program("dagster_multiprocess.py", "dagster==1.13.29"),
    "luigi": Program("luigi_workers.py", "luigi==3.8.1"),
}


def main(arguments: list[str]) -> int:
    """Measure; the exit code is 1 if an engine failed, 2 if a name is unknown."""
    document = "--document" in arguments
    wanted = [name for name in arguments if name != "--document"] or list(PROGRAMS)
    unknown = sorted(set(wanted) - set(PROGRAMS))
    if unknown:
        print(f"unknown peer {', '.join(unknown)} (allowed: {', '.join(PROGRAMS)})", file=sys.stderr)
        return 2
    chosen = {name: PROGRAMS[name] for name in ("setpoint", *(name for name in wanted if name != "setpoint"))}
    interpreters = {name: _interpreter(name, program) for name, program in chosen.items()}
    seconds: dict[str, dict[str, float | None]] = {name: {} for name in chosen}
    for shape, count in SHAPES:
        for name, program in chosen.items():
            print(f"{name}: {shape} of {count} ...", file=sys.stderr, flush=True)
            seconds[name][f"{shape}-{count}"] = _run(interpreters[name], program, shape, count)
    result = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "versions": {name: program.requirement for name, program in chosen.items() if program.requirement},
        "workers": WORKERS,
        "engines": {name: _figures(seconds[name], seconds["setpoint"]) for name in chosen},
    }
    print(json.dumps(result, indent=2, sort_keys=True))
    if document:
        write_document(result, ROOT / "docs" / "benchmarks" / "peers.md")
    return 1 if any(value is None for taken in seconds.values() for value in taken.values()) else 0


def _interpreter(name: str, program: Program) -> str:
    """The Python that has the engine; its environment is made if it is not there, or not of this version."""
    if not program.requirement:
        return sys.executable
    folder = ROOT / ".peers" / name
    python, stamp = folder / "bin" / "python", folder / "requirement"
    if not stamp.exists() or stamp.read_text() != program.requirement:
        print(f"making {folder.relative_to(ROOT)} ({program.requirement})", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", program.requirement]
        subprocess.run(install, check=True)
        stamp.write_text(program.requirement)
    return str(python)


def _run(python: str, program: Program, shape: str, count: int) -> float | None:
    """Seconds of the whole command; None if it failed."""
    command = [python, str(HERE / "programs" / program.script), shape, str(count), str(WORKERS)]
    environment = os.environ | {"PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"}
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE / "programs", check=False)
    if done.returncode:
        print(f"{program.script} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    return time.perf_counter() - begin


def _figures(taken: dict[str, float | None], own: dict[str, float | None]) -> dict[str, Any]:
    """Seconds per shape, milliseconds per step, and both as ratios to Setpoint's."""
    ratios = {shape: _ratio(value, own[shape]) for shape, value in taken.items()}
    return {
        "seconds": {shape: None if value is None else round(value, 2) for shape, value in taken.items()},
        "ratio": ratios | {"step": _ratio(_step(taken), _step(own))},
        "step_ms": None if (step := _step(taken)) is None else round(step * 1000, 1),
    }


def _step(taken: dict[str, float | None]) -> float | None:
    short, long = taken["chain-20"], taken["chain-200"]
    return None if short is None or long is None else (long - short) / 180


def _ratio(value: float | None, own: float | None) -> float | None:
    return None if value is None or not own else round(value / own, 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
