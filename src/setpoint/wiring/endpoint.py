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


class Endpoint(Wire, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Addresses and secret of a control plane. The repr shows no token.

    Args:
        url: The Kubernetes API on loopback, without TLS.
        token: Whoever has it may do everything.
        pid: The control plane's process.
        argo_url: The Argo Server API on loopback; empty in files of older versions, which had both in one place.
        https_url: The Kubernetes API on loopback over TLS; empty if there is none.
        ca_file: The certificate by which that is known.
        public_url: The Kubernetes API at an address that others reach; empty if there is none.
        public_argo_url: The same of the Argo Server API.
        public_ca_file: The certificate by which they are known.
        open: Whether loopback takes requests without a token.
    """

    url: str
    token: str
    pid: int
    argo_url: str = ""
    https_url: str = ""
    ca_file: str = ""
    public_url: str = ""
    public_argo_url: str = ""
    public_ca_file: str = ""
    open: bool = False

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


def write_endpoint(home: Path, sock: socket.socket, **more: str | bool) -> Endpoint:
    """Tell others of the listening socket; atomic, mode 0600. The token outlives restarts, so pods keep theirs.

    `more`: further fields of the endpoint.
    """
    former = read_endpoint(home)
    fields = {
        "url": url_of("http", sock),
        "token": former.token if former else secrets.token_urlsafe(32),
        "pid": os.getpid(),
        **more,
    }
    endpoint = msgspec.convert({_wire(name): value for name, value in fields.items()}, Endpoint)
    path = endpoint_path(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(endpoint))
    draft.replace(path)
    return endpoint


def _wire(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def url_of(scheme: str, sock: socket.socket, host: str = "") -> str:
    """The URL of a listening socket, by its own address if no host is given."""
    address, port = sock.getsockname()[:2]
    where = host or address
    return f"{scheme}://[{where}]:{port}" if ":" in where else f"{scheme}://{where}:{port}"


def port_of(url: str) -> int:
    """The port of a URL that `url_of` made; 0 of an empty one."""
    return int(url.rpartition(":")[2]) if url else 0


def listen(
    home: Path, port: int, *, address: str = LOOPBACK, field: str = "url", option: str = "--port"
) -> socket.socket:
    """A listening socket: the given port, else the one used before if it is free, else any.

    Args:
        home: State directory, whose endpoint file says what was used before.
        port: 0 for any.
        address: On loopback, unless told otherwise.
        field: Of the endpoint file, that has the former URL.
        option: What to name in the message.

    Raises:
        Unavailable: A port that was asked for by number is in use, or the address is none of this machine.
    """
    former = read_endpoint(home)
    remembered = port_of(getattr(former, field)) if former else 0
    for candidate in [port] if port else [remembered, 0]:
        # With the protocol named asyncio switches Nagle's algorithm off: without, each answer waits 40 ms for an ACK.
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, candidate))
            sock.listen(512)
        except OSError as error:
            sock.close()
            if port:
                raise Unavailable(
                    f"port {port} of {address} cannot be used ({error.strerror}); choose another with {option}, or 0"
                ) from error
            continue
        sock.setblocking(False)
        return sock
    raise Unavailable(f"no free port at {address}")
