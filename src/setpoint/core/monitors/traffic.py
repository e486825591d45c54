"""What is wrong with the traffic of a service: every check, each with its figures, harm first.

Decides from the prediction log alone. Only requests for predictions count (`infer`, `predict`): probes and metadata are
the business of the platform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from setpoint.core.monitors.arrivals import Slots
from setpoint.core.monitors.finding import Finding, ranked
from setpoint.core.monitors.traffic_requests import (
    check_clients,
    check_clock,
    check_contract,
    check_duplicates,
    check_payload,
)
from setpoint.core.monitors.traffic_service import check_errors, check_latency, check_rate, check_silence
from setpoint.core.monitors.traffic_view import SERVER_REASONS, Floats, TrafficRules, View
from setpoint.core.predictions import PROBE_CLIENT

_VERBS = ("infer", "predict")

_CHECKS: tuple[Callable[[View, list[str]], Iterator[Finding]], ...] = (
    check_silence,
    check_rate,
    check_errors,
    check_latency,
    check_payload,
    check_contract,
    check_clients,
    check_duplicates,
    check_clock,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What happened in the window, without a judgement. Rates per second, sizes in bytes, times in seconds."""

    requests: int
    rate: float
    answered: int
    server_errors: int
    client_errors: int
    reasons: dict[str, int]
    latency: dict[str, float]  # p50, p90, p99, max
    request_bytes: dict[str, float]
    rows: int
    clients: dict[str, int]
    longest_gap: float

    @property
    def error_share(self) -> float:
        """Share of requests with an error of either side; 0 without requests."""
        return (self.server_errors + self.client_errors) / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Measures, findings (worst first, of equal ones the harmful first), notes, and the slots for a picture."""

    measures: Measures
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    slots: Slots | None


def judge_traffic(
    table: pl.DataFrame, *, begin: datetime, end: datetime, baseline_begin: datetime, rules: TrafficRules
) -> Traffic:
    """Judge the requests from `begin` to `end`, beside those from `baseline_begin` to `begin`.

    Args:
        table: Of `PredictionLog.read`, in order of time; the columns `shape` and those of answers other than `labels`
            are not needed.
        begin: Start of the observation.
        end: Its end.
        baseline_begin: Start of what is taken for usual; `begin` if there is nothing.
        rules: What was agreed.
    """
    asked = asked_of(table).with_columns((pl.col("time").dt.epoch("us").cast(pl.Float64) / 1e6).alias("at"))
    window, before = _within(asked, begin, end), _within(asked, baseline_begin, begin)
    if before.height:  # a service that was not there yet is no quiet one
        first: datetime = before["time"][0]
        baseline_begin = max(baseline_begin, first)
    view = View(window, before, begin.timestamp(), end.timestamp(), baseline_begin.timestamp(), rules)
    notes: list[str] = []
    findings: list[Finding] = []
    if probes := _within(table, begin, end).filter(pl.col("client") == PROBE_CLIENT).height:
        notes.append(f"{probes} requests call themselves {PROBE_CLIENT}, Setpoint's own checks: they are left out.")
    if window.height and not before.height:
        notes.append("There is nothing before this window: it is judged by itself and by what was agreed.")
    if window.height:
        for check in _CHECKS:
            findings += check(view, notes)
    else:
        findings += check_silence(view, notes)
        if not findings:
            notes.append("The service got no request for a prediction in this window, nor before it.")
    slots = view.slots() if window.height or before.height else None
    return Traffic(measures=measure(window, begin, end), findings=ranked(findings), notes=tuple(notes), slots=slots)


def asked_of(table: pl.DataFrame) -> pl.DataFrame:
    """The requests for predictions, without those of Setpoint's own checks."""
    return table.filter(pl.col("verb").is_in(_VERBS) & (pl.col("client") != PROBE_CLIENT))


def _within(table: pl.DataFrame, begin: datetime, end: datetime) -> pl.DataFrame:
    return table.filter((pl.col("time") >= begin) & (pl.col("time") < end))


def measure(window: pl.DataFrame, begin: datetime, end: datetime) -> Measures:
    """What happened; the table is that of requests for predictions."""
    reasons = dict(window.filter(pl.col("reason") != "")["reason"].value_counts(sort=True).iter_rows())
    server = sum(count for reason, count in reasons.items() if reason in SERVER_REASONS)
    seconds = (end - begin).total_seconds()
    gaps = np.diff(window["time"].dt.epoch("us").to_numpy()) / 1e6
    return Measures(
        requests=window.height,
        rate=window.height / seconds if seconds > 0 else 0.0,
        answered=window.height - sum(reasons.values()),
        server_errors=server,
        client_errors=sum(reasons.values()) - server,
        reasons=reasons,
        latency=_quantiles(window["seconds"].to_numpy()),
        request_bytes=_quantiles(window["request_bytes"].to_numpy().astype(np.float64)),
        rows=int(window["rows"].sum() or 0),
        clients=dict(window["client"].value_counts(sort=True).iter_rows()),
        longest_gap=float(gaps.max()) if len(gaps) else 0.0,
    )


def _quantiles(values: Floats) -> dict[str, float]:
    if not len(values):
        return {}
    at = np.quantile(values, (0.5, 0.9, 0.99, 1.0))
    return dict(zip(("p50", "p90", "p99", "max"), at.tolist(), strict=True))
