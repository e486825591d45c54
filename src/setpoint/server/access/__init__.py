"""Who may talk to the servers of this machine, to do what, and how much of it: the guard, and its audit."""

from setpoint.server.access.audit import AuditLevel
from setpoint.server.access.authentication import Authentication
from setpoint.server.access.guard import USER_KEY, Access, AccessGuard
from setpoint.server.access.hooks import AccessHooks
from setpoint.server.access.limits import Counters, Limits
from setpoint.server.access.surface import ARGO, KUBERNETES, Surface

__all__ = [
    "ARGO",
    "KUBERNETES",
    "USER_KEY",
    "Access",
    "AccessGuard",
    "AccessHooks",
    "AuditLevel",
    "Authentication",
    "Counters",
    "Limits",
    "Surface",
]
