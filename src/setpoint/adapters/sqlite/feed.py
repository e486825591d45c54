"""One feed a kind for all who watch it as JSON: a change is read and written out once, however many are told of it.

One watcher at a time waits for the store and reads on; the others wait for that one. Who is further behind than what is
kept in memory reads the change log by itself. Invariant: as of `watching`, and a watcher is told of each version once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from setpoint.adapters.sqlite.hub import Hub, Waiter
from setpoint.adapters.sqlite.readers import Readers
from setpoint.adapters.sqlite.rows import KindInfo
from setpoint.adapters.sqlite.watching import Happened, View, cursor_of, happened_after, seen_as, version_of
from setpoint.apis.errors import Expired
from setpoint.ports.objects import Told
from setpoint.ports.resources import WatchType

_KEPT = 1024  # changes of a kind
_KEPT_BYTES = 16 * 1024 * 1024
_LONGEST_SLEEP_SECONDS = 30.0  # then the version moves on though nothing of the kind happened: bookmarks need it

Fields = Callable[[Mapping[str, Any]], bool] | None


class Feed:
    """The newest changes of one kind, of all namespaces."""

    def __init__(self, readers: Readers, waiter: Waiter, kind: KindInfo) -> None:
        self._readers, self._waiter, self._kind = readers, waiter, kind
        self._kept: deque[Happened] = deque()
        self._size = 0
        self._begin = self.end = -1  # what is kept is all that happened after `begin` and up to `end`
        self.led = False
        self._turn = asyncio.Event()
        self.watchers = 0

    async def after(self, cursor: int) -> tuple[list[Happened], int]:
        """What happened after `cursor`, and up to which version that is all. Raises: Expired."""
        await self.beyond(-1)
        if self._begin <= cursor <= self.end:
            return self._since(cursor), self.end
        found, end, _ = await self._readers.read(partial(happened_after, kind=self._kind, cursor=cursor))
        return found, end

    async def beyond(self, cursor: int) -> None:
        """Wait until the feed has read beyond `cursor`."""
        while self.end <= cursor:
            if self.led:
                await self._turn.wait()
            else:
                await self._lead(cursor)

    async def _lead(self, cursor: int) -> None:
        self.led = True
        try:
            while self.end <= cursor:
                self._waiter.reset()
                await self._read_on()
                if self.end <= cursor:
                    try:
                        async with asyncio.timeout(_LONGEST_SLEEP_SECONDS):
                            await self._waiter.wait()
                    except TimeoutError:
                        continue
        finally:  # cancelled, too: then another takes the lead
            self.led = False
            self._wake()

    def _wake(self) -> None:
        """Let those who wait for the leader look again."""
        self._turn.set()
        self._turn = asyncio.Event()

    async def _read_on(self) -> None:
        before = self.end
        await self._read()
        if self.end != before:  # the leader may stand further on than others, and go on waiting
            self._wake()

    async def _read(self) -> None:
        if self.end < 0:
            self._begin = self.end = await self._readers.read(version_of)
            return
        more = True
        while more:
            read = partial(happened_after, kind=self._kind, cursor=self.end)
            try:
                found, self.end, more = await self._readers.read(read)
            except Expired:  # nobody led for long, as when all watchers read slowly: who still stands there is told so
                self._kept.clear()
                self._size = 0
                self._begin = self.end = await self._readers.read(version_of)
                return
            self._kept.extend(found)
            self._size += sum(item.size for item in found)
        while self._kept and (len(self._kept) > _KEPT or self._size > _KEPT_BYTES):
            gone = self._kept.popleft()
            self._size -= gone.size
            self._begin = gone.version

    def _since(self, cursor: int) -> list[Happened]:
        found: list[Happened] = []
        for item in reversed(self._kept):  # a watcher is a few changes behind, not a thousand
            if item.version <= cursor:
                break
            found.append(item)
        return found[::-1]


class Feeds:
    """The feeds of the kinds that somebody watches."""

    def __init__(self, readers: Readers, hub: Hub) -> None:
        self._readers, self._hub = readers, hub
        self._feeds: dict[str, tuple[Feed, Waiter]] = {}

    async def watch(self, view: View, fields: Fields, since: str | None) -> AsyncGenerator[Told, None]:
        """Events for ever, and a BOOKMARK without document whenever all has been told up to its version.

        Raises: Expired, InvalidSpec for what is no version, Unavailable when the store closes.
        """
        feed = self._join(view.kind)
        try:
            seen = _Seen(view, fields)
            if since is None:
                documents, cursor = await self._readers.read(view.list)
                documents.reverse()
                while documents:  # what was told need not be in memory for as long as the rest
                    document = documents.pop()
                    if seen.begins(document):
                        yield Told(WatchType.ADDED, document, cursor)
            else:
                cursor = cursor_of(since)
            told = -1
            while True:
                happened, end = await feed.after(cursor)
                for item in happened:
                    event = seen.event(item)
                    if event is not None:
                        yield Told(event, item.document, item.version)
                cursor = end
                if cursor >= feed.end:
                    if told != cursor:
                        yield Told(WatchType.BOOKMARK, b"", cursor)
                        told = cursor
                    await feed.beyond(cursor)
        finally:
            self._leave(view.kind)

    def leads(self, kind: str) -> bool:
        """Whether a watcher of the kind waits for the store just now."""
        return kind in self._feeds and self._feeds[kind][0].led

    def _join(self, kind: KindInfo) -> Feed:
        if kind.key not in self._feeds:
            waiter = self._hub.subscribe(kind.key)
            waiter.__enter__()
            self._feeds[kind.key] = (Feed(self._readers, waiter, kind), waiter)
        feed = self._feeds[kind.key][0]
        feed.watchers += 1
        return feed

    def _leave(self, kind: KindInfo) -> None:
        feed, waiter = self._feeds[kind.key]
        feed.watchers -= 1
        if not feed.watchers:
            waiter.__exit__(None, None, None)
            del self._feeds[kind.key]


class _Seen:
    """What a change is to one watcher, by its namespace, its label selector and its field selector.

    The change log holds the labels before a change, not the fields: of an object that the watcher was never told of,
    one that its field selector does not match is told as DELETED, which a client that does not know it passes over.
    """

    def __init__(self, view: View, fields: Fields) -> None:
        self._view, self._fields = view, fields
        self._known: set[str] = set()
        self._unknown: set[str] = set()

    def begins(self, document: bytes) -> bool:
        """Whether an object is among those that the watch begins with."""
        if self._fields is None:
            return True
        wire = msgspec.json.decode(document)
        return self._holds(wire, wire["metadata"]["uid"])

    def event(self, item: Happened) -> WatchType | None:
        """How the change is told, None if not at all."""
        view = self._view
        if view.namespace is not None and item.namespace != view.namespace:
            return None
        if not view.selector and self._fields is None:
            return item.type
        now = view.selector.matches(item.labels)
        before = now if item.before is None else view.selector.matches(item.before)
        if self._fields is not None:
            before = before and (item.uid in self._known or item.uid not in self._unknown)
            now = now and self._holds(item.wire(), item.uid)
            if item.type is WatchType.DELETED:
                self._known.discard(item.uid)
                self._unknown.discard(item.uid)
        return seen_as(item.type, before=before, now=now)

    def _holds(self, wire: Mapping[str, Any], uid: str) -> bool:
        assert self._fields is not None  # noqa: S101  the callers asked
        holds = self._fields(wire)
        (self._known if holds else self._unknown).add(uid)
        (self._unknown if holds else self._known).discard(uid)
        return holds
