"""What every Clock does, the one that tests move included: a fake that is not tested is a lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from setpoint.adapters.clock import SteadyClock, SystemClock, last_written
from setpoint.ports.clock import Clock
from tests.clocks import ManualClock


@pytest.fixture(params=[SystemClock, SteadyClock, ManualClock])
def any_clock(request: pytest.FixtureRequest) -> Clock:
    make: Callable[[], Clock] = request.param
    return make()


def test_now_is_aware_utc_and_never_goes_back(any_clock: Clock) -> None:
    first = any_clock.now()
    assert first.tzinfo is UTC
    assert any_clock.now() >= first


async def test_a_moment_that_has_passed_waits_for_nothing(any_clock: Clock) -> None:
    await any_clock.sleep_until(any_clock.now() - timedelta(days=1))
    await any_clock.sleep_until(any_clock.now())


async def test_a_moment_to_come_is_waited_for(any_clock: Clock) -> None:
    moment = any_clock.now() + timedelta(milliseconds=20)
    sleeper = asyncio.ensure_future(any_clock.sleep_until(moment))
    await asyncio.sleep(0)
    assert not sleeper.done()
    if isinstance(any_clock, ManualClock):
        any_clock.advance(0.019)
        await asyncio.sleep(0)
        assert not sleeper.done()
        any_clock.advance(0.001)
    await sleeper
    assert any_clock.now() >= moment


async def test_a_wait_can_be_given_up(any_clock: Clock) -> None:
    sleeper = asyncio.ensure_future(any_clock.sleep_until(any_clock.now() + timedelta(days=400)))
    await asyncio.sleep(0)
    sleeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeper


HOUR = timedelta(hours=1)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_clock_set_back_goes_on_at_the_same_pace_and_one_set_forward_is_followed() -> None:
    wall, steady = [NOON], [0.0]
    clock = SteadyClock(wall=lambda: wall[0], steady=lambda: steady[0])
    wall[0], steady[0] = NOON - HOUR, 10.0
    assert clock.now() == NOON + timedelta(seconds=10)
    wall[0] = NOON + HOUR
    assert clock.now() == NOON + HOUR


def test_an_earlier_life_has_seen_a_later_time(tmp_path: Path) -> None:
    assert last_written(tmp_path / "none") is None
    (tmp_path / "store.db").write_text("")
    written = last_written(tmp_path)
    assert written is not None
    clock = SteadyClock(written, wall=lambda: written - HOUR, steady=lambda: 0.0)
    assert clock.now() == written
