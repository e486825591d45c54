"""The page's own drawings: the graph of the run, its timeline, the faults and the intervals.

Pure: values in, SVG elements out, coloured by the page's CSS variables so that they follow light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from setpoint.components.run_summary.facts import Facts, Step
from setpoint.components.run_summary.text import format_duration
from setpoint.core.explain.layout import Box, Point, place

_ROW = 28
_CARD_HEIGHT = 46.0
_PHASES = ("Succeeded", "Failed", "Error", "Running", "Skipped", "Omitted")


@dataclass
class _Card(Box):
    """A step with its place."""

    step: Step | None = None


def graph(facts: Facts) -> str:
    """The steps as cards, an arrow from each to those that followed; empty without steps."""
    if not facts.steps:
        return ""
    index = {step.id: number for number, step in enumerate(facts.steps)}
    sheet = Box(0.0, 0.0)
    sheet.children = [
        _Card(max(112.0, 7.6 * len(step.name) + 34, 6.6 * len(_said(step)) + 34), _CARD_HEIGHT, step=step)
        for step in facts.steps
    ]
    sheet.edges = [
        (index[other], index[step.id]) for step in facts.steps for other in step.after if other in index and step.id
    ]
    place(sheet)
    body = [f'<path class="edge" marker-end="url(#run-arrow)" d="{_curve(route)}"/>' for route in sheet.routes]
    for card in sheet.children:
        if isinstance(card, _Card) and card.step is not None:
            body.append(_card(card, card.step))
    arrow = (
        '<defs><marker id="run-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="head" d="M0,0.8L7,4L0,7.2z"/></marker></defs>'
    )
    return _element(sheet.width, sheet.height, "Graph of the steps", arrow + "".join(body), "graph")


def _card(card: _Card, step: Step) -> str:
    x, y = card.x, card.y
    return (
        f'<g class="step {_phase(step)}"><title>{escape(f"{step.name}: {step.phase}. {step.message}")}</title>'
        f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{card.width:.1f}" height="{card.height:.1f}" rx="8"/>'
        f'<rect class="mark" x="{x + 7:.1f}" y="{y + 8:.1f}" width="4" height="{card.height - 16:.1f}" rx="2"/>'
        f'<text class="name" x="{x + 19:.1f}" y="{y + 20:.1f}">{escape(step.name)}</text>'
        f'<text class="soft" x="{x + 19:.1f}" y="{y + 36:.1f}">{escape(_said(step))}</text></g>'
    )


def _said(step: Step) -> str:
    if not step.attempts or step.phase in ("Skipped", "Omitted"):
        return step.phase.lower()
    tries = f" · {step.attempts} attempts" if step.attempts > 1 else ""
    word = "" if step.phase == "Succeeded" else f"{step.phase} · "
    return f"{word}{format_duration(step.seconds)}{tries}"


def _phase(step: Step) -> str:
    return step.phase if step.phase in _PHASES else "Other"


def _curve(points: Sequence[Point]) -> str:
    path = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for number in range(1, len(points)):
        (x0, y0), (x1, y1) = points[number - 1], points[number]
        if (x0, y0) == (x1, y1):
            continue
        middle = (y0 + y1) / 2
        path.append(f"C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}")
    return "".join(path)


def timeline(facts: Facts) -> str:
    """A bar for each step that ran, along the run's time; bars never vanish, however short the step."""
    ran = [step for step in facts.steps if step.attempts and step.phase not in ("Skipped", "Omitted")]
    if not ran:
        return ""
    total = max(step.begin_seconds + step.seconds for step in ran) or 1.0
    left = 20 + 7.4 * max(len(step.name) for step in ran)
    scale = (720 - left - 150) / total
    body = []
    for number, step in enumerate(ran):
        x, y = left + step.begin_seconds * scale, number * _ROW + 4
        width = max(3.0, step.seconds * scale)
        body.append(
            f'<text x="0" y="{y + 15}">{escape(step.name)}</text><g class="step {_phase(step)}">'
            f'<rect class="mark" x="{x:.1f}" y="{y}" width="{width:.1f}" height="20" rx="4">'
            f"<title>{escape(f'{step.name}: {step.phase}, {_said(step)}')}</title></rect></g>"
            f'<text class="soft" x="{x + width + 7:.1f}" y="{y + 15}">{escape(_said(step))}</text>'
        )
    return _element(720, len(ran) * _ROW + 6, "Timeline of the steps", "".join(body))


