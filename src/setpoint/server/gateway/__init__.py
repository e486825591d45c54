"""The gateway, a process of its own: one stable URL per InferenceService, whatever serves behind it."""

from setpoint.server.gateway.routes import Route, RouteFile

__all__ = ["Route", "RouteFile"]
