"""Patches of an API server, and who owns which field: server-side apply, managedFields, JSON patch."""

from setpoint.core.apply.json_patch import apply_json_patch
from setpoint.core.apply.managers import apply, track_update

__all__ = ["apply", "apply_json_patch", "track_update"]
