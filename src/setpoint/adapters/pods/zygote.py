"""The parent of supervisors: a process that imports what they need, forks one per pod, and does nothing else.

Two of them run beside a control plane: a light one, and a warm one that has also imported the heavy libraries, so
that a Python step forked below it starts at once. Each listens on a socket that it inherited; at its end of file (the
control plane is gone) it ends, and its supervisors, sessions of their own, go on.

Protocol, one JSON text per packet: settings in, `Ready` out; then `Launch` in, `Launched` out, by the supervisor
itself once its claim is made. On a second socket, of datagrams, a supervisor names its pod when the exit record is
written: the kernel takes milliseconds to tear its mounts down, and nobody has to wait for that. This may get lost; the
end of the process says the same.

A zygote keeps one supervisor in reserve, forked and in a private root made ahead, and gives the next pod to it; after
a while without a pod the reserve goes, so that it holds no mount of the host for long.
Invariant: one thread, no state but imported modules and the reserve.
"""

from __future__ import annotations

import atexit
import gc
import os
import select
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import NoReturn, cast

import msgspec

from setpoint.adapters.pods import isolation, linux, records
from setpoint.adapters.pods.environments import search_path
from setpoint.adapters.pods.images import resolve
from setpoint.adapters.pods.preload import preload
from setpoint.adapters.pods.processes import BecomeEntryPoint
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.pods.spare import SpareRoot, drop_old_spares, drop_spare, host_view, make_spare
from setpoint.adapters.pods.supervisor import note_signals, supervise
from setpoint.apis.meta import Wire
from setpoint.ports.launcher import Container, PodExit, PodPhase, PodRequest

PACKET_BYTES = 1 << 17
_RESERVE_SECONDS = 60.0


class Ready(Wire, frozen=True, kw_only=True):
    """The process can fork; `refusal` says why not, if so."""

    isolation: isolation.IsolationReport
    refusal: str = ""


class Launch(Wire, frozen=True, kw_only=True):
    """Start the pod whose request lies in its directory."""

    id: str


class Launched(Wire, frozen=True, kw_only=True):
    """The pod is claimed: by the answering supervisor, or earlier; `error` if it could not be."""

    id: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reserve:
    """A supervisor that waits for its pod's id on a pipe, and what of the host its root shows."""

    pipe: int
    place: Path
    view: object


class Zygote:
    """Serves one launcher over a socket of packets."""

    def __init__(self, connection: socket.socket, news: socket.socket, *, warm: bool) -> None:
        self._connection = connection
        self._news = news
        self._warm = warm
        self._reserve: _Reserve | None = None
        self.after_fork: list[Callable[[], None]] = []

    def serve(self) -> None:
        """Until the other end closes.

        Raises: BecomeEntryPoint, in a forked step only.
        """
        settings = msgspec.json.decode(self._connection.recv(PACKET_BYTES), type=PodSettings)
        found = isolation.choose(settings.isolation, _probe(settings, warm=self._warm))
        settings.make_store()
        refusal = ""
        if self._warm:
            self.after_fork, refusal = preload(settings.preload)
        _rehearse(settings)
        self._send(Ready(isolation=found, refusal=refusal))
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors leave no zombies
        gc.collect()
        gc.freeze()  # shared pages stay shared
        spares = Path(settings.home) / "kubelet" / ("spare-warm" if self._warm else "spare")
        drop_old_spares(spares)
        while packet := self._next_packet(settings, found, spares):
            launch = msgspec.json.decode(packet, type=Launch)
            if not self._give_out(launch.id) and os.fork() == 0:
                self._settle()
                self._supervise(settings, found, launch.id, None)
                os._exit(0)
        self._drop_reserve()

    def _next_packet(self, settings: PodSettings, found: isolation.IsolationReport, spares: Path) -> bytes:
        """The next launch; while there is time a reserve is made, and dropped when there is too much."""
        if self._reserve is None:
            with suppress(OSError):
                spares.mkdir(parents=True, exist_ok=True)
                self._make_reserve(settings, found, spares)
        if self._reserve is not None and not select.select([self._connection], [], [], _RESERVE_SECONDS)[0]:
            self._drop_reserve()
        return self._connection.recv(PACKET_BYTES)

    def _make_reserve(self, settings: PodSettings, found: isolation.IsolationReport, spares: Path) -> None:
        view = host_view()
        read, write = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            os.close(read)
            os.close(write)
            raise
        if pid:
            os.close(read)
            self._reserve = _Reserve(pipe=write, place=spares / str(pid), view=view)
            return
        os.close(write)
        self._settle()
        spare = None
        with suppress(OSError):  # no room, or no right any more: the pod finds out, and says so
            if found.mode is isolation.Isolation.NAMESPACE:
                spare = make_spare(spares / str(os.getpid()), user=found.user_namespace)
        if pod_id := os.read(read, PACKET_BYTES).decode():  # nothing: the pod is never to come
            os.close(read)
            self._supervise(settings, found, pod_id, spare)
        os._exit(0)

    def _give_out(self, pod_id: str) -> bool:
        """Have the reserve run the pod; False if there is none that shows the host as it is now."""
        reserve = self._reserve
        if reserve is None or reserve.view != host_view():
            self._drop_reserve()
            return False
        self._reserve = None
        try:
            os.write(reserve.pipe, pod_id.encode())
        except BrokenPipeError:  # somebody killed it
            drop_spare(reserve.place)
            return False
        finally:
            os.close(reserve.pipe)
        return True

    def _drop_reserve(self) -> None:
        reserve, self._reserve = self._reserve, None
        if reserve is not None:
            os.close(reserve.pipe)
            drop_spare(reserve.place)

    @staticmethod
    def _settle() -> None:
        """A fork becomes a session of its own that takes TERM for an order."""
        os.setsid()
        note_signals()
        gc.disable()
        linux.set_process_name("setpoint-pod")

    def _supervise(
        self, settings: PodSettings, found: isolation.IsolationReport, pod_id: str, spare: SpareRoot | None
    ) -> None:
        try:
            linux.become_subreaper()
            claimed = records.create_record(settings.pods / pod_id, records.CLAIM, records.own_identity())
        except OSError as error:
            self._send(Launched(id=pod_id, error=str(error)))
            return
        self._send(Launched(id=pod_id))
        self._connection.close()
        if claimed:
            supervise(settings, found, pod_id, warm=self._warm, spare=spare)
            with suppress(OSError):  # nobody there any more, or too much news at once
                self._news.send(pod_id.encode(), socket.MSG_DONTWAIT)

    def _send(self, message: Wire) -> None:
        try:
            self._connection.send(msgspec.json.encode(message))
        except OSError:
            return  # the control plane is gone: the claim tells its successor what it missed


