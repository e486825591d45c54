"""What a monitor leaves behind: the verdict as JSON, as a page and as Prometheus text, and its plots as files.

Invariant: all of them say the same; a directory that is there is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

import jinja2
import msgspec
from markupsafe import Markup
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from setpoint.apis.errors import InvalidSpec, Unavailable
from setpoint.core.monitors.finding import RANK, Severity, Verdict
from setpoint.core.workflow.durations import parse_duration

VERDICT_FILE, PAGE_FILE, METRICS_FILE, PLOTS = "verdict.json", "report.html", "metrics.prom", "plots"
CAPTIONS_FILE = "captions.json"  # of the plots by name, in the order in which they are shown
_LABELS = ("namespace", "inferenceservice")
_BAD = (Severity.WARNING, Severity.ALARM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A drawing that takes its colours from the page, and what it shows."""

    svg: str
    caption: str


def duration_of(text: str, where: str) -> timedelta:
    """A parameter that is a duration, not below 0. Raises: InvalidSpec at the parameter."""
    try:
        found = parse_duration(text)
    except InvalidSpec as error:
        raise InvalidSpec(str(error), path=where) from error
    if found < timedelta(0):
        raise InvalidSpec("a duration is not below 0", path=where)
    return found


def window_of(text: str) -> timedelta:
    """The parameter `window`: what is judged, back from now. Raises: InvalidSpec unless it is longer than 0."""
    found = duration_of(text, "window")
    if not found:
        raise InvalidSpec("a window is longer than 0", path="window")
    return found


def notes_on_dropped(requests: int) -> tuple[str, ...]:
    """What to say of requests that the log could not hold."""
    if not requests:
        return ()
    return (f"{requests} requests in all are missing in the log: what came with them is not judged.",)


def summary_of(verdict: Verdict) -> str:
    """The findings that are not in order, in one line each; else what was not judged."""
    lines = [f"{one.severity.value}: {one.name}: {one.message}" for one in verdict.findings if one.severity in _BAD]
    nothing = verdict.notes[:1] if verdict.severity is Severity.UNKNOWN else ()
    return "\n".join(lines or nothing or ("nothing is out of order",))


def write_verdict(
    directory: Path,
    verdict: Verdict,
    *,
    title: str,
    tiles: Sequence[tuple[str, str]],
    plots: Mapping[str, Plot],
    figures: Mapping[str, tuple[str, float]],
) -> None:
    """Write the directory anew.

    Args:
        directory: What was there is replaced.
        verdict: What was found.
        title: Of the page.
        tiles: Key figures of the page: name and value.
        plots: By file name, without ending.
        figures: Further gauges: full name of the metric, its help and value.

    Raises:
        Unavailable: It cannot be written.
    """
    part = directory.with_name(f".{directory.name}.part")
    files: dict[str, bytes] = {
        VERDICT_FILE: msgspec.json.format(msgspec.json.encode(verdict), indent=2) + b"\n",
        PAGE_FILE: _page(verdict, title, tiles, plots).encode(),
        METRICS_FILE: _metrics(verdict, figures),
        CAPTIONS_FILE: msgspec.json.encode({name: plot.caption for name, plot in plots.items()}),
        **{f"{PLOTS}/{name}.svg": plot.svg.encode() for name, plot in plots.items()},
    }
    try:
        shutil.rmtree(part, ignore_errors=True)
        (part / PLOTS).mkdir(parents=True)
        for name, content in files.items():
            (part / name).write_bytes(content)
        shutil.rmtree(directory, ignore_errors=True)
        part.rename(directory)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise Unavailable(f"{directory} cannot be written: {error.strerror or error}") from error


def _page(verdict: Verdict, title: str, tiles: Sequence[tuple[str, str]], plots: Mapping[str, Plot]) -> str:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["moment"] = _moment
    environment.filters["figure"] = lambda value: f"{value:.4g}" if isinstance(value, float) else value
    source = resources.files("setpoint.components").joinpath("monitor.html.j2").read_text("utf-8")
    # Safe: matplotlib escapes every text that it writes into the drawing.
    drawn = {name: {"svg": Markup(plot.svg), "caption": plot.caption} for name, plot in plots.items()}  # noqa: S704
    return environment.from_string(source).render(
        verdict=verdict,
        title=title,
        tiles=tiles,
        plots=drawn,
        troubles=[one for one in verdict.findings if one.severity in _BAD],
        quiet=[one for one in verdict.findings if one.severity not in _BAD],
    )


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _metrics(verdict: Verdict, figures: Mapping[str, tuple[str, float]]) -> bytes:
    """Gauges of this one verdict, for a textfile collector or a push."""
    registry = CollectorRegistry()
    keys = {"namespace": verdict.namespace, "inferenceservice": verdict.service}
    severity = Gauge(
        f"setpoint_{verdict.monitor}_severity",
        "Worst finding: 0 ok, 1 unknown, 2 warning, 3 alarm",
        _LABELS,
        registry=registry,
    )
    severity.labels(**keys).set(RANK.index(verdict.severity))
    finding = Gauge(
        f"setpoint_{verdict.monitor}_finding",
        "Severity by finding: 0 ok, 1 unknown, 2 warning, 3 alarm",
        (*_LABELS, "finding", "subject"),
        registry=registry,
    )
    for one in verdict.findings:
        finding.labels(**keys, finding=one.name, subject=one.subject).set(RANK.index(one.severity))
    for name, (text, value) in figures.items():
        Gauge(name, text, _LABELS, registry=registry).labels(**keys).set(value)
    return generate_latest(registry)
