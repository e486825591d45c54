"""What `kubectl get events` says of an event: when it was seen first and last, how often, and of what it tells.

Source: kubernetes, pkg/printers/internalversion printEvent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from setpoint.core.tables.durations import since

Json = Mapping[str, Any]


def event_first_seen(item: Json, now: datetime) -> str:
    """Age of its first sight."""
    return since(item.get("firstTimestamp") or item.get("eventTime"), now)


def event_last_seen(item: Json, now: datetime) -> str:
    """Age of its last sight; of one that goes on, the last of its series."""
    series = item.get("series")
    moment = series.get("lastObservedTime") if series else item.get("lastTimestamp")
    return since(moment, now) if moment or series else event_first_seen(item, now)


def event_count(item: Json, now: datetime) -> int:
    """How often it was seen."""
    return int((item.get("series") or item).get("count") or 1)


def event_object(item: Json, now: datetime) -> str:
    """`pod/NAME`, of what it tells."""
    about = item.get("involvedObject") or {}
    kind = str(about.get("kind", "")).lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def event_source(item: Json, now: datetime) -> str:
    """Who saw it, and where."""
    source = item.get("source") or {}
    names = (source.get("component") or item.get("reportingComponent"), source.get("host"))
    return ", ".join(name for name in names if name)


def event_message(item: Json, now: datetime) -> str:
    """Without the blanks around it."""
    return str(item.get("message", "")).strip()
