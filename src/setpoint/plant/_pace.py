"""Samples at the pace of a plant, or some times faster.

Invariant: no drift. Sample k is due at start + k * interval, whatever the ones before it took; a consumer that was late
gets the next ones at once until it has caught up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from setpoint.apis.errors import InvalidSpec

T = TypeVar("T")


def paced(
    items: Iterable[T], *, interval_seconds: float, now: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[T]:
    """Hand on each item when it is due, the first after one interval.

    Args:
        items: What to hand on; computed while there is time, so an item is ready when it is due.
        interval_seconds: Time between two; 0 for as fast as possible.
        now: A monotonic clock, in seconds.
        sleep: Waits for so many seconds.
    """
    start = now()
    for count, item in enumerate(items, start=1):
        wait = start + count * interval_seconds - now()
        if wait > 0.0:
            sleep(wait)
        yield item


def parse_speed(text: str) -> float:
    """How many times faster than the plant: a number, `real-time` (1) or `max` (infinite).

    Raises:
        InvalidSpec: Neither, or not above 0.
    """
    named = {"real-time": 1.0, "max": float("inf")}
    if text in named:
        return named[text]
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        raise InvalidSpec(f"{text!r} is no speed: a number above 0", path="--speed", allowed=tuple(named))
    return speed
