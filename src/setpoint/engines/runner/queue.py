"""The keyed work queue: what to look at next.

A key that is added twice before it is taken is worked on once; a key that is added while it is worked on is
worked on again afterwards. Invariant: a key is never with two workers at a time, and an added key is taken later.
Source: client-go's workqueue (deduplication, delayed and rate-limited adds).
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta

from setpoint.engines.runner.backoff import Backoff
from setpoint.engines.runner.metrics import RunnerMetrics
from setpoint.ports.clock import Clock

_LARGEST_DELAY = timedelta(days=3650)


class WorkQueue:
    """Belongs to one event loop; only `get` and `run` wait."""

    def __init__(
        self, name: str, clock: Clock, *, backoff: Backoff | None = None, metrics: RunnerMetrics | None = None
    ) -> None:
        """Make an empty queue; delayed keys come due only while `run` is going."""
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._ready: asyncio.Queue[str | None] = asyncio.Queue()
        self._wanted: dict[str, datetime] = {}  # keys to work on, with the time they were added
        self._working: set[str] = set()
        self._failures: dict[str, int] = {}
        self._delayed: list[tuple[datetime, str]] = []
        self._due: dict[str, datetime] = {}  # the earliest time of each delayed key; other heap entries are stale
        self._earlier = asyncio.Event()
        self._shut_down = False
        self._depth = metrics.depth.labels(name) if metrics else None
        self._adds = metrics.adds.labels(name) if metrics else None
        self._retries = metrics.retries.labels(name) if metrics else None
        self._latency = metrics.queued.labels(name) if metrics else None

    def __len__(self) -> int:
        """How many keys wait, delayed ones left out."""
        return len(self._wanted)

    def add(self, key: str) -> None:
        """Have the key worked on soon."""
        if self._shut_down or key in self._wanted:
            return
        self._wanted[key] = self._clock.now()
        if self._adds:
            self._adds.inc()
        if key not in self._working:
            self._ready.put_nowait(key)
        self._show_depth()

    def add_after(self, key: str, delay: timedelta) -> None:
        """Have the key worked on after the delay; of several delays of a key the shortest counts."""
        if self._shut_down:
            return
        if delay <= timedelta():
            self.add(key)
            return
        moment = self._clock.now() + min(delay, _LARGEST_DELAY)
        if key in self._due and self._due[key] <= moment:
            return
        self._due[key] = moment
        heapq.heappush(self._delayed, (moment, key))
        self._earlier.set()

    def retry(self, key: str) -> timedelta:
        """Have the key worked on again after its back-off, which grows until `forget`; returns the wait."""
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._retries:
            self._retries.inc()
        delay = self._backoff.delay(self._failures[key])
        self.add_after(key, delay)
        return delay

    def forget(self, key: str) -> None:
        """The key went well: the next failure counts as the first."""
        self._failures.pop(key, None)

    def failures(self, key: str) -> int:
        """Failures of the key in a row."""
        return self._failures.get(key, 0)

    async def get(self) -> str | None:
        """The next key, which the caller must give back with `done`; None when the queue is shut down."""
        key = await self._ready.get() if not self._shut_down else None
        if key is None or self._shut_down:
            self._ready.put_nowait(None)  # the next worker ends too
            return None
        added = self._wanted.pop(key)
        self._working.add(key)
        if self._latency:
            self._latency.observe(max(0.0, (self._clock.now() - added).total_seconds()))
        self._show_depth()
        return key

    def done(self, key: str) -> None:
        """Work on the key has ended; if it was added meanwhile, it waits again now."""
        self._working.discard(key)
        if key in self._wanted:
            self._ready.put_nowait(key)

    def shut_down(self) -> None:
        """Take no more keys and give none out; what is being worked on goes on."""
        self._shut_down = True
        self._ready.put_nowait(None)

    async def run(self) -> None:
        """Move delayed keys when they come due, for ever."""
        while True:
            self._earlier.clear()
            self._move_due()
            if not self._delayed:
                await self._earlier.wait()
                continue
            await self._wait_until(self._delayed[0][0])

    def _move_due(self) -> None:
        now = self._clock.now()
        while self._delayed and self._delayed[0][0] <= now:
            moment, key = heapq.heappop(self._delayed)
            if self._due.get(key) == moment:
                del self._due[key]
                self.add(key)

    async def _wait_until(self, moment: datetime) -> None:
        """Return at the moment, or when an earlier one may have come in."""
        waits = (
            asyncio.ensure_future(self._clock.sleep_until(moment)),
            asyncio.ensure_future(self._earlier.wait()),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _show_depth(self) -> None:
        if self._depth:
            self._depth.set(len(self._wanted))
