"""The report in a real browser: no overflow on a phone, no request, no error, both themes, working links."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from setpoint.components.run_summary.facts import Facts, Step
from setpoint.components.run_summary.page import render_page
from setpoint.components.run_summary.parts import Part

BROWSER = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH")]

_PROBE = """
const frame = document.querySelector("iframe"), inner = frame.contentDocument, view = frame.contentWindow;
const ground = () => view.getComputedStyle(inner.body).backgroundColor;
const before = ground();
inner.getElementById("theme").click();
const found = {
  width: inner.documentElement.clientWidth, scroll: inner.documentElement.scrollWidth,
  requests: view.performance.getEntriesByType("resource").length,
  empty: [...inner.querySelectorAll("figure svg")].filter(svg => !svg.getBoundingClientRect().width).length,
  drawings: inner.querySelectorAll("figure svg").length,
  untitled: [...inner.querySelectorAll("figure svg")].filter(svg => !svg.getAttribute("aria-label")).length,
  dead: [...inner.querySelectorAll("nav a")].filter(a => !inner.querySelector(a.getAttribute("href"))).length,
  themes: before !== ground(),
};
document.body.innerHTML = "<pre>" + JSON.stringify(found) + "</pre>";
"""


def page() -> str:
    """A run with everything that can be wide."""
    steps = tuple(
        Step(
            name=f"a-step-with-a-long-name-{n}", template="t", phase="Succeeded", message="", attempts=1,
            begin_seconds=n, seconds=2, results={}, id=str(n), after=(str(n - 1),) if n else (),
        )
        for n in range(5)
    )  # fmt: skip
    facts = Facts(
        workflow="a-workflow-with-a-long-name-x7k2p", status="Succeeded", started_at=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=9, parameters={"source": "https-" + "x" * 120}, steps=steps,
    )  # fmt: skip
    faults = [
        {"label": str(n), "detection_rate": n / 20, "delay_records": n, "false_alarm_rate": 0.1} for n in range(20)
    ]
    document: dict[str, Any] = {
        "model": "m", "version": "1", "windows": 10, "sample_period_seconds": 180,
        "figures": {"accuracy": {"estimate": 0.8, "low": 0.7, "high": 0.9}}, "detection": faults,
        "checks": [{"name": "accuracy", "passed": True, "sentence": "Accuracy reaches the minimum."}],
    }  # fmt: skip
    quality = Part(document={"source": "s", "inputs": {"a": "f" * 64}, "rows": {"in": 5}})
    return render_page(facts, quality=quality, evaluation=Part(document=document))


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_in_a_browser(tmp_path: Path, width: int) -> None:
    assert BROWSER is not None
    holder = tmp_path / "holder.html"
    # A frame, as a window of Chromium cannot be as narrow as a phone.
    frame = f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(page())}"></iframe>'
    holder.write_text(f"<!doctype html><body>{frame}<script>onload = () => {{{_PROBE}}}</script></body>")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        BROWSER,
        "--headless",
        "--disable-gpu",
        *root,
        f"--user-data-dir={tmp_path}/profile",
        "--enable-logging=stderr",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", holder.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    match = re.search(r"<pre>(.*)</pre>", done.stdout)
    assert match, done.stdout[-500:]
    found = json.loads(html.unescape(match[1]))
    assert "CONSOLE" not in done.stderr
    assert found["scroll"] <= found["width"]
    assert found["drawings"] == 4
    assert found["themes"]
    assert (found["requests"], found["empty"], found["untitled"], found["dead"]) == (0, 0, 0, 0)
