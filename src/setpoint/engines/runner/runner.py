"""The runner: informers, controllers and background tasks of a process, started and stopped in the right order.

Invariant: no controller works before the informers have their first list, and none is cut off while informers end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from prometheus_client import CollectorRegistry

from setpoint.apis.meta import Resource
from setpoint.engines.runner.background import Background
from setpoint.engines.runner.backoff import Backoff
from setpoint.engines.runner.controller import GRACE, Controller, Reconcile
from setpoint.engines.runner.informer import Informer
from setpoint.engines.runner.metrics import RunnerMetrics
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi

R = TypeVar("R", bound=Resource)


class Runner:
    """Build it, add what should run, then `async with runner:` or `start` and `stop`."""

    def __init__(self, api: ResourceApi, clock: Clock, registry: CollectorRegistry) -> None:
        """Make an empty runner.

        Args:
            api: What informers list and watch.
            clock: For all delays.
            registry: Where the metrics go; a registry takes one runner.
        """
        self._api = api
        self._clock = clock
        self._metrics = RunnerMetrics(registry)
        self._informers: dict[tuple[type[Resource], str | None, str], Informer[Any]] = {}
        self._controllers: list[Controller] = []
        self._tasks: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._background = Background(clock, metrics=self._metrics)

    def informer(self, kind: type[R], *, namespace: str | None = None, selector: str = "") -> Informer[R]:
        """The informer of a kind; those who ask for the same share it. Ask before `start`."""
        key = (kind, namespace, selector)
        if key not in self._informers:
            self._informers[key] = Informer(self._api, kind, self._clock, namespace=namespace, selector=selector)
        return cast("Informer[R]", self._informers[key])

    def controller(
        self, name: str, reconcile: Reconcile, *, workers: int = 1, backoff: Backoff | None = None
    ) -> Controller:
        """A new controller; say what it `watches`, or add to its queue."""
        controller = Controller(name, reconcile, self._clock, workers=workers, backoff=backoff, metrics=self._metrics)
        self._controllers.append(controller)
        return controller

    def background(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Work that should never end; it is started with the controllers and started again if it does end."""
        self._tasks.append((name, work))

    async def start(self) -> None:
        """Get the informers' first lists, then start everything.

        Raises:
            SetpointError: If a list is refused for a reason that waiting does not cure; nothing is started then.
        """
        for informer in self._informers.values():
            await informer.load()
        for informer in self._informers.values():
            self._background.start(informer.name, informer.run)
        for controller in self._controllers:
            controller.start()
        for name, work in self._tasks:
            self._background.start(name, work)

    async def stop(self, grace: timedelta = GRACE) -> None:
        """Let reconciliations that run finish within the grace period, then end everything."""
        await asyncio.gather(*(controller.stop(grace) for controller in self._controllers))
        await self._background.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
