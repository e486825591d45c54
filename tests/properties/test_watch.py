"""A watch never loses or repeats an event: with concurrent writers, reconnects at any moment, and compaction.

Each reader keeps a mirror as an informer does: it lists, watches from there, goes on from the last version it was told
after it was cut off, and lists again when that is not kept any more. Sources: the store's typed API, its API on JSON,
and the Kubernetes API over a socket.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.catalog import define
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import AlreadyExists, Conflict, Expired, NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.selectors import parse_selector
from setpoint.ports.objects import ListQuery
from setpoint.ports.resources import ResourceApi
from tests.servers import served_over_http

PATIENCE_SECONDS = 60.0
MAPS = define(ConfigMap)
NAMES = [f"m{number}" for number in range(5)]

Seen = tuple[str, str, int]  # type, name, version
Event = tuple[str, str, str, int, str]  # type, uid, name, version, data
Source = Callable[[SqliteStore, ResourceApi, str], "Reader"]


@dataclass
class Reader:
    """What one informer knows, and what it was told."""

    present: Callable[[], Any]
    watch: Callable[[str], AsyncIterator[Event]]
    mirror: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    version: str = ""
    seen: list[Event] = field(default_factory=list)
    relists: int = 0

    async def relist(self) -> None:
        items, self.version = await self.present()
        self.mirror = {name: (uid, version, data) for uid, name, version, data in items}
        self.seen.append(("LIST", "", "", int(self.version), ""))
        self.relists += 1

    async def follow(self, stop: Callable[[], bool], chance: random.Random) -> None:
        """Read on until told to stop, cut off at random moments."""
        await self.relist()
        while not stop():
            events = self.watch(self.version)
            left = chance.randrange(1, 12)
            try:
                while left:
                    event = await asyncio.wait_for(anext(events), 0.05)
                    self.take(event)
                    left -= 1
            except TimeoutError:
                continue
            except Expired:
                await self.relist()
            finally:
                assert isinstance(events, AsyncGenerator)
                await events.aclose()

    def take(self, event: Event) -> None:
        kind, uid, name, version, data = event
        last = int(self.version)
        assert version > last, f"told of {event} after {last}"
        self.version = str(version)
        self.seen.append(event)
        known = self.mirror.get(name)
        match kind:
            case "ADDED":
                assert known is None, f"{event} is there already: {known}"
            case "MODIFIED":
                assert known is not None and known[0] == uid, f"{event} of what is not known: {known}"
            case "DELETED":
                assert known is not None and known[0] == uid, f"{event} of what is not known: {known}"
                del self.mirror[name]
                return
        self.mirror[name] = (uid, version, data)


def typed(api: ResourceApi, selector: str) -> Reader:
    async def list_() -> Any:
        found = await api.list(ConfigMap, "default", selector=selector)
        return [_known(item) for item in found.items], found.resource_version

    async def watch(since: str) -> AsyncIterator[Event]:
        events = api.watch(ConfigMap, "default", since=since, selector=selector)
        try:
            async for event in events:
                yield (event.type.value, *_known(event.resource))
        finally:
            assert isinstance(events, AsyncGenerator)
            await events.aclose()

    return Reader(list_, watch)


def _known(item: ConfigMap) -> tuple[str, str, int, str]:
    return item.metadata.uid, item.metadata.name, int(item.metadata.resource_version), item.data["n"]


def as_json(store: SqliteStore, selector: str) -> Reader:
    query = ListQuery(namespace="default", selector=parse_selector(selector))

    def known(document: bytes) -> tuple[str, str, int, str]:
        wire = msgspec.json.decode(document)
        meta = wire["metadata"]
        return meta["uid"], meta["name"], int(meta["resourceVersion"]), wire["data"]["n"]

    async def list_() -> Any:
        page = await store.objects.list(MAPS, query)
        return [known(item) for item in page.documents], page.version

    async def watch(since: str) -> AsyncIterator[Event]:
        events = store.objects.watch(MAPS, query, since=since)
        try:
            async for told in events:
                if told.document:
                    yield (str(told.type), *known(told.document))
        finally:
            await events.aclose()

    return Reader(list_, watch)


SOURCES: dict[str, Source] = {
    "typed": lambda store, http, selector: typed(store.resources, selector),
    "json": lambda store, http, selector: as_json(store, selector),
    "http": lambda store, http, selector: typed(http, selector),
}


async def write(api: ResourceApi, chance: random.Random, steps: int) -> None:
    """Create, change, relabel and delete at random; who is late is refused, as it should be."""
    for step in range(steps):
        name = chance.choice(NAMES)
        labels = {"side": chance.choice(["left", "right"])}
        try:
            match chance.randrange(4):
                case 0:
                    metadata = ObjectMeta(name=name, namespace="default", labels=labels)
                    await api.create(ConfigMap(metadata=metadata, data={"n": f"new {step}"}))
                case 1:
                    await api.delete(ConfigMap, "default", name)
                case 2:
                    await api.patch(ConfigMap, "default", name, {"metadata": {"labels": labels}})
                case _:
                    await api.patch(ConfigMap, "default", name, {"data": {"n": f"step {step}"}})
        except (NotFound, AlreadyExists, Conflict):
            continue


@asynccontextmanager
async def opened(directory: Path, history: int) -> AsyncIterator[tuple[SqliteStore, ResourceApi]]:
    with SqliteStore(directory / "store", SystemClock(), history=history, compact_every=7) as store:
        async with served_over_http(store, directory) as http:
            yield store, http


async def run(source: str, seed: int, history: int, writers: int) -> list[Reader]:
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        async with asyncio.timeout(PATIENCE_SECONDS), opened(Path(folder), history) as (store, http):
            make = SOURCES[source]
            readers = [make(store, http, selector) for selector in ("", "", "side=left", "side!=left")]
            done = False
            following = [
                asyncio.ensure_future(reader.follow(lambda: done, random.Random(seed + number)))
                for number, reader in enumerate(readers)
            ]
            await asyncio.gather(*(write(store.resources, random.Random(chance.random()), 25) for _ in range(writers)))
            for reader in readers:
                await _caught_up(reader, following)
            done = True
            await asyncio.gather(*following)
            for reader in readers:
                items, _ = await reader.present()
                assert reader.mirror == {name: (uid, version, data) for uid, name, version, data in items}
            return readers


async def _caught_up(reader: Reader, following: list[asyncio.Task[None]]) -> None:
    while True:
        for task in following:
            if task.done():
                task.result()
        items, _ = await reader.present()
        if reader.mirror == {name: (uid, version, data) for uid, name, version, data in items}:
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("source", sorted(SOURCES))
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32), history=st.sampled_from([4, 30, 10_000]), writers=st.integers(1, 4))
def test_mirrors_end_like_the_store_whatever_happens(source: str, seed: int, history: int, writers: int) -> None:
    readers = asyncio.run(run(source, seed, history, writers))
    if history == 10_000:
        assert all(reader.relists == 1 for reader in readers), "nothing was forgotten, so nobody had to list again"
