"""The parent of supervisors: a process that imports what they need, forks one per pod, and does nothing else.

Two of them run beside a control plane: a light one, and a warm one that has also imported the heavy libraries, so
that a Python step forked below it starts at once. Each listens on a socket that it inherited; at its end of file (the
control plane is gone) it ends, and its supervisors, sessions of their own, go on.

Protocol, one JSON text per packet: settings in, `Ready` out; then `Launch` in. On a second socket, of datagrams, the
supervisor says `Launched` once its claim is made, and `Ended` when the exit record is written. It waits for a pod
again only if that was heard, and else ends, which says the same.

A zygote keeps supervisors that wait for a pod, in a private root made ahead; after a while without a pod they go, so
that none holds a mount of the host for long.
Invariant: one thread, no state but imported modules and the supervisors that wait.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec

from setpoint.adapters.pods import isolation, linux, records
from setpoint.adapters.pods.environments import search_path
from setpoint.adapters.pods.images import resolve
from setpoint.adapters.pods.last_word import reap
from setpoint.adapters.pods.pool import SupervisorPool
from setpoint.adapters.pods.preload import count_threads, preload
from setpoint.adapters.pods.processes import TurnInto
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.pods.signals import forget_signals, note_signals
from setpoint.adapters.pods.spare import Stage, put_back
from setpoint.adapters.pods.starter import Starter, find_setpriv
from setpoint.adapters.pods.supervisor import supervise
from setpoint.apis.meta import Wire
from setpoint.ports.launcher import Container, PodExit, PodPhase, PodRequest, Retention

PACKET_BYTES = 1 << 17
_PATIENCE_SECONDS = 60.0


class Ready(Wire, frozen=True, kw_only=True):
    """The process can fork; `refusal` says why not, if so."""

    isolation: isolation.IsolationReport
    refusal: str = ""


class Launch(Wire, frozen=True, kw_only=True):
    """Start the pod whose request lies in its directory."""

    id: str


class Launched(Wire, frozen=True, kw_only=True, tag="Launched"):
    """The pod is claimed: by `claimant`, or earlier; `error` if it could not be."""

    id: str
    claimant: records.ProcessIdentity | None = None
    error: str = ""


class Ended(Wire, frozen=True, kw_only=True, tag="Ended"):
    """The exit record of the pod is written."""

    id: str


class Zygote:
    """Serves one launcher over a socket of packets."""

    def __init__(self, connection: socket.socket, news: socket.socket, *, warm: bool) -> None:
        self._connection = connection
        self._news = news
        self._warm = warm
        self._modules: frozenset[str] = frozenset()
        self.after_fork: list[Callable[[], None]] = []

    def serve(self) -> None:
        """Until the other end closes.

        Raises: TurnInto, in a forked main only.
        """
        settings = msgspec.json.decode(self._connection.recv(PACKET_BYTES), type=PodSettings)
        found = isolation.choose(settings.isolation, _probe(settings, warm=self._warm))
        settings.make_store()
        refusal = ""
        if self._warm:
            self.after_fork, refusal = preload(settings.preload)
        _rehearse(settings)
        with suppress(OSError):  # nobody there any more: the end of file says so
            self._connection.send(msgspec.json.encode(Ready(isolation=found, refusal=refusal)))
        setpriv = find_setpriv()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors leave no zombies
        gc.collect()
        gc.freeze()  # shared pages stay shared
        self._modules = frozenset(sys.modules)
        pool = SupervisorPool(
            found,
            Path(settings.home) / "kubelet" / ("spare-warm" if self._warm else "spare"),
            settle=self._settle,
            supervise=partial(self._supervise, settings, found),
            setpriv=setpriv,
            waiting=os.cpu_count() or 1,
        )
        while packet := self._next_packet(pool):
            pool.give(msgspec.json.decode(packet, type=Launch).id)
        pool.close()

    def _next_packet(self, pool: SupervisorPool) -> bytes:
        if not pool.wait(self._connection, _PATIENCE_SECONDS):
            pool.close()
        return self._connection.recv(PACKET_BYTES)

    def _settle(self) -> None:
        """A fork becomes a session of its own that takes TERM for an order."""
        self._connection.close()
        os.setsid()
        note_signals()
        gc.disable()
        linux.set_process_name("setpoint-pod")
        linux.become_subreaper()

    def _supervise(
        self,
        settings: PodSettings,
        found: isolation.IsolationReport,
        pod_id: str,
        stage: Stage | None,
        starter: Starter,
    ) -> bool:
        forget_signals()
        identity = records.own_identity()
        try:
            claimed = records.make_note(settings.pods / pod_id, records.CLAIM, identity)
        except OSError as error:
            return self._tell(Launched(id=pod_id, error=str(error)))
        self._tell(Launched(id=pod_id, claimant=identity if claimed else None))
        if claimed:
            supervise(settings, found, pod_id, warm=self._warm, stage=stage, starter=starter)
            as_it_was = self._is_as_it_was()
            if as_it_was and stage is not None and stage.spare is not None and settings.retention is Retention.LOGS:
                put_back(settings.pods / pod_id / records.ROOT, stage.spare)
            told = self._tell(Ended(id=pod_id), socket.MSG_DONTWAIT)
            reap()
            return told and as_it_was
        return True

    def _is_as_it_was(self) -> bool:
        """Whether the pod's end is the end of it: a client of an object store, say, keeps threads and connections."""
        new = {name.partition(".")[0] for name in frozenset(sys.modules) - self._modules}
        return new <= sys.stdlib_module_names | {"setpoint"} and count_threads() == 1

    def _tell(self, news: Launched | Ended, flags: int = 0) -> bool:
        """False if nobody is there any more, or, with `MSG_DONTWAIT`, if too much was told at once."""
        try:
            self._news.send(msgspec.json.encode(news), flags)
        except OSError:
            return False
        return True


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


def _turn_into(step: TurnInto, after_fork: list[Callable[[], None]]) -> object:
    """The rest of a forked main's life."""
    gc.enable()
    os.environ.clear()
    os.environ.update(step.environment)
    sys.argv = list(step.program.argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]  # a TextIOWrapper
    for prepare in after_fork:
        prepare()
    return step.program.run()


def _end(step: TurnInto, after_fork: list[Callable[[], None]]) -> NoReturn:
    """Run the program and end as an interpreter ends, but for tearing down what was imported before.

    That teardown touches every object, so every shared page is copied: 80 ms for nothing.
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
    step.program.finish()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or nobody reads any more
            stream.flush()
    step.last.say(code or 0)


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
        except TurnInto as turned:
            step = turned
            for inherited in (connection, news):
                inherited.detach()  # closed by the fork already, and its number may mean something else by now
    _end(step, zygote.after_fork)


if __name__ == "__main__":
    sys.exit(main())
