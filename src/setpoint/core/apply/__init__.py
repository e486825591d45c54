"""Patches of an API server, and who owns which field: server-side apply, managedFields, JSON patch."""

from setpoint.core.apply.applying import apply
from setpoint.core.apply.json_patch import apply_json_patch
from setpoint.core.apply.managers import managed_fields_of, track_update

__all__ = ["apply", "apply_json_patch", "managed_fields_of", "track_update"]
