"""The machine's clock behind the Clock port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

# A long wait is cut into pieces, so that a clock that is set (or a machine that slept) is noticed within one piece.
_LONGEST_SLEEP_SECONDS = 30.0


def _wall_time() -> datetime:
    return datetime.now(UTC)


class SystemClock:
    """Wall-clock time, UTC."""

    def now(self) -> datetime:
        """The present, as an aware UTC datetime."""
        return _wall_time()

    async def sleep_until(self, moment: datetime) -> None:
        """Return at `moment`, or at once (after one turn of the loop) if it has passed."""
        while True:
            remaining = (moment - self.now()).total_seconds()
            await asyncio.sleep(max(0.0, min(remaining, _LONGEST_SLEEP_SECONDS)))
            if remaining <= _LONGEST_SLEEP_SECONDS:
                return


class SteadyClock(SystemClock):
    """Wall-clock time that never goes back: where the machine's clock is set back, it goes on at the same pace.

    For what counts durations from moments that it has stored. Set back by an hour, the machine's own time would make a
    wait of ten seconds one of an hour.

    Args:
        not_before: The latest moment that is known to have been, e.g. of an earlier life.
        wall: The machine's time, UTC.
        steady: Seconds that pass whatever happens to the clock.
    """

    def __init__(
        self,
        not_before: datetime | None = None,
        *,
        wall: Callable[[], datetime] = _wall_time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._begin = max(wall(), not_before) if not_before is not None else wall()
        self._began = steady()

    def now(self) -> datetime:
        """The present, as an aware UTC datetime; never earlier than one told before."""
        return max(self._wall(), self._begin + timedelta(seconds=self._steady() - self._began))


def last_written(directory: Path) -> datetime | None:
    """When a file of the directory was last written, by the clock of then; None if there is none."""
    times = [file.stat().st_mtime for file in directory.iterdir() if file.is_file()] if directory.is_dir() else []
    return datetime.fromtimestamp(max(times), UTC) if times else None
