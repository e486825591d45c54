"""A token bucket: so many requests a second, and so many more at once after a pause."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Times are seconds of a clock that never goes back, given by the caller.

    >>> bucket = Bucket(rate=1.0, burst=2.0, level=2.0, at=0.0)
    >>> [bucket.take(now) for now in (0.0, 0.0, 0.0, 1.0)]
    [0.0, 0.0, 1.0, 0.0]
    """

    rate: float
    burst: float
    level: float
    at: float

    def take(self, now: float) -> float:
        """0.0 if a request may pass, and it is counted; else the seconds until one may, and nothing is counted."""
        self.level = min(self.burst, self.level + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)
        if self.level >= 1.0:
            self.level -= 1.0
            return 0.0
        return (1.0 - self.level) / self.rate

    def is_full(self, now: float) -> bool:
        """Whether it is as if nobody had ever taken from it."""
        return self.level + max(0.0, now - self.at) * self.rate >= self.burst
