"""The one table from our error tree to Kubernetes `Status` objects, in an API server's words.

Clients compare reasons and codes, people read messages that they know from a cluster: so a missing ConfigMap is
`configmaps "x" not found`, whatever our own sentence is.
"""

from __future__ import annotations

from typing import Any

from setpoint.apis import errors
from setpoint.apis.definitions import ResourceDefinition
from setpoint.server.kubernetes._options import NotAcceptable

_LONGEST_NAME = 253


class NoSuchPath(errors.NotFound):
    """Nothing is served at a path: no such kind, or no such subresource of it."""

    def __init__(self) -> None:
        super().__init__("resource", "")
        self.args = ("the server could not find the requested resource",)


# Most specific first: NotSupported is an InvalidSpec, Timeout is a Transient.
_TABLE: tuple[tuple[type[errors.SetpointError], int, str], ...] = (
    (errors.NotFound, 404, "NotFound"),
    (errors.AlreadyExists, 409, "AlreadyExists"),
    (errors.Expired, 410, "Expired"),
    (errors.Conflict, 409, "Conflict"),
    (errors.Forbidden, 403, "Forbidden"),
    (NotAcceptable, 406, "NotAcceptable"),
    (errors.UnsupportedMedia, 415, "UnsupportedMediaType"),
    (errors.TooLarge, 413, "RequestEntityTooLarge"),
    (errors.NotImplementedHere, 501, "NotImplemented"),
    (errors.MethodNotAllowed, 405, "MethodNotAllowed"),
    (errors.Malformed, 400, "BadRequest"),
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


def status_of(
    error: errors.SetpointError, definition: ResourceDefinition | None = None, name: str = ""
) -> dict[str, Any]:
    """The `Status` that tells of the error.

    Args:
        error: What happened.
        definition: The resource that the request was about, if it was about one.
        name: The object's name, if the request names one.
    """
    name = name[:_LONGEST_NAME]
    code, reason = next(((c, r) for kind, c, r in _TABLE if isinstance(error, kind)), (500, "InternalError"))
    details: dict[str, Any] = {}
    if definition is not None:
        details = {"name": name, "group": definition.group, "kind": definition.plural}
        details = {key: value for key, value in details.items() if value}
    message = str(error)
    match error:
        case errors.ApplyConflict():
            details["causes"] = [
                {"reason": "FieldManagerConflict", "message": text, "field": path} for text, path in error.causes
            ]
        case errors.Expired() | NoSuchPath():
            pass
        case errors.NotFound() | errors.AlreadyExists() | errors.Conflict():
            details["name"] = error.name or name
            resource = definition.resource if definition is not None else error.kind
            message = _about(error, resource, details["name"], message)
            if isinstance(error, errors.Conflict):  # not Kubernetes', passed over by its clients, wanted by ours
                details |= {"found": error.found, "wanted": error.wanted}
        case errors.InvalidSpec():
            if isinstance(error, errors.InvalidObject):
                details["causes"] = [
                    {"reason": item.type, "message": item.reason, "field": item.path} for item in error.problems
                ]
            else:
                details["causes"] = [{"reason": "FieldValueInvalid", "message": error.reason, "field": error.path}]
            if error.allowed:
                details["allowed"] = list(error.allowed)  # as above
            if definition is not None and reason == "Invalid":
                details["kind"] = definition.kind
                kind = f"{definition.kind}.{definition.group}" if definition.group else definition.kind
                message = f'{kind} "{name}" is invalid: {error}'
        case errors.Transient() if error.retry_after is not None:
            details["retryAfterSeconds"] = int(error.retry_after.total_seconds())
    return make_status(code, reason, message, details)


def _about(error: errors.SetpointError, resource: str, name: str, message: str) -> str:
    match error:
        case errors.NotFound():
            return f'{resource} "{name}" not found'
        case errors.AlreadyExists():
            return f'{resource} "{name}" already exists'
        case _:
            return f'Operation cannot be fulfilled on {resource} "{name}": {message}'
