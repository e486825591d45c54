"""The Kubernetes API over HTTP: discovery, schemas, REST verbs, watch streams, `Status` errors."""

from setpoint.server.kubernetes._app import KubernetesRoutes
from setpoint.server.kubernetes._backend import Backend
from setpoint.server.kubernetes._status import make_status, status_of
from setpoint.server.kubernetes._virtual import PodLog, Review, Subcreate, VirtualKind
from setpoint.server.kubernetes._writes import Admitter

__all__ = [
    "Admitter",
    "Backend",
    "KubernetesRoutes",
    "PodLog",
    "Review",
    "Subcreate",
    "VirtualKind",
    "make_status",
    "status_of",
]
