"""Time as a port, so that logic never asks the wall clock."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Now, and waiting."""

    def now(self) -> datetime:
        """The present, as an aware UTC datetime."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Return at `moment`, or at once if it has passed."""
        ...
