"""Finds the service, reads its prediction log, judges, writes the report.

Decides what window is looked at; what is odd in it is decided in `core.monitors.traffic`. Invariant: a finding is a
result and no failure: the component fails only where it could not look.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.serving import InferenceService
from setpoint.components._component import Output, component
from setpoint.components._runner import say
from setpoint.ports.clock import Clock
from setpoint.ports.predictions import PredictionLog
from setpoint.ports.resources import ResourceApi

if TYPE_CHECKING:
    import polars as pl

    from setpoint.core.monitors.finding import Finding, Verdict
    from setpoint.core.monitors.traffic import Measures, Traffic
    from setpoint.core.monitors.traffic_view import TrafficRules


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficVerdict:
    """What the traffic of a service is like.

    Attributes:
        verdict: ok, unknown, warning or alarm.
        findings: What is not in order, a line each.
        requests: Requests for predictions in the window.
        error_rate: Share of them that met an error, of the server or of the client.
        p99_seconds: Time that the slowest hundredth took; NaN without requests.
    """

    verdict: str
    findings: str
    requests: int
    error_rate: float
    p99_seconds: float


@component("traffic-monitoring", description="Judge the requests to a service: rate, errors, latency, sizes, clients.")
async def monitor_traffic(
    *,
    service: Annotated[str, "Name of the InferenceService"],
    namespace: Annotated[str, "Its namespace"] = "default",
    window: Annotated[str, "What is judged, back from now, such as 15m"] = "1h",
    baseline: Annotated[str, "What is taken for usual, back from the window; 0 for nothing"] = "24h",
    revision: Annotated[Literal["all", "current"], "current: only since the present revision serves"] = "all",
    availability: Annotated[float, "Share of requests that are to be answered without a fault of the server"] = 0.995,
    latency_seconds: Annotated[float, "The slowest hundredth may take so long; 0: judged by what was usual"] = 0.0,
    nominal_period_seconds: Annotated[float, "Seconds between two requests by agreement; 0: learnt"] = 0.0,
    report: Annotated[Path, Output("verdict.json, report.html, metrics.prom, plots")] = Path("traffic"),
    resources: ResourceApi,
    log: PredictionLog,
    clock: Clock,
) -> TrafficVerdict:
    """Judge the traffic of a service.

    Raises:
        NotFound: There is no such InferenceService.
        InvalidSpec: A duration or objective is no legal one.
        Unavailable: The log cannot be read or the report cannot be written.
    """
    from setpoint.components._monitor import (  # noqa: PLC0415  (start-up: matplotlib, polars)
        duration_of,
        summary_of,
        window_of,
    )

    span, before = window_of(window), duration_of(baseline, "baseline")
    rules = _rules(availability, latency_seconds, nominal_period_seconds)
    found = await resources.get(InferenceService, namespace, service)
    now = clock.now()
    ready = await _is_ready(found)
    say(f"{namespace}/{service} at {found.status.url or 'no address yet'}", 1, 3)
    table = await asyncio.to_thread(log.read, namespace, service, since=now - span - before, until=now)
    dropped = await asyncio.to_thread(log.dropped, namespace, service)
    if revision == "current":
        table = _since_revision(table, found)
    verdict, traffic = _judge(found, table, now - span, now, now - span - before, rules, ready=ready, dropped=dropped)
    say(f"{traffic.measures.requests} requests judged: {verdict.severity.value}", 2, 3)
    await asyncio.to_thread(_write, report, verdict, traffic, table)
    say(summary_of(verdict), 3, 3)
    measures = traffic.measures
    return TrafficVerdict(
        verdict=verdict.severity.value,
        findings=summary_of(verdict),
        requests=measures.requests,
        error_rate=measures.error_share,
        p99_seconds=measures.latency.get("p99", float("nan")),
    )


def _rules(availability: float, latency_seconds: float, nominal_period_seconds: float) -> TrafficRules:
    from setpoint.core.monitors.traffic_view import TrafficRules  # noqa: PLC0415  (start-up)

    if not 0 < availability < 1:
        raise InvalidSpec(f"{availability} is no share of requests between 0 and 1", path="availability")
    for value, name in ((latency_seconds, "latency-seconds"), (nominal_period_seconds, "nominal-period-seconds")):
        if not 0 <= value < float("inf"):
            raise InvalidSpec(f"{value} is no number of seconds, 0 or more", path=name)
    return TrafficRules(
        availability=availability,
        latency_seconds=latency_seconds or None,
        nominal_period_seconds=nominal_period_seconds or None,
    )


def _since_revision(table: pl.DataFrame, service: InferenceService) -> pl.DataFrame:
    """What came since the present revision got its first request; what was asked of others is left out."""
    current = service.status.ready_revision
    mine = table.filter(table["revision"] == current)
    if not current or not mine.height:
        return table.clear()
    return table.filter((table["time"] >= mine["time"][0]) & table["revision"].is_in([current, ""]))


async def _is_ready(service: InferenceService) -> bool:
    """Whether the model answers at the service's address."""
    from setpoint.clients.inference import InferenceClient  # noqa: PLC0415  (start-up)

    if not service.status.url:
        return False
    async with InferenceClient(
        service.status.url, service.metadata.name, timeout_seconds=5.0, client="setpoint-traffic-monitoring"
    ) as client:
        return await client.ready()


