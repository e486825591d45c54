"""What the gateway counts per InferenceService: requests by status code, and their time through the gateway."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LABELS = ["namespace", "inferenceservice"]


class GatewayMetrics:
    """One registry per gateway."""

    def __init__(self) -> None:
        """No series yet; they appear with a service's first request."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "setpoint_gateway_requests", "Requests by final status code", [*_LABELS, "code"], registry=self._registry
        )
        self._seconds = Histogram(
            "setpoint_gateway_request_duration_seconds",
            "Seconds from a request's head to its answer's last byte",
            _LABELS,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._dropped = Counter(
            "setpoint_gateway_prediction_log_dropped",
            "Requests that were answered and could not be logged",
            _LABELS,
            registry=self._registry,
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe(self, key: str, code: int, seconds: float) -> None:
        """One request of the service `namespace/name`, ended."""
        found = self._children.get((key, code))
        if found is None:
            namespace, _, name = key.rpartition("/")
            found = (self._requests.labels(namespace, name, str(code)), self._seconds.labels(namespace, name))
            self._children[key, code] = found
        found[0].inc()
        found[1].observe(seconds)

    def dropped(self, key: str, count: int) -> None:
        """So many requests of the service `namespace/name` are missing in the prediction log."""
        namespace, _, name = key.rpartition("/")
        self._dropped.labels(namespace, name).inc(count)

    def render(self) -> bytes:
        """The Prometheus text."""
        return generate_latest(self._registry)
