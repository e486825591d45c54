"""Tasks that should not end: if one does, that is a fault, which is logged, counted and answered by a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from setpoint.apis.errors import Transient
from setpoint.engines.runner.backoff import Backoff
from setpoint.engines.runner.metrics import RunnerMetrics
from setpoint.ports.clock import Clock

_log = logging.getLogger(__name__)


class Background:
    """A set of guarded tasks, ended together by `stop`."""

    def __init__(self, clock: Clock, *, backoff: Backoff | None = None, metrics: RunnerMetrics | None = None) -> None:
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._metrics = metrics
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Keep `work` going under a name; it is called again each time it ends."""
        self._tasks.append(asyncio.create_task(self._keep(name, work), name=name))

    async def stop(self) -> None:
        """Cancel all and wait until they have ended."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            started = self._clock.now()
            try:
                await work()
                _log.error("%s ended by itself; it is started again", name)
            except Transient as error:
                _log.warning("%s: %s", name, error)
            except Exception:  # noqa: BLE001  the supervision point of tasks that should not end
                _log.exception("%s failed; it is started again", name)
            if self._metrics:
                self._metrics.restarts.labels(name).inc()
            lasted = self._clock.now() - started
            failures = 1 if lasted > self._backoff.longest else failures + 1
            await self._clock.sleep_until(self._clock.now() + self._backoff.delay(failures))
