"""Seconds per step of the shipped pipeline, on the built-in plant; the floor is the longest path through its pods.

`overhead_ratio` is the run's time over the sum of its pods' own times (they run one after another): what the
engine, the launcher and the store add.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from typing import Any


def run() -> dict[str, Any]:
    """Run the pipeline once in a fresh state directory."""
    with tempfile.TemporaryDirectory() as home:
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "setpoint", "run", "process-control", "-o", "json"],
            env=os.environ | {"SETPOINT_HOME": home},
            capture_output=True,
            text=True,
            check=True,
        )
        wall = time.perf_counter() - begin
    workflow = json.loads(done.stdout)
    pods = [node for node in workflow["status"]["nodes"].values() if node["type"] == "Pod" and node.get("finishedAt")]
    seconds = {node["displayName"]: round(_seconds(node), 3) for node in sorted(pods, key=lambda n: n["startedAt"])}
    engine = _seconds(workflow["status"])
    return {
        "phase": workflow["status"]["phase"],
        "command_seconds": round(wall, 3),
        "workflow_seconds": round(engine, 3),
        "step_seconds": seconds,
        "overhead_ratio": round(engine / sum(seconds.values()), 3),
    }


def _seconds(item: dict[str, Any]) -> float:
    begin, end = (datetime.fromisoformat(item[key]) for key in ("startedAt", "finishedAt"))
    return (end - begin).total_seconds()
