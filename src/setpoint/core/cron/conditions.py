"""Whether a run may start (`when`) and whether a cron workflow has ended for good (`stopStrategy`).

Source: argo-workflows `workflow/cron/operator.go`; SEMANTICS section 20. Quirks kept: `annotations` holds the labels;
in `when` the maps are hidden behind their JSON, simple tags know name and namespace only.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from setpoint.apis.argo import CronWorkflow, CronWorkflowStatus
from setpoint.core.expr import Ambient, GoTime, Mode, Scope, evaluate_condition, evaluate_when, substitute


def _variables(cron: CronWorkflow, status: CronWorkflowStatus) -> dict[str, Any]:
    labels = json.dumps(cron.metadata.labels, sort_keys=True, separators=(",", ":"))
    return {
        "cronworkflow.name": cron.metadata.name,
        "cronworkflow.namespace": cron.metadata.namespace,
        "cronworkflow.labels.json": labels,
        "cronworkflow.annotations.json": labels,
        "cronworkflow.lastScheduledTime": GoTime.of(last) if (last := status.last_scheduled_time) else None,
        "cronworkflow.failed": status.failed,
        "cronworkflow.succeeded": status.succeeded,
    }


def may_run(cron: CronWorkflow, now: datetime) -> bool:
    """The truth of `when`, true if there is none. Raises: ExpressionError."""
    if not cron.spec.when:
        return True
    scope = Scope(_variables(cron, cron.status), ambient=Ambient(now=now))
    return evaluate_when(str(substitute(cron.spec.when, scope, Mode.STRICT)), bare_words=False)


def ends(cron: CronWorkflow, status: CronWorkflowStatus, now: datetime) -> bool:
    """The truth of `stopStrategy.expression`, false if there is none. Raises: ExpressionError."""
    strategy = cron.spec.stop_strategy
    if strategy is None or not strategy.expression:
        return False
    flat = {key.removeprefix("cronworkflow."): value for key, value in _variables(cron, status).items()}
    own = {**flat, "labels": dict(cron.metadata.labels), "annotations": dict(cron.metadata.labels)}
    return evaluate_condition(strategy.expression, {"cronworkflow": own}, argo=False, ambient=Ambient(now=now))
