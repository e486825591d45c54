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
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import msgspec

from setpoint.core.predictions.exchange import Exchange
from setpoint.core.serving.messages import HEADER_LENGTH
from setpoint.server.gateway.metrics import CONTENT_TYPE, GatewayMetrics
from setpoint.server.gateway.routes import Route, RouteReader
from setpoint.server.gateway.upstream import Connection, Headers, Lost, Pool

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)

BUFFER_BYTES = 1024 * 1024  # a request body up to this can be sent again; a larger one is streamed once
CLIENT_GONE = 499  # in metrics and log only: nobody is there to get it
_JSON_LENGTH = HEADER_LENGTH.lower().encode()
_CLIENT_CHARACTERS, _PATH_CHARACTERS = 100, 300
_TRIES = 4
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


class ExchangeLog(Protocol):
    """Where exchanges with known services go; it never makes anybody wait."""

    def note(self, key: str, exchange: Exchange) -> None:
        """One exchange with `namespace/name`, ended."""
        ...


@dataclass(slots=True)
class _Seen:
    """What passed through of one exchange."""

    revision: str = ""
    request: bytes | None = None
    request_bytes: int = 0
    response: list[bytes] = field(default_factory=list)
    response_bytes: int = 0
    response_json_length: str | None = None

    def take(self, data: bytes) -> None:
        """A piece of the answer."""
        self.response_bytes += len(data)
        if self.response_bytes <= BUFFER_BYTES:
            self.response.append(data)

    @property
    def answer(self) -> bytes | None:
        """The answer's body; None if it is larger than what is kept."""
        return b"".join(self.response) if self.response_bytes <= BUFFER_BYTES else None


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
        log: ExchangeLog | None = None,
    ) -> None:
        """Bodies above the limit are refused with 413; without a log nothing is kept of what passes through."""
        self._routes, self._pool, self._metrics, self._log = routes, pool, metrics, log
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        started, began = (
            time.perf_counter(),
            time.time_ns(),
        )  # the log's clock is the host's: it is compared with others
        key, path = "", ""
        status = 500
        seen = _Seen()
        try:
            key, path = self._target(scope)
            if key:
                status = await self._pass_on(key, path, scope, receive, send, seen)
            else:
                status = await self._own(path, scope, send)
        except _Refused as refused:
            status = refused.status
            body = _encode({"error": str(refused)})
            seen.take(body)
            await _answer(send, status, body, headers=refused.headers)
        except Exception as error:  # one request's supervision point
            logger.exception("%s %s failed", scope["method"], scope["path"])
            await _answer(send, 500, _encode({"error": f"internal error: {type(error).__name__}"}))
        if key:
            # An unknown service is counted as one, so that a scanner cannot grow the series without end.
            route = self._routes.get(key)
            seconds = time.perf_counter() - started
            self._metrics.observe(key if route is not None else "unknown", status, seconds)
            if route is not None and self._log is not None:
                self._log.note(key, _exchange(scope, path, status, began // 1000, seconds, seen, route.keep))

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
        seen.revision = route.revision
        body = await self._read(scope, receive)
        seen.request, seen.request_bytes = (None if body.more else body.first), body.length or len(body.first)
        try:
            async with asyncio.timeout(route.timeout_seconds) as limit:
                connection, status, headers = await self._exchange(key, port, path, scope, body, receive)
                limit.reschedule(None)  # the head came; a stream may last
        except TimeoutError as error:
            message = f"InferenceService {key} did not answer within {route.timeout_seconds:g} s"
            raise _Refused(504, message) from error
        seen.response_json_length = _header(headers, _JSON_LENGTH)
        whole = await _relay(connection, status, headers, receive, send, watch=not body.more, seen=seen)
        return status if whole else CLIENT_GONE

    def _route(self, key: str) -> tuple[Route, int]:
        route = self._routes.get(key)
        if route is None:
            raise _Refused(404, f"no InferenceService {key}")
        if route.port is None:
            why = f": {route.message}" if route.message else ""
            raise _Refused(503, f"InferenceService {key} has no ready revision{why}", (b"retry-after", b"1"))
        return route, route.port

    async def _exchange(
        self, key: str, port: int, path: str, scope: Scope, body: _Body, receive: Receive
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
                    await self._stream(connection, body, receive)
                status, headers = await connection.head()
                return connection, status, headers
            except Lost as lost:
                reused = connection is not None and connection.reused
                before = port
                _, port = self._route(key)
                again = lost.untouched and not streamed and tries < _TRIES and (reused or port != before)
                if not again:
                    raise _Refused(502, f"InferenceService {key}: {lost}", (b"retry-after", b"1")) from lost
            except BaseException:
                if connection is not None:
                    connection.close()
                raise

    async def _read(self, scope: Scope, receive: Receive) -> _Body:
        """The first part of the body: all of it, unless it is larger than the buffer."""
        length = next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)
        if length is not None and length > self._max_body_bytes:
            raise self._too_large()
        message = await receive()
        first: bytes = message.get("body", b"")
        while message.get("more_body") and len(first) < BUFFER_BYTES:
            message = await receive()
            first += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise _Refused(CLIENT_GONE, "the client went away before its body was whole")
        return _Body(first=first, more=bool(message.get("more_body")), length=length)

    async def _stream(self, connection: Connection, body: _Body, receive: Receive) -> None:
        """The rest of a large body, chunk by chunk; as chunks too if the client declared no length."""
        chunked = body.length is None
        sent = len(body.first)
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Refused(400, "the client went away before its body was whole")
            data: bytes = message.get("body", b"")
            more = bool(message.get("more_body"))
            sent += len(data)
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
    connection: Connection, status: int, headers: Headers, receive: Receive, send: Send, *, watch: bool, seen: _Seen
) -> bool:
    """The response to the client as it comes; False if it broke off before its end.

    It ends early when the client goes (`watch`: its body was read whole).
    """
    await send({"type": "http.response.start", "status": status, "headers": _response_headers(headers)})
    gone: asyncio.Future[MutableMapping[str, Any]] | None = None
    try:
        while True:
            data = await connection.chunk()
            seen.take(data)
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
                connection.close()
                return False
        connection.release()
        return True
    except Lost as lost:
        # The head is out: all that is left is to break the connection, which the server does for us.
        logger.warning("an answer broke off: %s", lost)
        connection.close()
        return False
    except BaseException:
        connection.close()
        raise
    finally:
        if gone is not None:
            gone.cancel()


def _exchange(scope: Scope, path: str, status: int, time_us: int, seconds: float, seen: _Seen, keep: str) -> Exchange:
    headers = scope["headers"]
    return Exchange(
        time_us=time_us,
        revision=seen.revision,
        client=(_header(headers, b"x-client-id") or _header(headers, b"user-agent") or "")[:_CLIENT_CHARACTERS],
        method=scope["method"],
        path=path[:_PATH_CHARACTERS],
        status=status,
        seconds=seconds,
        request_bytes=seen.request_bytes or int(_header(headers, b"content-length") or 0),
        response_bytes=seen.response_bytes,
        request=seen.request if keep != "response" else None,
        request_json_length=_header(headers, _JSON_LENGTH),
        response=seen.answer if keep != "request" or status >= 400 else None,
        response_json_length=seen.response_json_length,
    )


def _header(headers: Headers, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == wanted), None)


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
