"""Reconciles Pods that users made: each is launched once, looked at while it runs, and goes when it is deleted.

The launch id is derived from the object's uid, so a pod that was launched before a kill is found again. Restarts of
containers are the supervisor's. A launch that waits (for room, for a claim, for a config map) is a task of its own.
Source: kubernetes pkg/kubelet.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from setpoint.apis.errors import InvalidSpec, NotFound, Transient
from setpoint.apis.pod import ATTEMPT, LAUNCH, Pod, PodHead, PodStatus, attempt_of, launch_of
from setpoint.apis.pods import PodState
from setpoint.core.pods.document import FINALIZER, OPEN
from setpoint.core.pods.user import Waiting, is_launched_anew, refused_status, user_order, user_status
from setpoint.engines.runner import Controller, EventRecorder, Result, Runner
from setpoint.engines.workflow.environment import Unschedulable, complete_request
from setpoint.operations.pods import admit_pod
from setpoint.ports.clock import Clock
from setpoint.ports.credentials import PodCredentials
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi

POLL = timedelta(seconds=1)
_POLL_SOON = timedelta(milliseconds=100)
_RETRY = timedelta(seconds=5)
_WORKERS = 4
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Launch:
    """A launch under way, and what it waits for."""

    task: asyncio.Task[None]
    waiting: Waiting


class PodEngine:
    """The reconciler of users' Pods."""

    def __init__(
        self,
        resources: ResourceApi,
        launcher: Launcher,
        clock: Clock,
        *,
        credentials: PodCredentials | None = None,
    ) -> None:
        """Starts nothing yet. `credentials` gives pods what they reach the API with; None: they get nothing."""
        self._credentials = credentials
        self._resources, self._launcher, self._clock = resources, launcher, clock
        self._events = EventRecorder(resources, clock, "kubelet")
        self._launches: dict[str, _Launch] = {}  # by launch id
        self._refused: dict[str, InvalidSpec] = {}  # the same: found only when it was to be launched
        self._keys: dict[str, str] = {}  # launch ids of pods that run: whose
        self._resting: set[str] = set()
        self._controller: Controller | None = None

    def attach(self, runner: Runner, *, leave_stored: bool = False) -> Controller:
        """Have the runner reconcile every Pod; before it starts.

        Args:
            runner: Whose informers and workers are used.
            leave_stored: Pods that are stored before the start are left alone until somebody changes them, unless they
                run.
        """
        heads = runner.informer(PodHead, selector=OPEN)
        if leave_stored:
            heads.on_change(lambda _, new: self._rest(new) if not heads.is_synced else None)
        self._controller = runner.controller("pod", self.reconcile, workers=_WORKERS)
        self._controller.watches(heads, _users_key)
        runner.background("pod-ends", self._watch_ends)
        return self._controller

    def _rest(self, head: PodHead | None) -> None:
        if head is not None and not head.launch:
            self._resting.add(head.metadata.resource_version)

    async def _watch_ends(self) -> None:
        async for state in self._launcher.exits():
            key = self._keys.get(state.id)
            if key is not None:
                self._look(key)

    def _look(self, key: str) -> None:
        if self._controller is not None:
            self._controller.queue.add(key)

    async def close(self) -> None:
        """Leave launches that wait."""
        tasks = [launch.task for launch in self._launches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reconcile(self, key: str) -> Result | None:
        """One pass over the pod `namespace/name`.

        Raises: Conflict if the object was changed meanwhile, and whatever store or launcher raise: try again.
        """
        namespace, _, name = key.partition("/")
        try:
            pod = await self._resources.get(Pod, namespace, name)
        except NotFound:
            await self._end_orphans(key, keep="")
            return None
        if LAUNCH in pod.metadata.annotations:
            return None
        launch = launch_of(pod.metadata)
        await self._end_orphans(key, keep=launch)
        state = await self._launcher.state(launch)
        if pod.metadata.deletion_timestamp is not None:
            return await self._delete(pod, state)
        if pod.status.ended:
            return await self._let_go(pod)
        if state is None and pod.metadata.resource_version in self._resting:
            return None
        if FINALIZER not in pod.metadata.finalizers:
            pod = await self._bind(pod)
        self._keys[launch] = key
        if state is None:
            return await self._begin(pod)
        if state.exit is not None and is_launched_anew(pod, state.exit):
            return await self._launch_anew(pod)
        pod = await self._store(pod, user_status(pod, await self._launcher.request(launch), state, self._clock.now()))
        if state.exit is not None:
            return await self._let_go(pod)
        return Result(requeue_after=POLL if pod.status.phase == "Running" else _POLL_SOON)

    async def _bind(self, pod: Pod) -> Pod:
        """The pod is this machine's from now on."""
        metadata = pod.metadata.replace(finalizers=(*pod.metadata.finalizers, FINALIZER))
        spec = pod.spec.replace(
            node_name=pod.spec.node_name or self._launcher.machine().name,
            service_account_name=pod.spec.service_account_name or "default",
        )
        return await self._resources.update(pod.replace(metadata=metadata, spec=spec))

    async def _launch_anew(self, pod: Pod) -> Result:
        """The next attempt has a launch id of its own, which is stored before it is used."""
        attempt = attempt_of(pod.metadata) + 1
        await self._events.warning(pod, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
        patch = {"metadata": {"annotations": {ATTEMPT: str(attempt)}}}
        await self._resources.patch(Pod, pod.metadata.namespace, pod.metadata.name, patch)
        await self._launcher.remove(launch_of(pod.metadata))
        return Result(requeue_after=timedelta())

    # --- before the launch

    async def _begin(self, pod: Pod) -> Result | None:
        uid, now = launch_of(pod.metadata), self._clock.now()
        refused = self._refused.get(uid) or next(iter(admit_pod(pod).errors), None)
        if refused is not None:
            self._refused.pop(uid, None)
            where = f"{refused.path}: " if refused.path else ""
            pod = await self._store(pod, refused_status(pod, "NotSupported", f"{where}{refused.reason}", now))
            await self._events.warning(pod, "FailedCreate", pod.status.message)
            return await self._let_go(pod)
        launch, ignored = self._launches.get(uid), ""
        if launch is None:
            ignored = await self._warn(pod)
            work = self._launch(pod, uid)
            task = asyncio.create_task(work, name=f"launch of pod {pod.key}")
            launch = self._launches[uid] = _Launch(task=task, waiting=Waiting())
            task.add_done_callback(lambda _: self._launches.pop(uid, None))
        await self._store(pod, user_status(pod, None, None, now, launch.waiting, ignored))
        return Result(requeue_after=POLL)

    async def _warn(self, pod: Pod) -> str:
        """One word on what of it has no meaning here, "" if all has."""
        ignored = sorted({warning.path for warning in admit_pod(pod).warnings})
        if not ignored:
            return ""
        text = f"no meaning on one machine, ignored: {', '.join(ignored)}"
        await self._events.warning(pod, "FieldsIgnored", text)
        return text

    async def _launch(self, pod: Pod, uid: str) -> None:
        """The supervision point of launches: what one raises is told of, and tried again."""
        launched = False
        try:
            while not launched:
                try:
                    await self._try_launch(pod)
                    launched = True
                except Unschedulable as error:
                    self._waits(pod, Waiting(reason="", message=str(error), scheduled=False))
                except InvalidSpec as error:
                    if error.path.endswith(".image"):
                        self._refused[uid] = error
                        return
                    self._waits(pod, Waiting(reason="CreateContainerConfigError", message=str(error)))
                except Transient as error:
                    self._waits(pod, Waiting(message=str(error)))
                if not launched:
                    await self._clock.sleep_until(self._clock.now() + _RETRY)
        except Exception as error:  # noqa: BLE001  the supervision point
            _log.exception("pod %s was not launched", pod.key)
            self._refused[uid] = InvalidSpec(f"internal error: {error}")
        finally:
            if not launched:
                self._launcher.release(uid)
            self._launches.pop(uid, None)
            self._look(pod.key)

    async def _try_launch(self, pod: Pod) -> None:
        order = user_order(pod, self._clock.now())
        request = order.request
        if request.requests:
            request = await self._launcher.reserve(request, lambda text: self._wait_for_room(pod, text))
        machine = self._launcher.machine()
        request = await complete_request(self._resources, order, request, machine, self._credentials)
        await self._launcher.launch(request)

    def _wait_for_room(self, pod: Pod, message: str) -> None:
        self._waits(pod, Waiting(reason="", message=message.removeprefix("Unschedulable: "), scheduled=False))

    def _waits(self, pod: Pod, waiting: Waiting) -> None:
        launch = self._launches.get(launch_of(pod.metadata))
        if launch is not None and launch.waiting != waiting:
            launch.waiting = waiting
            self._look(pod.key)

    # --- after it

    async def _delete(self, pod: Pod, state: PodState | None) -> Result | None:
        uid = launch_of(pod.metadata)
        launch = self._launches.get(uid)
        if launch is not None:
            launch.task.cancel()
            return Result(requeue_after=_POLL_SOON)
        if state is not None and state.exit is None:
            self._keys[uid] = pod.key
            grace = pod.metadata.deletion_grace_period_seconds
            await self._launcher.kill(uid, grace_seconds=None if grace is None else float(grace))
            return Result(requeue_after=POLL)
        if state is not None:
            if not pod.status.ended:
                pod = await self._store(pod, user_status(pod, None, state, self._clock.now()))
            await self._launcher.remove(uid)
        return await self._let_go(pod)

    async def _let_go(self, pod: Pod) -> Result | None:
        """Nothing of the pod runs: its object is not held any more."""
        self._keys.pop(launch_of(pod.metadata), None)
        if FINALIZER in pod.metadata.finalizers:
            finalizers = tuple(item for item in pod.metadata.finalizers if item != FINALIZER)
            with suppress(NotFound):
                await self._resources.update(pod.replace(metadata=pod.metadata.replace(finalizers=finalizers)))
        return None

    async def _end_orphans(self, key: str, keep: str) -> None:
        """Pods whose object was removed by force."""
        for uid in [uid for uid, name in self._keys.items() if name == key and uid != keep]:
            launch = self._launches.get(uid)
            if launch is not None:
                launch.task.cancel()
            await self._launcher.kill(uid, grace_seconds=0)
            del self._keys[uid]

    async def _store(self, pod: Pod, status: PodStatus) -> Pod:
        return pod if status == pod.status else await self._resources.update_status(pod.replace(status=status))


def _users_key(pod: PodHead) -> tuple[str, ...]:
    return () if pod.launch else (pod.key,)
