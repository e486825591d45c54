"""The component: reads the Workflow, gathers the parts' reports, writes text and page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from setpoint.apis.argo import Workflow
from setpoint.apis.errors import Unavailable
from setpoint.components._component import Input, Output, component
from setpoint.components._runner import say
from setpoint.components.run_summary.facts import facts_of
from setpoint.components.run_summary.page import render_page
from setpoint.components.run_summary.text import render_text
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi

_TITLES = {"quality": "Data quality", "evaluation": "Evaluation on held-out runs"}
_PAGES = ("report.html", "index.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """Results of run-summary."""

    summary: str


@component("run-summary", description="Say what a run came to, as text and as one self-contained page.")
async def summarize_run(
    *,
    workflow: str,
    namespace: str = "default",
    status: str = "",
    quality: Annotated[Path | None, Input("data-quality report", optional=True)] = None,
    evaluation: Annotated[Path | None, Input("evaluation report", optional=True)] = None,
    report: Annotated[Path, Output("the page")] = Path("report.html"),
    resources: ResourceApi,
    clock: Clock,
) -> RunSummary:
    """Summarize a run, finished or not.

    Args:
        workflow: Name of the Workflow.
        namespace: Its namespace.
        status: `workflow.status` as an exit handler gets it; empty takes the present phase.
        quality: HTML file, or a directory that holds `report.html`.
        evaluation: See `quality`.
        report: Where the page is written.
        resources: The Kubernetes API.
        clock: For what has not ended yet.

    Raises:
        NotFound: There is no such workflow.
        Unavailable: The page cannot be written.
    """
    found = await resources.get(Workflow, namespace, workflow)
    facts = facts_of(found, status=status or found.status.phase.value, now=clock.now())
    parts = {"evaluation": evaluation, "quality": quality}
    pages = {_TITLES[name]: page for name, path in parts.items() if (page := _read_page(path))}
    text = render_text(facts)
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(render_page(facts, pages), encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"{report} cannot be written: {error.strerror or error}") from error
    say(text)
    return RunSummary(summary=text)


def _read_page(path: Path | None) -> str:
    if path is None:
        return ""
    candidates = [path / name for name in _PAGES] if path.is_dir() else [path]
    page = next((item for item in candidates if item.is_file()), None)
    return page.read_text(encoding="utf-8") if page else ""
