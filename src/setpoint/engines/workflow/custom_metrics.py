"""Custom metrics of all workflows, put together for who reads them.

Each workflow's values are held as a whole and replaced as a whole, so that one that is read again after a restart
counts once. What a deleted workflow has counted stays until the engine ends; its gauges in real time go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric, UnknownMetricFamily

from setpoint.apis.argo import WorkflowSpec
from setpoint.apis.custom_metrics import MetricKind, MetricValue

_FAMILIES: dict[MetricKind, Callable[[str, str], Metric]] = {
    MetricKind.COUNTER: UnknownMetricFamily,  # Prometheus would have its name end in `_total`
    MetricKind.GAUGE: GaugeMetricFamily,
    MetricKind.HISTOGRAM: HistogramMetricFamily,
}


def may_measure(spec: WorkflowSpec) -> bool:
    """Whether a workflow of this spec may have metrics of its own; with templates of others one cannot tell."""
    return (
        spec.metrics is not None
        or spec.workflow_template_ref is not None
        or any(item.metrics is not None or any(call.template_ref for call in item.calls) for item in spec.templates)
    )


class CustomMetrics:
    """The values of every workflow; `now` is the moment that gauges in real time are read at."""

    def __init__(self, prefix: str, now: Callable[[], datetime]) -> None:
        self._prefix = prefix
        self._now = now
        self._values: dict[str, tuple[MetricValue, ...]] = {}

    def emitted(self, uid: str, values: tuple[MetricValue, ...]) -> None:
        """All that a workflow has emitted so far."""
        if values:
            self._values[uid] = values

    def gone(self, uid: str) -> None:
        """The workflow was deleted."""
        kept = tuple(item for item in self._values.pop(uid, ()) if item.since is None)
        self.emitted(uid, kept)

    def collect(self) -> Iterable[Metric]:
        """A family per name, of the kind and with the help that came first."""
        together: dict[str, dict[tuple[tuple[str, str], ...], list[MetricValue]]] = {}
        for values in self._values.values():
            for item in values:
                together.setdefault(item.name, {}).setdefault(item.labels, []).append(item)
        for name, by_labels in together.items():
            first = next(iter(by_labels.values()))[0]
            family = _FAMILIES[first.kind](f"{self._prefix}{name}", first.help)
            for labels, found in by_labels.items():
                self._add(family, dict(labels), [item for item in found if item.kind is first.kind])
            yield family

    def _add(self, family: Metric, labels: dict[str, str], found: Sequence[MetricValue]) -> None:
        if not found:
            return
        if found[0].kind is MetricKind.HISTOGRAM:
            same = [item for item in found if item.buckets == found[0].buckets]
            for at, bound in enumerate(found[0].buckets):
                count = sum(item.counts[at] for item in same)
                family.add_sample(f"{family.name}_bucket", {**labels, "le": str(float(bound))}, count)
            total = sum(item.count for item in same)
            family.add_sample(f"{family.name}_bucket", {**labels, "le": "+Inf"}, total)
            family.add_sample(f"{family.name}_count", labels, total)
            family.add_sample(f"{family.name}_sum", labels, sum(item.value for item in same))
        elif found[0].kind is MetricKind.GAUGE:
            family.add_sample(family.name, labels, self._gauge(found))
        else:
            family.add_sample(family.name, labels, sum(item.value for item in found))

    def _gauge(self, found: Sequence[MetricValue]) -> float:
        """The one that was set last; the sum where none was ever set."""
        begun = [item.since for item in found if item.since is not None]
        if begun:
            latest = max((item for item in found if item.since is not None), key=lambda item: item.since or self._now())
            return ((latest.until or self._now()) - (latest.since or self._now())).total_seconds()
        marked = [item for item in found if item.set_at is not None]
        if marked:
            return max(marked, key=lambda item: item.set_at or self._now()).value
        return sum(item.value for item in found)
