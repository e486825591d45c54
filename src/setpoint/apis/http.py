"""HTTP requests and replies as data, for templates that send them; pure."""

from __future__ import annotations

from setpoint.apis.errors import SetpointError
from setpoint.apis.meta import Wire


class RequestFailed(SetpointError):
    """There is no reply; the text is that of Go's HTTP client, which users of a cluster know."""


class HttpRequest(Wire, frozen=True, kw_only=True):
    """What is sent. Headers may hold secrets: the repr shows neither them nor the body.

    `timeout_seconds` is for all of it, the reply's body included; None waits for ever.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout_seconds: float | None = None
    insecure_skip_verify: bool = False

    def __repr__(self) -> str:
        """Method and URL only."""
        return f"HttpRequest({self.method} {self.url})"


class HttpReply(Wire, frozen=True, kw_only=True):
    """What came back, whatever the status; header names as Go writes them (`Content-Type`)."""

    status: int
    headers: dict[str, list[str]] = {}
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")
