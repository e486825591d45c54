"""Rules for custom metrics. Source: argo-workflows `validateTemplate`, `workflow/metrics`."""

from __future__ import annotations

import re

from setpoint.apis.argo import Metrics, Prometheus
from setpoint.apis.custom_metrics import MetricKind
from setpoint.apis.manifest import FieldPath
from setpoint.operations.lint.report import Findings

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATIONS = ("Set", "Add", "Sub")


def check_metrics(findings: Findings, metrics: Metrics | None, path: FieldPath, said: str) -> None:
    """Names, labels, help and values of custom metrics."""
    for index, metric in enumerate(metrics.prometheus if metrics is not None else ()):
        _check_metric(findings, metric, (*path, "metrics", "prometheus", index), said)


def _check_metric(findings: Findings, metric: Prometheus, path: FieldPath, said: str) -> None:
    if not _NAME.fullmatch(metric.name) and "{{" not in metric.name:
        reason = "is invalid. Metric names must contain alphanumeric characters or '_'"
        findings.error((*path, "name"), f"{said} metric name '{metric.name}' {reason}")
    for at, label in enumerate(metric.labels):
        key = str(label.get("key", ""))
        if not _NAME.fullmatch(key) and "{{" not in key:
            reason = f"metric label '{key}' is invalid: keys may only contain alphanumeric characters or '_'"
            findings.error((*path, "labels", at), reason)
    if not metric.help:
        findings.error(path, f"{said} metric '{metric.name}' must contain a help string under 'help: ' field")
    kinds = [kind.value for kind in MetricKind if getattr(metric, kind.value) is not None]
    if len(kinds) != 1:
        allowed = tuple(kind.value for kind in MetricKind)
        findings.error(path, f"{said} metric '{metric.name}' error: invalid metric spec", allowed)
        return
    body = getattr(metric, kinds[0])
    value = str(body.get("value", ""))
    where, begins = (*path, kinds[0]), f"{said} metric '{metric.name}' error:"
    if not value:
        findings.error(where, f"{begins} missing {kinds[0]}.value")
    elif body.get("realtime") and "resourcesDuration." in value:
        findings.error(where, f"{begins} 'resourcesDuration.*' metrics cannot be used in real-time")
    operation = body.get("operation") or "Set"
    if kinds[0] == "gauge" and operation not in _OPERATIONS:
        findings.error((*where, "operation"), f"{begins} invalid gauge operation '{operation}'", _OPERATIONS)
