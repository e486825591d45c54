"""Setpoint, the same work: every task a fresh Python process. Usage: `setpoint_run.py chain|fan-out COUNT WORKERS`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Run the workflow with a new state directory; no control plane is up before."""
    shape, count, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    tasks = [
        {"name": f"s{number}", "template": "nothing"}
        | ({"depends": f"s{number - 1}"} if shape == "chain" and number else {})
        for number in range(count)
    ]
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "benchmark"},
        "spec": {
            "entrypoint": "main",
            "parallelism": workers,
            "templates": [
                {"name": "main", "dag": {"tasks": tasks}},
                {"name": "nothing", "container": {"image": "python", "command": [sys.executable, "-c", "pass"]}},
            ],
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "benchmark.json"
        manifest.write_text(json.dumps(workflow))
        command = [sys.executable, "-m", "setpoint", "run", str(manifest)]
        environment = os.environ | {"SETPOINT_HOME": f"{folder}/home"}
        return subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
