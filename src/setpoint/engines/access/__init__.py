"""RBAC objects kept at hand, and the roles that a new state directory begins with."""

from setpoint.engines.access.seed import store_defaults
from setpoint.engines.access.view import AccessView

__all__ = ["AccessView", "store_defaults"]
