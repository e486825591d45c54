"""The report of a run as one self-contained page: the verdict first, then what it rests on.

Decides which figures are shown and in what order; `page.html.j2` and `page.css` decide how. Invariant: the page loads
nothing from elsewhere, all text from outside is escaped, and what is absent is said in one line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from setpoint.components.run_summary import pictures
from setpoint.components.run_summary.facts import Facts
from setpoint.components.run_summary.parts import Part, Watch
from setpoint.components.run_summary.text import format_duration
from setpoint.components.run_summary.verdict import catches, failed_steps, headline
from setpoint.core.monitors.finding import RANK

_FIGURES = (
    ("accuracy", "Accuracy"),
    ("recall", "Recall (macro)"),
    ("precision", "Precision (macro)"),
    ("roc_auc", "ROC AUC (macro)"),
    ("pr_auc", "PR AUC (macro)"),
    ("false_alarm_rate", "False-alarm rate"),
    ("detection_rate", "Detection rate"),
)
_ROWS = {
    "in": "records read",
    "without_time": "without a time, dropped",
    "unordered": "out of order, sorted",
    "duplicate_time": "repeating a time, merged",
    "frozen": "frozen after a stop, dropped",
    "without_target": "without a label, dropped",
    "train": "rows for training",
    "holdout": "rows held out",
    "out": "rows used",
}
_NO_CHANGE = ("held", "stale")  # of the column's own record rate, not of cleaning


def render_page(
    facts: Facts,
    *,
    quality: Part | None = None,
    evaluation: Part | None = None,
    traffic: Watch | None = None,
    drift: Watch | None = None,
    versions: Mapping[str, str] | None = None,
    logs: Mapping[str, str] | None = None,
) -> str:
    """HTML without any outside reference.

    Args:
        facts: Of the run.
        quality: Of data-processing.
        evaluation: Of model-evaluation.
        traffic: Of the traffic monitor.
        drift: Of the quality monitor.
        versions: Of Setpoint, Python and libraries, by name.
        logs: Last lines of what failed, by the step's name.
    """
    quality, evaluation = quality or Part(), evaluation or Part()
    environment = Environment(
        loader=PackageLoader("setpoint.components.run_summary", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"ratio": _ratio, "duration": format_duration, "grouped": lambda number: f"{number:,}"}
    period = float(evaluation.document.get("sample_period_seconds") or 0.0)
    figures = _figures(evaluation)
    return environment.get_template("page.html.j2").render(
        facts=facts,
        head=headline(facts),
        failed=failed_steps(facts),
        caught=catches(facts),
        tiles=_tiles(facts),
        quality=_quality(quality),
        quality_plots=_safe("quality", quality.plots),
        evaluation=evaluation.document,
        evaluation_plots=_safe("evaluation", evaluation.plots),
        figures=figures,
        intervals=_own(pictures.intervals(figures)),
        faults=[{**row, "delay": _delay(row.get("delay_records"), period)} for row in _list(evaluation, "detection")],
        fault_plot=_own(pictures.faults(_list(evaluation, "detection"), period)),
        approved_by=_approver(facts),
        watches=[_watch("Traffic", "traffic", traffic), _watch("Drift", "drift", drift)],
        graph=_own(pictures.graph(facts)),
        timeline=_own(pictures.timeline(facts)),
        versions=versions or {},
        checksums=_checksums(quality, evaluation, traffic, drift),
        logs=logs or {},
    )


def is_page(content: bytes) -> bool:
    """Whether this is an HTML page, and not what another pipeline calls its report."""
    return content.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


def _tiles(facts: Facts) -> list[dict[str, str]]:
    """Big numbers, those that exist."""
    template = "model-evaluation" if facts.result("model-evaluation", "accuracy") else "model-training"
    wanted = (
        ("Accuracy", "accuracy", "{:.1%}"),
        ("Recall", "recall", "{:.1%}"),
        ("ROC AUC", "auc", "{:.3f}"),
        ("Detection rate", "detection-rate", "{:.1%}"),
        ("False alarms", "false-alarm-rate", "{:.2%}"),
    )
    tiles = []
    if rows := facts.result("data-processing", "rows-out"):
        tiles.append({"label": "Rows used", "value": f"{int(rows):,}", "note": "after cleaning"})
    for label, name, form in wanted:
        value, baseline = _number(facts.result(template, name)), _number(facts.result(template, f"baseline-{name}"))
        if value is not None:
            note = (
                "of normal windows" if name == "false-alarm-rate" else "of faulty windows" if "detect" in name else ""
            )
            note = f"baseline {form.format(baseline)}" if baseline is not None else note
            tiles.append({"label": label, "value": form.format(value), "note": note})
    done = sum(step.phase == "Succeeded" for step in facts.steps)
    tiles.append({"label": "Time", "value": format_duration(facts.seconds), "note": f"{done} steps succeeded"})
    return tiles


def _quality(part: Part) -> dict[str, Any]:
    """The data section's own reading of the document; empty without one."""
    document = part.document
    if not document:
        return {}
    columns = [column for column in _list(part, "columns") if isinstance(column.get("changed"), dict)]
    totals: dict[str, int] = {}
    for column in columns:
        for kind, count in column["changed"].items():
            if count and kind not in _NO_CHANGE:
                totals[kind] = totals.get(kind, 0) + int(count)
    rows = document.get("rows") or {}
    return {
        "source": document.get("source", ""),
        "recipe": document.get("recipe", ""),
        "split": document.get("split", ""),
        "runs": document.get("runs") or {},
        "rows": [(_ROWS[key], rows[key]) for key in _ROWS if rows.get(key)],
        "rules": sorted(totals.items(), key=lambda item: -item[1]),
        "columns": columns,
        "notes": document.get("notes") or [],
    }


