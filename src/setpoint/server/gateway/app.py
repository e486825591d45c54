"""The gateway's HTTP side: which service a request means, and passing it on to the server behind the route.

Decides by path `/serving/<namespace>/<name>/...` or by host `<name>.<namespace>.localhost`. A request is sent to
another connection only if no byte of an answer had come and either the connection was an idle one (closed by the server
as it was taken) or the route has changed since; inference changes nothing in the server, so this loses and doubles
nothing. Invariant: an error of the gateway's own is a JSON object with `error`: 404 no such service, 503 none ready,
502 it broke, 504 it took too long.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from setpoint.core.predictions.exchange import Exchange
from setpoint.server.gateway.metrics import CONTENT_TYPE, GatewayMetrics
from setpoint.server.gateway.routes import Route, RouteReader
from setpoint.server.gateway.spool import Spool
from setpoint.server.gateway.upstream import Connection, Headers, Lost, Pool

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

BUFFER_BYTES = 1024 * 1024  # a request body up to this can be sent again; a larger one is streamed once
_TRIES = 4
_PATIENT_SECONDS = 0.1  # after a longer wait it is worth asking whether the client is still there
_PATH_CHARACTERS, _CLIENT_CHARACTERS = 400, 100  # of what is logged
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade "
    b"proxy-connection expect".split()
)
_REQUEST_DROPPED = _HOP_BY_HOP | {b"host", b"content-length"}
_HOST = re.compile(
    r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|(?:(?P<name>[-a-z0-9]+)\.(?P<namespace>[-a-z0-9]+)\.)?localhost)(?::\d+)?\Z"
)

_encode = msgspec.json.Encoder().encode


class _Refused(Exception):
    """An answer of the gateway's own."""

    def __init__(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        self.status, self.headers = status, headers
        super().__init__(message)


class _Gone(_Refused):
    """The client left; nobody reads the answer."""

    def __init__(self) -> None:
        super().__init__(499, "the client went away before its body was whole")


@dataclass(slots=True)
class _Seen:
    """What is known of one request, for the log; filled in as it goes on."""

    route: Route | None = None
    request: bytes | None = b""  # None: larger than the buffer
    request_bytes: int = 0
    response: list[bytes] | None = None  # None: none yet, or larger than the buffer
    response_bytes: int = 0
    response_json: str | None = None
    gone: bool = False
    keep: str = ""  # what of it is to be logged

    def answered(self, data: bytes) -> None:
        """Some of the answer's body."""
        self.response_bytes += len(data)
        if self.response is not None:
            self.response.append(data)
            if self.response_bytes > BUFFER_BYTES:
                self.response = None


@dataclass(slots=True)
class _Body:
    """A request's body: what was read of it, and whether there is more to stream."""

    first: bytes
    more: bool
    length: int | None  # as the client declared it


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        routes: RouteReader,
        pool: Pool,
        metrics: GatewayMetrics,
        *,
        max_body_bytes: int,
        spool: Spool | None = None,
    ) -> None:
        """Bodies above the limit are refused with 413; `spool` takes what passed through, None for nothing."""
        self._spool = spool
        self._routes, self._pool, self._metrics = routes, pool, metrics
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        started, moment = time.perf_counter(), time.time_ns() // 1000
        key = path = ""
        status = 500
        seen = _Seen()
        try:
            key, path = self._target(scope)
            status = await (
                self._pass_on(key, path, scope, receive, send, seen) if key else self._own(path, scope, send)
            )
        except _Refused as refused:
            status = refused.status
            if status >= 500 and time.perf_counter() - started > _PATIENT_SECONDS and await _has_left(receive):
                status = 499
            body = _encode({"error": str(refused)})
            seen.response, seen.response_bytes = [body], len(body)
            await _answer(send, refused.status, body, headers=refused.headers)
        except Exception as error:  # one request's supervision point
            logger.exception("%s %s failed", scope["method"], scope["path"])
            await _answer(send, 500, _encode({"error": f"internal error: {type(error).__name__}"}))
        if key:
            seconds = time.perf_counter() - started
            # An unknown service is counted as one, so that a scanner cannot grow the series without end.
            route = self._routes.get(key)
            seen.keep = route.keep if route is not None else ""
            self._metrics.observe(key if route is not None else "unknown", status, seconds)
            if self._spool is not None and route is not None:
                self._write_down(self._spool, key, path, scope, seen, (moment, status, seconds))

    def _write_down(
        self, spool: Spool, key: str, path: str, scope: Scope, seen: _Seen, outcome: tuple[int, int, float]
    ) -> None:
        """Hand the exchange to the log; `outcome` is when it began, its status, and its seconds."""
        moment, status, seconds = outcome
        named = {b"x-client-id": "", b"user-agent": "", b"inference-header-content-length": ""}
        for name, value in scope["headers"]:
            if name in named:
                named[name] = value.decode("latin-1")
        good = 200 <= status < 300
        exchange = Exchange(
            time=moment,
            seconds=seconds,
            method=scope["method"],
            path=path[:_PATH_CHARACTERS],
            status=status,
            client=(named[b"x-client-id"] or named[b"user-agent"])[:_CLIENT_CHARACTERS],
            revision=seen.route.revision if seen.route is not None else "",
            request_bytes=seen.request_bytes,
            response_bytes=seen.response_bytes,
            # Even where only answers are wanted, the request says which asset and moment they are of.
            request=seen.request,
            request_json=named[b"inference-header-content-length"] or None,
            response=None if seen.response is None or (good and seen.keep == "request") else b"".join(seen.response),
            response_json=seen.response_json,
            keep=seen.keep,
        )
        spool.put(key, exchange)

    def _target(self, scope: Scope) -> tuple[str, str]:
        """(`namespace/name`, the path behind it), or ("", path) for the gateway's own paths."""
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
        match = _HOST.match(host)
        if match is None:
            # A page of some web site whose name was pointed at this machine must not read our answers.
            raise _Refused(421, f"host {host!r} is not served here: use 127.0.0.1, localhost or *.localhost")
        path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("ascii", "replace")
        if ".." in path.replace("%2e", ".").replace("%2E", ".").split("/"):
            raise _Refused(400, "the path must not contain '..'")
        if match["name"]:
            return f"{match['namespace']}/{match['name']}", path
        parts = path.split("/", 4)
        if len(parts) >= 4 and parts[1] == "serving" and parts[2] and parts[3]:
            return f"{parts[2]}/{parts[3]}", "/" + (parts[4] if len(parts) > 4 else "")
        return "", path

    async def _own(self, path: str, scope: Scope, send: Send) -> int:
        if scope["method"] not in ("GET", "HEAD"):
            raise _Refused(405, f"{scope['method']} is not allowed here", (b"allow", b"GET, HEAD"))
        match path:
            case "/" | "/healthz":
                await _answer(send, 200, _encode({"status": "alive"}))
            case "/metrics":
                await _answer(send, 200, self._metrics.render(), content_type=CONTENT_TYPE.encode())
            case _:
                raise _Refused(404, f"no such path {path}; services are at /serving/NAMESPACE/NAME/...")
        return 200

    async def _pass_on(self, key: str, path: str, scope: Scope, receive: Receive, send: Send, seen: _Seen) -> int:
        route, port = self._route(key)
        seen.route = route
        started = time.perf_counter()
        body = await self._read(scope, receive, seen)
        try:
            async with asyncio.timeout(route.timeout_seconds) as limit:
                connection, status, headers = await self._exchange(key, port, path, scope, body, receive, seen)
                limit.reschedule(None)  # the head came; a stream may last
        except TimeoutError as error:
            message = f"InferenceService {key} did not answer within {route.timeout_seconds:g} s"
            raise _Refused(504, message) from error
        seen.response = []
        seen.response_json = next(
            (value.decode("latin-1") for name, value in headers if name == b"inference-header-content-length"), None
        )
        if not body.more and time.perf_counter() - started > _PATIENT_SECONDS:
            seen.gone = await _has_left(receive)
        await _relay(connection, status, headers, receive, send, seen, watch=not body.more and not seen.gone)
        return 499 if seen.gone else status

    def _route(self, key: str) -> tuple[Route, int]:
        route = self._routes.get(key)
        if route is None:
            raise _Refused(404, f"no InferenceService {key}")
        if route.port is None:
            why = f": {route.message}" if route.message else ""
            raise _Refused(503, f"InferenceService {key} has no ready revision{why}", (b"retry-after", b"1"))
        return route, route.port

    async def _exchange(
        self, key: str, port: int, path: str, scope: Scope, body: _Body, receive: Receive, seen: _Seen
    ) -> tuple[Connection, int, Headers]:
        """Send the request until an answer begins, to another connection where that is safe."""
        streamed = False
        tries = 0
        while True:
            tries += 1
            connection: Connection | None = None
            try:
                connection = await self._pool.get(port)
                connection.start(_request(scope, path, port, body), no_body=scope["method"] == "HEAD")
                if body.more:
                    streamed = True
                    await self._stream(connection, body, receive, seen)
                status, headers = await connection.head()
                return connection, status, headers
            except Lost as lost:
                reused = connection is not None and connection.reused
                before = port
                seen.route, port = self._route(key)
                again = lost.untouched and not streamed and tries < _TRIES and (reused or port != before)
                if not again:
                    raise _Refused(502, f"InferenceService {key}: {lost}", (b"retry-after", b"1")) from lost
            except BaseException:
                if connection is not None:
                    connection.close()
                raise

    async def _read(self, scope: Scope, receive: Receive, seen: _Seen) -> _Body:
        """The first part of the body: all of it, unless it is larger than the buffer."""
        length = next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)
        if length is not None and length > self._max_body_bytes:
            seen.request, seen.request_bytes = None, length
            raise self._too_large()
        message = await receive()
        first: bytes = message.get("body", b"")
        while message.get("more_body") and len(first) < BUFFER_BYTES:
            message = await receive()
            first += message.get("body", b"")
        more = bool(message.get("more_body"))
        seen.request, seen.request_bytes = None if more else first, len(first)
        if message["type"] == "http.disconnect":
            raise _Gone
        return _Body(first=first, more=more, length=length)

    async def _stream(self, connection: Connection, body: _Body, receive: Receive, seen: _Seen) -> None:
        """The rest of a large body, chunk by chunk; as chunks too if the client declared no length."""
        chunked = body.length is None
        sent = len(body.first)
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            data: bytes = message.get("body", b"")
            more = bool(message.get("more_body"))
            sent += len(data)
            seen.request_bytes = sent
            if sent > self._max_body_bytes:
                raise self._too_large()
            if connection.answered:
                # The server has made up its mind without the rest, mostly by an error: its answer goes back.
                connection.spoil()
                return
            if data:
                await connection.write(_chunk(data) if chunked else data)
        if chunked:
            await connection.write(b"0\r\n\r\n")

    def _too_large(self) -> _Refused:
        return _Refused(413, f"the body exceeds {self._max_body_bytes} bytes", (b"connection", b"close"))


