"""The keyed work queue: no key twice, none lost, delays and back-off by the clock."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta

from prometheus_client import CollectorRegistry

from setpoint.engines.runner import Backoff, RunnerMetrics, WorkQueue
from tests.clocks import ManualClock


async def settle() -> None:
    """Let all tasks that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def taken(queue: WorkQueue) -> list[str]:
    """All keys that can be taken now, given back as done."""
    await settle()
    keys = []
    while len(queue):
        key = await queue.get()
        assert key is not None
        keys.append(key)
        queue.done(key)
    return keys


async def test_a_key_waits_once(clock: ManualClock) -> None:
    queue = WorkQueue("q", clock)
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert await taken(queue) == ["a", "b"]


async def test_a_key_added_while_it_is_worked_on_comes_again_afterwards(clock: ManualClock) -> None:
    queue = WorkQueue("q", clock)
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    other = asyncio.ensure_future(queue.get())
    await settle()
    assert not other.done()
    queue.done("a")
    assert await other == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_delays_come_due_by_the_clock_the_earliest_first(clock: ManualClock) -> None:
    queue = WorkQueue("q", clock)
    timer = asyncio.ensure_future(queue.run())
    queue.add_after("late", timedelta(seconds=60))
    await settle()
    queue.add_after("soon", timedelta(seconds=5))
    queue.add_after("soon", timedelta(seconds=50))  # the shorter one counts
    queue.add_after("late", timedelta(seconds=30))
    queue.add_after("now", timedelta())
    assert await taken(queue) == ["now"]
    clock.advance(4)
    assert await taken(queue) == []
    clock.advance(1)
    assert await taken(queue) == ["soon"]
    clock.advance(25)
    assert await taken(queue) == ["late"]
    clock.advance(1000)
    assert await taken(queue) == []
    timer.cancel()
    await asyncio.gather(timer, return_exceptions=True)


async def test_back_off_grows_per_key_to_its_cap_and_is_forgotten(clock: ManualClock) -> None:
    queue = WorkQueue("q", clock, backoff=Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=5)))
    assert [queue.retry("a").total_seconds() for _ in range(5)] == [1, 2, 4, 5, 5]
    assert queue.retry("b").total_seconds() == 1
    assert queue.failures("a") == 5
    queue.forget("a")
    assert queue.retry("a").total_seconds() == 1


async def test_back_off_of_ten_thousand_failures_is_the_cap() -> None:
    assert Backoff().delay(10_000) == Backoff().longest


async def test_shut_down_gives_nothing_out_and_takes_nothing(clock: ManualClock) -> None:
    queue = WorkQueue("q", clock)
    workers = [asyncio.ensure_future(queue.get()) for _ in range(3)]
    await settle()
    queue.shut_down()
    assert await asyncio.gather(*workers) == [None, None, None]
    queue.add("a")
    assert await queue.get() is None


async def test_metrics(clock: ManualClock) -> None:
    registry = CollectorRegistry()
    queue = WorkQueue("q", clock, metrics=RunnerMetrics(registry))
    queue.add("a")
    queue.add("b")
    assert registry.get_sample_value("workqueue_depth", {"name": "q"}) == 2
    clock.advance(3)
    await queue.get()
    queue.retry("a")
    assert registry.get_sample_value("workqueue_depth", {"name": "q"}) == 1
    assert registry.get_sample_value("workqueue_adds_total", {"name": "q"}) == 2
    assert registry.get_sample_value("workqueue_retries_total", {"name": "q"}) == 1
    assert registry.get_sample_value("workqueue_queue_duration_seconds_sum", {"name": "q"}) == 3


async def test_no_add_is_lost_and_no_key_is_with_two_workers(clock: ManualClock) -> None:
    """Each add happens before some later start of work on its key, whatever the interleaving."""
    chance = random.Random(7)
    queue = WorkQueue("q", clock)
    added: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    working: set[str] = set()

    async def work() -> None:
        while (key := await queue.get()) is not None:
            assert key not in working
            working.add(key)
            seen[key] = added[key]
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            working.discard(key)
            queue.done(key)

    workers = [asyncio.ensure_future(work()) for _ in range(4)]
    for _ in range(2000):
        key = chance.choice("abcdef")
        added[key] += 1
        queue.add(key)
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
    while len(queue) or working:  # noqa: ASYNC110  the workers tell nobody that they are idle
        await asyncio.sleep(0)
    queue.shut_down()
    await asyncio.gather(*workers)
    assert seen == added
