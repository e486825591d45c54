"""An HTTP server on loopback for tests: notes what it is asked, and answers as the test says."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[["Call"], tuple[int, str]]


@dataclass(frozen=True)
class Call:
    """A request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def nothing(_: Call) -> tuple[int, str]:
    return 404, "nothing here"


@dataclass
class Server:
    """A server on loopback whose answers a test chooses by path."""

    port: int
    calls: list[Call] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    held: threading.Event = field(default_factory=threading.Event)
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server while the context lasts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = Call(self.command, self.path, dict(self.headers.items()), body)
            found.calls.append(call)
            status, text = found.answers.get(self.path, nothing)(call)
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", text)
            self.send_header("X-Twice", "a")
            self.send_header("X-Twice", "b")
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = _serve

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that has gone away is no error of the stub."""

    listening = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    found = Server(listening.server_port, scheme="http" if tls is None else "https")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        found.held.set()
        listening.shutdown()
        listening.server_close()
        thread.join()
