"""The guard in front of a surface: who may come in, to do what, and how much of it; what went on is audited.

Pure ASGI, so that streams are not buffered. The order: what a browser would do for a stranger is refused, then a name
is asked for, then a right, then room; the body is read last, by limits of size and time. Whatever is behind the guard
finds the user in `scope["setpoint.user"]`. Invariant: nothing reaches the surface that no check has passed, but the
probes, which tell nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from setpoint.core.access import RequestInfo, User
from setpoint.ports.access import AuditSink, PolicySource
from setpoint.ports.clock import Clock
from setpoint.server.access.audit import Answered, AuditLevel, audit_event, wanted
from setpoint.server.access.authentication import Authentication
from setpoint.server.access.browsers import check_browser
from setpoint.server.access.impersonation import impersonated
from setpoint.server.access.limits import Counters, check_headers, read_body
from setpoint.server.access.refusals import Refusal
from setpoint.server.access.surface import Surface

USER_KEY = "setpoint.user"
"""Where the ASGI scope has the `User`."""

_ONCE = frozenset({"watch", "fieldSelector", "namespace", "listOptions.fieldSelector"})  # what rights are asked by
_SMALL_BYTES = 64 * 1024
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-cache, private"),
)
_SAFE_NAMES = frozenset(name for name, _ in _SAFE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What guards share: one of each for all listeners, so that limits count once.

    Args:
        authentication: Who asks.
        source: What he may do.
        counters: How much of it.
        audit: Where it is written; None: nowhere.
        level: What of it.
        clock: For the times of audit events.
        hosts: Names of this server beside those of loopback, in lower case, without port.
    """

    authentication: Authentication
    source: PolicySource
    counters: Counters
    audit: AuditSink | None
    level: AuditLevel
    clock: Clock
    hosts: frozenset[str] = frozenset()


class AccessGuard:
    """One surface behind its guard."""

    def __init__(self, app: ASGIApp, access: Access, surface: Surface) -> None:
        self._app, self._access, self._surface = app, access, surface

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand the request on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = _Asked.of(scope, self._surface)
        answer = _Answer(send=send)
        came = self._access.clock.now()
        try:
            await self._pass(asked, scope, receive, answer)
        except Refusal as refusal:
            if asked.is_large:  # nobody will read the rest of it
                refusal.headers.setdefault("connection", "close")
            await answer.refuse(refusal, self._surface)
        finally:
            self._tell(asked, answer, came)

    async def _pass(self, asked: _Asked, scope: Scope, receive: Receive, answer: _Answer) -> None:
        access, surface = self._access, self._surface
        check_headers(scope["headers"], access.counters.limits)
        upload = bool(surface.uploads) and asked.path.startswith(surface.uploads)
        check_browser(asked.method, scope["scheme"], asked.headers, access.hosts, upload=upload)
        _check_path(scope, asked.once, slashes=surface.slashes)
        if asked.method == "OPTIONS":
            raise Refusal(405, "MethodNotAllowed", "OPTIONS is not answered: pages of other sites have nothing to ask")
        if asked.path in surface.public and asked.method in ("GET", "HEAD"):
            await self._app(scope, receive, answer)
            return
        user = await access.authentication.user(scope, asked.headers.get("authorization", ""))
        asked.user = user
        await self._authorize(asked, scope["headers"], user)
        user = scope[USER_KEY] = asked.user or user
        streams = any(surface.streams(info, asked.query) for info in asked.infos)
        with ExitStack() as stack:
            stack.enter_context(access.counters.enter(user.name, streams=streams))
            if asked.has_body and not upload:
                length = asked.headers.get("content-length", "")
                receive = await read_body(receive, length, access.counters.limits)
            await self._run(scope, receive, answer, streams=streams)

    async def _authorize(self, asked: _Asked, headers: list[tuple[bytes, bytes]], user: User) -> None:
        if any(name.startswith(b"impersonate-") for name, _ in headers):
            other = impersonated(headers, user, await self._access.source.policy())
            if other is not user:
                asked.user, asked.impersonator, user = other, user, other
        if user.is_master or asked.path in self._surface.open:
            return
        policy = await self._access.source.policy()
        for info in asked.infos:
            decision = policy.authorize(user, info)
            asked.reason = decision.reason
            if not decision.allowed:
                raise Refusal(403, "Forbidden", info.forbidden(user.name))

    async def _run(self, scope: Scope, receive: Receive, answer: _Answer, *, streams: bool) -> None:
        """What is behind the guard, in its time."""
        if streams:
            await self._app(scope, receive, answer)
            return
        seconds = self._access.counters.limits.request_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._app(scope, receive, answer)
        except TimeoutError:
            if not answer.code:
                text = f"the request did not complete within {seconds:g} s"
                raise Refusal(504, "Timeout", text) from None

    def _tell(self, asked: _Asked, answer: _Answer, came: Any) -> None:
        access = self._access
        code = answer.code or 500
        if access.audit is None:
            return
        for info in asked.infos:
            if not wanted(access.level, info, code):
                continue
            answered = Answered(
                id=secrets.token_hex(16),
                method=asked.method,
                path=asked.path,
                query=asked.query,
                info=info,
                user=asked.user,
                impersonator=asked.impersonator,
                source=asked.source,
                agent=asked.headers.get("user-agent", ""),
                code=code,
                reason=asked.reason,
                came=came,
                went=access.clock.now(),
            )
            access.audit.record(audit_event(answered))
            return  # one request, one event: by the first access that counts


def _check_path(scope: Scope, once: bool, *, slashes: bool) -> None:
    """Refuse what two readers may read in two ways: the one who asks for rights, and the one who answers."""
    if not once:
        raise Refusal(400, "BadRequest", f"only one of each may be in the query: {', '.join(sorted(_ONCE))}")
    if not slashes and b"%2f" in scope.get("raw_path", b"").lower():
        raise Refusal(400, "BadRequest", "a part of the path holds a slash")


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A request, as far as it is read before anybody may ask anything."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    infos: tuple[RequestInfo, ...]
    source: str
    user: User | None = None
    impersonator: User | None = None
    reason: str = ""
    once: bool = True

    @classmethod
    def of(cls, scope: Scope, surface: Surface) -> _Asked:
        method, path = scope["method"], scope["path"]
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            # of a header that comes twice nobody knows which is meant: joined, it is right for none of the checks
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        query: dict[str, str] = {}
        once = True
        if scope["query_string"]:
            for key, text in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
                once = once and not (key in _ONCE and key in query)
                query[key] = text
        client = scope.get("client")
        return cls(
            method=method,
            path=path,
            query=query,
            headers=headers,
            infos=surface.read(method, path, query),
            source=client[0] if client else "",
            once=once,
        )

    @property
    def is_large(self) -> bool:
        length = self.headers.get("content-length", "0")
        return "transfer-encoding" in self.headers or not length.isdigit() or int(length) > _SMALL_BYTES

    @property
    def has_body(self) -> bool:
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"


@dataclass(slots=True, kw_only=True)
class _Answer:
    """`send`, which learns the status code and adds what browsers must be told."""

    send: Send
    code: int = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.code = message["status"]
            own = [(name, value) for name, value in message.get("headers", ())]
            there = {name for name, _ in own} & _SAFE_NAMES
            own += [(name, value) for name, value in _SAFE if name not in there]
            message = {**message, "headers": own}
        await self.send(message)

    async def refuse(self, refusal: Refusal, surface: Surface) -> None:
        headers, body = refusal.response(surface.error_body)
        await self({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})
