"""Durations as kubectl prints them: two units at most, the coarser the older.

Source: apimachinery, util/duration HumanDuration.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any


def human_duration(span: timedelta) -> str:
    """`5s`, `2m30s`, `3h`, `2d4h`, `1y20d`.

    >>> human_duration(timedelta(seconds=150)), human_duration(timedelta(hours=50))
    ('2m30s', '2d2h')
    """
    seconds = int(span.total_seconds())
    if seconds < -1:
        return "<invalid>"
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 2 * 365:
        return f"{days}d"
    return _two(days // 365, "y", days % 365, "d") if days < 8 * 365 else f"{days // 365}y"


def since(moment: Any, now: datetime) -> str:
    """How long ago a time of the wire was; `<unknown>` if it is none."""
    try:
        return human_duration(now - datetime.fromisoformat(moment))
    except (TypeError, ValueError):
        return "<unknown>"


def _two(first: int, unit: str, second: int, lesser: str) -> str:
    return f"{first}{unit}{second}{lesser}" if second else f"{first}{unit}"
