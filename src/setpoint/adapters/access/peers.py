"""Whose process is at the other end of a loopback connection: the kernel knows the owner of each socket.

Any user of a machine may connect to loopback; only by this is a request without a token one's own. The kernel is asked
by netlink for the one socket that has these two addresses. Source: sock_diag(7), linux/inet_diag.h.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

CONNECTION_KEY = "setpoint.connection"
"""Of an ASGI scope: what was found out of its connection, a dict that its requests share."""

_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _REQUEST = 4, 20, 1
_HEADER = struct.Struct("=IHHII")
_ASK = struct.Struct("=BBBBI")
_OWNER = struct.Struct("=IIIII")  # expires, receive queue, send queue, uid, inode
_SOCKET_ID_BYTES = 48
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_TIMEOUT_SECONDS = 1.0


class Peers:
    """Asks for owners of sockets. `works` says whether this host answers such questions at all."""

    def __init__(self) -> None:
        self._number = 0

    def works(self) -> bool:
        """Try it on a connection of our own."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            with socket.create_connection(listener.getsockname()) as client:
                return self.owner(client.getsockname(), listener.getsockname()) == os.geteuid()

    def is_own(self, scope: Mapping[str, Any]) -> bool:
        """Whether the client of the ASGI scope is a process of this user, or of root."""
        client, server = scope.get("client"), scope.get("server")
        if not client or not server or not server[1]:
            return False
        memory: dict[str, Any] = scope.get(CONNECTION_KEY, {})  # an end of a connection never changes hands
        if "own" not in memory:
            memory["own"] = self.owner(client, server) in (os.geteuid(), 0)
        return bool(memory["own"])

    def owner(self, client: tuple[str, int], server: tuple[str, int]) -> int | None:
        """User id of the process that has the client's end; None if there is no such socket, or nobody tells."""
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:  # type: ignore[attr-defined,unused-ignore]
                kernel.settimeout(_TIMEOUT_SECONDS)
                kernel.send(self._question(client, server))
                return _answer(kernel.recv(4096))
        except OSError:
            return None

    def _question(self, client: tuple[str, int], server: tuple[str, int]) -> bytes:
        self._number += 1
        ends = (socket.inet_aton(address).ljust(16, b"\0") for address in (client[0], server[0]))
        identity = struct.pack(">HH", client[1], server[1]) + b"".join(ends) + struct.pack("=I", 0) + _NO_COOKIE
        body = _ASK.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ALL_STATES) + identity
        return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST, self._number, 0) + body


def _answer(data: bytes) -> int | None:
    if len(data) < _HEADER.size + 4 + _SOCKET_ID_BYTES + _OWNER.size:
        return None
    if _HEADER.unpack_from(data)[1] != _SOCK_DIAG_BY_FAMILY:
        return None  # the kernel's answer is an error
    owner: int = _OWNER.unpack_from(data, _HEADER.size + 4 + _SOCKET_ID_BYTES)[3]
    return owner
