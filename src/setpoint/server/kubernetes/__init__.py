"""The Kubernetes API over HTTP: discovery by known paths, REST verbs, watch streams, `Status` errors."""

from setpoint.server.kubernetes._app import KubernetesRoutes
from setpoint.server.kubernetes._status import make_status, status_of

__all__ = ["KubernetesRoutes", "make_status", "status_of"]
