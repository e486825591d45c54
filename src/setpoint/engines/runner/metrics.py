"""The runner's metrics under the names that Kubernetes controllers use, so that known dashboards read them.

Source: client-go workqueue metrics, controller-runtime metrics.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class RunnerMetrics:
    """All metrics of one runner, in one registry; `name` is the queue's, which is its controller's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.depth = Gauge("workqueue_depth", "Keys that wait in the queue", ["name"], registry=registry)
        self.adds = Counter("workqueue_adds", "Keys added to the queue", ["name"], registry=registry)
        self.retries = Counter("workqueue_retries", "Keys added again after an error", ["name"], registry=registry)
        self.queued = Histogram(
            "workqueue_queue_duration_seconds",
            "How long a key waits before it is worked on",
            ["name"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.worked = Histogram(
            "workqueue_work_duration_seconds",
            "How long working on a key takes",
            ["name"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.reconciled = Counter(
            "controller_runtime_reconcile", "Reconciliations by result", ["controller", "result"], registry=registry
        )
        self.errors = Counter(
            "controller_runtime_reconcile_errors", "Failed reconciliations", ["controller"], registry=registry
        )
        self.restarts = Counter(
            "setpoint_background_restarts", "Ends of tasks that should not end", ["name"], registry=registry
        )