def _figures(
    part: Part,
) -> list[tuple[str, float | None, float | None, float | None, float | None, float | None]]:
    """(title, model, low, high, champion, baseline) of each figure."""
    document = part.document
    others = [((document.get(name) or {}).get("figures") or {}) for name in ("champion", "baseline")]
    rows = []
    for key, title in _FIGURES:
        own = (document.get("figures") or {}).get(key)
        if own:
            champion, baseline = (other.get(key) for other in others)
            rows.append((title, own.get("estimate"), own.get("low"), own.get("high"), champion, baseline))
    return rows


def _watch(title: str, anchor: str, watch: Watch | None) -> dict[str, Any]:
    if watch is None:
        return {"title": title, "anchor": anchor, "verdict": None, "findings": [], "plots": {}, "captions": {}}
    findings = sorted(watch.verdict.findings, key=lambda one: -RANK.index(one.severity))
    return {
        "title": title,
        "anchor": anchor,
        "verdict": watch.verdict,
        "findings": findings,
        "plots": _safe(anchor, watch.plots),
        "captions": watch.captions,
    }


def _checksums(quality: Part, evaluation: Part, traffic: Watch | None, drift: Watch | None) -> list[tuple[str, str]]:
    """(what, SHA-256) of the data that were read, of the model, and of the documents that this page rests on."""
    inputs, judged = quality.document.get("inputs") or {}, evaluation.document.get("checksums") or {}
    rows = [(f"data {name}", str(value)) for name, value in inputs.items()]
    rows += [(str(name).replace("_", " "), str(value)) for name, value in judged.items()]
    rows += [("data-quality report", quality.checksum), ("evaluation", evaluation.checksum)]
    rows += [
        (name, watch.checksum) for name, watch in (("traffic verdict", traffic), ("drift verdict", drift)) if watch
    ]
    return [(name, value) for name, value in rows if value]


def _approver(facts: Facts) -> str:
    for step in facts.steps:
        if step.template == "approval" and step.phase == "Succeeded":
            return step.results.get("approved-by", "a person")
    return "the declared thresholds" if facts.result("model-deployment", "url") else ""


def _safe(prefix: str, plots: Mapping[str, str]) -> dict[str, Markup]:
    """Drawings whose ids are their own on this page: equal ids would take each other's clip paths and marks."""
    return {name: _own(_local(f"{prefix}-{name}-", svg)) for name, svg in plots.items()}


def _local(prefix: str, svg: str) -> str:
    svg = re.sub(r'(?<=\sid=")', prefix, svg)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", svg)


def _own(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704  (drawn by our own components, which escape every text)


def _list(part: Part, name: str) -> list[dict[str, Any]]:
    return [item for item in part.document.get(name) or [] if isinstance(item, dict)]


def _ratio(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"


def _delay(records: float | None, period_seconds: float) -> str:
    if records is None:
        return "not detected"
    minutes = records * period_seconds / 60
    return f"{minutes:.0f} min" if minutes < 180 else f"{minutes / 60:.1f} h"


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value
