"""How long to wait after the n-th failure in a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_LARGEST_EXPONENT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Doubles from `first` up to `longest`.

    >>> [Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=5)).delay(n).seconds for n in (1, 2, 3, 4)]
    [1, 2, 4, 5]
    """

    first: timedelta = timedelta(milliseconds=50)
    longest: timedelta = timedelta(minutes=1)

    def delay(self, failures: int) -> timedelta:
        """The wait after `failures` (at least 1) failures in a row."""
        doublings = min(max(failures, 1) - 1, _LARGEST_EXPONENT)
        return min(self.longest, self.first * (1 << doublings))
