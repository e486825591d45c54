"""The sockets of a control plane: each API has a port of its own, and the way to it decides how it is asked.

On loopback both APIs speak plain HTTP, and a control plane that lasts has the Kubernetes API over TLS beside it, for
in-cluster configuration always speaks TLS. With an address that others reach, both APIs are there over TLS alone, and
what is on loopback has ports of its own.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from setpoint.wiring.endpoint import LOOPBACK, listen
from setpoint.wiring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Listening sockets; those that are not wanted are None."""

    kubernetes: socket.socket
    argo: socket.socket
    secure: socket.socket | None = None
    public: socket.socket | None = None
    public_argo: socket.socket | None = None


@contextmanager
def sockets(settings: Settings, *, lasting: bool) -> Iterator[Sockets]:
    """All sockets, bound and listening; closed with the context.

    `lasting`: for more than one command. Only then there is TLS, and only then others may reach it.

    Raises: Unavailable: A port or address that was asked for cannot be had.
    """
    home, own = settings.home, settings.on_loopback
    address = _address(settings) if own else LOOPBACK
    with ExitStack() as stack:

        def bound(
            port: int, field: str, option: str = "--port", where: str = address, *, wanted: bool = True
        ) -> socket.socket | None:
            if not wanted:
                return None
            return stack.enter_context(listen(home, port, address=where, field=field, option=option))

        public = lasting and not own
        kubernetes = bound(settings.port if own else 0, "url")
        argo = bound(settings.argo_port if own else 0, "argo_url", "the setting argo_port")
        assert kubernetes is not None and argo is not None, "both are wanted"  # noqa: S101
        yield Sockets(
            kubernetes=kubernetes,
            argo=argo,
            secure=bound(settings.https_port, "https_url", "the setting https_port", LOOPBACK, wanted=lasting),
            public=bound(settings.port, "public_url", "--port", settings.address, wanted=public),
            public_argo=bound(
                settings.argo_port, "public_argo_url", "the setting argo_port", settings.address, wanted=public
            ),
        )


def _address(settings: Settings) -> str:
    return LOOPBACK if settings.address == "localhost" else settings.address
