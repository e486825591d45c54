"""A clock that only a test moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class ManualClock:
    """The Clock port by hand: `advance` moves time and wakes those whose moment has come."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The present, as the test set it."""
        return self._now

    async def sleep_until(self, moment: datetime) -> None:
        """Return when `advance` has reached `moment`."""
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((moment, future))
        await future

    def advance(self, delta: timedelta | float) -> None:
        """Move time on by a timedelta or a number of seconds; call it from the loop's thread."""
        self._now += delta if isinstance(delta, timedelta) else timedelta(seconds=delta)
        due = [(moment, future) for moment, future in self._sleepers if moment <= self._now]
        self._sleepers = [item for item in self._sleepers if item not in due]
        for _, future in sorted(due, key=lambda item: item[0]):
            if not future.done():
                future.set_result(None)

    @property
    def sleepers(self) -> int:
        """How many wait, cancelled ones left out."""
        return sum(not future.done() for _, future in self._sleepers)
