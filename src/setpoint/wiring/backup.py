"""Backups of state directories, with the moment and the settings that the adapters must not know."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from setpoint.adapters import backup
from setpoint.adapters.backup import Manifest
from setpoint.adapters.clock import SystemClock
from setpoint.adapters.restore import restore
from setpoint.wiring.settings import Settings

__all__ = ["back_up", "restore"]


def back_up(settings: Settings, target: Path, *, version: str, artifacts: bool) -> Manifest:
    """Write a backup of the state directory, see `adapters.backup.back_up`."""
    created = SystemClock().now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return backup.back_up(settings.home, target, version=version, created=created, artifacts=artifacts)
