"""Durations as manifests write them and as Argo prints them.

Source: Go's `time.ParseDuration`, Argo's `ParseStringToDuration` and `humanize.Duration`.
"""

from __future__ import annotations

import re
from datetime import timedelta

from setpoint.apis.errors import InvalidSpec

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_WHOLE = re.compile(r"[+-]?\d+")


def parse_duration(text: str, *, bare_seconds: bool = True) -> timedelta:
    """`90`, `1m30s`, `1.5h`; a bare whole number counts seconds where `bare_seconds` allows it.

    Raises: InvalidSpec if the text is neither.
    """
    text = text.strip()
    if bare_seconds and _WHOLE.fullmatch(text):
        return timedelta(seconds=int(text))
    sign = -1.0 if text.startswith("-") else 1.0
    body = text.lstrip("+-")
    parts = list(_PART.finditer(body))
    if body == "0":
        return timedelta()
    if not parts or "".join(part.group() for part in parts) != body:
        raise InvalidSpec(f"{text!r} is no duration: write whole seconds or a text such as 30s, 5m, 1h30m")
    return timedelta(seconds=sign * sum(float(part[1]) * _UNITS[part[2]] for part in parts))


def humanize(duration: timedelta) -> str:
    """`4 minutes 0 seconds`, as Argo's messages say it.

    >>> humanize(timedelta(seconds=240))
    '4 minutes 0 seconds'
    """
    seconds = int(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} seconds"
    if seconds < 3600:
        return f"{seconds // 60} minutes {seconds % 60} seconds"
    hours = f"{seconds // 3600 % 24} hours {seconds // 60 % 60} minutes {seconds % 60} seconds"
    return hours if seconds < 86400 else f"{seconds // 86400} days {hours}"
