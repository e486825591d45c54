"""A controller: workers that take keys from a queue and reconcile them, one worker per key at a time.

The worker is the supervision point of all reconcilers: whatever one raises is logged with the key and answered by
another try after a growing wait. Invariant: an added key is reconciled until that succeeds, or the controller stops.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from setpoint.apis.errors import Conflict, Transient
from setpoint.apis.meta import Resource
from setpoint.engines.runner.backoff import Backoff
from setpoint.engines.runner.informer import Informer
from setpoint.engines.runner.metrics import RunnerMetrics
from setpoint.engines.runner.queue import WorkQueue
from setpoint.ports.clock import Clock

R = TypeVar("R", bound=Resource)

GRACE = timedelta(seconds=10)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a reconciler wants next: to be asked again after a while, if nothing happens before."""

    requeue_after: timedelta | None = None


Reconcile = Callable[[str], Awaitable[Result | None]]


def own_key(resource: Resource) -> Iterable[str]:
    """The object's own key."""
    return (resource.key,)


def owner_keys(kind: type[Resource]) -> Callable[[Resource], Iterable[str]]:
    """A function from an object to the keys of those of its owners that are of the kind and control it."""

    def keys(resource: Resource) -> Iterable[str]:
        namespace = resource.metadata.namespace if kind.NAMESPACED else ""
        return tuple(
            f"{namespace}/{reference.name}"
            for reference in resource.metadata.owner_references
            if reference.controller and reference.kind == kind.KIND
        )

    return keys


class Controller:
    """Reconciles keys of one sort."""

    def __init__(
        self,
        name: str,
        reconcile: Reconcile,
        clock: Clock,
        *,
        workers: int = 1,
        backoff: Backoff | None = None,
        metrics: RunnerMetrics | None = None,
    ) -> None:
        """Make a controller that is not yet running.

        Args:
            name: For logs and metrics.
            reconcile: Brings the object of a key (`namespace/name`) nearer to what it should be; called again
                with back-off when it raises.
            clock: For delays.
            workers: How many keys are reconciled at a time.
            backoff: The wait after failures.
            metrics: Where to count.
        """
        self.name = name
        self.queue = WorkQueue(name, clock, backoff=backoff, metrics=metrics)
        self._reconcile = reconcile
        self._clock = clock
        self._workers = workers
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.Task[None] | None = None

    def watches(self, informer: Informer[R], keys: Callable[[R], Iterable[str]] = own_key) -> None:
        """Reconcile on each change of the informer's objects; `keys` says which keys a change is about."""

        def handler(old: R | None, new: R | None) -> None:
            for resource in (old, new):
                for key in keys(resource) if resource is not None else ():
                    self.queue.add(key)

        informer.on_change(handler)

    def start(self) -> None:
        """Start the workers."""
        self._timer = asyncio.create_task(self.queue.run(), name=f"{self.name} timer")
        self._tasks = [
            asyncio.create_task(self._work(), name=f"{self.name} worker {number}") for number in range(self._workers)
        ]

    async def stop(self, grace: timedelta = GRACE) -> None:
        """Take no more keys, let what runs finish within the grace period, then cancel it."""
        self.queue.shut_down()
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)
        tasks, self._tasks = self._tasks, []
        limit = asyncio.ensure_future(self._clock.sleep_until(self._clock.now() + grace))
        running: set[asyncio.Future[None]] = set(tasks)
        while running and not limit.done():
            await asyncio.wait({*running, limit}, return_when=asyncio.FIRST_COMPLETED)
            running = {task for task in running if not task.done()}
        for task in running:
            _log.warning("%s is still working after %s; it is cancelled", self.name, grace)
            task.cancel()
        limit.cancel()
        await asyncio.gather(*tasks, limit, return_exceptions=True)

    async def _work(self) -> None:
        while (key := await self.queue.get()) is not None:
            started = self._clock.now()
            try:
                await self._process(key)
            finally:
                self.queue.done(key)
                if self._metrics:
                    lasted = (self._clock.now() - started).total_seconds()
                    self._metrics.worked.labels(self.name).observe(max(0.0, lasted))

    async def _process(self, key: str) -> None:
        try:
            result = await self._reconcile(key)
        except Exception as error:  # noqa: BLE001  the workers' supervision point
            self._count("error")
            delay = self.queue.retry(key)
            self._tell(key, error, delay)
            return
        self.queue.forget(key)
        if result is not None and result.requeue_after is not None:
            self._count("requeue_after")
            self.queue.add_after(key, result.requeue_after)
        else:
            self._count("success")

    def _tell(self, key: str, error: Exception, delay: timedelta) -> None:
        what = f"{self.name} failed on {key}; next try in {delay.total_seconds():g} s"
        if isinstance(error, Conflict):  # somebody else wrote first: everyday business
            _log.debug("%s: %s", what, error)
        elif isinstance(error, Transient):
            _log.warning("%s: %s", what, error)
        else:
            _log.error("%s", what, exc_info=error)

    def _count(self, result: str) -> None:
        if self._metrics:
            self._metrics.reconciled.labels(self.name, result).inc()
            if result == "error":
                self._metrics.errors.labels(self.name).inc()
