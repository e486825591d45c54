"""The one table from our error tree to the Argo Server's error bodies (gRPC codes and HTTP numbers).

Source: grpc-gateway, `HTTPStatusFromCode`; argo-workflows `server/utils/errors.go`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from setpoint.apis import errors


class NotServed(errors.SetpointError):
    """A part of the Argo Server's API that there is nothing behind on one machine."""


class LintFailed(errors.SetpointError):
    """A workflow that is not right; the lint of workflows alone answers this as an unknown error."""


# (class, HTTP, gRPC code), most specific first.
_TABLE: tuple[tuple[type[errors.SetpointError], int, int], ...] = (
    (errors.NotFound, 404, 5),
    (errors.AlreadyExists, 409, 6),
    (errors.Expired, 410, 11),
    (errors.Conflict, 409, 10),
    (errors.Forbidden, 403, 7),
    (errors.AlreadyEnded, 500, 13),
    (errors.InvalidSpec, 400, 3),
    (errors.Throttled, 429, 8),
    (errors.Timeout, 504, 4),
    (errors.Transient, 503, 14),
    (NotServed, 501, 12),
)


def error_codes(error: errors.SetpointError) -> tuple[int, int]:
    """HTTP number and gRPC code."""
    return next(((http, code) for kind, http, code in _TABLE if isinstance(error, kind)), (500, 2))


def error_body(error: errors.SetpointError) -> tuple[int, dict[str, Any]]:
    """HTTP number and body."""
    http, code = error_codes(error)
    return http, {"code": code, "message": str(error), "error": str(error)}


def stream_error(error: errors.SetpointError) -> dict[str, Any]:
    """What a stream that has begun ends with, as grpc-gateway has it."""
    http, code = error_codes(error)
    status = HTTPStatus(http).phrase
    return {"error": {"grpc_code": code, "http_code": http, "message": str(error), "http_status": status}}
