"""Supervisors that wait for a pod: forked ahead by a zygote, and used again when their pod has ended.

A fork of an interpreter copies a page whenever it touches one, and tears all down when it ends: more work than most
steps. So a supervisor whose pod has ended, and who could tell so, sets the stage for the next one and waits. Each
waits at a pipe of its own for a pod's id; one pipe for all tells the zygote who is free. The end of its pipe ends a
supervisor.

One whose pod left it other than it was (what reads an object store has threads) ends with it.

Invariants: a supervisor has one pod at a time, and none before what is left of the last one is gone. The zygote alone
holds the writing ends, so its death frees all that wait.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from setpoint.adapters.pods import linux
from setpoint.adapters.pods.isolation import Isolation, IsolationReport, enter_base_namespace
from setpoint.adapters.pods.processes import TurnInto
from setpoint.adapters.pods.spare import Stage, drop_old_spares, drop_spare, host_view, set_stage
from setpoint.adapters.pods.starter import Starter

_ID_BYTES = 1 << 12
_FREED_BYTES = 1 << 12
_PODS = 200  # of one supervisor: what little it may have kept of them ends with it
_MEMBERS = 64  # supervisors that are used again: each has a descriptor here
_MOMENT_SECONDS = 0.02  # longer than a supervisor takes to put away what its pod left
_PID = struct.Struct("=i")

Supervise = Callable[[str, Stage | None, Starter], bool]
"""Live a pod's life; False if the process must end then: nobody heard of the pod's end, or it is not as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A supervisor: the pipe it waits at, and what of the host its roots show."""

    pipe: int
    view: object


class SupervisorPool:
    """The zygote's side; `settle` and `supervise` run in its forks."""

    def __init__(
        self,
        found: IsolationReport,
        spares: Path,
        *,
        settle: Callable[[], None],
        supervise: Supervise,
        setpriv: str | None,
        waiting: int,
    ) -> None:
        """`spares` is the directory of the roots made ahead, `waiting` how many may wait at most."""
        self._found = found
        self._spares = spares
        self._settle = settle
        self._supervise = supervise
        self._most = waiting
        self._setpriv = setpriv
        self._members: dict[int, _Member] = {}
        self._waiting: deque[int] = deque()  # pids
        self._free, self._freed = os.pipe()
        os.set_blocking(self._free, False)
        drop_old_spares(spares)
        with suppress(OSError):
            spares.mkdir(parents=True, exist_ok=True)

    def wait(self, connection: socket.socket, seconds: float) -> bool:
        """Until there is something to receive, with somebody ready for it; False if nothing came in that time.

        If all are busy, one may be free in a moment: only then is another made.
        """
        hopeless = False
        while True:
            self._take_back()
            patience = seconds if self._waiting or hopeless else _MOMENT_SECONDS if self._members else 0.0
            ready, _, _ = select.select([connection.fileno(), self._free], [], [], patience)
            if connection.fileno() in ready:
                return True
            if not ready and (self._waiting or hopeless):
                return False
            if not ready:
                try:
                    self._waiting.append(self._fork())
                except OSError:  # too many processes just now: the pod will say so
                    hopeless = True

    def give(self, pod_id: str) -> None:
        """Have a supervisor run the pod.

        Raises: OSError if no process can be made.
        """
        self._take_back()
        view = host_view()
        while True:
            pid = self._waiting.popleft() if self._waiting else self._fork()
            member = self._members[pid]
            if member.view == view:
                with suppress(BrokenPipeError):  # somebody killed it
                    os.write(member.pipe, pod_id.encode())
                    break
            self._let_go(pid)
        if len(self._members) > _MEMBERS:
            self._let_go(pid)  # it will find its pipe at its end

    def close(self) -> None:
        """Let all go; those that have a pod live it first."""
        for pid in tuple(self._members):
            self._let_go(pid)
        self._waiting.clear()

    def _take_back(self) -> None:
        with suppress(BlockingIOError):
            for (pid,) in _PID.iter_unpack(os.read(self._free, _FREED_BYTES)):
                if pid in self._members:
                    self._waiting.append(pid)
        while len(self._waiting) > self._most:
            self._let_go(self._waiting.popleft())

    def _let_go(self, pid: int) -> None:
        os.close(self._members.pop(pid).pipe)

    def _fork(self) -> int:
        """The pid of a new supervisor."""
        if len(self._members) >= _MEMBERS:
            self._forget_the_dead()
        view = host_view()
        read, write = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            os.close(read)
            os.close(write)
            raise
        if pid == 0:
            os.close(write)
            self._be_supervisor(read)
        os.close(read)
        self._members[pid] = _Member(pipe=write, view=view)
        return pid

    def _forget_the_dead(self) -> None:
        poll = select.poll()
        pids = {member.pipe: pid for pid, member in self._members.items()}
        for pipe in pids:
            poll.register(pipe, 0)
        for pipe, _ in poll.poll(0):  # nobody holds the other end
            self._let_go(pids[pipe])

    # In the fork ---------------------------------------------------------------------------------------------------

    def _be_supervisor(self, pipe: int) -> NoReturn:
        """Raises: TurnInto, in a forked main only."""
        try:
            os.close(self._free)
            for member in self._members.values():
                os.close(member.pipe)
            self._settle()
            self._live(pipe)
        except TurnInto:
            raise
        except BaseException:  # noqa: BLE001 - the boundary of a fork: it must not run on as what it came from
            traceback.print_exc()
        os._exit(0)

    def _live(self, pipe: int) -> None:
        place, pid = self._spares / str(os.getpid()), _PID.pack(os.getpid())
        home, starter = None, Starter(self._setpriv)
        if self._found.mode is Isolation.NAMESPACE:
            with suppress(OSError):  # no right any more: the pod finds out, and says so
                home = enter_base_namespace(user=self._found.user_namespace)
        kept = _descriptors()
        for turn in range(_PODS):
            if turn:
                os.write(self._freed, pid)
            stage = None
            if home is not None or self._found.mode is not Isolation.NAMESPACE:
                with suppress(OSError):
                    stage = set_stage(home, place)
            if home is None or linux.PIVOTS:
                with suppress(OSError):
                    starter.prepare(pipe)
            pod_id = os.read(pipe, _ID_BYTES).decode()
            if not pod_id:
                break
            if not self._supervise(pod_id, stage, starter):
                return
            signal.set_wakeup_fd(-1)
            for descriptor in _descriptors() - kept:
                with suppress(OSError):  # that of the listing itself
                    os.close(descriptor)
        if home is not None:
            linux.setns(home, linux.CLONE_NEWNS)
        drop_spare(place)


def _descriptors() -> set[int]:
    return {int(entry.name) for entry in Path("/proc/self/fd").iterdir()}