def _judge(
    service: InferenceService,
    table: pl.DataFrame,
    begin: datetime,
    end: datetime,
    base: datetime,
    rules: TrafficRules,
    *,
    ready: bool,
    dropped: int,
) -> tuple[Verdict, Traffic]:
    from setpoint.components._monitor import notes_on_dropped  # noqa: PLC0415  (start-up: matplotlib)
    from setpoint.core.monitors.finding import Verdict, ranked, worst  # noqa: PLC0415  (start-up)
    from setpoint.core.monitors.traffic import asked_of, judge_traffic  # noqa: PLC0415  (start-up)

    # Of a service that nobody asked before, the window begins with the first request, unless one was due.
    asked = asked_of(table)
    if rules.nominal_period_seconds is None and (asked["time"] >= begin).all() and asked.height:
        first: datetime = asked["time"][0]
        begin = base = first
    traffic = judge_traffic(table, begin=begin, end=end, baseline_begin=base, rules=rules)
    findings = ranked((*_readiness(service, ready=ready), *traffic.findings))
    notes = (*traffic.notes, *notes_on_dropped(dropped))
    versions = [name for name in table["version"].unique().sort().to_list() if name]
    verdict = Verdict(
        monitor="traffic",
        namespace=service.metadata.namespace,
        service=service.metadata.name,
        severity=worst(findings if traffic.measures.requests or traffic.findings or not ready else ()),
        begin=begin,
        end=end,
        findings=findings,
        notes=notes,
        versions=tuple(versions),
    )
    return verdict, traffic


def _readiness(service: InferenceService, *, ready: bool) -> tuple[Finding, ...]:
    from setpoint.core.monitors.finding import Finding, Severity  # noqa: PLC0415  (start-up)

    if ready:
        message = f"The model answers at {service.status.url}."
        return (Finding(name="not-ready", severity=Severity.OK, message=message),)
    where = f"at {service.status.url}" if service.status.url else "anywhere: the service has no address"
    message = f"The model is not ready {where}."
    return (Finding(name="not-ready", severity=Severity.ALARM, message=message, harmful=True),)


def _write(report: Path, verdict: Verdict, traffic: Traffic, table: pl.DataFrame) -> None:
    from setpoint.components._monitor import write_verdict  # noqa: PLC0415  (start-up: matplotlib)
    from setpoint.components.traffic_monitoring.plots import draw  # noqa: PLC0415  (start-up: matplotlib)

    write_verdict(
        report,
        verdict,
        title="Traffic",
        tiles=_tiles(traffic.measures),
        plots=draw(table, traffic, verdict.begin, verdict.end),
        figures=_figures(traffic.measures),
    )


def _tiles(measures: Measures) -> list[tuple[str, str]]:
    from setpoint.core.monitors.wording import size_words, words  # noqa: PLC0415  (start-up)

    tiles = [("requests", f"{measures.requests:,}"), ("requests a second", f"{measures.rate:.3g}")]
    if measures.requests:
        tiles += [
            ("errors", f"{100 * measures.error_share:.2g} %"),
            ("median answer", words(measures.latency["p50"])),
            ("slowest hundredth", words(measures.latency["p99"])),
            ("median request", size_words(measures.request_bytes["p50"])),
            ("clients", str(len(measures.clients))),
            ("longest pause", words(measures.longest_gap)),
        ]
    return tiles


def _figures(measures: Measures) -> dict[str, tuple[str, float]]:
    figures = {
        "setpoint_traffic_requests": ("Requests for predictions in the window", float(measures.requests)),
        "setpoint_traffic_requests_per_second": ("Their rate", measures.rate),
        "setpoint_traffic_server_error_ratio": (
            "Share that met a fault of the server",
            measures.server_errors / max(measures.requests, 1),
        ),
        "setpoint_traffic_client_error_ratio": (
            "Share that was refused as the client's fault",
            measures.client_errors / max(measures.requests, 1),
        ),
        "setpoint_traffic_longest_gap_seconds": ("Longest time without a request", measures.longest_gap),
    }
    for name, value in measures.latency.items():
        figures[f"setpoint_traffic_latency_{name}_seconds"] = (f"Time to the answer, {name}", value)
    for name, value in measures.request_bytes.items():
        figures[f"setpoint_traffic_request_{name}_bytes"] = (f"Size of requests, {name}", value)
    return figures
