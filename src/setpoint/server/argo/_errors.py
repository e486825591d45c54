"""The one table from our error tree to the Argo Server's error bodies (gRPC codes and HTTP numbers)."""

from __future__ import annotations

from typing import Any

from setpoint.apis import errors

# (class, HTTP, gRPC code), most specific first.
_TABLE: tuple[tuple[type[errors.SetpointError], int, int], ...] = (
    (errors.NotFound, 404, 5),
    (errors.AlreadyExists, 409, 6),
    (errors.Conflict, 409, 10),
    (errors.Forbidden, 403, 7),
    (errors.InvalidSpec, 400, 3),
    (errors.Throttled, 429, 8),
    (errors.Timeout, 504, 4),
    (errors.Transient, 503, 14),
)


def error_body(error: errors.SetpointError) -> tuple[int, dict[str, Any]]:
    """HTTP number and body."""
    http, code = next(((h, c) for kind, h, c in _TABLE if isinstance(error, kind)), (500, 2))
    return http, {"code": code, "message": str(error), "error": str(error)}
