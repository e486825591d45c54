"""The surfaces that are guarded: how their requests are read and how they are told of a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from setpoint.core.access import UPLOADS, RequestInfo, is_long_running, read_argo_request, read_request
from setpoint.server.access.refusals import ErrorBody
from setpoint.server.kubernetes import make_status

PROBES = frozenset({"/healthz", "/livez", "/readyz", "/version", "/version/"})
_STREAMS = frozenset({"log", "exec", "attach", "portforward", "proxy"})
_GRPC = {400: 3, 401: 16, 403: 7, 408: 4, 413: 8, 429: 8, 431: 8, 504: 4}
_UNKNOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """One API.

    Args:
        read: `(method, path, query)` to the accesses that all must be allowed.
        streams: Whether the answer may go on for ever.
        error_body: The shape of a refusal.
        public: Paths that need no name.
        open: Paths that need a name and no right: they tell nothing of any object.
        uploads: What paths begin with that take a file: neither kept in memory nor limited here.
        slashes: Whether a part of a path may hold a slash, written %2F.
    """

    read: Callable[[str, str, Mapping[str, str]], tuple[RequestInfo, ...]]
    streams: Callable[[RequestInfo, Mapping[str, str]], bool]
    error_body: ErrorBody
    public: frozenset[str] = PROBES
    open: frozenset[str] = frozenset()
    uploads: str = ""
    slashes: bool = False


def _kubernetes_streams(info: RequestInfo, query: Mapping[str, str]) -> bool:
    return info.is_watch or info.subresource in _STREAMS


def _argo_body(status: int, reason: str, message: str) -> dict[str, object]:
    return {"code": _GRPC.get(status, _UNKNOWN), "message": message, "details": []}


KUBERNETES = Surface(
    read=lambda method, path, query: (read_request(method, path, query),),
    streams=_kubernetes_streams,
    error_body=make_status,
)
ARGO = Surface(
    read=read_argo_request,
    streams=lambda info, query: is_long_running(info.path, query),
    error_body=_argo_body,
    open=frozenset(
        {"/api/v1/info", "/api/v1/version", "/api/v1/userinfo", "/api/v1/tracking/event", "/api/v1/openapi.json"}
    ),
    uploads=f"/{UPLOADS}/",
    slashes=True,
)
