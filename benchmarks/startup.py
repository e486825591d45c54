"""Start-up: `import setpoint`, `setpoint --help`, and the first step of `setpoint run` with no control plane up.

The floor is the start of the bare interpreter (`python -c pass`), for the first step followed by the step's own
command. All are taken in turns in the same run; figures are medians in milliseconds of wall-clock time, from the
start of the process. Bytecode is there, as after an installation: a first run that does not count writes it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

_ROUNDS = 7
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_STEP = ("date", "+%s.%N")
_HELLO = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: hello-}
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: busybox, command: [date, +%s.%N]}
"""


def run() -> dict[str, float]:
    """All figures; about 25 s on two cores."""
    with TemporaryDirectory(prefix="setpoint-bench-") as folder:
        manifest = Path(folder) / "hello.yaml"
        manifest.write_text(_HELLO)
        _first_step(Path(folder) / "home", manifest)
        times: dict[str, list[float]] = {}
        for turn in range(_ROUNDS):
            home = Path(folder) / f"home{turn}"
            for name, milliseconds in (
                ("interpreter_ms", _whole("-c", "pass")),
                ("import_ms", _whole("-c", "import setpoint")),
                ("help_ms", _whole("-m", "setpoint", "--help")),
                ("first_step_ms", _first_step(home, manifest)),
                ("first_step_floor_ms", _floor()),
            ):
                times.setdefault(name, []).append(milliseconds)
    figures = {name: statistics.median(values) for name, values in times.items()}
    figures["first_step_to_floor_ratio"] = figures["first_step_ms"] / figures["first_step_floor_ms"]
    return {name: round(value, 1) for name, value in figures.items()}


def _whole(*arguments: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=_ENVIRONMENT)
    return (time.perf_counter() - begin) * 1000


def _first_step(home: Path, manifest: Path) -> float:
    """Until the step's own clock, which it prints; the state directory is new."""
    begin = time.time()
    command = [sys.executable, "-m", "setpoint", "run", str(manifest)]
    subprocess.run(command, check=True, capture_output=True, env=_ENVIRONMENT | {"SETPOINT_HOME": str(home)})
    (log,) = home.glob("pods/*/main.log")
    return (float(log.read_text().split()[-1]) - begin) * 1000


def _floor() -> float:
    begin = time.time()
    program = f"import subprocess; subprocess.run({_STEP!r})"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return (float(done.stdout) - begin) * 1000
