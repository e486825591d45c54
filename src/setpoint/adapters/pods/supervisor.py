"""One pod from claim to exit record, in a process that no control plane needs to watch.

Decides the phase and message of a pod. Order: inputs, init containers, sidecars and main, outputs, end of the sidecars,
exit record. Knows nothing of workflows. Invariants: nothing of the pod runs any more when the exit record is written (a
forked main may still be taken down); the record is written once, whatever happens short of the supervisor's own death;
the user's bad end is Failed, all else Error.
Source: phases and messages of Argo Workflows' executor; sections 4, 9, 10, 13 and 18 of the notes on its semantics.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from setpoint.adapters.pods import linux, records
from setpoint.adapters.pods.command import argv_of, environment_of, program_of, write_script
from setpoint.adapters.pods.container_set import ContainerSet, run_set
from setpoint.adapters.pods.environments import EnvironmentFailed
from setpoint.adapters.pods.images import ResolvedImage
from setpoint.adapters.pods.isolation import IsolationReport, PrivateRoot, enter_base_namespace
from setpoint.adapters.pods.last_word import is_alone
from setpoint.adapters.pods.limits import Limit, Limits
from setpoint.adapters.pods.outcome import ContainerRun, EndOrder, assess, phase_of
from setpoint.adapters.pods.preparation import listen, open_log, resolve_images, trace, write_exit
from setpoint.adapters.pods.probes import start_prober, started_file
from setpoint.adapters.pods.processes import (
    NOT_STARTED,
    ProcessSpec,
    kill_descendants,
    signal_group,
    start,
)
from setpoint.adapters.pods.progress import progress_path, read_progress
from setpoint.adapters.pods.restarts import ALWAYS, ON_FAILURE, Companions, Restarts, Roll, with_all
from setpoint.adapters.pods.roots import RootPlan
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.pods.signals import heard
from setpoint.adapters.pods.spare import Stage, take_spare
from setpoint.adapters.pods.starter import Starter
from setpoint.adapters.pods.transfer import TransferError, load_artifacts, read_parameters, save_outputs
from setpoint.adapters.pods.volumes import write_files
from setpoint.apis.errors import SetpointError
from setpoint.ports.launcher import Container, ContainerEnd, PodExit, PodPhase, PodRequest

RESULT_BYTES = 256 * 1024
DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"
_CHUNK = 1 << 16
_MOST_CHUNKS = 64  # a drain ends even if somebody writes for ever
_KILL_AGAIN = 1.0
_STARTUP_POLL = 0.1
_OLDEST = 3600.0  # longest wait without looking at the clock


class _Ended(Exception):
    """Unwinds to the exit record before main has run."""

    def __init__(self, phase: PodPhase, message: str) -> None:
        super().__init__(message)
        self.phase = phase


class Supervisor:
    """Runs the request whose directory is `folder`, open as `directory`."""

    def __init__(
        self,
        settings: PodSettings,
        isolation: IsolationReport,
        request: PodRequest,
        folder: Path,
        directory: int,
        stage: Stage | None,
        starter: Starter,
    ) -> None:
        self._stage, self._starter = stage, starter
        self._settings = settings
        self._isolation = isolation
        self._request = request
        self._folder = folder
        self._directory = directory
        self._selector = selectors.DefaultSelector()
        self._running: dict[int, ContainerRun] = {}
        self._limits = Limits(request, folder, cgroups=settings.cgroups)
        self._limit_of: dict[int, Limit] = {}
        self._order: EndOrder | None = None
        self._kill_at: float | None = None
        self._told_to_end = False
        self._killed = False
        self._signals_seen = -1  # a kill order may be older than this process
        self._leaving: int | None = None  # pid of a main that is done and not gone yet
        self._result = bytearray()
        self._warm = False
        self._exit_file = records.ExitFile(directory)
        self._roll = Roll(directory, kept=bool(request.restart_policy))
        pause = request.restart_pause_seconds
        self._companions = Companions(Restarts(ALWAYS, pause))
        self._restarts = Restarts(request.restart_policy, pause)
        # one that has ended well is not run again, whatever the policy
        self._init_restarts = Restarts(ON_FAILURE if self._restarts.policy in (ALWAYS, ON_FAILURE) else "", pause)
        self._started_at: datetime | None = None
        self._main_ended_at: datetime | None = None

    def run(self, *, warm: bool) -> None:
        """Live the pod's life and write its end.

        Raises: TurnInto, in a forked main only.
        """
        self._warm = warm
        self._wakeup = listen()
        self._selector.register(self._wakeup, selectors.EVENT_READ, None)
        try:
            ended = self._live()
        except _Ended as error:
            ended = PodExit(phase=error.phase, message=str(error))
        except (TransferError, EnvironmentFailed, SetpointError, OSError) as error:
            text = str(error)
            ended = PodExit(
                phase=PodPhase.ERROR, message=text if isinstance(error, TransferError) else f"init: Error: {text}"
            )
        except Exception as error:  # noqa: BLE001 - supervision point: a bug of ours must leave an exit record
            trace(self._directory)
            ended = PodExit(phase=PodPhase.ERROR, message=f"wait: Error: {type(error).__name__}: {error}")
        self._finish(ended)

    def _live(self) -> PodExit:
        request = self._request
        self._check()
        images = resolve_images(self._settings, request, self._folder, self._check)
        write_files(request, self._folder)
        plan = RootPlan(self._settings, self._isolation, request, self._folder)
        root = plan.root(request.main, with_transfers=True)
        if self._stage is not None and self._stage.spare is not None:
            root = take_spare(self._stage.spare, root)
        others = {one.name: plan.root(one) for one in request.containers if one is not request.main}
        for each in (root, *others.values()):  # while the host is in sight: a volume may lie where main does not look
            each.prepare()
        base = self._enter(root, alone=not others)
        store = self._settings.make_store
        load_artifacts(request.artifact_inputs, store, root, self._check)
        for container in request.init_containers:
            begin = partial(self._start, container, images[container.name], others[container.name], base)
            if container.restarts:
                self._check()
                self._companions.add(container.name, begin)
                self._await_started(container)
            else:
                self._run_init(container, begin)
        self._check()
        sidecars = [self._start(one, images[one.name], others[one.name], base) for one in request.sidecars]
        ends = self._run_set(images, {request.main.name: root, **others}, base)
        self._main_ended_at = datetime.now(UTC)
        order = self._order if self._told_to_end else None
        parameters, errors = read_parameters(request.parameter_outputs, root)
        saved, more = save_outputs(request, store, root, self._folder)
        self._companions.over = True
        self._end([*sidecars, *self._companions.runs.values()])
        phase, message = assess(ends, sidecars, errors + more, order)
        return PodExit(
            phase=phase,
            message=message,
            exit_code=ends[request.main.name].exit_code,
            containers=ends,
            result=captured(self._result) if request.capture_result else None,
            parameters=parameters,
            artifacts=saved,
            progress=read_progress(root.locate(path)) if (path := progress_path(request.main)) else "",
        )

    # Before main ---------------------------------------------------------------------------------------------------

    def _enter(self, root: PrivateRoot, *, alone: bool) -> int | None:
        """Move into main's root; a descriptor of the namespace where the roots of others can be built."""
        if root.rewrite:
            return None
        base = self._stage.base if self._stage is not None else None
        if base is None:
            base = enter_base_namespace(user=self._isolation.user_namespace)
        if not alone:
            linux.unshare(linux.CLONE_NEWNS)
        if not alone or self._stage is None:
            self._starter.drop_embryo()  # it lives in another namespace
        root.enter()
        return base

    def _run_init(self, container: Container, begin: Callable[[], ContainerRun]) -> None:
        """Until it has ended well, or badly for good."""
        while True:
            self._check()
            child = begin()
            self._wait_for([child])
            if self._order is not None and self._told_to_end:
                raise _Ended(phase_of(self._order.reason), self._order.reason or child.message)
            if child.exit_code == 0:
                return
            code, now = child.exit_code or 0, time.monotonic()
            again = self._init_restarts.due(container.name, code, 0.0, now)
            if again is None:
                raise _Ended(PodPhase.FAILED, child.message)
            self._roll.waits(container.name, again - now)
            self._wait_until(lambda: self._order is not None, again)

    def _await_started(self, container: Container) -> None:
        """What comes after a companion waits for its startup probe."""
        probe = container.probes.startup
        while probe is not None and self._order is None and not started_file(self._folder, container.name).exists():
            self._wait_until(lambda: self._order is not None, time.monotonic() + _STARTUP_POLL)

    def _run_set(
        self, images: dict[str, tuple[ResolvedImage, str]], roots: dict[str, PrivateRoot], base: int | None
    ) -> dict[str, ContainerEnd]:
        """Run main and its fellows, as their dependencies allow, until all have ended; how each did."""
        request = self._request

        def start(one: Container) -> ContainerRun:
            run = self._start(one, images[one.name], roots[one.name], None if one is request.main else base)
            self._note_start(run)
            return run

        crew = ContainerSet(
            (request.main, *request.fellows), request.attempts, request.attempt_pause_seconds, self._restarts
        )
        told_to_end = self._is_told_to_end
        return run_set(crew, start, self._wait_until, told_to_end, self._note_ends, self._roll.waits)

    def _is_told_to_end(self) -> bool:
        if self._order is not None:
            self._companions.over = True
            self._roll.given_up()
        return self._order is not None

    def _note_ends(self, ends: dict[str, ContainerEnd]) -> None:
        with suppress(OSError):  # the exit record says it again
            records.write_record(self._directory, records.ENDED, records.Ended(containers=ends))

    def _note_start(self, run: ContainerRun) -> None:
        if self._started_at is None:
            self._started_at = run.started_at
            started = records.Started(pid=run.pid, started_at=run.started_at)
            records.make_note(self._directory, records.STARTED, started)

    # Processes -----------------------------------------------------------------------------------------------------

    def _start(
        self, container: Container, image: tuple[ResolvedImage, str], root: PrivateRoot, base: int | None
    ) -> ContainerRun:
        resolved, path = image
        self._roll.set_aside(container.name)
        is_main = container is self._request.main

        def enter() -> None:
            if base is not None:
                linux.setns(base, linux.CLONE_NEWNS)
                linux.unshare(linux.CLONE_NEWNS)
                linux.make_mounts_private()
                root.enter()
            write_script(container, root)

        if is_main:
            write_script(container, root)
        limit = self._limits.of(container)
        environment = environment_of(container, resolved, root, path, self._settings, self._folder)
        working_dir = str(root.locate(root.working_dir))
        argv = argv_of(container, resolved, root)
        spec = ProcessSpec(
            argv=argv,
            environment=environment,
            working_dir=working_dir,
            join=limit.join if limit is not None else None,
            enter=None if is_main else enter,
            program=program_of(container, resolved, argv, environment, working_dir, self._settings, warm=self._warm)
            if is_main and limit is None
            else None,
        )
        started = self._starter.start_main(spec) if is_main else start(spec)
        warnings = (resolved.warning, limit.warning if limit is not None else "")
        log = open_log(self._directory, self._request, self._settings, container, *warnings)
        streams = {started.stdout: b"stdout", started.stderr: b"stderr"}
        running = ContainerRun(
            name=container.name,
            image=container.image,
            pid=started.pid,
            streams=streams,
            log=log,
            last=started.last,
            error=started.error,
        )
        for descriptor in streams:
            self._selector.register(descriptor, selectors.EVENT_READ, running)
        self._running[started.pid] = running
        self._roll.started(running)
        if limit is not None:
            self._limit_of[started.pid] = limit
            self._limits.started(running, limit)
        if not started.error:
            place = (self._directory, environment, working_dir, self._request.grace_seconds)
            lasting = bool(self._request.restart_policy)
            start_prober(container, started.pid, *place, enter=None if is_main else enter, lasting=lasting)
        return running

    def _end(self, containers: list[ContainerRun]) -> None:
        """TERM, and KILL after the grace period."""
        alive = [one for one in containers if one.exit_code is None]
        for one in alive:
            signal_group(one.pid, signal.SIGTERM)
        if alive:
            latest = time.monotonic() + self._request.grace_seconds
            self._kill_at = min(latest, self._kill_at or latest)
            self._wait_for(alive)

    # The loop ------------------------------------------------------------------------------------------------------

    def _wait_for(self, containers: list[ContainerRun]) -> None:
        """Serve streams, signals and the clock until all of the containers have ended."""
        self._wait_until(lambda: all(one.exit_code is not None for one in containers))

    def _wait_until(self, done: Callable[[], bool], latest: float | None = None) -> None:
        """The same until something else holds, or the moment `latest` of the monotonic clock."""
        while True:
            self._reap()
            self._look_for_order()
            self._carry_out_order()
            look = self._limits.look()
            if self._companions.runs and not self._told_to_end:
                self._companions.tend(self._roll.waits)
            if done() or (latest is not None and time.monotonic() >= latest):
                return
            for key, _ in self._selector.select(self._patience(latest, look)):
                if key.data is None:
                    with suppress(BlockingIOError):
                        os.read(self._wakeup, _CHUNK)
                else:
                    self._read(key.data, key.fd)

    def _patience(self, latest: float | None, look: float | None) -> float:
        waits = [_OLDEST if look is None else look]
        if latest is not None:
            waits.append(latest - time.monotonic())
        if self._request.deadline is not None and self._order is None:
            waits.append((self._request.deadline - datetime.now(UTC)).total_seconds())
        if self._kill_at is not None:
            waits.append(self._kill_at - time.monotonic())
        if self._companions.next_start is not None:
            waits.append(self._companions.next_start - time.monotonic())
        return max(0.0, min(waits))

    def _check(self) -> None:
        """Between two pieces of work without a running container.

        Raises: _Ended if the pod is to end.
        """
        self._look_for_order()
        if self._order is not None:
            message = self._order.reason or "pod was ended before main was started"
            raise _Ended(phase_of(message), message)

    def _look_for_order(self) -> None:
        signals = len(heard)  # one that comes after the reading is for the next look
        if self._signals_seen != signals:
            self._signals_seen = signals
            order = records.read_record(self._directory, records.KILL, records.KillOrder)
            if order is not None:
                grace = self._request.grace_seconds if order.grace_seconds is None else order.grace_seconds
                self._order = EndOrder(reason=order.reason, grace_seconds=grace)
            elif self._order is None and signal.SIGTERM in heard:
                self._order = EndOrder(reason="", grace_seconds=self._request.grace_seconds)
        deadline = self._request.deadline
        if self._order is None and deadline is not None and datetime.now(UTC) >= deadline:
            self._order = EndOrder(reason=DEADLINE_MESSAGE, grace_seconds=self._request.grace_seconds)

    def _carry_out_order(self) -> None:
        alive = [one for one in self._running.values() if one.exit_code is None]
        now = time.monotonic()
        if self._order is not None and alive and not self._killed:
            latest = now + max(0.0, self._order.grace_seconds)
            self._kill_at = min(latest, self._kill_at or latest)  # a later order may shorten the grace
            if not self._told_to_end:
                self._told_to_end = True
                for one in alive:
                    if one not in self._companions.runs.values():  # they end after the others
                        signal_group(one.pid, signal.SIGTERM)
        if self._kill_at is not None and now >= self._kill_at:
            self._killed = True
            self._kill_at = now + _KILL_AGAIN
            for one in alive:
                signal_group(one.pid, signal.SIGKILL)

    def _reap(self) -> None:
        """Take note of children that ended; what is left of a container's process group ends with it."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            running = self._running.get(ended.si_pid)
            if running is not None:
                signal_group(ended.si_pid, signal.SIGKILL)  # before the pid is free to be used again
            _, status = os.waitpid(ended.si_pid, 0)
            if running is not None and running.exit_code is None:
                code = os.waitstatus_to_exitcode(status)
                self._note_end(running, NOT_STARTED if running.error else code if code >= 0 else 128 - code)

    def _note_end(self, running: ContainerRun, code: int) -> None:
        running.exit_code = code
        for descriptor in tuple(running.streams):
            self._read(running, descriptor)
            self._close(running, descriptor)
        if running.error:
            running.log.write(b"stderr", running.error.encode() + b"\n")
        running.log.close()
        running.ended_at = datetime.now(UTC)
        limit = self._limit_of.get(running.pid)
        running.out_of_memory = limit is not None and code != 0 and limit.out_of_memory
        self._roll.ended(running)

    def _let_leave(self, running: ContainerRun) -> None:
        """A program that has said how it ended is not waited for, unless it has started others."""
        done = running.last is not None and running.exit_code is None and not running.streams
        code = running.last.code if running.last is not None and done else None
        if code is not None and is_alone(running.pid, self._running.keys()):
            signal_group(running.pid, signal.SIGKILL)
            self._leaving = running.pid
            self._note_end(running, code)

    def _read(self, running: ContainerRun, descriptor: int) -> None:
        stream = running.streams.get(descriptor)
        for _ in range(_MOST_CHUNKS if stream else 0):
            try:
                chunk = os.read(descriptor, _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                self._close(running, descriptor)
                self._let_leave(running)
                return
            assert stream is not None  # noqa: S101 - the loop runs for known streams only
            running.log.write(stream, chunk)
            if stream == b"stdout" and running.name == self._request.main.name and self._request.capture_result:
                self._result += chunk
                if len(self._result) > 2 * RESULT_BYTES:
                    del self._result[:-RESULT_BYTES]

    def _close(self, running: ContainerRun, descriptor: int) -> None:
        if running.streams.pop(descriptor, None) is not None:
            self._selector.unregister(descriptor)
            os.close(descriptor)

    # The end -------------------------------------------------------------------------------------------------------

    def _finish(self, ended: PodExit) -> None:
        for one in self._running.values():
            if one.exit_code is None:
                signal_group(one.pid, signal.SIGKILL)
        kill_descendants(self._leaving)
        self._limits.close()
        now = datetime.now(UTC)
        ended = ended.replace(started_at=self._started_at, finished_at=self._main_ended_at or now)
        ended = with_all(ended, self._request, self._running.values(), self._roll)
        write_exit(self._exit_file, ended, now)


def captured(output: bytearray) -> str:
    """A result as main put it out, its end only if it is long."""
    return bytes(output[-RESULT_BYTES:]).decode(errors="replace").removesuffix("\n")


def supervise(
    settings: PodSettings,
    isolation: IsolationReport,
    pod_id: str,
    *,
    warm: bool,
    stage: Stage | None,
    starter: Starter,
) -> None:
    """Body of a claimed pod's process; returns when the exit record is written.

    Raises: TurnInto, in a forked main only.
    """
    folder = settings.pods / pod_id
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    request = records.read_record(directory, records.REQUEST, PodRequest)
    if request is None:
        ended = PodExit(phase=PodPhase.ERROR, message="init: Error: the pod's request is not readable")
        records.write_record(directory, records.EXIT, ended)
        kill_descendants()  # the embryo, which nobody will tell what to be
        return
    Supervisor(settings, isolation, request, folder, directory, stage, starter).run(warm=warm)
