"""Values of custom metrics, as one workflow has emitted them; kept with it, so that a restart counts nothing twice.

The same name with the same labels is one value: a counter's or histogram's sum, a gauge's last. A gauge in real time is
kept as the moment it counts from, and until when.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from setpoint.apis.meta import Wire

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class MetricKind(StrEnum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class MetricValue(Wire, frozen=True, kw_only=True):
    """One value. `set_at` is when a gauge was last set, None if it was only added to; `counts` are per bucket."""

    name: str
    help: str
    kind: MetricKind
    labels: tuple[tuple[str, str], ...] = ()
    value: float = 0.0
    set_at: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    buckets: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    count: int = 0

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What it is known by."""
        return self.name, self.labels

    def observed(self, value: float) -> MetricValue:
        """A histogram with one value more."""
        counts = tuple(n + (value <= bound) for n, bound in zip(self.counts, self.buckets, strict=True))
        return self.replace(counts=counts, count=self.count + 1, value=self.value + value)
