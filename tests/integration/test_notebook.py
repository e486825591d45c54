"""The page for notebooks does what it says: its code blocks run one after another in one interpreter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from setpoint.notebook import open_registry
from tests.e2e.runs import setpoint

# A notebook's cells may await.
LIKE_A_NOTEBOOK = """
import ast, asyncio, sys
names = {}
code = compile(sys.argv[1], "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
coroutine = eval(code, names)
if coroutine is not None:
    asyncio.run(coroutine)
"""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "components" / "notebook.md"


def test_the_code_of_the_page_runs_and_its_model_is_the_command_lines(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SETPOINT_")}
    up = setpoint(tmp_path / "state", "up", "--detach")
    assert up.returncode == 0, up.stderr
    try:
        done = subprocess.run(
            [sys.executable, "-c", LIKE_A_NOTEBOOK, "\n".join(blocks)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    finally:
        setpoint(tmp_path / "state", "down")
    assert done.returncode == 0, done.stderr
    quality = json.loads((tmp_path / "quality" / "verdict.json").read_text())
    found = next(one for one in quality["findings"] if one["name"] == "sensor-fault")
    assert (found["severity"], found["evidence"]["kind"]) == ("alarm", "stuck")
    assert "reactor_temperature is stuck" in done.stdout
    assert json.loads((tmp_path / "traffic" / "verdict.json").read_text())["monitor"] == "traffic"
    assert (tmp_path / "evaluation.html").is_file()
    assert [item.version for item in open_registry(tmp_path / "state").versions("reactor")] == ["1"]
