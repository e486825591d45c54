"""Each trouble of traffic is named rightly, with when and how much; ordinary days raise nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from setpoint.core.monitors.finding import Finding, Severity
from setpoint.core.monitors.traffic import Traffic, judge_traffic
from setpoint.core.monitors.traffic_view import TrafficRules
from tests.traffic import BEGIN, DAY, HOUR, arrivals, failed, join, log_of

RATE = 0.2  # requests a second
START, END = 4 * HOUR, 5 * HOUR  # of the observation; four hours lie before it


def _judge(log: pl.DataFrame, *, begin: float = START, end: float = END, base: float = 0.0, **rules: Any) -> Traffic:
    return judge_traffic(
        log,
        begin=BEGIN + timedelta(seconds=begin),
        end=BEGIN + timedelta(seconds=end),
        baseline_begin=BEGIN + timedelta(seconds=base),
        rules=TrafficRules(**rules),
    )


def _troubles(traffic: Traffic) -> dict[str, Finding]:
    bad = (Severity.WARNING, Severity.ALARM)
    return {finding.name: finding for finding in traffic.findings if finding.severity in bad}


def _ordinary(draw: np.random.Generator, begin: float = 0.0, end: float = END, **columns: Any) -> pl.DataFrame:
    return log_of(draw, arrivals(draw, begin, end, RATE), **columns)


def _surge(draw: np.random.Generator) -> pl.DataFrame:
    return join(_ordinary(draw), log_of(draw, arrivals(draw, START + 1200, START + 1800, 9 * RATE)))


def _silence(draw: np.random.Generator) -> pl.DataFrame:
    return _ordinary(draw, end=START + 1200)


def _drop(draw: np.random.Generator) -> pl.DataFrame:
    rare = log_of(draw, arrivals(draw, START + 1200, START + 2700, RATE / 12))
    return join(_ordinary(draw, end=START + 1200), rare, _ordinary(draw, begin=START + 2700))


def _burst(draw: np.random.Generator) -> pl.DataFrame:
    bad = failed(draw, arrivals(draw, START + 1200, START + 1500, RATE), 502, "upstream")
    return join(_ordinary(draw, end=START + 1200), bad, _ordinary(draw, begin=START + 1500))


def _slow(draw: np.random.Generator) -> pl.DataFrame:
    slow = _ordinary(draw, begin=START + 1200, end=START + 1800, seconds=0.9)
    return join(_ordinary(draw, end=START + 1200), slow, _ordinary(draw, begin=START + 1800))


def _huge(draw: np.random.Generator) -> pl.DataFrame:
    times = np.linspace(START + 1200, START + 1800, 12)
    return join(_ordinary(draw), log_of(draw, times, request_bytes=30_000_000, inputs=None, client="exporter"))


def _too_large(draw: np.random.Generator) -> pl.DataFrame:
    times = np.linspace(START + 1200, START + 1800, 12)
    return join(_ordinary(draw), failed(draw, times, 413, "too-large", request_bytes=90_000_000))


def _shapes(draw: np.random.Generator) -> pl.DataFrame:
    times = arrivals(draw, START + 1200, END, RATE / 5)
    return join(_ordinary(draw), failed(draw, times, 400, "shape", client="new-historian"))


def _hammering(draw: np.random.Generator) -> pl.DataFrame:
    return join(_ordinary(draw), log_of(draw, arrivals(draw, START, END, 6 * RATE), client="crawler"))


def _duplicates(draw: np.random.Generator) -> pl.DataFrame:
    times = arrivals(draw, START + 1200, START + 2400, RATE)
    return join(_ordinary(draw), log_of(draw, times, inputs=[[1.0, 2.0]] * len(times)))


def _ahead(draw: np.random.Generator) -> pl.DataFrame:
    late = _ordinary(draw, begin=START + 1200)
    late = late.with_columns(event_time=pl.col("time") + pl.duration(hours=1))
    return join(_ordinary(draw, end=START + 1200), late)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("make", "name", "subject", "severity"),
    [
        (_surge, "surge", "", Severity.ALARM),
        (_silence, "silence", "", Severity.ALARM),
        (_drop, "drop", "", Severity.ALARM),
        (_burst, "errors", "upstream", Severity.ALARM),
        (_slow, "latency", "", Severity.ALARM),
        (_huge, "payload-size", "exporter", Severity.ALARM),
        (_too_large, "contract", "too-large", Severity.WARNING),
        (_shapes, "contract", "shape", Severity.WARNING),
        (_hammering, "client-hammering", "crawler", Severity.ALARM),
        (_duplicates, "duplicates", "", Severity.WARNING),
        (_ahead, "clock-skew", "", Severity.WARNING),
    ],
)
def test_each_trouble_has_its_name(
    make: Callable[[np.random.Generator], pl.DataFrame], name: str, subject: str, severity: Severity, seed: int
) -> None:
    found = _troubles(_judge(make(np.random.default_rng(seed))))
    assert name in found, found
    finding = found[name]
    assert (finding.subject, finding.severity) == (subject, severity)
    assert finding.value is not None
    assert finding.since is not None
    onset = (finding.since - BEGIN).total_seconds()
    begun = START if make is _hammering else START + 1200
    assert begun - 60 <= onset <= begun + 600
    assert finding.seen_at is None or finding.seen_at >= finding.since


def test_nothing_else_is_named_beside_what_follows_from_it() -> None:
    follows = {
        _surge: {"surge"},
        _silence: {"silence", "drop"},
        _drop: {"drop", "silence"},
        _burst: {"errors"},
        _slow: {"latency"},
        _huge: {"payload-size"},
        _too_large: {"contract", "payload-size"},
        _shapes: {"contract"},
        _hammering: {"client-hammering", "client-mix", "surge"},
        _duplicates: {"duplicates", "surge"},  # they come on top
        _ahead: {"clock-skew"},
    }
    for make, allowed in follows.items():
        for seed in range(3):
            found = set(_troubles(_judge(make(np.random.default_rng(seed)))))
            assert found <= allowed, (make.__name__, seed, found)


def test_ordinary_hours_raise_no_more_than_promised() -> None:
    """60 slots at a risk of 1e-4 on either side are 1.2 % of hours; all other checks together less than that."""
    raised = [seed for seed in range(40) if _troubles(_judge(_ordinary(np.random.default_rng(1000 + seed))))]
    assert len(raised) <= 3, raised


def test_a_season_that_was_seen_before_is_no_surge() -> None:
    raised = []
    for seed in range(8):
        draw = np.random.default_rng(seed)
        log = log_of(draw, arrivals(draw, 0, 4 * DAY, 0.03, season=0.9))
        traffic = _judge(log, begin=3 * DAY, end=4 * DAY)
        assert traffic.slots is not None
        assert traffic.slots.usual.max() > 3 * traffic.slots.usual.min()
        raised += [(seed, name) for name in _troubles(traffic)]
    assert len(raised) <= 1, raised


def test_harm_is_said_and_comes_first() -> None:
    draw = np.random.default_rng(5)
    more = arrivals(draw, START + 1200, START + 1800, 9 * RATE)
    harmless, harmful = (
        _troubles(_judge(join(_ordinary(draw), log_of(draw, more, labels=labels))))["surge"].harmful
        for labels in ([["normal"]] * len(more), [["7"]] * len(more))
    )
    assert (harmless, harmful) == (False, True)
    times = arrivals(draw, START + 900, START + 2100, RATE)
    traffic = _judge(join(_shapes(draw), log_of(draw, times, inputs=[[1.0, 2.0]] * len(times))))
    assert [one.name for one in traffic.findings if one.severity is Severity.WARNING] == ["contract", "duplicates"]


def test_without_anything_before_the_window_is_judged_by_itself_and_by_what_was_agreed() -> None:
    draw = np.random.default_rng(3)
    alone = _judge(_slow(draw).filter(pl.col("time") >= BEGIN + timedelta(seconds=START)), base=START)
    assert not _troubles(alone)
    assert any("nothing before" in note for note in alone.notes)
    assert any("Slow answers are not judged" in note for note in alone.notes)
    agreed = _judge(_slow(draw), base=START, latency_seconds=0.1)
    assert set(_troubles(agreed)) == {"latency"}


def test_a_service_that_nobody_asks_is_unknown_and_one_that_nobody_asks_any_more_is_silent() -> None:
    empty = _judge(log_of(np.random.default_rng(1), np.zeros(0)))
    assert (empty.findings, empty.measures.requests) == ((), 0)
    assert any("got no request" in note for note in empty.notes)
    probes = _judge(_ordinary(np.random.default_rng(1), verb="ready"))
    assert probes.findings == ()
    silent = _judge(_ordinary(np.random.default_rng(1), end=START - 600))
    assert set(_troubles(silent)) == {"silence"}


def test_a_nominal_period_is_held_to() -> None:
    draw = np.random.default_rng(1)
    log = log_of(draw, np.concatenate([np.arange(0, START + 1800, 60.0), np.arange(START + 1950, END, 60.0)]))
    (finding,) = _troubles(_judge(log, nominal_period_seconds=60.0)).values()
    assert (finding.name, finding.value, finding.threshold) == ("silence", 210.0, 90.0)
    assert finding.severity is Severity.WARNING


def test_measures_are_those_of_the_log() -> None:
    draw = np.random.default_rng(2)
    log = join(_ordinary(draw), failed(draw, np.array([START + 5.0, START + 6.0]), 400, "shape"))
    log = join(log, failed(draw, np.array([START + 7.0]), 504, "timeout"))
    measures = _judge(log).measures
    window = log.filter(pl.col("time") >= BEGIN + timedelta(seconds=START))
    assert measures.requests == window.height
    assert measures.rate == pytest.approx(window.height / HOUR)
    assert measures.reasons == {"shape": 2, "timeout": 1}
    assert (measures.server_errors, measures.client_errors) == (1, 2)
    assert measures.answered == window.height - 3
    assert measures.error_share == pytest.approx(3 / window.height)
    assert measures.latency["p50"] == pytest.approx(np.median(window["seconds"].to_numpy()))
    assert sum(measures.clients.values()) == window.height


def test_a_burst_of_one_client_with_nothing_before_is_in_order() -> None:
    """A replay at full speed: 400 requests within a second, with a pause in between, after a probe."""
    draw = np.random.default_rng(4)
    times = START + np.concatenate([[0.0], 5 + np.linspace(0, 0.5, 200), 6 + np.linspace(0, 0.5, 200)])
    traffic = _judge(log_of(draw, times, client=["probe"] + ["replay"] * 400), base=START)
    assert not _troubles(traffic), traffic.findings
