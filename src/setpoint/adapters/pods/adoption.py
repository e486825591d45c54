"""Supervisors that this control plane did not start, or that died: known again, waited for, cleaned up after."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from setpoint.adapters.pods import records
from setpoint.adapters.pods.cgroups import remove_groups
from setpoint.adapters.pods.processes import all_processes
from setpoint.apis.pods import POD_DELETED
from setpoint.ports.launcher import PodExit, PodPhase

_WATCH_POLL_SECONDS = 0.5  # only where the kernel has no pidfd


def send_signal(identity: records.ProcessIdentity, number: int) -> None:
    """Signal that very process; nothing if it is gone."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    except OSError:  # no pidfd on this kernel
        if records.is_alive(identity):
            with suppress(ProcessLookupError):
                os.kill(identity.pid, number)
        return
    try:
        if records.is_alive(identity):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


async def wait_for_end(identity: records.ProcessIdentity) -> None:
    """Return when that very process has ended; it need not be a child."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    except OSError:  # no pidfd on this kernel
        while records.is_alive(identity):  # noqa: ASYNC110 - nothing tells of the end of a process that is no child
            await asyncio.sleep(_WATCH_POLL_SECONDS)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        if records.is_alive(identity):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def conclude(folder: Path, identity: records.ProcessIdentity) -> PodExit:
    """End what a dead supervisor left, then write the exit record it could not write."""
    _end_leftovers(folder, identity)
    remove_groups(folder)
    started = records.read_note(folder, records.STARTED, records.Started)
    live = records.read_record(folder, records.LIVE, records.Live)
    lost = PodExit(
        phase=PodPhase.ERROR,
        message=POD_DELETED,
        started_at=started.started_at if started else None,
        finished_at=datetime.now(UTC),
        live=live.containers if live is not None else {},
    )
    try:
        _record_loss(folder, lost)
    except OSError:  # the disk is full, most likely of what the pod wrote; nothing of it is in use any more
        for name in records.DROPPED:
            shutil.rmtree(folder / name, ignore_errors=True)
        records.drop_unfinished(folder)
        with suppress(OSError):
            _record_loss(folder, lost)
    return records.read_record(folder, records.EXIT, PodExit) or lost


def _record_loss(folder: Path, lost: PodExit) -> None:
    if not records.create_record(folder, records.EXIT, lost) and not records.read_record(folder, records.EXIT, PodExit):
        records.write_record(folder, records.EXIT, lost)  # torn by a power cut


def _end_leftovers(folder: Path, identity: records.ProcessIdentity) -> None:
    """KILL until no process bears the pod's mark or lives in its supervisor's session.

    The number of a session is not used again while a member lives, so it is safe to go by if its leader is gone.
    """
    mark = f"{records.POD_VARIABLE}={folder}".encode()
    while True:
        leader_gone = records.start_ticks(identity.pid) is None
        session = identity.pid if leader_gone else 0
        found = [pid for pid in all_processes() if _is_leftover(pid, mark, session)]
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _is_leftover(pid: int, mark: bytes, session: int) -> bool:
    try:
        if records.start_ticks(pid) is None:
            return False
        if session and os.getsid(pid) == session:
            return True
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