async def _relay(
    connection: Connection,
    status: int,
    headers: Headers,
    receive: Receive,
    send: Send,
    seen: _Seen,
    *,
    watch: bool,
) -> None:
    """The response to the client as it comes; ends early when the client goes (`watch`: its body was read whole)."""
    await send({"type": "http.response.start", "status": status, "headers": _response_headers(headers)})
    gone: asyncio.Future[MutableMapping[str, Any]] | None = None
    try:
        while True:
            data = await connection.chunk()
            seen.answered(data)
            if connection.complete and data:
                # All of it is here: one message instead of two.
                await send({"type": "http.response.body", "body": data})
                break
            await send({"type": "http.response.body", "body": data, "more_body": bool(data)})
            if not data:
                break
            if watch and gone is None:
                gone = asyncio.ensure_future(receive())
            if gone is not None and gone.done():
                seen.gone = True
                connection.close()
                return
        connection.release()
    except Lost as lost:
        # The head is out: all that is left is to break the connection, which the server does for us.
        logger.warning("an answer broke off: %s", lost)
        connection.close()
    except BaseException:
        connection.close()
        raise
    finally:
        if gone is not None:
            gone.cancel()


async def _has_left(receive: Receive) -> bool:
    """Whether the client, whose body was read whole, has closed its connection by now."""
    told = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    if not told.done():
        told.cancel()
        return False
    return bool(told.result()["type"] == "http.disconnect")


