"""Schedules against moments worked out by hand, clock changes among them, and against every minute of a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.cron import ScheduleError, latest_due, next_due, parse_schedule

pytestmark = pytest.mark.rule("cron.schedules")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("* * * * *", "2026-01-01T00:00:00", "2026-01-01T00:01:00"),
        ("*/15 * * * *", "2026-01-01T00:45:01", "2026-01-01T01:00:00"),
        ("5/15 * * * *", "2026-01-01T00:20:00", "2026-01-01T00:35:00"),
        ("30 4 1,15 * *", "2026-01-01T04:30:00", "2026-01-15T04:30:00"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 12 * jan-mar mon", "2026-01-01T00:00:00", "2026-01-05T12:00:00"),
        ("0 0 13 * fri", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),  # either day matches
        ("0 0 * * fri", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),  # a star leaves the choice to the other day
        ("0 0 */1 * fri", "2026-01-03T00:00:00", "2026-01-09T00:00:00"),
        ("0 0 */10 * fri", "2026-01-09T00:00:00", "2026-01-11T00:00:00"),  # one with a step does not: either matches
        ("@daily", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("@weekly", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
        ("@yearly", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("@every 90m", "2026-01-01T00:00:30", "2026-01-01T01:30:30"),
        ("CRON_TZ=Asia/Tokyo 0 9 * * *", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("TZ=America/New_York 30 2 * * *", "2026-03-08T00:00:00", "2026-03-09T06:30:00"),  # 2:30 is left out
        ("TZ=America/New_York 30 1 * * *", "2026-11-01T05:30:00", "2026-11-01T06:30:00"),  # 1:30 comes twice
        ("TZ=America/Sao_Paulo 0 0 * * *", "2018-11-03T12:00:00", "2018-11-05T02:00:00"),  # midnight is left out
    ],
)
def test_next(text: str, after: str, expected: str) -> None:
    assert parse_schedule(text).next(utc(after)) == utc(expected)


def test_the_zone_of_the_workflow_counts_where_the_schedule_names_none() -> None:
    assert parse_schedule("0 9 * * *", "Europe/Berlin").next(utc("2026-07-01T00:00:00")) == utc("2026-07-01T07:00:00")


def test_a_schedule_that_never_comes() -> None:
    assert parse_schedule("0 0 30 2 *").next(utc("2026-01-01T00:00:00")) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("* * * *", "expected exactly 5 fields, found 4"),
        ("60 * * * *", "out of its range 0 to 59"),
        ("* * * * 7", "out of its range 0 to 6"),
        ("5-2 * * * *", "out of its range"),
        ("*/0 * * * *", "step of range should be a positive number"),
        ("x * * * *", "failed to parse minute"),
        ("* * * foo *", "failed to parse month"),
        ("@often", "unrecognized descriptor: @often"),
        ("@every now", "failed to parse duration"),
        ("TZ=Mars/Base * * * * *", "unknown time zone Mars/Base"),
    ],
)
def test_what_is_no_schedule(text: str, problem: str) -> None:
    with pytest.raises(ScheduleError, match=problem):
        parse_schedule(text)


@given(
    minute=st.sampled_from(["*", "0", "*/7", "3,33"]),
    hour=st.sampled_from(["*", "2", "1-3", "*/5"]),
    zone=st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"]),
    hours_on=st.integers(0, 365 * 24),
)
def test_no_moment_is_left_out_and_none_made_up(minute: str, hour: str, zone: str, hours_on: int) -> None:
    """By the definition: a minute belongs if its local hour and minute do."""
    schedule = parse_schedule(f"{minute} {hour} * * *", zone)
    after = utc("2026-01-01T00:00:00") + timedelta(hours=hours_on)
    found = schedule.next(after)
    assert found is not None
    every = parse_schedule("* * * * *", zone)
    moment = every.next(after)
    while moment is not None and moment < found:
        local = moment.astimezone(_zone(zone))
        assert local.minute not in schedule.minutes or local.hour not in schedule.hours
        moment += timedelta(minutes=1)
    local = found.astimezone(_zone(zone))
    assert local.minute in schedule.minutes
    assert local.hour in schedule.hours


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


SCHEDULES = st.lists(
    st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 3 * * 0", "15 1,2 28-31 * *", "@every 37m", "0 0 29 2 *"]),
    min_size=1,
    max_size=3,
)
MOMENTS = st.integers(0, 3 * 366 * 86400).map(lambda seconds: utc("2024-01-01T00:00:00") + timedelta(seconds=seconds))


@settings(deadline=None, max_examples=50)
@given(
    SCHEDULES,
    st.sampled_from(["", "Europe/Berlin", "America/New_York"]),
    MOMENTS,
    st.integers(0, 40).map(lambda days: timedelta(hours=days * 7)),
)
def test_the_latest_due_moment_is_the_last_that_comes_one_after_another(
    texts: list[str], zone: str, after: datetime, ahead: timedelta
) -> None:
    schedules = [parse_schedule(text, zone) for text in texts]
    now = after + ahead
    seen: list[datetime] = []
    for one in schedules:
        moment = one.next(after)
        while moment is not None and moment <= now:
            seen.append(moment)
            moment = one.next(moment)
    assert latest_due(schedules, after, now) == max(seen, default=None)
    upcoming = next_due(schedules, after)
    assert upcoming is None or upcoming > after
    assert not seen or upcoming == min(seen)
