"""Running the command as people do, in a process of its own, and reading back what it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MANIFESTS = Path(__file__).parent / "manifests"


def command(*arguments: str) -> list[str]:
    """The command line of `setpoint ARGUMENTS`."""
    return [sys.executable, "-m", "setpoint", *arguments]


def environment(home: Path) -> dict[str, str]:
    """What a shell would have, with its own state directory."""
    return os.environ | {"SETPOINT_HOME": str(home), "NO_COLOR": "1"}


def setpoint(home: Path, *arguments: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
    """Run to the end; the caller looks at returncode, stdout and stderr."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, env=environment(home), timeout=timeout, check=False
    )


def tree(workflow: dict[str, Any]) -> dict[str, Any]:
    """What must not differ between two runs of one manifest: no times, hosts or uids."""
    nodes = {}
    for node in workflow["status"]["nodes"].values():
        children = [workflow["status"]["nodes"][child]["name"] for child in node.get("children", [])]
        nodes[node["name"]] = {
            "type": node["type"],
            "phase": node["phase"],
            "message": node.get("message", ""),
            "children": sorted(children),
            "outputs": _outputs(node),
        }
    return {"phase": workflow["status"]["phase"], "nodes": nodes}


def _outputs(node: dict[str, Any]) -> Any:
    outputs = node.get("outputs") or {}
    return {
        "result": outputs.get("result"),
        "exitCode": outputs.get("exitCode"),
        "parameters": {item["name"]: item.get("value") for item in outputs.get("parameters", [])},
        "artifacts": sorted(item["name"] for item in outputs.get("artifacts", [])),
    }


def final_object(done: subprocess.CompletedProcess[str]) -> Any:
    """What `-o json` printed."""
    return json.loads(done.stdout)
