"""What the model server counts, in KServe's metric names, and the counters that KServe lacks.

KServe has the four `request_*_seconds` histograms and nothing else: no count of requests, errors or shed load. Those
are added here under the names that MLServer made known. One registry per server, so that tests can run several.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServerMetrics:
    """The series of one served model."""

    def __init__(self, model_name: str) -> None:
        """Registers every series at zero, so that a scrape before the first request sees them all."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)

        def histogram(name: str, text: str) -> Histogram:
            made = Histogram(name, text, ["model_name"], buckets=_SECONDS, registry=self._registry)
            return made.labels(model_name)

        self.preprocess = histogram("request_preprocess_seconds", "Seconds to turn a request body into tensors")
        self.predict = histogram("request_predict_seconds", "Seconds the model computed, without waiting")
        self.postprocess = histogram("request_postprocess_seconds", "Seconds to turn tensors into a response body")
        self.explain = histogram("request_explain_seconds", "Seconds to explain; always empty: no explainer here")
        self.duration = histogram("model_infer_request_duration", "Seconds from a whole body to the response's bytes")
        success = Counter(
            "model_infer_request_success", "Answered infer requests", ["model_name"], registry=self._registry
        )
        self.success = success.labels(model_name)
        self._failure = Counter(
            "model_infer_request_failure",
            "Infer requests answered with an error, by HTTP status",
            ["model_name", "code"],
            registry=self._registry,
        )
        shed = Counter(
            "model_infer_request_shed", "Requests refused by a full queue", ["model_name"], registry=self._registry
        )
        self.shed = shed.labels(model_name)
        rows = Counter("model_infer_rows", "Rows predicted", ["model_name"], registry=self._registry)
        self.rows = rows.labels(model_name)
        queue = Gauge(
            "model_infer_queue_depth", "Requests waiting or computing", ["model_name"], registry=self._registry
        )
        self.queue = queue.labels(model_name)
        ready = Gauge("model_ready", "1 when the model answers", ["model_name"], registry=self._registry)
        self.ready = ready.labels(model_name)
        self._model_name = model_name

    def failed(self, code: int) -> None:
        """Count an infer request that ended with an HTTP error."""
        self._failure.labels(self._model_name, str(code)).inc()

    def render(self) -> bytes:
        """The Prometheus text."""
        return generate_latest(self._registry)
