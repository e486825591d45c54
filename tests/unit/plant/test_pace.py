"""Pace without drift, on a clock that the test moves."""

from __future__ import annotations

import pytest

from setpoint.apis.errors import InvalidSpec
from setpoint.plant import paced, parse_speed


class Clock:
    """Moves by sleeping, and by what handling an item takes."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        assert seconds > 0.0
        self.at += seconds


def moments(handling: list[float], interval: float) -> list[float]:
    clock, found = Clock(), []
    for item in paced(handling, interval_seconds=interval, now=clock.now, sleep=clock.sleep):
        found.append(clock.at - 100.0)
        clock.at += item
    return found


def test_each_item_is_due_by_its_number_whatever_the_others_took() -> None:
    assert moments([0.3] * 1000, 0.5) == pytest.approx([0.5 * number for number in range(1, 1001)])


def test_after_a_late_one_the_next_come_at_once_until_it_has_caught_up() -> None:
    assert moments([1.7, 0.0, 0.0, 0.0], 0.5) == pytest.approx([0.5, 2.2, 2.2, 2.2])
    assert moments([1.2, 0.0, 0.0, 0.0], 0.5) == pytest.approx([0.5, 1.7, 1.7, 2.0])


def test_without_interval_nobody_waits() -> None:
    assert moments([0.0] * 3, 0.0) == [0.0] * 3


@pytest.mark.parametrize(("text", "speed"), [("60", 60.0), ("0.5", 0.5), ("real-time", 1.0), ("max", float("inf"))])
def test_speeds(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["fast", "0", "-1", "inf", "nan", ""])
def test_no_speeds(text: str) -> None:
    with pytest.raises(InvalidSpec, match="is no speed"):
        parse_speed(text)
