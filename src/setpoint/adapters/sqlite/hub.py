"""Wakes readers when the writer has committed something about their topic.

A topic is a kind of object or the inbox of requests. The hub carries no data: a woken reader asks the database from
where it stands. A busy workflow commits hundreds of times a second: of such commits a reader hears a moment later,
once for all that came meanwhile. Invariant: a commit after `reset` sets the event, so no change is slept through.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

_MOMENT_SECONDS = 0.02


class Waiter:
    """One reader's place in the hub; a context manager that belongs to the loop it was made in."""

    def __init__(self, hub: Hub, topic: str) -> None:
        self._hub = hub
        self._topic = topic
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._signalled = False
        self._comes = False  # a wake-up, in a moment

    def __enter__(self) -> Self:
        self._hub.add(self._topic, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hub.remove(self._topic, self)

    def reset(self) -> None:
        """From here on a commit wakes; read the database after this, not before."""
        self._event.clear()
        self._signalled = False

    async def wait(self) -> None:
        """Return once something was committed after `reset`."""
        await self._event.wait()

    def wake(self) -> None:
        """Called in the writer's thread."""
        if self._signalled:
            return
        self._signalled = True
        self._call(self._event.set)

    def wake_in_a_moment(self) -> None:
        """Called in the writer's thread."""
        if self._signalled or self._comes:
            return
        self._comes = True
        self._call(self._loop.call_later, _MOMENT_SECONDS, self._wake)

    def _wake(self) -> None:
        self._comes = False
        self._event.set()

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop was closed with the reader still in it
            self._hub.remove(self._topic, self)


class Hub:
    """The waiters of a store by topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: dict[str, set[Waiter]] = {}

    def subscribe(self, topic: str) -> Waiter:
        """A waiter for the topic; enter it to receive."""
        return Waiter(self, topic)

    def add(self, topic: str, waiter: Waiter) -> None:
        """Let the waiter be woken."""
        with self._lock:
            self._waiters.setdefault(topic, set()).add(waiter)

    def remove(self, topic: str, waiter: Waiter) -> None:
        """Let the waiter be."""
        with self._lock:
            self._waiters.get(topic, set()).discard(waiter)

    def publish(self, topics: Iterable[str], in_a_moment: Iterable[str] = ()) -> None:
        """Wake all waiters of the topics, now or in a moment; called in the writer's thread after a commit."""
        with self._lock:
            woken = [waiter for topic in topics for waiter in self._waiters.get(topic, ())]
            later = [waiter for topic in in_a_moment for waiter in self._waiters.get(topic, ())]
        for waiter in woken:
            waiter.wake()
        for waiter in later:
            waiter.wake_in_a_moment()

    def publish_all(self) -> None:
        """Wake everybody, as on closing."""
        with self._lock:
            topics = list(self._waiters)
        self.publish(topics)
