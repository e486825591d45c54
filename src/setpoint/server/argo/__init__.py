"""The Argo Server REST API."""

from setpoint.server.argo._info import ARGO_VERSION, ServerInfo
from setpoint.server.argo._operations import Operation
from setpoint.server.argo.routes import ArgoRoutes, argo_app

__all__ = ["ARGO_VERSION", "ArgoRoutes", "Operation", "ServerInfo", "argo_app"]
