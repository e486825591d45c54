"""`setpoint report` of runs that have no page of their own."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.runs import setpoint

_FAILING = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: breaks}
spec:
  entrypoint: main
  templates:
  - name: main
    script: {image: "python:3", command: [python], source: "print('last words'); raise SystemExit(3)"}
"""


def test_a_failed_run_gets_a_page_with_its_last_lines(tmp_path: Path) -> None:
    home, manifest, page = tmp_path / "home", tmp_path / "wf.yaml", tmp_path / "page.html"
    manifest.write_text(_FAILING)
    assert setpoint(home, "run", str(manifest)).returncode == 1
    done = setpoint(home, "report", "@latest", "-o", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "The run failed at breaks" in text
    assert "last words" in text
    assert "No catch acted" in text
    assert setpoint(home, "report", "breaks", "-o", "-").stdout.startswith("<!doctype html>")
    unwritable = setpoint(home, "report", "breaks", "-o", str(tmp_path / "nowhere" / "page.html"))
    assert unwritable.returncode == 2
    assert "nowhere" in unwritable.stderr
    missing = setpoint(home, "report", "nobody", "--open")
    assert (missing.returncode, "nobody" in missing.stderr) == (2, True)
