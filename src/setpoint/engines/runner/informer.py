"""A local copy of the objects of a kind, kept by list and watch, and word of each change.

Invariant: handlers see for each object an unbroken chain of states (the `new` of one call is the `old` of the
next), also over a relist; states in between may be left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Any, Generic, TypeVar, cast

from setpoint.apis.errors import Conflict, Transient
from setpoint.apis.meta import Resource
from setpoint.engines.runner.backoff import Backoff
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi, WatchEvent, WatchType

R = TypeVar("R", bound=Resource)

Handler = Callable[[R | None, R | None], None]

_log = logging.getLogger(__name__)


class Informer(Generic[R]):
    """The objects of one kind in one namespace or all, by selector."""

    def __init__(
        self,
        api: ResourceApi,
        kind: type[R],
        clock: Clock,
        *,
        namespace: str | None = None,
        selector: str = "",
        backoff: Backoff | None = None,
    ) -> None:
        self._api = api
        self._kind = kind
        self._clock = clock
        self._namespace = namespace
        self._selector = selector
        self._backoff = backoff or Backoff()
        self._objects: dict[str, R] = {}
        self._handlers: list[Handler[R]] = []
        self._synced = asyncio.Event()
        self._version: str | None = None  # where the watch goes on; None: list first

    @property
    def name(self) -> str:
        """For logs and metrics."""
        return f"informer of {self._kind.KIND}"

    def on_change(self, handler: Handler[R]) -> None:
        """Call `handler(old, new)` on each change; None is an object that is not there. It must not wait."""
        self._handlers.append(handler)
        for resource in list(self._objects.values()):
            self._call(handler, None, resource)

    def get(self, key: str) -> R | None:
        """The object by `namespace/name`, as last heard of."""
        return self._objects.get(key)

    def items(self) -> Iterable[R]:
        """All objects as last heard of."""
        return list(self._objects.values())

    @property
    def is_synced(self) -> bool:
        """Whether the first list is in; false while handlers hear of what it holds."""
        return self._synced.is_set()

    async def synced(self) -> None:
        """Return once the first list is in."""
        await self._synced.wait()

    async def load(self) -> None:
        """Get the first list, waiting while the API is not there; nothing if that was done.

        Raises:
            SetpointError: If the API refuses for a reason that waiting does not cure.
        """
        failures = 0
        while not self._synced.is_set():
            try:
                await self._list()
            except Transient as error:
                failures += 1
                _log.warning("%s: %s", self.name, error)
                await self._clock.sleep_until(self._clock.now() + self._backoff.delay(failures))

    async def run(self) -> None:
        """List and watch for ever; lists again where the watch's version is not kept any more.

        Raises:
            SetpointError: If the API refuses for a reason that waiting does not cure.
        """
        failures = 0
        while True:
            before = self._version
            try:
                await self._follow()
            except Conflict:
                self._version = None
            except Transient as error:
                _log.warning("%s: %s", self.name, error)
            failures = 0 if self._version != before else failures + 1
            if failures:
                await self._clock.sleep_until(self._clock.now() + self._backoff.delay(failures))

    async def _follow(self) -> None:
        if self._version is None:
            await self._list()
        # The port says iterator; all implementations are generators, which must be closed with the task.
        watch = cast("Any", self._api.watch(self._kind, self._namespace, since=self._version, selector=self._selector))
        async with aclosing(watch) as events:
            async for event in events:
                self._apply(event)

    async def _list(self) -> None:
        found = await self._api.list(self._kind, self._namespace, selector=self._selector)
        fresh = {resource.key: resource for resource in found.items}
        for key in [key for key in self._objects if key not in fresh]:
            self._notify(self._objects.pop(key), None)
        for key, resource in fresh.items():
            old = self._objects.get(key)
            if old is None or old.metadata.resource_version != resource.metadata.resource_version:
                self._objects[key] = resource
                self._notify(old, resource)
        self._version = found.resource_version
        self._synced.set()

    def _apply(self, event: WatchEvent[R]) -> None:
        resource = event.resource
        self._version = resource.metadata.resource_version
        if event.type is WatchType.BOOKMARK:
            return
        if event.type is WatchType.DELETED:
            old = self._objects.pop(resource.key, None)
            if old is not None:
                self._notify(old, None)
            return
        old = self._objects.get(resource.key)
        self._objects[resource.key] = resource
        self._notify(old, resource)

    def _notify(self, old: R | None, new: R | None) -> None:
        for handler in self._handlers:
            self._call(handler, old, new)

    def _call(self, handler: Handler[R], old: R | None, new: R | None) -> None:
        try:
            handler(old, new)
        except Exception:  # noqa: BLE001  one bad object must not end the watch of all others
            about = new or old
            _log.exception("%s: a handler failed on %s", self.name, about.key if about else "")
