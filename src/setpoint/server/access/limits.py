"""Limits on what one user may ask: size, rate, number at once, time; none of them is met by honest use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.types import Message, Receive

from setpoint.core.access import Bucket
from setpoint.server.access.refusals import Refusal

_MANY_USERS = 1000
_CLOSE = {"connection": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes, requests per second, requests at once, seconds. Each is per user, but the size."""

    body_bytes: int = 3 * 1024 * 1024  # what an API server of a cluster takes
    headers: int = 128
    header_bytes: int = 64 * 1024
    rate: float = 2000.0
    burst: float = 4000.0
    at_once: int = 400  # as many as an API server of a cluster answers at once
    watches: int = 2000
    request_seconds: float = 60.0
    body_seconds: float = 30.0


@dataclass(slots=True)
class _Use:
    bucket: Bucket
    at_once: int = 0
    watches: int = 0


@dataclass(slots=True)
class Counters:
    """What each user is using now."""

    limits: Limits
    _uses: dict[str, _Use] = field(default_factory=dict)

    @contextmanager
    def enter(self, user: str, *, streams: bool) -> Iterator[None]:
        """Count a request for as long as the context lasts. Raises: Refusal 429, with the seconds to wait."""
        use = self._use(user)
        wait = use.bucket.take(asyncio.get_running_loop().time())
        if wait > 0:
            raise _too_many(f"more than {self.limits.rate:g} requests a second", round(wait + 0.5))
        if streams:
            if use.watches >= self.limits.watches:
                raise _too_many(f"more than {self.limits.watches} watches and streams are open", 5)
            use.watches += 1
        else:
            if use.at_once >= self.limits.at_once:
                raise _too_many(f"more than {self.limits.at_once} requests at once", 1)
            use.at_once += 1
        try:
            yield
        finally:
            if streams:
                use.watches -= 1
            else:
                use.at_once -= 1

    def _use(self, user: str) -> _Use:
        use = self._uses.get(user)
        if use is None:
            now = asyncio.get_running_loop().time()
            if len(self._uses) >= _MANY_USERS:
                self._uses = {
                    name: one
                    for name, one in self._uses.items()
                    if one.at_once or one.watches or not one.bucket.is_full(now)
                }
            bucket = Bucket(rate=self.limits.rate, burst=self.limits.burst, level=self.limits.burst, at=now)
            use = self._uses[user] = _Use(bucket)
        return use


def check_headers(headers: list[tuple[bytes, bytes]], limits: Limits) -> None:
    """Raises: Refusal 431: There are too many, or they are too large."""
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > limits.headers or size > limits.header_bytes:
        raise Refusal(431, "BadRequest", "the headers of the request are too many or too large", _CLOSE)


async def read_body(receive: Receive, length: str, limits: Limits) -> Receive:
    """Wait for the whole body; a `receive` that hands it out.

    Raises: Refusal 413: It is larger than allowed; 408: it did not come in time; 400: the length is no number.
    """
    if length and not (length.isascii() and length.isdigit()):
        raise Refusal(400, "BadRequest", "Content-Length is no number", _CLOSE)
    if length and int(length) > limits.body_bytes:
        raise _too_large(limits)
    chunks: list[bytes] = []
    size, last = 0, False
    try:
        async with asyncio.timeout(limits.body_seconds):
            while not last:
                message = await receive()
                if message["type"] != "http.request":
                    raise Refusal(400, "BadRequest", "the connection was closed before the body had come", _CLOSE)
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > limits.body_bytes:
                    raise _too_large(limits)
                last = not message.get("more_body", False)
    except TimeoutError:
        text = f"the body did not come within {limits.body_seconds:g} s"
        raise Refusal(408, "Timeout", text, _CLOSE) from None
    body = b"".join(chunks)
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _too_large(limits: Limits) -> Refusal:
    text = f"Request entity too large: limit is {limits.body_bytes} bytes"
    return Refusal(413, "RequestEntityTooLarge", text, _CLOSE)


def _too_many(why: str, seconds: int) -> Refusal:
    text = f"too many requests, please try again later: {why}"
    return Refusal(429, "TooManyRequests", text, {"retry-after": str(max(1, seconds))})
