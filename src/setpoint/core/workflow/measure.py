"""Custom metrics: a template's when its node ends, a workflow's when it ends, those in real time from the beginning.

What cannot be emitted is told by the condition MetricsError and changes nothing else.
Source: SEMANTICS section 12; argo-workflows `computeMetrics`, `prepareMetricScope`, `UpsertCustomMetric`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from setpoint.apis.argo import Metrics, NodeStatus, Prometheus, WorkflowPhase
from setpoint.apis.custom_metrics import DEFAULT_BUCKETS, MetricKind, MetricValue
from setpoint.apis.meta import Condition
from setpoint.core.expr import ExpressionError, Mode, Scope, evaluate_when, substitute
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.variables import global_scope

_CONDITION = "MetricsError"
_DURATIONS = ("duration", "workflow.duration")


class _NotEmitted(Exception):
    """Why a metric was not emitted, in a cluster's words."""


def measure_node(d: Draft, node_id: str, metrics: Metrics) -> None:
    """The node of a template with metrics is there: begin what is in real time, note the rest for its end."""
    node = d.need(node_id)
    if node.phase.fulfilled:
        _emit(d, metrics, node, ended=True)
    else:
        d.measured = d.measured.set(node_id, metrics)
        _emit(d, metrics, node, ended=False)


def measure(d: Draft) -> None:
    """After a step: the metrics of nodes that have ended in it, and those of the workflow that began or ended."""
    for node_id, metrics in d.to_measure:
        if (node := d.node(node_id)) is not None:
            _emit(d, metrics, node, ended=True)
    before, now = d.phase_before, d.status.phase
    root = d.node(d.name)
    if before is now or not d.has_spec or d.spec.metrics is None or root is None:
        return
    if now.completed or now is WorkflowPhase.RUNNING:
        _emit(d, d.spec.metrics, root, ended=now.completed)


def _emit(d: Draft, metrics: Metrics, node: NodeStatus, *, ended: bool) -> None:
    for metric in metrics.prometheus:
        if not ended and not _is_real_time(metric):
            continue
        try:
            _emit_one(d, metric, node)
        except _NotEmitted as error:
            _report(d, str(error))


def _is_real_time(metric: Prometheus) -> bool:
    return metric.gauge is not None and metric.gauge.get("realtime") is True


def _emit_one(d: Draft, metric: Prometheus, node: NodeStatus) -> None:
    if not metric.help:
        raise _NotEmitted(f"metric '{metric.name}' must contain a help string under 'help: ' field")
    scope = global_scope(d, _node_scope(d, node))
    said = f"unable to substitute parameters for metric '{metric.name}'"
    outside = {"name": metric.name, "help": metric.help, "labels": list(metric.labels), "when": metric.when}
    filled = _filled(outside, scope, said)
    try:
        if filled["when"] and not evaluate_when(filled["when"]):
            return
    except ExpressionError as error:
        raise _NotEmitted(f"unable to compute 'when' clause for metric '{d.name}': {error}") from error
    labels = tuple((item["key"], item["value"]) for item in filled["labels"])
    kind = next(kind for kind in MetricKind if getattr(metric, kind.value) is not None)
    body = getattr(metric, kind.value)
    empty = MetricValue(name=filled["name"], help=filled["help"], kind=kind, labels=labels)
    held = next((item for item in d.engine.metrics if item.key == empty.key), empty)
    if _is_real_time(metric):
        new = _real_time(d, held, body["value"], node)
    else:
        new = _added(held, body, _number(_filled(str(body.get("value", "")), scope, said), empty.name), d.now)
    others = tuple(item for item in d.engine.metrics if item.key != empty.key)
    d.engine = msgspec.structs.replace(d.engine, metrics=(*others, new))


def _filled(tree: Any, scope: Scope, said: str) -> Any:
    try:
        return substitute(tree, scope, Mode.STRICT)
    except ExpressionError as error:
        raise _NotEmitted(f"{said}: {error}") from error


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        reason = f'strconv.ParseFloat: parsing "{text}": invalid syntax'
        raise _NotEmitted(f"could not construct metric '{name}': {reason}") from None


def _real_time(d: Draft, held: MetricValue, value: str, node: NodeStatus) -> MetricValue:
    if not (value.startswith("{{") and value.endswith("}}")):
        raise _NotEmitted("real time metrics can only be used with metric variables")
    name = value.removeprefix("{{").removesuffix("}}")
    if name not in _DURATIONS:
        raise _NotEmitted(f"'{name}' is not available as a real time metric")
    if name == "duration":
        return held.replace(since=node.started_at, until=node.finished_at)
    return held.replace(since=d.status.started_at, until=d.status.finished_at)


def _added(held: MetricValue, body: dict[str, Any], value: float, now: datetime) -> MetricValue:
    if held.kind is MetricKind.COUNTER:
        return held.replace(value=held.value + value)
    if held.kind is MetricKind.HISTOGRAM:
        buckets = tuple(float(bound) for bound in body.get("buckets") or ()) or DEFAULT_BUCKETS
        begun = held if held.buckets else held.replace(buckets=buckets, counts=(0,) * len(buckets))
        return begun.observed(value)
    change = {"Add": value, "Sub": -value}.get(str(body.get("operation", "")))
    return held.replace(value=value, set_at=now) if change is None else held.replace(value=held.value + change)


def _node_scope(d: Draft, node: NodeStatus) -> dict[str, str]:
    """What the metrics of a node may name beside the workflow's variables."""
    started, ended = node.started_at or d.now, node.finished_at or d.now
    values = {
        "duration": f"{(ended - started).total_seconds():f}",
        "status": node.phase.value,
        "resourcesDuration.cpu": "0",
        "resourcesDuration.memory": "0",
    }
    children = len(d.children(node.id))
    if children:
        values["retries"] = str(children - 1)
    for item in node.inputs.parameters if node.inputs is not None else ():
        values[f"inputs.parameters.{item.name}"] = item.value or ""
    if node.outputs is not None:
        values |= {f"outputs.parameters.{item.name}": item.value or "" for item in node.outputs.parameters}
        values |= {"outputs.result": node.outputs.result} if node.outputs.result is not None else {}
        values |= {"exitCode": node.outputs.exit_code} if node.outputs.exit_code is not None else {}
    return values


def _report(d: Draft, message: str) -> None:
    """Add to the condition, as a cluster does."""
    held = next((item for item in d.status.conditions if item.type == _CONDITION), None)
    if held is not None and message in held.message.split("; "):
        return
    text = f"{held.message}; {message}" if held is not None and held.message else message
    others = tuple(item for item in d.status.conditions if item.type != _CONDITION)
    d.status = d.status.replace(conditions=(*others, Condition(type=_CONDITION, status="True", message=text)))
