"""The component: reads the Workflow, gathers the parts' reports, writes text and page."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

from setpoint import __version__
from setpoint.apis.argo import Workflow
from setpoint.apis.errors import Unavailable
from setpoint.components._component import Input, Output, component
from setpoint.components._runner import say
from setpoint.components.run_summary.facts import facts_of
from setpoint.components.run_summary.page import render_page
from setpoint.components.run_summary.parts import read_part, read_watch
from setpoint.components.run_summary.text import render_text
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi

_LIBRARIES = ("lightgbm", "numpy", "polars", "scikit-learn", "mlflow-skinny", "matplotlib")


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
    traffic: Annotated[Path | None, Input("what the traffic monitor said", optional=True)] = None,
    drift: Annotated[Path | None, Input("what the quality monitor said", optional=True)] = None,
    report: Annotated[Path, Output("the page")] = Path("report.html"),
    resources: ResourceApi,
    clock: Clock,
) -> RunSummary:
    """Summarize a run, finished or not.

    Args:
        workflow: Name of the Workflow.
        namespace: Its namespace.
        status: `workflow.status` as an exit handler gets it; empty takes the present phase.
        quality: Directory with `report.json` and `plots/*.svg`.
        evaluation: See `quality`.
        traffic: Directory with `verdict.json` and `plots/*.svg`.
        drift: See `traffic`.
        report: Where the page is written.
        resources: The Kubernetes API.
        clock: For what has not ended yet.

    Raises:
        NotFound: There is no such workflow.
        Unavailable: The page cannot be written.
    """
    found = await resources.get(Workflow, namespace, workflow)
    facts = facts_of(found, status=status or found.status.phase.value, now=clock.now())
    page = render_page(
        facts,
        quality=read_part(quality),
        evaluation=read_part(evaluation),
        traffic=read_watch(traffic),
        drift=read_watch(drift),
        versions=versions(),
    )
    text = render_text(facts)
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"{report} cannot be written: {error.strerror or error}") from error
    say(text)
    return RunSummary(summary=text)


def versions() -> dict[str, str]:
    """Of Setpoint, Python and those libraries that are installed."""
    found = {"setpoint": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
