"""The summary as one self-contained page: numbers first, then where the time went, then the parts' own reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from setpoint.components.run_summary.facts import Facts
from setpoint.components.run_summary.text import format_duration, rows

_ROW_HEIGHT, _LEFT, _WIDTH = 26, 170, 900


def render_page(facts: Facts, reports: Mapping[str, str]) -> str:
    """HTML without any outside reference.

    Args:
        facts: Of the run.
        reports: Title to a complete HTML page of a component; each is shown in a frame of its own, so that styles
            do not meet.
    """
    environment = Environment(
        loader=PackageLoader("setpoint.components.run_summary", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.j2")
    return template.render(
        facts=facts,
        duration=format_duration(facts.seconds),
        rows=list(rows(facts)),
        cards=_cards(facts),
        timeline=_timeline(facts),
        reports=reports,
        format_duration=format_duration,
    )


def _cards(facts: Facts) -> list[dict[str, str]]:
    """Big numbers, those that exist."""
    template = "model-evaluation" if facts.result("model-evaluation", "accuracy") else "model-training"
    wanted = (
        ("Accuracy", facts.result(template, "accuracy"), facts.result(template, "baseline-accuracy"), "{:.1%}"),
        ("Recall", facts.result(template, "recall"), facts.result(template, "baseline-recall"), "{:.1%}"),
        ("ROC AUC", facts.result(template, "auc"), facts.result(template, "baseline-auc"), "{:.3f}"),
        ("False alarms", facts.result(template, "false-alarm-rate"), "", "{:.2%}"),
    )
    cards = []
    for label, value, baseline, form in wanted:
        if value:
            note = f"baseline {form.format(float(baseline))}" if baseline else ""
            cards.append({"label": label, "value": form.format(float(value)), "note": note})
    if rows_out := facts.result("data-processing", "rows-out"):
        cards.insert(0, {"label": "Rows used", "value": f"{int(rows_out):,}", "note": "after cleaning"})
    return cards


def _timeline(facts: Facts) -> dict[str, Any]:
    """Geometry of the bars, in SVG units; bars never vanish, however short the step."""
    ran = [step for step in facts.steps if step.attempts]
    total = max([step.begin_seconds + step.seconds for step in ran], default=0.0) or 1.0
    scale = (_WIDTH - _LEFT - 90) / total
    bars = [
        {
            "name": step.name,
            "phase": step.phase,
            "x": _LEFT + step.begin_seconds * scale,
            "y": index * _ROW_HEIGHT + 4,
            "width": max(2.0, step.seconds * scale),
            "text": format_duration(step.seconds) + (f" · {step.attempts} attempts" if step.attempts > 1 else ""),
        }
        for index, step in enumerate(ran)
    ]
    return {"bars": bars, "height": len(bars) * _ROW_HEIGHT + 8, "width": _WIDTH, "row": _ROW_HEIGHT}
