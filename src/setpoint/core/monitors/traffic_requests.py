"""Checks of what requests hold and who sends them: sizes, the model's contract, clients, duplicates, clocks.

Each gives one finding or more, also where all is well, or a note that says why it was not made.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from setpoint.core.monitors.clients import compare_mix, find_hammering
from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.spot import LEAST, fit_tail
from setpoint.core.monitors.traffic_view import View, moment, share_of
from setpoint.core.monitors.wording import size_words, words

CONTRACT = ("shape", "datatype", "tensor", "value", "malformed", "too-large")
"""Reasons of errors that a request has which does not fit what the model takes."""

_RISK = 1e-4
_MIX_RISK, _MIX_BITS = 1e-3, 0.1
_CONTRACT_LEAST, _CONTRACT_WARNING, _CONTRACT_ALARM = 3, 0.01, 0.2
_PAYLOAD_LEAST, _PAYLOAD_FACTOR, _PAYLOAD_HUGE = 3, 4.0, 100.0
_DUPLICATE_LEAST, _DUPLICATE_SHARE = 20, 0.05
_SKEW_SECONDS, _SKEW_SHARE = 60.0, 0.01


def check_payload(view: View, notes: list[str]) -> Iterator[Finding]:
    """Requests far larger than usual."""
    sizes = np.log(np.maximum(view.window["request_bytes"].to_numpy(), 1))
    known = np.log(np.maximum(view.usual["request_bytes"].to_numpy(), 1))
    if len(known) < LEAST:
        notes.append(f"Sizes of requests are not judged: {len(known)} are too few to learn from.")
        return
    middle = float(np.median(known))
    limit = middle + float(np.log(_PAYLOAD_FACTOR))
    if view.usual is view.before:  # else what is odd would be learnt as usual
        limit = max(limit, fit_tail(known).quantile(_RISK))
    large, usual = sizes > limit, float(np.exp(middle))
    biggest = float(view.window["request_bytes"].to_numpy().max())
    if int(large.sum()) < _PAYLOAD_LEAST:
        message = f"No request was far larger than usual ({size_words(usual)}); the largest had {size_words(biggest)}."
        severity = Severity.OK
        yield Finding(
            name="payload-size", severity=severity, message=message, value=biggest, threshold=float(np.exp(limit))
        )
        return
    share = float(large.mean())
    yield Finding(
        name="payload-size",
        severity=Severity.ALARM if share > _CONTRACT_ALARM or biggest > _PAYLOAD_HUGE * usual else Severity.WARNING,
        message=f"{int(large.sum())} requests were far larger than usual ({size_words(usual)}), "
        f"up to {size_words(biggest)}.",
        subject=str(view.window.filter(large)["client"].mode().sort()[0]),
        value=biggest,
        threshold=float(np.exp(limit)),
        since=moment(float(view.times[large][0])),
        seen_at=moment(float(view.times[large][_PAYLOAD_LEAST - 1])),
        harmful=view.harm(large),
        evidence={"requests": int(large.sum()), "share": round(share, 4)},
    )


def check_contract(view: View, notes: list[str]) -> Iterator[Finding]:
    """Requests that do not fit what the model takes."""
    broken = view.window["reason"].is_in(CONTRACT).to_numpy()
    share = float(broken.mean())
    limit = max(_CONTRACT_WARNING, 2 * share_of(view.before["reason"].is_in(CONTRACT)))
    if int(broken.sum()) < _CONTRACT_LEAST or share < limit:
        message = f"{int(broken.sum())} of {len(broken)} requests did not fit what the model takes."
        yield Finding(name="contract", severity=Severity.OK, message=message, value=share, threshold=limit)
        return
    part = view.window.filter(broken)
    reasons = dict(part["reason"].value_counts(sort=True).iter_rows())
    client, error = str(part["client"].mode().sort()[0]), str(part["error"].mode().sort()[0])
    worst = next(iter(reasons))
    yield Finding(
        name="contract",
        severity=Severity.ALARM if share >= _CONTRACT_ALARM else Severity.WARNING,
        message=f"{int(broken.sum())} of {len(broken)} requests did not fit what the model takes, mostly by {worst}, "
        f"mostly from {client or 'an unnamed client'}{': ' + error if error else '.'}",
        subject=worst,
        value=share,
        threshold=limit,
        since=moment(float(view.times[broken][0])),
        seen_at=moment(float(view.times[broken][_CONTRACT_LEAST - 1])),
        harmful=True,
        evidence={"client": client, **reasons},
    )


def check_clients(view: View, notes: list[str]) -> Iterator[Finding]:
    """One client that does it all; another mix of clients."""
    now = dict(view.window["client"].value_counts(sort=True).iter_rows())
    before = dict(view.before["client"].value_counts(sort=True).iter_rows())
    span = view.end - view.begin
    hammering = find_hammering(now, before, seconds=span, seconds_before=view.begin - view.base)
    if hammering is None:
        yield Finding(name="client-hammering", severity=Severity.OK, message="No client asks far more than is usual.")
    else:
        mine = (view.window["client"] == hammering.client).to_numpy()
        yield Finding(
            name="client-hammering",
            severity=Severity.ALARM,
            message=f"{hammering.client or 'An unnamed client'} sent {hammering.requests} requests, "
            f"{100 * hammering.share:.0f} % of all and {hammering.factor:.3g} times what is usual.",
            subject=hammering.client,
            value=hammering.requests / span,
            threshold=hammering.requests / span / hammering.factor,
            since=moment(float(view.times[mine][0])),
            harmful=view.harm(mine),
            evidence={"share": round(hammering.share, 3), "factor": round(hammering.factor, 2)},
        )
    mix = compare_mix(now, before)
    if mix is None:
        notes.append("Clients are not compared with before: nobody had asked then.")
        return
    moved = mix.p_value < _MIX_RISK and mix.divergence > _MIX_BITS
    told = f"{len(mix.new)} new ({', '.join(mix.new[:3]) or 'none'}), {len(mix.gone)} gone"
    yield Finding(
        name="client-mix",
        severity=Severity.WARNING if moved else Severity.OK,
        message=f"Shares of clients {'differ from' if moved else 'are as'} before: {told}.",
        value=mix.divergence,
        threshold=_MIX_BITS,
        evidence={"p_value": mix.p_value, "new": len(mix.new), "gone": len(mix.gone)},
    )


def check_duplicates(view: View, notes: list[str]) -> Iterator[Finding]:
    """Requests with the values of earlier ones."""
    known = view.window["inputs"].is_not_null().to_numpy()
    if int(known.sum()) < _DUPLICATE_LEAST:
        notes.append("Repeated requests are not looked for: too few bodies are in the log.")
        return
    repeated = ~view.window.filter(known)["inputs"].hash(seed=1).is_first_distinct().to_numpy()
    share = float(repeated.mean())
    limit = _DUPLICATE_SHARE
    old = view.before.filter(pl.col("inputs").is_not_null())["inputs"]
    if len(old) >= _DUPLICATE_LEAST:
        limit = max(limit, 2 * share_of(~old.hash(seed=1).is_first_distinct()))
    if int(repeated.sum()) < _DUPLICATE_LEAST or share < limit:
        message = f"{int(repeated.sum())} requests repeated an earlier one."
        yield Finding(name="duplicates", severity=Severity.OK, message=message, value=share, threshold=limit)
        return
    times = view.times[known][repeated]
    yield Finding(
        name="duplicates",
        severity=Severity.WARNING,
        message=f"{int(repeated.sum())} of {int(known.sum())} requests held the very values of an earlier one.",
        value=share,
        threshold=limit,
        since=moment(float(times[0])),
        seen_at=moment(float(times[_DUPLICATE_LEAST - 1])),
        evidence={"distinct": int(known.sum() - repeated.sum())},
    )


def check_clock(view: View, notes: list[str]) -> Iterator[Finding]:
    """Values from the future."""
    told = view.window.filter(pl.col("event_time").is_not_null())
    if not told.height:
        notes.append("Clocks are not compared: no request says when its values were measured.")
        return
    ahead = (told["event_time"] - told["time"]).dt.total_microseconds().to_numpy() / 1e6
    skewed = ahead > _SKEW_SECONDS
    share = float(skewed.mean())
    if share < _SKEW_SHARE:
        message = "No values were measured later than they were asked about."
        yield Finding(name="clock-skew", severity=Severity.OK, message=message, value=float(ahead.max()))
        return
    middle = float(np.median(ahead[skewed]))
    yield Finding(
        name="clock-skew",
        severity=Severity.WARNING,
        message=f"{int(skewed.sum())} of {told.height} requests hold values from the future, by {words(middle)}: "
        "the clocks of plant and server are apart.",
        value=middle,
        threshold=_SKEW_SECONDS,
        since=moment(float(told["at"].to_numpy()[skewed][0])),
        evidence={"share": round(share, 4)},
    )