def _request(scope: Scope, path: str, port: int, body: _Body) -> bytes:
    query = scope["query_string"]
    target = path.encode() + (b"?" + query if query else b"")
    lines = [b"%s %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n" % (scope["method"].encode(), target, port)]
    dropped = _dropped(scope["headers"], _REQUEST_DROPPED)
    for name, value in scope["headers"]:
        if name == b"host":
            lines.append(b"x-forwarded-host: %s\r\n" % value)
        elif name not in dropped:
            lines.append(b"%s: %s\r\n" % (name, value))
    first = body.first
    if body.more and body.length is None:
        lines.append(b"transfer-encoding: chunked\r\n")
        first = _chunk(first)
    elif first or scope["method"] not in ("GET", "HEAD"):
        lines.append(b"content-length: %d\r\n" % (len(first) if body.length is None else body.length))
    lines.append(b"\r\n")
    lines.append(first)
    return b"".join(lines)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def _response_headers(headers: Headers) -> Headers:
    dropped = _dropped(headers, _HOP_BY_HOP)
    return [(name, value) for name, value in headers if name not in dropped]


def _dropped(headers: Headers, always: frozenset[bytes]) -> frozenset[bytes]:
    """Hop-by-hop names, those that a Connection header adds included (RFC 9110, section 7.6.1)."""
    for name, value in headers:
        if name == b"connection":
            always = always | {item.strip().lower() for item in value.split(b",")}
    return always


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    content_type: bytes = b"application/json",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", content_type), length, *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})
