"""The page for notebooks does what it says: its code blocks run one after another in one interpreter."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from setpoint.notebook import open_registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "components" / "notebook.md"


def test_the_code_of_the_page_runs_and_its_model_is_the_command_lines(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SETPOINT_")}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "evaluation.html").is_file()
    assert [item.version for item in open_registry(tmp_path / "state").versions("reactor")] == ["1"]
