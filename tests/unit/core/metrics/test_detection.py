"""Alarm limits, first alarms and delays, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.core import metrics


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_the_limit_lets_no_more_than_the_target_through(rate: float) -> None:
    scores = np.random.default_rng(0).random(500)
    limit = metrics.alarm_limit(scores, rate)
    above = metrics.alarms(scores, limit).mean()
    assert rate - 1 / 500 <= above <= rate


def test_a_limit_needs_normal_windows() -> None:
    with pytest.raises(InvalidSpec, match="no held-out window of normal"):
        metrics.alarm_limit(np.zeros(0), 0.01)


@pytest.mark.parametrize(
    ("above", "consecutive", "first"),
    [
        ([0, 1, 1, 0, 1, 1, 1], 3, 4),
        ([0, 1, 1, 0, 1, 1, 1], 1, 1),
        ([1, 1, 0, 1, 1, 0], 3, None),
        ([], 1, None),
    ],
)
def test_first_of_consecutive_alarms(above: list[int], consecutive: int, first: int | None) -> None:
    assert metrics.first_alarm(np.array(above, dtype=bool), consecutive) == first


def test_a_run_with_onset_gives_rate_delay_and_false_alarms() -> None:
    truth = ["0"] * 4 + ["7"] * 6
    above = np.array([0, 1, 0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
    ends = np.arange(40, 60, 2)  # strided windows: a delay counts records, not windows
    (row,) = metrics.detect(["r"] * 10, truth, above, ends, normal="0", consecutive=2)
    assert (row.label, row.faulty_windows, row.normal_windows) == ("7", 6, 4)
    assert row.detection_rate == pytest.approx(4 / 6)
    assert row.false_alarm_rate == pytest.approx(1 / 4)
    assert row.delay_records == 4.0


def test_runs_of_one_fault_are_joined_and_an_undetected_one_counts() -> None:
    runs = ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    above = np.array([1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0], dtype=bool)
    rows = metrics.detect(runs, ["3"] * 12, above, np.arange(12), normal="0", consecutive=1)
    (joined,) = metrics.by_fault(rows)
    assert joined.run == "a, b, c"
    assert joined.detection_rate == pytest.approx(0.5)
    assert joined.delay_records == 2.0
    assert math.isnan(joined.false_alarm_rate)
    lost = metrics.by_fault([rows[1], rows[2], rows[2]])
    assert math.isnan(lost[0].delay_records)
