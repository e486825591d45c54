"""A request that is answered by the guard and goes no further."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

ErrorBody = Callable[[int, str, str], Mapping[str, Any]]
"""`(HTTP status, reason, message) -> JSON` in the shape of the guarded surface."""


class Refusal(Exception):
    """Status, reason in Kubernetes' words, a sentence, and headers beside it."""

    def __init__(self, status: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.reason, self.message, self.headers = status, reason, message, dict(headers or {})
        super().__init__(message)

    def response(self, error_body: ErrorBody) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body of the answer."""
        body = msgspec.json.encode(error_body(self.status, self.reason, self.message))
        headers = {"content-type": "application/json", "content-length": str(len(body)), **self.headers}
        return [(name.encode(), value.encode()) for name, value in headers.items()], body
