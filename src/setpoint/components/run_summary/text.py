"""The summary as a few lines of text, the form that a terminal and a chat message carry."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from setpoint.apis.argo import NodePhase
from setpoint.components.run_summary.facts import Facts, Step

_INDENT = 10
_WIDTH = 100


def render_text(facts: Facts) -> str:
    """Lines of `head  text`; what did not happen is left out, what went wrong is said."""
    lines = [f"{facts.workflow} {facts.status} in {format_duration(facts.seconds)}"]
    for head, text in rows(facts):
        lines += textwrap.wrap(
            f"{head:{_INDENT}}{text}",
            width=_WIDTH,
            subsequent_indent=" " * _INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def rows(facts: Facts) -> Iterator[tuple[str, str]]:
    """Head and text of each line."""
    yield from _data(facts)
    yield from _model(facts)
    yield from _service(facts)
    yield from _monitors(facts)
    yield from _caught(facts)
    yield from _failed(facts)
    yield "time", ", ".join(f"{step.name} {format_duration(step.seconds)}" for step in facts.steps if step.seconds)


def _data(facts: Facts) -> Iterator[tuple[str, str]]:
    template = "data-processing"
    rows_in, rows_out = facts.result(template, "rows-in"), facts.result(template, "rows-out")
    if not rows_in:
        return
    text = f"{_grouped(rows_in)} rows in, {_grouped(rows_out)} out"
    if changed := facts.result(template, "cleaning") or facts.result(template, "values-changed"):
        text += f"; cleaning: {_grouped(changed)}" + (" values changed" if changed.isdigit() else "")
    yield "data", text


def _model(facts: Facts) -> Iterator[tuple[str, str]]:
    version = facts.result("model-training", "version")
    if version:
        yield "model", f"{facts.result('model-training', 'model-name')} version {version}"
    template = "model-evaluation" if facts.result("model-evaluation", "accuracy") else "model-training"
    where = "held-out runs" if template == "model-evaluation" else "validation blocks"
    for name, label in (("accuracy", "accuracy"), ("recall", "recall"), ("auc", "ROC AUC")):
        value, baseline = facts.result(template, name), facts.result(template, f"baseline-{name}")
        if value:
            text = f"{label} {_short(value)}" + (f" (baseline {_short(baseline)})" if baseline else "")
            yield "", f"{text} on {where}"
    if rate := facts.result(template, "false-alarm-rate"):
        yield "", f"false alarms {_percent(rate)} of normal windows"
    if verdict := facts.result("model-evaluation", "verdict"):
        reasons = facts.result("model-evaluation", "reasons").strip().replace("\n", "; ")
        yield "gate", f"{verdict}: {reasons}" if reasons else verdict


def _service(facts: Facts) -> Iterator[tuple[str, str]]:
    if url := facts.result("model-deployment", "url"):
        yield "service", url


def _monitors(facts: Facts) -> Iterator[tuple[str, str]]:
    if sent := facts.result("replay", "sent"):
        refused = facts.result("replay", "refused")
        yield (
            "fed",
            f"{_grouped(sent)} windows, {_grouped(refused)} refused" if refused != "0" else f"{_grouped(sent)} windows",
        )
    for template, head in (("traffic-monitoring", "traffic"), ("quality-monitoring", "quality")):
        if verdict := facts.result(template, "verdict"):
            findings = facts.result(template, "findings").strip().replace("\n", "; ")
            yield head, findings if findings.startswith(verdict) else f"{verdict}: {findings}"


def _caught(facts: Facts) -> Iterator[tuple[str, str]]:
    for step in facts.steps:
        if step.template == "model-rollback" and step.attempts:
            yield "catch", f"{step.name} {step.phase}: {_outcome(step)}"


_OUTCOMES = {
    "restored": "champion version {version} serves again",
    "kept": "champion version {version} serves on",
    "none": "there is no champion, nothing is in service",
}


def _outcome(step: Step) -> str:
    words = _OUTCOMES.get(step.results.get("action", ""))
    return words.format(version=step.results.get("version", "")) if words else step.message


def _failed(facts: Facts) -> Iterator[tuple[str, str]]:
    for step in facts.steps:
        if step.phase in (NodePhase.FAILED, NodePhase.ERROR):
            yield "failed", describe_failure(step)


def describe_failure(step: Step) -> str:
    """`train: main: Error (exit code 1), 3 attempts`."""
    tries = f", {step.attempts} attempts" if step.attempts > 1 else ""
    return f"{step.name}: {step.message or step.phase}{tries}"


def format_duration(seconds: float) -> str:
    """`0.8 s`, `42 s`, `3 min 5 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _grouped(number: str) -> str:
    return f"{int(number):,}" if number.isdigit() else number


def _short(number: str) -> str:
    try:
        return f"{float(number):.3f}"
    except ValueError:
        return number


def _percent(number: str) -> str:
    try:
        return f"{float(number):.2%}"
    except ValueError:
        return number
