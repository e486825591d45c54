"""Custom metrics of many workflows as one page shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest

from setpoint.apis.custom_metrics import MetricKind, MetricValue
from setpoint.engines.workflow.metrics import WorkflowMetrics

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Page:
    """The figures of one engine, and what is on its page of custom metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = WorkflowMetrics(lambda: 0, lambda: NOW, self.registry)

    @property
    def lines(self) -> list[str]:
        text = generate_latest(self.registry).decode()
        return [line for line in text.splitlines() if line.startswith("argo_workflows_my_")]


def counter(value: float, **labels: str) -> MetricValue:
    return MetricValue(name="my_c", help="h", kind=MetricKind.COUNTER, labels=tuple(labels.items()), value=value)


def test_counters_of_workflows_add_up_and_one_told_again_counts_once() -> None:
    page = Page()
    page.metrics.custom.emitted("a", (counter(1, s="x"),))
    page.metrics.custom.emitted("b", (counter(2, s="x"), counter(5, s="y")))
    page.metrics.custom.emitted("a", (counter(3, s="x"),))
    assert page.lines == ['argo_workflows_my_c{s="x"} 5.0', 'argo_workflows_my_c{s="y"} 5.0']


def test_a_histogram_has_cumulative_buckets() -> None:
    page = Page()
    empty = MetricValue(name="my_h", help="h", kind=MetricKind.HISTOGRAM, buckets=(1, 5), counts=(0, 0))
    page.metrics.custom.emitted("a", (empty.observed(0.5).observed(3).observed(9),))
    assert page.lines == [
        'argo_workflows_my_h_bucket{le="1.0"} 1.0',
        'argo_workflows_my_h_bucket{le="5.0"} 2.0',
        'argo_workflows_my_h_bucket{le="+Inf"} 3.0',
        "argo_workflows_my_h_count 3.0",
        "argo_workflows_my_h_sum 12.5",
    ]


def test_a_gauge_shows_what_was_set_last_or_the_sum_of_what_was_added() -> None:
    page = Page()
    gauge = MetricValue(name="my_g", help="h", kind=MetricKind.GAUGE)
    page.metrics.custom.emitted("a", (gauge.replace(value=7, set_at=NOW),))
    page.metrics.custom.emitted("b", (gauge.replace(value=3, set_at=NOW - timedelta(hours=1)),))
    assert page.lines == ["argo_workflows_my_g 7.0"]
    page = Page()
    page.metrics.custom.emitted("a", (gauge.replace(value=7),))
    page.metrics.custom.emitted("b", (gauge.replace(value=-2),))
    assert page.lines == ["argo_workflows_my_g 5.0"]


def test_a_gauge_in_real_time_goes_on_until_its_end_and_goes_with_its_workflow() -> None:
    page = Page()
    gauge = MetricValue(name="my_t", help="h", kind=MetricKind.GAUGE, since=NOW - timedelta(seconds=90))
    page.metrics.custom.emitted("a", (gauge, counter(1)))
    assert page.lines == ["argo_workflows_my_t 90.0", "argo_workflows_my_c 1.0"]
    page.metrics.custom.emitted("a", (gauge.replace(until=NOW - timedelta(seconds=60)), counter(1)))
    assert page.lines[0] == "argo_workflows_my_t 30.0"
    page.metrics.gone("a")
    assert page.lines == ["argo_workflows_my_c 1.0"]
