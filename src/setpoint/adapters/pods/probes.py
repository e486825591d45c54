"""Probes of a container, asked by a process of their own beside it, which ends with it.

What a container's readiness comes to is a file in the pod's directory; a container that is not alive is ended, TERM
first. Invariant: only the very process that was started is signalled, never another of the same number.
Source: Kubernetes, "Pod Lifecycle", container probes. Until a container was ready its readiness is asked every second
at the latest, whatever its period: on one machine a server is up at once.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from setpoint.adapters.pods import linux
from setpoint.apis.pods import Container
from setpoint.apis.probes import HTTPGetAction, Probe, Probes

LOOPBACK = "127.0.0.1"
_UNREADY_PERIOD = 1.0
_HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probed:
    """A container that runs: who it is, and how its commands are run."""

    name: str
    probes: Probes
    environment: Mapping[str, str]
    grace_seconds: float
    directory: int
    lasting: bool


def ready_file(container: str) -> str:
    """The file that says that a container is ready."""
    return f"ready-{container}"


def started_file(folder: Path, container: str) -> Path:
    """The file that says that a container's startup probe has succeeded."""
    return folder / f"started-{container}"


def prepare(probes: Probes) -> None:
    """Import what the probes need, while the host's files are in sight."""
    if any(one is not None and one.http_get is not None for one in (probes.startup, probes.readiness, probes.liveness)):
        import ssl  # noqa: F401, PLC0415


def start_prober(
    container: Container,
    pid: int,
    directory: int,
    environment: Mapping[str, str],
    working_dir: str,
    grace_seconds: float,
    *,
    enter: Callable[[], None] | None,
    lasting: bool = False,
) -> None:
    """Fork the process that asks, if there is anything to ask; the caller has just started the container.

    Args:
        container: The container.
        pid: Its first process, a child of the caller that is not waited for yet.
        directory: The pod's directory, open.
        environment: Of the container, for commands.
        working_dir: The same.
        grace_seconds: Between TERM and KILL.
        enter: Puts a process into the container's root; None if the caller is there.
        lasting: Whether readiness is asked for ever, and may be lost; else until it has come.
    """
    if container.probes == Probes():
        return
    parent = os.getpid()
    descriptor = os.pidfd_open(pid)
    if os.fork() == 0:
        try:
            linux.die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            for number in _HANDLED:
                signal.signal(number, signal.SIG_DFL)
            if enter is not None:
                enter()
            os.chdir(working_dir)
            probed = _Probed(
                name=container.name,
                probes=container.probes,
                environment=environment,
                grace_seconds=grace_seconds,
                directory=directory,
                lasting=lasting,
            )
            _ask(probed, descriptor)
        finally:
            os._exit(0)
    os.close(descriptor)


@dataclass(slots=True, kw_only=True)
class _Question:
    probe: Probe
    due: float
    period: float
    good: int = 0
    bad: int = 0

    def ask(self, probed: _Probed) -> None:
        """Once, and note the answer."""
        fine = _holds(self.probe, probed)
        self.good, self.bad = (self.good + 1, 0) if fine else (0, self.bad + 1)
        self.due = time.monotonic() + self.period

    @property
    def succeeded(self) -> bool:
        """Often enough in a row."""
        return self.good >= self.probe.success_threshold

    @property
    def failed(self) -> bool:
        """The same, the other way."""
        return self.bad >= self.probe.failure_threshold


def _question(probe: Probe | None, *, hurry: bool = False) -> _Question | None:
    if probe is None:
        return None
    period = float(max(1, probe.period_seconds))
    due = time.monotonic() + probe.initial_delay_seconds
    return _Question(probe=probe, due=due, period=min(period, _UNREADY_PERIOD) if hurry else period)


def _ask(probed: _Probed, descriptor: int) -> None:
    """Until the container ends, or there is nothing more to ask."""
    started = _question(probed.probes.startup)
    while started is not None:
        if _waits(descriptor, started.due):
            return
        started.ask(probed)
        if started.succeeded:
            _touch(probed, f"started-{probed.name}")
            break
        if started.failed:
            _end(probed, started.probe, descriptor)
            return
    ready = _question(probed.probes.readiness, hurry=True)
    alive = _question(probed.probes.liveness)
    while open_questions := [one for one in (ready, alive) if one is not None]:
        question = min(open_questions, key=lambda one: one.due)
        if _waits(descriptor, question.due):
            return
        question.ask(probed)
        if question is ready and ready.succeeded:
            _touch(probed, ready_file(probed.name))
            ready.period = float(max(1, ready.probe.period_seconds))
            if not probed.lasting:
                ready = None
        elif question is ready and ready.failed:
            with suppress(FileNotFoundError):
                os.unlink(ready_file(probed.name), dir_fd=probed.directory)
        elif question is alive and alive.failed:
            _end(probed, alive.probe, descriptor)
            return


def _waits(descriptor: int, due: float) -> bool:
    """Wait until something is due; true if the container has ended before."""
    return bool(select.select([descriptor], [], [], max(0.0, due - time.monotonic()))[0])


def _touch(probed: _Probed, name: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    os.close(os.open(name, flags, 0o600, dir_fd=probed.directory))


def _end(probed: _Probed, probe: Probe, descriptor: int) -> None:
    grace = probe.termination_grace_period_seconds
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        if not _waits(descriptor, time.monotonic() + (probed.grace_seconds if grace is None else grace)):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)


def _holds(probe: Probe, probed: _Probed) -> bool:
    seconds = max(1, probe.timeout_seconds)
    try:
        if probe.exec_ is not None:
            return _run(probe.exec_.command, probed, seconds)
        if probe.http_get is not None:
            return _get(probe.http_get, seconds)
        if probe.tcp_socket is not None:
            with socket.create_connection((probe.tcp_socket.host or LOOPBACK, probe.tcp_socket.port), seconds):
                return True
    except (OSError, subprocess.SubprocessError, ValueError):
        return False
    return False


def _run(command: tuple[str, ...], probed: _Probed, seconds: int) -> bool:
    ended = subprocess.run(  # noqa: S603  the user's command
        command,
        env=dict(probed.environment),
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return ended.returncode == 0


def _get(action: HTTPGetAction, seconds: int) -> bool:
    import http.client  # noqa: PLC0415  see `prepare`
    import ssl  # noqa: PLC0415

    host = action.host or LOOPBACK
    connection = (
        http.client.HTTPSConnection(host, action.port, timeout=seconds, context=ssl._create_unverified_context())  # noqa: S323  as the kubelet does
        if action.scheme.upper() == "HTTPS"
        else http.client.HTTPConnection(host, action.port, timeout=seconds)
    )
    try:
        connection.request("GET", action.path or "/", headers={one.name: one.value for one in action.http_headers})
        return 200 <= connection.getresponse().status < 400
    except http.client.HTTPException:
        return False
    finally:
        connection.close()
