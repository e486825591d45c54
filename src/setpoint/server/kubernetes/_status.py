"""The one table from our error tree to Kubernetes `Status` objects."""

from __future__ import annotations

from typing import Any

from setpoint.apis import errors

# Most specific first: NotSupported is an InvalidSpec, Timeout is a Transient.
_TABLE: tuple[tuple[type[errors.SetpointError], int, str], ...] = (
    (errors.NotFound, 404, "NotFound"),
    (errors.AlreadyExists, 409, "AlreadyExists"),
    (errors.Conflict, 409, "Conflict"),
    (errors.Forbidden, 403, "Forbidden"),
    (errors.InvalidSpec, 422, "Invalid"),
    (errors.Throttled, 429, "TooManyRequests"),
    (errors.Timeout, 504, "Timeout"),
    (errors.Transient, 503, "ServiceUnavailable"),
)


def make_status(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """A `Status` object of phase Failure."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return status | ({"details": details} if details else {})


def status_of(error: errors.SetpointError) -> dict[str, Any]:
    """The `Status` that tells of the error; field paths go into `details.causes` as an API server does."""
    code, reason = next(((c, r) for kind, c, r in _TABLE if isinstance(error, kind)), (500, "InternalError"))
    details: dict[str, Any] = {}
    if isinstance(error, errors.NotFound | errors.AlreadyExists | errors.Conflict):
        details = {"kind": error.kind, "name": error.name}
    if isinstance(error, errors.NotFound | errors.AlreadyExists) and error.namespace:
        details["namespace"] = error.namespace  # not Kubernetes', ignored by its clients, wanted by ours
    if isinstance(error, errors.Conflict):
        details |= {"found": error.found, "wanted": error.wanted}
    if isinstance(error, errors.InvalidSpec):
        details = {"causes": [{"reason": "FieldValueInvalid", "message": error.reason, "field": error.path}]}
        if error.allowed:
            details["allowed"] = list(error.allowed)
    if isinstance(error, errors.Transient) and error.retry_after is not None:
        details = {"retryAfterSeconds": int(error.retry_after.total_seconds())}
    return make_status(code, reason, str(error), details)
