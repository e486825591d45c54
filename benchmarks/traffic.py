"""The judge of traffic over a million requests, beside a plain group-by of the same table in the same run.

The floor counts requests and errors and takes the quantiles of time and size in each of sixty slots, which is what a
dashboard would show. Rows/s, the ratio, and what the process grew by; and how often ordinary hours raise something,
beside what is promised (1e-4 for each of 60 slots on either side, 1e-3 for all gaps together).
"""

from __future__ import annotations

import gc
import resource
import statistics
import time
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from tests.traffic import BEGIN, DAY, HOUR, arrivals, log_of

from setpoint.core.monitors.finding import Severity
from setpoint.core.monitors.traffic import judge_traffic
from setpoint.core.monitors.traffic_view import TrafficRules

_REQUESTS = 1_000_000
_ROUNDS = 3
_HOURS = 300


def run() -> dict[str, Any]:
    """All figures; about 40 s."""
    draw = np.random.default_rng(1)
    seconds = 2 * DAY
    base = log_of(draw, arrivals(draw, 0, seconds, 20_000 / seconds))
    table = (
        pl.concat([base] * (_REQUESTS // base.height + 1))
        .head(_REQUESTS)
        .with_columns(
            time=pl.lit(BEGIN) + pl.duration(microseconds=pl.int_range(_REQUESTS) * int(seconds * 1e6 / _REQUESTS))
        )
    )
    gc.collect()
    before = _peak()
    judged, floor = [], []
    for _ in range(_ROUNDS):
        floor.append(_time(lambda: _group(table)))
        judged.append(_time(lambda: _judge(table, 1.5 * DAY, 2 * DAY, 0)))
    middle, least = statistics.median(judged), statistics.median(floor)
    raised = sum(_raises(seed) for seed in range(_HOURS))
    return {
        "requests": _REQUESTS,
        "judge_seconds": round(middle, 2),
        "rows_per_second": round(_REQUESTS / middle),
        "group_by_seconds": round(least, 2),
        "judge_to_group_by_ratio": round(middle / least, 1),
        "grown_mib": round((_peak() - before) / 1024),
        "ordinary_hours": _HOURS,
        "ordinary_hours_with_a_finding": raised,
        "promised_share": 60 * 2 * 1e-4 + 1e-3,
        "found_share": round(raised / _HOURS, 4),
    }


def _judge(table: pl.DataFrame, begin: float, end: float, base: float) -> list[str]:
    traffic = judge_traffic(
        table,
        begin=BEGIN + timedelta(seconds=begin),
        end=BEGIN + timedelta(seconds=end),
        baseline_begin=BEGIN + timedelta(seconds=base),
        rules=TrafficRules(),
    )
    return [one.name for one in traffic.findings if one.severity in (Severity.WARNING, Severity.ALARM)]


def _raises(seed: int) -> bool:
    draw = np.random.default_rng(10_000 + seed)
    return bool(_judge(log_of(draw, arrivals(draw, 0, 5 * HOUR, 0.2)), 4 * HOUR, 5 * HOUR, 0))


def _group(table: pl.DataFrame) -> pl.DataFrame:
    return table.group_by_dynamic("time", every="48m").agg(
        pl.len(),
        (pl.col("status") >= 400).sum().alias("errors"),
        *(
            pl.col(name).quantile(at).alias(f"{name}{at}")
            for name in ("seconds", "request_bytes")
            for at in (0.5, 0.9, 0.99)
        ),
        pl.col("client").n_unique(),
    )


def _time(what: Any) -> float:
    begin = time.perf_counter()
    what()
    return time.perf_counter() - begin


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