def faults(rows: Sequence[Mapping[str, Any]], period_seconds: float) -> str:
    """Per fault a dot at its detection rate and a bar of its delay; empty without faults."""
    if not rows:
        return ""
    delays = [_hours(row, period_seconds) for row in rows]
    reach = max([one for one in delays if one is not None], default=0.0) or 1.0
    dots = max(70.0, 7.6 * max(len(str(row.get("label", ""))) for row in rows) + 12)
    bars, width = dots + 330.0, 210.0
    body = [
        f'<text class="soft" x="{dots}" y="14">share of faulty windows in alarm</text>',
        f'<text class="soft" x="{bars}" y="14">hours until detected</text>',
    ]
    bottom = 30 + len(rows) * 22
    for share in (0.0, 0.5, 1.0):
        x = dots + share * 270
        body.append(f'<path class="grid" d="M{x:.0f},24V{bottom}"/>')
        body.append(f'<text class="soft" text-anchor="middle" x="{x:.0f}" y="{bottom + 16}">{share:.0%}</text>')
    for number, (row, delay) in enumerate(zip(rows, delays, strict=True)):
        y = 40 + number * 22
        rate = row.get("detection_rate")
        label = escape(str(row.get("label", "")))
        body.append(f'<text x="0" y="{y + 4}">{label}</text>')
        if rate is not None:
            tone = "good" if rate >= 0.8 else "wait" if rate >= 0.4 else "bad"
            body.append(
                f'<path class="stem" d="M{dots},{y}H{dots + rate * 270:.1f}"/>'
                f'<circle class="{tone}" cx="{dots + rate * 270:.1f}" cy="{y}" r="5.5">'
                f"<title>fault {label}: {rate:.1%} of faulty windows in alarm</title></circle>"
            )
        if delay is None:
            body.append(f'<text class="bad" x="{bars}" y="{y + 4}">not detected</text>')
        else:
            size = max(2.0, delay / reach * width)
            body.append(
                f'<rect class="bar" x="{bars}" y="{y - 7}" width="{size:.1f}" height="14" rx="3"/>'
                f'<text class="soft" x="{bars + size + 6:.1f}" y="{y + 4}">{delay:.2f} h</text>'
            )
    return _element(bars + width + 110, bottom + 24, "Detection rate and delay of each fault", "".join(body))


def intervals(rows: Sequence[tuple[str, float | None, float | None, float | None, float | None, float | None]]) -> str:
    """Figures between 0 and 1 as dots with their intervals: (title, model, low, high, champion, baseline)."""
    if not rows:
        return ""
    left, width = 128.0, 280.0  # narrow, so that a phone shows it whole
    bottom = len(rows) * 38 + 12
    body = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + tick * width
        body.append(f'<path class="grid" d="M{x:.1f},4V{bottom}"/>')
        body.append(f'<text class="soft" text-anchor="middle" x="{x:.1f}" y="{bottom + 16}">{tick:.0%}</text>')
    for number, (title, value, low, high, champion, baseline) in enumerate(rows):
        y = 24 + number * 38
        body.append(f'<text x="0" y="{y + 4}">{escape(title)}</text>')
        if low is not None and high is not None:
            body.append(f'<path class="range" d="M{left + low * width:.1f},{y}H{left + high * width:.1f}"/>')
        if value is not None:
            x = left + value * width
            body.append(f'<circle class="dot" cx="{x:.1f}" cy="{y}" r="6"><title>model: {value:.1%}</title></circle>')
        for other, look, name in ((baseline, "base", "baseline"), (champion, "champion", "champion")):
            if other is not None:
                x = left + other * width
                body.append(
                    f'<path class="{look}" d="M{x:.1f},{y - 8}L{x + 7:.1f},{y}L{x:.1f},{y + 8}L{x - 7:.1f},{y}z">'
                    f"<title>{name}: {other:.1%}</title></path>"
                )
    return _element(432, bottom + 22, "Figures of the model with intervals, champion and baseline", "".join(body))


def _hours(row: Mapping[str, Any], period_seconds: float) -> float | None:
    records = row.get("delay_records")
    return None if records is None else float(records) * period_seconds / 3600


def _element(width: float, height: float, title: str, body: str, look: str = "own") -> str:
    # A graph keeps its own size, the others take the width of the page, down to what can be read.
    widest = width if look == "graph" else 1.35 * width
    limit = f' style="max-width:{widest:.0f}px;min-width:{min(0.75 * width, 520):.0f}px"'
    return (
        f'<svg class="{look}" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}"{limit}><title>{escape(title)}</title>{body}</svg>'
    )
