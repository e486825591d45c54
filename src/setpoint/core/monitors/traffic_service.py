"""Checks of when requests come and how they are served: silence, surge and drop, errors, latency.

Each gives one finding or more, also where all is well, or a note that says why it was not made.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from setpoint.core.monitors.arrivals import LEAST_SLOTS, find_gaps
from setpoint.core.monitors.burn_rate import burn
from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.spot import LEAST, fit_tail
from setpoint.core.monitors.traffic_view import SERVER_REASONS, Mask, View, moment
from setpoint.core.monitors.wording import words

_LATENCY_BUDGET = 0.01  # a p99 objective: one request in a hundred may be slower


def check_silence(view: View, notes: list[str]) -> Iterator[Finding]:
    """No request for too long."""
    nominal = view.rules.nominal_period_seconds
    if nominal is None and len(view.times_before) <= LEAST and len(view.times):
        notes.append("Whether requests have ceased is not judged: no period is agreed, and too few came before.")
    gaps = find_gaps(view.times, view.times_before, begin=view.begin, end=view.end, nominal=nominal)
    if not gaps:
        if view.window.height:
            yield Finding(name="silence", severity=Severity.OK, message="No request was overdue.")
        return
    for gap in gaps:
        last = "and none has come since" if gap.open else "then they went on"
        yield Finding(
            name="silence",
            severity=Severity.ALARM if gap.open else Severity.WARNING,
            message=f"For {words(gap.seconds)} no request came (at most {words(gap.limit)} is usual), {last}.",
            value=gap.seconds,
            threshold=gap.limit,
            since=moment(gap.begin),
            seen_at=moment(gap.begin + gap.limit),
            harmful=True if gap.open else None,
            evidence={"until": moment(gap.end).isoformat()},
        )


def check_rate(view: View, notes: list[str]) -> Iterator[Finding]:
    """Far more, or far fewer, requests than usual."""
    slots = view.slots()
    if not view.window.height or (not view.before.height and len(slots.counts) <= LEAST_SLOTS):
        notes.append("Whether far too many or too few requests came is not judged: nothing was before to compare with.")
        return
    for name, where, word in (("surge", slots.surge, "many"), ("drop", slots.drop, "few")):
        stretch = _longest(where)
        if stretch is None:
            message = f"In no {words(slots.seconds)} did far too {word} requests come."
            yield Finding(name=name, severity=Severity.OK, message=message)
            continue
        first, last = stretch
        found, usual = slots.counts[first : last + 1].mean(), slots.usual[first : last + 1].mean()
        begin, end = float(slots.begins[first]), float(slots.begins[last] + slots.seconds)
        factor = found / max(usual, 0.5)
        yield Finding(
            name=name,
            severity=Severity.ALARM if last > first else Severity.WARNING,
            message=f"{found / slots.seconds:.3g} requests a second came, {usual / slots.seconds:.3g} are usual.",
            value=float(found / slots.seconds),
            threshold=float(usual / slots.seconds),
            since=moment(begin),
            seen_at=moment(begin + slots.seconds),
            harmful=view.harm(view.between(begin, end)),
            evidence={"factor": round(float(factor), 2), "until": moment(end).isoformat()},
        )


def check_errors(view: View, notes: list[str]) -> Iterator[Finding]:
    """Faults of the server, against the objective."""
    bad = view.window["reason"].is_in(SERVER_REASONS).to_numpy()
    budget = 1 - view.rules.availability
    alert = burn(view.times, bad, budget=budget, begin=view.begin, end=view.end)
    share = float(bad.mean())
    if alert is None:
        message = f"{100 * share:.2g} % of requests met a fault of the server; {100 * budget:.2g} % are allowed."
        yield Finding(name="errors", severity=Severity.OK, message=message, value=share, threshold=budget)
        return
    reasons = dict(view.window.filter(bad)["reason"].value_counts(sort=True).iter_rows())
    worst = next(iter(reasons))
    first = float(view.times[bad][0])
    yield Finding(
        name="errors",
        severity=Severity.ALARM if alert.rule.page else Severity.WARNING,
        message=f"The server failed {int(bad.sum())} of {len(bad)} requests, mostly `{worst}`: "
        f"{alert.long_rate:.3g} times what the objective of {100 * view.rules.availability:.4g} % allows.",
        subject=worst,
        value=share,
        threshold=budget,
        since=moment(first),
        seen_at=moment(alert.at),
        harmful=True,
        evidence={"burn_rate": round(alert.long_rate, 2), "burn_rate_short": round(alert.short_rate, 2), **reasons},
    )


def check_latency(view: View, notes: list[str]) -> Iterator[Finding]:
    """Slow answers, against the objective or what was usual."""
    answered = (view.window["status"] < 400).to_numpy()
    seconds = view.window["seconds"].to_numpy()
    limit = view.rules.latency_seconds
    if limit is None:
        usual = view.before.filter(pl.col("status") < 400)["seconds"].to_numpy()
        if len(usual) < LEAST:
            notes.append("Slow answers are not judged: there is neither an objective nor enough from before.")
            return
        # Twice the tail's end, and a wide margin above the bulk: a busy machine is no fault of the service.
        limit = max(2 * fit_tail(usual).quantile(_LATENCY_BUDGET), 5 * float(np.median(usual)))
    slow = answered & (seconds > limit)
    alert = burn(view.times, slow, budget=_LATENCY_BUDGET, begin=view.begin, end=view.end)
    p99 = float(np.quantile(seconds[answered], 0.99)) if answered.any() else 0.0
    if alert is None:
        message = f"The slowest hundredth took {words(p99)} or more; {words(limit)} is the limit."
        yield Finding(name="latency", severity=Severity.OK, message=message, value=p99, threshold=limit)
        return
    begin, end = float(view.times[slow][0]), float(view.times[slow][-1])
    yield Finding(
        name="latency",
        severity=Severity.ALARM if alert.rule.page else Severity.WARNING,
        message=f"{int(slow.sum())} of {int(answered.sum())} answers took longer than {words(limit)}.",
        value=p99,
        threshold=limit,
        since=moment(begin),
        seen_at=moment(alert.at),
        harmful=view.harm(slow),
        evidence={
            "slow_share": round(float(slow.sum() / max(answered.sum(), 1)), 4),
            "p50": float(np.median(seconds[answered])),
            "until": moment(end).isoformat(),
        },
    )


def _longest(where: Mask) -> tuple[int, int] | None:
    """First and last index of the longest stretch that holds."""
    best: tuple[int, int] | None = None
    start = None
    for index, value in enumerate([*where.tolist(), False]):
        if value and start is None:
            start = index
        if not value and start is not None:
            if best is None or index - 1 - start > best[1] - best[0]:
                best = (start, index - 1)
            start = None
    return best
