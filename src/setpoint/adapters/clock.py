"""The machine's clock behind the Clock port."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

# A long wait is cut into pieces, so that a clock that is set (or a machine that slept) is noticed within one piece.
_LONGEST_SLEEP_SECONDS = 30.0


class SystemClock:
    """Wall-clock time, UTC."""

    def now(self) -> datetime:
        """The present, as an aware UTC datetime."""
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        """Return at `moment`, or at once (after one turn of the loop) if it has passed."""
        while True:
            remaining = (moment - self.now()).total_seconds()
            await asyncio.sleep(max(0.0, min(remaining, _LONGEST_SLEEP_SECONDS)))
            if remaining <= _LONGEST_SLEEP_SECONDS:
                return
