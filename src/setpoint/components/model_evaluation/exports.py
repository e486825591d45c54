"""An evaluation as JSON, as Prometheus text and as a page.

Decides the shape of what others read. Invariant: all three say the same numbers; a figure without meaning is null in
JSON, NaN in Prometheus text and n/a on the page.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from setpoint.components.model_evaluation import plots
from setpoint.components.model_evaluation.evaluation import Comparison, Evaluation
from setpoint.core.metrics import Interval, Report
from setpoint.core.models import Model

_TITLES = {
    "accuracy": "Accuracy",
    "recall": "Recall (macro)",
    "precision": "Precision (macro)",
    "roc_auc": "ROC AUC (macro)",
    "pr_auc": "PR AUC (macro)",
    "false_alarm_rate": "False-alarm rate",
    "detection_rate": "Detection rate",
}


def to_document(
    found: Evaluation, model: Model, *, name: str, version: str, checksums: Mapping[str, str]
) -> dict[str, Any]:
    """Everything but the plots, ready for JSON. `checksums`: SHA-256 of what was judged, and on what, by name."""
    document = {
        "model": name,
        "version": version,
        "verdict": found.decision.verdict.value,
        "reasons": found.decision.reasons,
        "checks": [dataclasses.asdict(check) for check in found.decision.checks],
        "notes": list(found.notes),
        "figures": {key: dataclasses.asdict(value) for key, value in found.intervals.items()},
        "bootstrap": {"method": "moving block", "block_length_rows": found.block_length},
        "windows": len(found.labels),
        "stride": found.stride,
        "normal_label": model.document.normal_label,
        "sample_period_seconds": model.document.sample_period_seconds,
        "alarm": {
            "limit": found.alarm.limit,
            "target_rate": found.alarm.target_rate,
            "consecutive": found.alarm.consecutive,
        },
        "classes": [dataclasses.asdict(row) for row in found.report.classes],
        "detection": [dataclasses.asdict(row) for row in found.faults],
        "detection_by_run": [dataclasses.asdict(row) for row in found.detections],
        "champion": _comparison(found.champion),
        "baseline": _comparison(found.baseline),
        "checksums": dict(checksums),
    }
    cleaned: dict[str, Any] = _finite(document)
    return cleaned


def to_json(document: dict[str, Any]) -> bytes:
    """Indented, keys in the order of the document."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def to_prometheus(found: Evaluation, model: Model, *, name: str, version: str) -> bytes:
    """Gauges of this one evaluation in Prometheus text format, for a textfile collector or a push."""
    registry = CollectorRegistry()
    keys = {"model": name, "version": version}

    def gauge(metric: str, text: str, value: float, **labels: str) -> None:
        existing = made.get(metric)
        if existing is None:
            existing = Gauge(f"setpoint_evaluation_{metric}", text, [*keys, *labels], registry=registry)
            made[metric] = existing
        existing.labels(**keys, **labels).set(value)

    made: dict[str, Gauge] = {}
    for key, interval in found.intervals.items():
        metric = key if key.endswith("_rate") else f"{key}_ratio"
        gauge(metric, f"{_TITLES[key]} on held-out runs", interval.estimate)
        gauge(f"{metric}_low", f"{_TITLES[key]}: lower end of the interval", interval.low)
        gauge(f"{metric}_high", f"{_TITLES[key]}: upper end of the interval", interval.high)
    for row in found.report.classes:
        gauge("class_recall_ratio", "Recall per class", row.recall, label=row.label)
        gauge("class_precision_ratio", "Precision per class", row.precision, label=row.label)
    period = model.document.sample_period_seconds
    for fault in found.faults:
        gauge("fault_detection_rate", "Share of faulty windows in alarm", fault.detection_rate, label=fault.label)
        gauge("fault_detection_delay_seconds", "Onset to detection", fault.delay_records * period, label=fault.label)
    gauge("windows", "Windows judged", len(found.labels))
    gauge("promote", "1 if the gate says promote", float(found.decision.verdict == "promote"))
    return generate_latest(registry)


def to_page(found: Evaluation, model: Model, document: dict[str, Any], drawn: Mapping[str, str]) -> str:
    """One HTML file that loads nothing; follows the reader's light or dark setting. `drawn`: see `draw`."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["ratio"] = _ratio
    environment.filters["delay"] = lambda records: _delay(records, model.document.sample_period_seconds)
    source = resources.files("setpoint.components.model_evaluation").joinpath("page.html.j2").read_text("utf-8")
    # Safe: matplotlib escapes every text that it writes into the drawing.
    drawings = {key: Markup(svg) for key, svg in drawn.items()}  # noqa: S704  (our own SVG)
    columns = [("Model", found.report)]
    columns += [(item.name.capitalize(), item.report) for item in (found.champion, found.baseline) if item]
    return environment.from_string(source).render(
        document=document,
        plots=drawings,
        rows=[(_TITLES[key], found.intervals[key], _others(columns, key)) for key in _TITLES],
        others=[title for title, _ in columns[1:]],
        interval=_interval,
    )


def draw(found: Evaluation, model: Model) -> dict[str, str]:
    """The drawings by name, each an SVG element that takes its colours from the page."""
    normal = model.document.normal_label
    probabilities = found.answers.probabilities
    worst = [row.label for row in sorted(found.report.classes, key=lambda row: row.roc_auc)[:3]]
    faulty = np.array([label != normal for label in found.labels])
    period_minutes = model.document.sample_period_seconds / 60
    drawn = {
        "roc": plots.roc(found.answers.scorer, found.answers.alarm_scores, faulty, worst),
        "confusion": plots.confusion(found.answers.scorer, model.classes),
        "calibration": plots.calibration(probabilities.max(axis=1), found.answers.most_probable),
    }
    if found.faults:
        drawn["delays"] = plots.delays(found.faults, period_minutes)
    if not faulty.all():
        drawn["false_alarms"] = plots.false_alarms(found.detections, found.alarm.target_rate)
    return drawn


def _others(columns: list[tuple[str, Report]], key: str) -> list[float | None]:
    return [getattr(report, key, None) for _, report in columns[1:]]


def _comparison(other: Comparison | None) -> dict[str, Any] | None:
    if other is None:
        return None
    return {
        "name": other.name,
        "figures": other.report.overall(),
        "accuracy_difference": dataclasses.asdict(other.difference),
    }


def _finite(value: Any) -> Any:
    """The same without NaN, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _ratio(value: float | None) -> str:
    return "n/a" if value is None or np.isnan(value) else f"{100 * value:.1f} %"


def _delay(records: float | None, period_seconds: float) -> str:
    if records is None:
        return "not detected"
    minutes = records * period_seconds / 60
    return f"{minutes:.0f} min" if minutes < 180 else f"{minutes / 60:.1f} h"


def _interval(interval: Interval) -> str:
    if np.isnan(interval.low):
        return "n/a"
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"
