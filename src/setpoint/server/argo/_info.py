"""What the server tells of itself and of who asks; and parts of Argo that there is nothing behind here.

Source: Argo Server API, `InfoService`; Argo Events' services are part of the same server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from setpoint import __version__
from setpoint.server.argo import _requests as requests
from setpoint.server.argo._errors import NotServed
from setpoint.server.argo._operations import OBJECT, TEXT, Operation

ARGO_VERSION = "v4.1.2"
"""The version of Argo Workflows whose semantics and API these are."""

_ACCOUNT = "system:serviceaccount:"
_METHODS = ("GET", "POST", "PUT", "DELETE")
_EVENTS = (
    "/api/v1/event-sources/",
    "/api/v1/sensors/",
    "/api/v1/stream/event-sources/",
    "/api/v1/stream/sensors/",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What the server says of itself.

    Args:
        version: Of the server.
        platform: Operating system and machine, as Go writes them.
        links: Links of the web console, each `{name, scope, url}`.
    """

    version: str = f"{ARGO_VERSION}+setpoint.{__version__}"
    platform: str = "linux/amd64"
    links: tuple[dict[str, Any], ...] = ()


class InfoHandlers:
    """Information, telemetry that is dropped, and what is not served."""

    def __init__(self, info: ServerInfo) -> None:
        self._info = info

    def operations(self) -> list[Operation]:
        """`info`, `userinfo`, `version`, `tracking`, and Argo Events."""
        told = [
            Operation(method="GET", path="/api/v1/info", handler=self._about, summary="Links and columns"),
            Operation(method="GET", path="/api/v1/userinfo", handler=self._user, summary="Who asks"),
            Operation(method="GET", path="/api/v1/version", handler=self._version, summary="The version"),
            Operation(
                method="POST",
                path="/api/v1/tracking/event",
                handler=self._track,
                summary="Take what the console tells of its use, and drop it",
                body={"name": TEXT},
            ),
        ]
        unserved = [
            Operation(
                method=method,
                path=path + "{rest:path}",
                handler=self._unserved,
                summary="Argo Events, which is not served",
                body={"eventSource": OBJECT} if method in ("POST", "PUT") else None,
                statuses=(501,),
            )
            for path in _EVENTS
            for method in _METHODS
        ]
        return [*told, *unserved]

    async def _about(self, _: Request) -> Response:
        shown = {"feedback": False, "firstTimeUser": False, "newVersion": False}
        return requests.answer({"links": list(self._info.links), "columns": [], "modals": shown})

    async def _user(self, request: Request) -> Response:
        name, groups = requests.user_name(request), requests.user_groups(request)
        told: dict[str, Any] = {"subject": name, "name": name} if name else {}
        if name.startswith(_ACCOUNT):
            namespace, _, account = name.removeprefix(_ACCOUNT).partition(":")
            told |= {"serviceAccountName": account, "serviceAccountNamespace": namespace}
        return requests.answer(told | ({"groups": groups} if groups else {}))

    async def _version(self, _: Request) -> Response:
        return requests.answer(
            {
                "version": self._info.version,
                "buildDate": "",
                "gitCommit": "",
                "gitTag": ARGO_VERSION,
                "gitTreeState": "",
                "goVersion": "",
                "compiler": "",
                "platform": self._info.platform,
            }
        )

    async def _track(self, request: Request) -> Response:
        await requests.json_object(request)
        return requests.answer({})

    async def _unserved(self, _: Request) -> Response:
        raise NotServed("Argo Events is not served here: post to /api/v1/events/{namespace}/ and use event bindings")