def _probe(settings: PodSettings, *, warm: bool) -> isolation.IsolationReport:
    """What the host allows, tried in a child that is spoilt by it."""
    scratch = Path(settings.home) / f".probe-{'warm' if warm else 'light'}"
    shutil.rmtree(scratch, ignore_errors=True)  # left by a process that was killed over it
    scratch.mkdir()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, msgspec.json.encode(isolation.probe(scratch)))
        finally:
            os._exit(0)
    os.close(write)
    answer = os.read(read, PACKET_BYTES)
    os.close(read)
    os.waitpid(pid, 0)
    shutil.rmtree(scratch, ignore_errors=True)
    if not answer:
        return isolation.IsolationReport(
            mode=isolation.Isolation.REWRITE, reason="the trial of a private root ended with an error"
        )
    return msgspec.json.decode(answer, type=isolation.IsolationReport)


def _rehearse(settings: PodSettings) -> None:
    """Fill the caches (decoders, compiled patterns) that every fork would else fill again."""
    main = Container(name="main", image="busybox", command=("true",))
    request = PodRequest(id="none", name="none", namespace="none", main=main)
    msgspec.json.decode(msgspec.json.encode(request), type=PodRequest)
    for record in (records.Started(pid=0, started_at=datetime.now(UTC)), records.KillOrder(), records.own_identity()):
        msgspec.json.decode(msgspec.json.encode(record), type=type(record))
    msgspec.json.encode(PodExit(phase=PodPhase.SUCCEEDED))
    resolve(settings.rules, "no/such/image:1", ("true",), ())
    search_path(resolve(settings.rules, "setpoint", (), ()), Path(settings.home), Path(os.devnull), lambda: None)
    isolation.PrivateRoot(directory=settings.pods / "none", kept=settings.kept).locate("none")


def _turn_into(step: BecomeEntryPoint, after_fork: list[Callable[[], None]]) -> object:
    """The rest of a forked step's life: what the console script of that name would do."""
    gc.enable()
    os.environ.clear()
    os.environ.update(step.environment)
    sys.argv = list(step.argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]  # a TextIOWrapper
    for prepare in after_fork:
        prepare()
    module, _, name = step.name.partition(":")
    return cast("Callable[[], object]", getattr(import_module(module), name))()


def _end(step: BecomeEntryPoint, after_fork: list[Callable[[], None]]) -> NoReturn:
    """Run the step and end as an interpreter ends, but for tearing down the modules.

    The teardown touches every object that was imported, so every shared page is copied: 80 ms for nothing.
    """
    code: object = 0
    try:
        code = _turn_into(step, after_fork)
    except SystemExit as error:
        code = error.code
    except BaseException:  # noqa: BLE001 - the top of a program: what the interpreter itself would do
        sys.excepthook(*sys.exc_info())
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # joins threads, as multiprocessing does for its children
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or nobody reads any more
            stream.flush()
    os._exit((code or 0) & 0xFF)


def main() -> int:
    """Serve; in a forked step, be that step and never return."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the control plane, which closes the socket
    descriptor, second, warm = int(sys.argv[1]), int(sys.argv[2]), "--warm" in sys.argv
    linux.set_process_name("setpoint-warm" if warm else "setpoint-zygote")
    with socket.socket(fileno=descriptor) as connection, socket.socket(fileno=second) as news:
        for inherited in (connection, news):
            inherited.set_inheritable(False)
        zygote = Zygote(connection, news, warm=warm)
        try:
            zygote.serve()
            return 0
        except BecomeEntryPoint as turned:
            step = turned
            for inherited in (connection, news):
                inherited.detach()  # closed by the fork already, and its number may mean something else by now
    _end(step, zygote.after_fork)


if __name__ == "__main__":
    sys.exit(main())
