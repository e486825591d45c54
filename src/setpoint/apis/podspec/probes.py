"""Probes and lifecycle handlers: what is asked of a running container, and what it is told.

Source: Kubernetes API reference, v1 PodSpec.
"""

from __future__ import annotations

from setpoint.apis.meta import Wire
from setpoint.apis.shapes import IntOrString


class ExecAction(Wire, frozen=True, kw_only=True):
    """A command in the container; exit code 0 is well."""

    command: tuple[str, ...] = ()


class HTTPHeader(Wire, frozen=True, kw_only=True):
    """A header of a request."""

    name: str
    value: str


class HTTPGetAction(Wire, frozen=True, kw_only=True):
    """A request by HTTP; a status from 200 to 399 is well."""

    port: IntOrString
    host: str = ""
    http_headers: tuple[HTTPHeader, ...] = ()
    path: str = ""
    scheme: str = ""


class TCPSocketAction(Wire, frozen=True, kw_only=True):
    """A connection; if it can be made all is well."""

    port: IntOrString
    host: str = ""


class GRPCAction(Wire, frozen=True, kw_only=True):
    """A health check by gRPC."""

    port: int
    service: str = ""


class SleepAction(Wire, frozen=True, kw_only=True):
    """A pause."""

    seconds: int


class Probe(Wire, frozen=True, kw_only=True):
    """A question, how often it is asked, and how many answers in a row count."""

    exec_: ExecAction | None = None
    failure_threshold: int | None = None
    grpc: GRPCAction | None = None
    http_get: HTTPGetAction | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    success_threshold: int | None = None
    tcp_socket: TCPSocketAction | None = None
    termination_grace_period_seconds: int | None = None
    timeout_seconds: int | None = None


class LifecycleHandler(Wire, frozen=True, kw_only=True):
    """What is done at a moment in a container's life."""

    exec_: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    sleep: SleepAction | None = None
    tcp_socket: TCPSocketAction | None = None


class Lifecycle(Wire, frozen=True, kw_only=True):
    """What is done after a container has started and before it is stopped."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str = ""
