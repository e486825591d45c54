"""Where the control plane of a state directory listens: one small file, readable by its owner alone."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import msgspec

from setpoint.apis.errors import Unavailable
from setpoint.apis.meta import Wire

LOOPBACK = "127.0.0.1"


class Endpoint(Wire, frozen=True, kw_only=True):
    """Address and secret of a control plane. The repr shows no token."""

    url: str
    token: str
    pid: int

    def __repr__(self) -> str:
        """Address and process only."""
        return f"Endpoint(url={self.url!r}, pid={self.pid})"


def endpoint_path(home: Path) -> Path:
    """The file of a state directory."""
    return home / "run" / "endpoint.json"


def read_endpoint(home: Path) -> Endpoint | None:
    """What was written last, or None; whether somebody still listens there is another question."""
    try:
        return msgspec.json.decode(endpoint_path(home).read_bytes(), type=Endpoint)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write_endpoint(home: Path, sock: socket.socket) -> Endpoint:
    """Tell others of the listening socket; atomic, mode 0600. The token outlives restarts, so pods keep theirs."""
    former = read_endpoint(home)
    endpoint = Endpoint(
        url=f"http://{LOOPBACK}:{sock.getsockname()[1]}",
        token=former.token if former else secrets.token_urlsafe(32),
        pid=os.getpid(),
    )
    path = endpoint_path(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(endpoint))
    draft.replace(path)
    return endpoint


def listen(home: Path, port: int) -> socket.socket:
    """A listening loopback socket: the given port, else the one used before if it is free, else any.

    Raises:
        Unavailable: A port that was asked for by number is in use.
    """
    former = read_endpoint(home)
    remembered = int(former.url.rpartition(":")[2]) if former else 0
    for candidate in [port] if port else [remembered, 0]:
        # With the protocol named asyncio switches Nagle's algorithm off: without, each answer waits 40 ms for an ACK.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, candidate))
            sock.listen(512)
        except OSError as error:
            sock.close()
            if port:
                raise Unavailable(
                    f"port {port} of {LOOPBACK} cannot be used ({error.strerror}); choose another with --port, or 0"
                ) from error
            continue
        sock.setblocking(False)
        return sock
    raise Unavailable("no free port on loopback")
