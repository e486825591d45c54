"""The Argo Server REST API, first form."""

from setpoint.server.argo._app import ArgoRoutes

__all__ = ["ArgoRoutes"]
