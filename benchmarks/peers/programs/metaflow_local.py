"""Metaflow: every task is a process of its own. Usage: `metaflow_local.py chain|fan-out COUNT WORKERS`.

A flow is a class whose source Metaflow reads, so the chain is written out and run as a file of its own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_HEAD = "from metaflow import FlowSpec, step\n\n\nclass Benchmark(FlowSpec):\n"
_TAIL = '\n\nif __name__ == "__main__":\n    Benchmark()\n'


def main() -> None:
    """Write the flow into an empty directory and run it there."""
    shape, count, workers = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with tempfile.TemporaryDirectory() as folder:
        flow = Path(folder) / "flow.py"
        flow.write_text(_HEAD + (_chain(count) if shape == "chain" else _fan_out(count)) + _TAIL)
        environment = os.environ | {"METAFLOW_HOME": folder, "HOME": folder, "USER": "benchmark"}
        command = [
            sys.executable,
            str(flow),
            "--quiet",
            "run",
            "--max-workers",
            workers,
            "--max-num-splits",
            str(count),
        ]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def _step(name: str, body: str, arguments: str = "self") -> str:
    return f"    @step\n    def {name}({arguments}):\n        {body}\n\n"


def _chain(count: int) -> str:
    """`count` tasks: Metaflow wants a first one named `start` and a last one named `end`."""
    names = ["start", *(f"s{number}" for number in range(1, count - 1)), "end"][: max(count, 2)]
    after = [f"self.next(self.{name})" for name in names[1:]] + ["pass"]
    return "".join(_step(name, body) for name, body in zip(names, after, strict=True)).rstrip()


def _fan_out(count: int) -> str:
    return (
        _step("start", f"self.items = list(range({count})); self.next(self.each, foreach='items')")
        + _step("each", "self.next(self.join)")
        + _step("join", "self.next(self.end)", "self, inputs")
        + _step("end", "pass")
    ).rstrip()


if __name__ == "__main__":
    main()
