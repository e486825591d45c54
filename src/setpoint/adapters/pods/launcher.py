"""`ports.launcher.Launcher` on this host: asks zygotes for supervisors and watches what becomes of them.

Holds nothing that the pod directories do not say: a launcher that starts adopts the pods whose claim names a living
process, reports those that ended, and ends what a dead supervisor left behind. One launcher per state directory (the
writer lease sees to it). Invariant: a pod with a claim is never launched again.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from setpoint.adapters.pods import records
from setpoint.adapters.pods.adoption import conclude, send_signal
from setpoint.adapters.pods.images import resolve
from setpoint.adapters.pods.index import PodIndex
from setpoint.adapters.pods.isolation import IsolationReport
from setpoint.adapters.pods.logfile import LogReader
from setpoint.adapters.pods.machine import GPU, find_gpus, this_machine
from setpoint.adapters.pods.preload import entry_point_of
from setpoint.adapters.pods.probes import ready_file
from setpoint.adapters.pods.progress import progress_files, progress_path, read_progress
from setpoint.adapters.pods.reservations import Reservations, explain, gpus_of, with_gpus
from setpoint.adapters.pods.settings import PodSettings
from setpoint.adapters.pods.usage import measure_pod
from setpoint.adapters.pods.volumes import held_claims, remove_claim
from setpoint.adapters.pods.watches import Watches
from setpoint.adapters.pods.zygote_client import ZygoteProcess
from setpoint.apis.errors import InvalidSpec, NotFound, Unavailable
from setpoint.ports.launcher import (
    LogLine,
    Machine,
    PodExit,
    PodListener,
    PodPhase,
    PodRequest,
    PodState,
    Retention,
    Usage,
)

_LOG_POLL_SECONDS = 0.1
_READY_POLL_SECONDS = 0.05
_TIDY_SECONDS = 1.0
_GLANCE_SECONDS = 0.05
_FRESH = 64
_log = logging.getLogger(__name__)


class HostLauncher:
    """Pods as host processes. Use as `async with HostLauncher(settings) as launcher`, in one event loop."""

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings.replace(home=str(Path(settings.home).resolve()))
        self._light = ZygoteProcess(self._settings, warm=False, on_end=self._note_end)
        self._warm = ZygoteProcess(self._settings, warm=True, on_end=self._note_end) if settings.preload else None
        self._warm_is_late = False
        self._index = PodIndex(Path(self._settings.home), self._settings.pods)
        self._machine = this_machine(self._settings.capacity)
        self._book = Reservations(self._machine.resources)
        self._gpus_known = False
        self._progress: dict[str, tuple[Path, ...]] = {}  # of pods that run: where to look
        self._watches = Watches(self._lose)
        self._ended: dict[str, None] = {}  # ids in order of their end
        self._fresh: dict[str, PodState] = {}  # ends that were read last
        self._readers: set[asyncio.Queue[str]] = set()
        self._untidy: list[Path] = []
        self._tidying: asyncio.Task[None] | None = None
        self.listener: PodListener | None = None
        self._closing = False  # nothing is begun any more: a successor finds all in the directories

    async def __aenter__(self) -> Self:
        """Adopt the pods of a predecessor; the warm process begins to import, unless it shall wait for a demand."""
        self._settings.pods.mkdir(parents=True, exist_ok=True)
        self._index.prepare()
        self._adopt()
        await self._light.start()
        if self._warm is not None and not self._settings.warm_on_demand:
            await self._warm.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go: the zygotes end, the pods go on."""
        self._closing = True
        await self._watches.close()
        await self._light.close()
        if self._warm is not None:
            await self._warm.close()
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        await self._tidy_all()

    async def isolation(self) -> IsolationReport:
        """How pods are isolated on this host, and why so."""
        return (await self._light.ready()).isolation

    async def warm_refusal(self) -> str:
        """Why Python steps start cold; "" if they do not."""
        if self._warm is None:
            return "no modules to import are named"
        try:
            return (await self._warm.ready()).refusal
        except Unavailable as error:
            return str(error)

    def machine(self) -> Machine:
        """The machine that the pods run on."""
        return self._machine

    async def reserve(self, request: PodRequest, waits: Callable[[str], None]) -> PodRequest:
        """Set aside what the pod requests, until it has ended; the request with the devices it got.

        Waits for room; `waits` is told once why. To stop waiting, cancel.
        """
        folder = self._settings.pods / records.check_id(request.id)
        if not request.requests or self._book.holds(request.id) or records.has_note(folder, records.CLAIM):
            return request
        if request.requests.get(GPU) and not self._gpus_known:
            self._book.gpus, reason = await asyncio.to_thread(find_gpus)
            self._gpus_known = True
            if reason:
                _log.warning("nvidia.com/gpu: %s", reason)
        if beyond := self._book.beyond(request.requests):
            has = {GPU: len(self._book.gpus), **self._machine.resources}
            _log.warning(
                "pod %s can never start here: %s",
                request.name,
                explain(request, beyond, has),
            )
        gpus = await self._book.acquire(request.id, request.requests, waits)
        return with_gpus(request, gpus) if gpus else request

    def release(self, pod_id: str) -> None:
        """Give back what was set aside for a pod that is not launched after all."""
        self._book.release(pod_id)

    async def launch(self, request: PodRequest) -> None:
        """Start the pod, or do nothing if its id was launched before (also by a control plane now dead).

        Raises: InvalidSpec if image or command has no meaning on this host; Unavailable if no process can be made.
        """
        folder = self._settings.pods / records.check_id(request.id)
        if records.has_note(folder, records.CLAIM):
            self._watch(request.id)
            self._tell_launched(request)
            return
        self._validate(request)
        try:
            self._index.enter(request)
        except OSError as error:
            raise Unavailable(f"pod {request.name!r} cannot be recorded: {error}") from error
        zygote = await self._zygote_for(request)
        self._watch(request.id, await zygote.launch(request.id))
        self._tell_launched(request)

    def _tell_launched(self, request: PodRequest) -> None:
        if self.listener is not None:
            self.listener.launched(request)

    def _tell_removed(self, pods: Iterable[str]) -> None:
        if self.listener is not None:
            for pod_id in pods:
                self.listener.removed(pod_id)

    async def kill(self, pod_id: str, *, grace_seconds: float | None = None, reason: str = "") -> None:
        """TERM, then KILL after the grace period (None: the pod's own); nothing if it ended."""
        folder = self._settings.pods / records.check_id(pod_id)
        if not folder.exists() or (folder / records.EXIT).exists():
            return
        order = records.KillOrder(reason=reason, grace_seconds=grace_seconds)
        try:
            records.write_record(folder, records.KILL, order)
        except FileNotFoundError:  # it has ended and was removed meanwhile
            return
        identity = records.read_note(folder, records.CLAIM, records.ProcessIdentity)
        if identity is not None:
            send_signal(identity, signal.SIGUSR1)

    async def state(self, pod_id: str) -> PodState | None:
        """The pod, found again by its record, pid and start time; None if it was never launched."""
        folder = self._settings.pods / records.check_id(pod_id)
        ended = records.read_record(folder, records.EXIT, PodExit)
        if ended is not None:
            return PodState(id=pod_id, phase=ended.phase, exit=ended)
        identity = records.read_note(folder, records.CLAIM, records.ProcessIdentity)
        if identity is None:
            return None
        if not records.is_alive(identity):
            ended = records.read_record(folder, records.EXIT, PodExit)  # it may have been written in between
            ended = ended or await asyncio.to_thread(conclude, folder, identity)
        if ended is not None:
            return PodState(id=pod_id, phase=ended.phase, exit=ended)
        phase = PodPhase.RUNNING if records.has_note(folder, records.STARTED) else PodPhase.PENDING
        told = records.read_record(folder, records.ENDED, records.Ended)
        now = records.read_record(folder, records.LIVE, records.Live)
        return PodState(
            id=pod_id,
            phase=phase,
            pid=identity.pid,
            containers=told.containers if told is not None else {},
            live=now.containers if now is not None else {},
            ready=tuple(name for name in now.containers if (folder / ready_file(name)).exists()) if now else (),
        )

    async def ready(self, pod_id: str) -> bool:
        """Wait until all containers of the pod run and have passed their readiness probes; False if it ends before."""
        folder = self._settings.pods / records.check_id(pod_id)
        request = records.read_record(folder, records.REQUEST, PodRequest)
        asked = [one.name for one in (request.containers if request is not None else ()) if one.probes.readiness]
        while True:
            state = await self.state(pod_id)
            if state is None or state.exit is not None:
                return False
            if state.phase is PodPhase.RUNNING and all((folder / ready_file(name)).exists() for name in asked):
                return True
            await asyncio.sleep(_READY_POLL_SECONDS)

    async def exits(self) -> AsyncGenerator[PodState, None]:
        """Pods that ended, each at least once, those that ended while nobody looked included.

        Every caller gets those that ended in this launcher's life or had not been told of before it, then the later
        ones. A pod counts as told of when a caller that got it asks for the next.
        """
        queue: asyncio.Queue[str] = asyncio.Queue()
        for pod_id in self._ended:
            queue.put_nowait(pod_id)
        self._readers.add(queue)
        try:
            while True:
                pod_id = await queue.get()
                state = self._fresh.get(pod_id) or await self.state(pod_id)
                if state is not None:
                    _remember(self._fresh, state)
                    yield state
                self._index.told(pod_id)
        finally:
            self._readers.discard(queue)

    async def live(self) -> tuple[PodRequest, ...]:
        """Requests of the pods that run, or whose end no reader has taken yet."""
        return tuple([one for pod_id in self._index.live() if (one := await self.request(pod_id)) is not None])

    async def request(self, pod_id: str) -> PodRequest | None:
        """What was launched, None if there is no record of it."""
        folder = self._settings.pods / records.check_id(pod_id)
        if not records.has_note(folder, records.CLAIM):
            return None
        return records.read_record(folder, records.REQUEST, PodRequest)

    async def usage(self, pod_id: str) -> dict[str, Usage]:
        """What each running container uses; empty if the pod does not run."""
        state, request = await self.state(pod_id), await self.request(pod_id)
        if state is None or state.pid is None or request is None:
            return {}
        return await asyncio.to_thread(measure_pod, self._settings.pods / pod_id, state, request)

    async def logs(
        self,
        pod_id: str,
        *,
        container: str = "main",
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
    ) -> AsyncGenerator[LogLine, None]:
        """The log from its start; with `follow` until the pod has ended.

        `previous`: of the process before the last restart. `tail`: only so many lines of what there is already.

        Raises: NotFound if there is no such pod or container.
        """
        folder = self._settings.pods / records.check_id(pod_id)
        request = records.read_record(folder, records.REQUEST, PodRequest)
        if request is None:
            raise NotFound("Pod", pod_id)
        if container not in {one.name for one in request.containers}:
            raise NotFound("Container", container)
        file = records.previous_log_file(container) if previous else records.log_file(container)
        reader = LogReader(folder / file, container)
        if tail is not None:
            await asyncio.to_thread(reader.skip_to_tail, tail)
        try:
            while True:
                state = await self.state(pod_id) if follow else None
                lines = reader.read()  # after the state: what an ended pod wrote is there by now
                for line in lines:
                    yield line
                if reader.more:
                    continue
                if not follow or (state is not None and _is_over(state, request, container)):
                    return
                if not lines:
                    await asyncio.sleep(_LOG_POLL_SECONDS)
        finally:
            reader.close()

    async def remove(self, pod_id: str) -> None:
        """Delete the directory of an ended pod.

        Raises: InvalidSpec if it still runs.
        """
        state = await self.state(pod_id)
        if state is not None and state.exit is None:
            raise InvalidSpec(f"pod {pod_id} still runs: end it first", path="id")
        self._ended.pop(pod_id, None)
        await self._watches.wait([pod_id])
        self._ended.pop(pod_id, None)
        self._fresh.pop(pod_id, None)
        await asyncio.to_thread(self._index.delete, pod_id)
        self._tell_removed((pod_id,))

    async def progress(self, pod_id: str) -> str | None:
        """`N/M` as the running pod last wrote it into its progress file; None if it did not or does not run."""
        files = self._progress.get(pod_id)
        if files is None:
            files = self._progress_files(pod_id)
        found = next((found for file in files if (found := read_progress(file))), None)
        ended = (self._settings.pods / pod_id / records.EXIT).exists()  # then it may be of the process's next pod
        return None if ended else found

    def _progress_files(self, pod_id: str) -> tuple[Path, ...]:
        folder = self._settings.pods / pod_id
        started = pod_id in self._watches and records.has_note(folder, records.STARTED)
        identity = records.read_note(folder, records.CLAIM, records.ProcessIdentity) if started else None
        request = records.read_record(folder, records.REQUEST, PodRequest) if identity is not None else None
        if identity is None or request is None:
            return ()
        path = progress_path(request.main)
        self._progress[pod_id] = files = progress_files(folder, identity.pid, path) if path else ()
        return files

    async def claims(self) -> tuple[str, ...]:
        """Uids of the volume claims that have a directory."""
        return await asyncio.to_thread(held_claims, Path(self._settings.home))

    async def remove_claim(self, uid: str) -> None:
        """Delete the directory of a volume claim; nothing if it has none."""
        await asyncio.to_thread(remove_claim, Path(self._settings.home), uid)

    async def owners(self) -> tuple[str, ...]:
        """Owners of pods whose records are kept."""
        return await asyncio.to_thread(self._index.owners)

    async def remove_owned(self, owner: str) -> None:
        """End the pods of an owner, then delete their directories and logs; nothing if it has none."""
        for pod_id in await asyncio.to_thread(self._index.open_pods, owner):
            await self.kill(pod_id, reason="the owner was deleted")
            self._bar(pod_id)
        pods = await asyncio.to_thread(self._index.owned, owner)
        await self._watches.wait(pods)
        for pod_id in pods:
            self._ended.pop(pod_id, None)
            self._fresh.pop(pod_id, None)
        await asyncio.to_thread(self._index.delete_owner, owner)
        self._tell_removed(pods)

    def _bar(self, pod_id: str) -> None:
        """Take the claim of a pod that has none, so that it never starts; else see to it that its end is noticed."""
        with suppress(OSError):
            if not records.create_record(self._settings.pods / pod_id, records.CLAIM, records.own_identity()):
                self._watch(pod_id)

    def _validate(self, request: PodRequest) -> None:
        for one in request.containers:
            resolve(self._settings.rules, one.image, one.command, one.args, path=f"{one.name}.image")

    async def _zygote_for(self, request: PodRequest) -> ZygoteProcess:
        """The warm process if it is of use and imports in time, else the light one.

        To start cold takes about as long as to import: the step that has the import begun starts cold beside it, those
        that come later wait for it, until one has waited in vain.
        """
        if self._warm is not None and entry_point_of(self._settings, request.main):
            patience = self._settings.warm_patience_seconds if self._warm.begun and not self._warm_is_late else 0.0
            try:
                ready = await asyncio.wait_for(self._warm.ready(), patience or _GLANCE_SECONDS)
                self._warm_is_late = False
                if not ready.refusal:
                    return self._warm
            except TimeoutError:
                self._warm_is_late = self._warm_is_late or patience > 0
            except Unavailable:
                pass
        return self._light

    def _adopt(self) -> None:
        for pod_id in self._index.live():
            folder = self._settings.pods / pod_id
            if (folder / records.EXIT).exists():
                self._ended[pod_id] = None
                self._tidy(folder)
            elif records.has_note(folder, records.CLAIM):
                self._hold(folder, pod_id)
                self._watch(pod_id)

    def _hold(self, folder: Path, pod_id: str) -> None:
        """What a predecessor had set aside for a pod that runs."""
        request = records.read_record(folder, records.REQUEST, PodRequest)
        if request is not None and request.requests:
            self._book.hold(pod_id, request.requests, gpus_of(request))

    def _watch(self, pod_id: str, claimant: records.ProcessIdentity | None = None) -> None:
        if pod_id in self._ended or self._closing:
            return
        if claimant is None:
            claimant = records.read_note(self._settings.pods / pod_id, records.CLAIM, records.ProcessIdentity)
        if claimant is not None:
            self._watches.add(pod_id, claimant)

    async def _lose(self, pod_id: str) -> None:
        """The supervisor has ended and not told of the pod's end: it died, or could not."""
        await self.state(pod_id)  # one that died gets its exit record here
        self._note_end(pod_id)

    def _note_end(self, pod_id: str) -> None:
        self._watches.remove(pod_id)
        self._tell(pod_id)
        self._tidy(self._settings.pods / pod_id)

    def _tell(self, pod_id: str) -> None:
        self._progress.pop(pod_id, None)
        self._book.release(pod_id)
        if pod_id not in self._ended:
            self._ended[pod_id] = None
            for queue in self._readers:
                queue.put_nowait(pod_id)

    def _tidy(self, folder: Path) -> None:
        """Drop the private root of an ended pod, a while later: those that wait for a pod come first."""
        if self._settings.retention is Retention.LOGS:
            self._untidy.append(folder)
            if not self._closing and (self._tidying is None or self._tidying.done()):
                self._tidying = asyncio.get_running_loop().create_task(self._tidy_later())

    async def _tidy_later(self) -> None:
        while self._untidy:
            await asyncio.sleep(_TIDY_SECONDS)
            await self._tidy_all()

    async def _tidy_all(self) -> None:
        folders, self._untidy = self._untidy, []
        if folders:
            await asyncio.to_thread(_drop_roots, folders)


def _remember(fresh: dict[str, PodState], state: PodState) -> None:
    """Several read of the same ends one after another: the record is read once."""
    if state.exit is not None:
        fresh[state.id] = state
        if len(fresh) > _FRESH:
            del fresh[next(iter(fresh))]


def _is_over(state: PodState, request: PodRequest, container: str) -> bool:
    """Whether a container says nothing any more."""
    live = state.live.get(container)
    ended = live is not None and live.end is not None and request.restart_policy == "Never"
    return state.exit is not None or ended or container in state.containers


def _drop_roots(folders: Iterable[Path]) -> None:
    for folder in folders:
        for name in records.DROPPED:
            shutil.rmtree(folder / name, ignore_errors=True)
