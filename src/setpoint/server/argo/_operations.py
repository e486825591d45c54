"""What the server does, as one table: the routes, and what a description of the API says of them.

An operation knows which Kubernetes resource and verb it is, so that who authorizes requests needs no second table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from setpoint.apis.errors import InvalidSpec, SetpointError
from setpoint.server.argo._errors import error_body

Handler = Callable[[Request], Awaitable[Response]]
Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
OBJECT: Schema = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb on one path.

    Args:
        method: Of HTTP.
        path: As starlette writes it.
        handler: Answers; errors of our tree that it raises become error bodies.
        summary: What it does, for people.
        verb: The verb on the resource, as a cluster's rules name it.
        resource: The resource that it is about, as `plural` or `plural.group`; empty: none, anybody may ask.
        body: Fields of the JSON body; None: there is no body.
        query: Keys of the query.
        statuses: HTTP statuses it answers beside those of every operation.
        media: Of the answer.
        takes: Of the body.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    verb: str = ""
    _: KW_ONLY
    resource: str = ""
    body: Mapping[str, Schema] | None = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    statuses: tuple[int, ...] = ()
    media: str = "application/json"
    takes: str = "application/json"

    def route(self) -> Route:
        """For a starlette application; the operation is the attribute `operation` of its endpoint."""
        endpoint = guarded(self.handler)
        endpoint.operation = self  # type: ignore[attr-defined]
        return Route(self.path, endpoint, methods=[self.method])


def guarded(handler: Handler) -> Handler:
    """The handler with errors of our tree as bodies of the Argo Server."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except SetpointError as error:
            return error_response(error)
        except RecursionError:
            return error_response(InvalidSpec("the body is nested too deeply to be read"))

    return answer


def error_response(error: SetpointError) -> JSONResponse:
    """The body that tells of an error."""
    number, body = error_body(error)
    return JSONResponse(body, status_code=number)
