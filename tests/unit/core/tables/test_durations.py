"""Ages as kubectl prints them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.core.tables.durations import human_duration, since

DAY = 86_400
YEAR = 365 * DAY


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (5, "5s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600 - 1, "7h59m"),
        (8 * 3600, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + 4 * 3600, "2d4h"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + 20 * DAY, "2y20d"),
        (8 * YEAR, "8y"),
        (9 * YEAR + DAY, "9y"),
    ],
)
def test_two_units_at_most_the_coarser_the_older(seconds: int, text: str) -> None:
    assert human_duration(timedelta(seconds=seconds)) == text


SECONDS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "y": YEAR}


@given(st.integers(min_value=0, max_value=100 * YEAR))
def test_what_is_told_is_never_more_than_it_was_and_not_much_less(seconds: int) -> None:
    told, number = 0, ""
    for letter in human_duration(timedelta(seconds=seconds)):
        if letter.isdigit():
            number += letter
        else:
            told, number = told + int(number) * SECONDS[letter], ""
    assert seconds * 0.85 - 1 <= told <= seconds


@pytest.mark.parametrize("moment", [None, "", "yesterday", 5, {}])
def test_of_what_is_no_time_nothing_is_known(moment: Any) -> None:
    assert since(moment, datetime(2026, 1, 1, tzinfo=UTC)) == "<unknown>"


def test_how_long_ago_a_time_of_the_wire_was() -> None:
    assert since("2026-01-01T00:00:00Z", datetime(2026, 1, 1, 0, 2, 30, tzinfo=UTC)) == "2m30s"
