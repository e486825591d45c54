"""What the workflow engine counts as it goes, under Argo's names, so that known dashboards read them.

Nothing here looks anything up: each figure is a number the engine has in hand. The counters of Argo do not end in
`_total` as Prometheus wants it, so they are given out without a type rather than under another name.
Source: Argo Workflows 4.1, "Metrics".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric, UnknownMetricFamily
from prometheus_client.registry import Collector

from setpoint.apis.argo import WorkflowPhase
from setpoint.engines.workflow.custom_metrics import CustomMetrics

PREFIX = "argo_workflows_"


class WorkflowMetrics(Collector):
    """Counts of one engine, since it started; `pods` says how many pods run."""

    def __init__(
        self,
        pods: Callable[[], int],
        now: Callable[[], datetime],
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._pods = pods
        self.custom = CustomMetrics(PREFIX, now)
        self._phases: dict[str, WorkflowPhase] = {}
        self._entered: Counter[tuple[str, str]] = Counter()
        self._pods_entered: Counter[tuple[str, str]] = Counter()
        if registry is not None:
            registry.register(self)

    def forget_all(self) -> None:
        """The objects are about to be listed anew."""
        self._phases.clear()

    def saw(self, uid: str, phase: WorkflowPhase) -> None:
        """The object is in that phase now."""
        self._phases[uid] = phase

    def gone(self, uid: str) -> None:
        """The object was deleted."""
        self._phases.pop(uid, None)
        self.custom.gone(uid)

    def entered(self, phase: WorkflowPhase, namespace: str) -> None:
        """A workflow has come to a phase."""
        self._entered[phase.value, namespace] += 1

    def pod_entered(self, phase: str, namespace: str) -> None:
        """A pod has come to a phase."""
        self._pods_entered[phase, namespace] += 1

    def collect(self) -> Iterable[Metric]:
        """The figures of this moment."""
        found = Counter(phase.value or WorkflowPhase.PENDING.value for phase in self._phases.values())
        gauge = GaugeMetricFamily(f"{PREFIX}gauge", "Workflows that are stored, by phase", labels=["phase"])
        for phase in WorkflowPhase:
            if phase.value:
                gauge.add_metric([phase.value], found[phase.value])
        yield gauge
        pods = GaugeMetricFamily(f"{PREFIX}pods_gauge", "Pods of workflows that are there now", labels=["phase"])
        pods.add_metric(["Running"], self._pods())
        yield pods
        for name, text, counts in (
            ("total_count", "Workflows that have entered a phase", self._entered),
            ("pods_total_count", "Pods that have entered a phase", self._pods_entered),
        ):
            family = UnknownMetricFamily(f"{PREFIX}{name}", text, labels=["phase", "namespace"])
            for labels, count in sorted(counts.items()):
                family.add_metric(labels, count)
            yield family
        yield from self.custom.collect()
