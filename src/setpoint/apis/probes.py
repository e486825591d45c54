"""Probes of a container, as Kubernetes defines them: whether it has started, is ready, is alive.

Source: Kubernetes, v1 Probe; a probe by gRPC is not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import Wire

HANDLERS = ("exec", "httpGet", "tcpSocket")


class ExecAction(Wire, frozen=True, kw_only=True):
    """Succeeds if the command, run as the container is, exits with 0."""

    command: tuple[str, ...] = ()


class HTTPHeader(Wire, frozen=True, kw_only=True):
    """A header of the request."""

    name: str
    value: str = ""


class HTTPGetAction(Wire, frozen=True, kw_only=True):
    """Succeeds if the answer's status is at least 200 and below 400."""

    port: int
    path: str = "/"
    host: str = ""
    scheme: str = "HTTP"
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Wire, frozen=True, kw_only=True):
    """Succeeds if a connection can be made."""

    port: int
    host: str = ""


class Probe(Wire, frozen=True, kw_only=True):
    """One question, how often it is asked, and how many answers in a row count."""

    exec_: ExecAction | None = msgspec.field(name="exec", default=None)
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class Probes(Wire, frozen=True, kw_only=True):
    """The probes of one container. Until `startup` has succeeded the others are not asked."""

    startup: Probe | None = None
    readiness: Probe | None = None
    liveness: Probe | None = None


def read_probe(raw: Mapping[str, Any] | None, ports: Sequence[Mapping[str, Any]], path: str) -> Probe | None:
    """A probe as written, ports named after those of the container. None if there is none.

    Raises: InvalidSpec with the path of what is wrong.
    """
    if raw is None:
        return None
    handlers = [name for name in HANDLERS if raw.get(name) is not None]
    if len(handlers) != 1:
        raise InvalidSpec("a probe needs exactly one handler", path=path, allowed=HANDLERS)
    tree = dict(raw)
    if handlers[0] != "exec":
        action = dict(raw[handlers[0]])
        action["port"] = _port(action.get("port"), ports, f"{path}.{handlers[0]}.port")
        tree[handlers[0]] = action
    try:
        return msgspec.convert(tree, Probe, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSpec(str(error), path=path) from error


def _port(value: Any, ports: Sequence[Mapping[str, Any]], path: str) -> int:
    named = {item.get("name"): item.get("containerPort") for item in ports}
    number = named.get(value, value)
    text = str(number)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise InvalidSpec("a probe needs the number of a port, or the name of one of the container", path=path)
    return int(text)
