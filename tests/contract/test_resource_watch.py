"""What every ResourceApi does when it is watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import Conflict, InvalidSpec
from setpoint.ports.resources import ResourceApi, WatchType
from tests.contract.objects import close, config_map, take, told

Open = Callable[[], AbstractAsyncContextManager[ResourceApi]]


async def test_a_watch_without_version_begins_with_what_there_is(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(config_map("a"))
        await api.create(config_map("b"))
        watch = api.watch(ConfigMap)
        assert told(await take(watch, 2)) == [("ADDED", "a"), ("ADDED", "b")]
        await api.patch(ConfigMap, "default", "a", {"data": {"x": "1"}})
        await api.delete(ConfigMap, "default", "b")
        assert told(await take(watch, 2)) == [("MODIFIED", "a"), ("DELETED", "b")]
        await close(watch)


async def test_a_watch_goes_on_from_a_list(open_api: Open) -> None:
    async with open_api() as api:
        await api.create(config_map("a"))
        found = await api.list(ConfigMap)
        made = await api.create(config_map("b"))
        changed = await api.patch(ConfigMap, "default", "a", {"data": {"x": "1"}})
        watch = api.watch(ConfigMap, since=found.resource_version)
        events = await take(watch, 2)
        assert [event.resource for event in events] == [made, changed]
        assert [event.type for event in events] == [WatchType.ADDED, WatchType.MODIFIED]
        await close(watch)


async def test_a_watch_tells_every_state_in_order(open_api: Open) -> None:
    async with open_api() as api:
        start = (await api.list(ConfigMap)).resource_version
        made = await api.create(config_map("a", {"n": "0"}))
        for number in range(1, 6):
            made = await api.update(made.replace(data={"n": str(number)}))
        await api.delete(ConfigMap, "default", "a")
        await api.create(config_map("a", {"n": "again"}))
        watch = api.watch(ConfigMap, since=start)
        events = await take(watch, 8)
        assert [event.resource.data["n"] for event in events] == ["0", "1", "2", "3", "4", "5", "5", "again"]
        assert [event.type.value for event in events] == ["ADDED", *["MODIFIED"] * 5, "DELETED", "ADDED"]
        versions = [int(event.resource.metadata.resource_version) for event in events]
        assert versions == sorted(set(versions))
        await close(watch)


async def test_a_watch_from_an_events_version_misses_and_repeats_nothing(open_api: Open) -> None:
    async with open_api() as api:
        start = (await api.list(ConfigMap)).resource_version
        for name in "abcd":
            await api.create(config_map(name))
        first = api.watch(ConfigMap, since=start)
        events = await take(first, 2)
        await close(first)
        second = api.watch(ConfigMap, since=events[-1].resource.metadata.resource_version)
        assert told(await take(second, 2)) == [("ADDED", "c"), ("ADDED", "d")]
        await close(second)


async def test_a_waiting_watch_is_woken(open_api: Open) -> None:
    async with open_api() as api:
        start = (await api.list(ConfigMap)).resource_version
        watch = api.watch(ConfigMap, since=start)
        waiting = asyncio.ensure_future(take(watch, 1))
        await asyncio.sleep(0.05)  # the watch is most likely asleep now; either way the event must come
        await api.create(config_map("a"))
        assert told(await waiting) == [("ADDED", "a")]
        await close(watch)


async def test_a_watch_of_a_namespace_sees_that_alone(open_api: Open) -> None:
    async with open_api() as api:
        start = (await api.list(ConfigMap)).resource_version
        await api.create(config_map("a", namespace="one"))
        await api.create(config_map("b", namespace="two"))
        watch = api.watch(ConfigMap, "two", since=start)
        assert told(await take(watch, 1)) == [("ADDED", "b")]
        await close(watch)


async def test_an_object_enters_and_leaves_a_selector(open_api: Open) -> None:
    async with open_api() as api:
        start = (await api.list(ConfigMap)).resource_version
        await api.create(config_map("a", labels={"app": "x"}))
        await api.create(config_map("b", labels={"app": "y"}))
        for label in ("y", "y2", "x"):
            await api.patch(ConfigMap, "default", "a", {"metadata": {"labels": {"app": label}}})
        await api.patch(ConfigMap, "default", "a", {"data": {"z": "1"}})
        await api.delete(ConfigMap, "default", "b")
        await api.delete(ConfigMap, "default", "a")
        watch = api.watch(ConfigMap, since=start, selector="app=x")
        assert told(await take(watch, 5)) == [
            ("ADDED", "a"),
            ("DELETED", "a"),
            ("ADDED", "a"),
            ("MODIFIED", "a"),
            ("DELETED", "a"),
        ]
        await close(watch)


async def test_the_mark_of_deletion_is_a_modification(open_api: Open) -> None:
    async with open_api() as api:
        start = (await api.list(ConfigMap)).resource_version
        await api.create(config_map("a", finalizers=("setpoint.dev/one",)))
        await api.delete(ConfigMap, "default", "a")
        await api.patch(ConfigMap, "default", "a", {"metadata": {"finalizers": None}})
        watch = api.watch(ConfigMap, since=start)
        events = await take(watch, 3)
        assert [event.type.value for event in events] == ["ADDED", "MODIFIED", "DELETED"]
        assert all(event.resource.metadata.deletion_timestamp for event in events[1:])
        await close(watch)


async def test_a_version_that_is_not_kept_is_a_conflict(open_api: Open) -> None:
    async with open_api() as api:
        start = (await api.list(ConfigMap)).resource_version
        made = await api.create(config_map("a"))
    for _ in range(60):
        async with open_api() as api:
            await api.update(made.replace(data={"n": "0"}, metadata=made.metadata.replace(resource_version="")))
            await asyncio.gather(*(api.create(config_map(generate_name="x-")) for _ in range(40)))
            watch = api.watch(ConfigMap, since=start)
            try:
                await take(watch, 1)
            except Conflict as error:
                assert "list again" in str(error)
                return
            finally:
                await close(watch)
    pytest.fail("the changes are kept for ever")


async def test_a_version_from_the_future_is_a_conflict(open_api: Open) -> None:
    async with open_api() as api:
        with pytest.raises(Conflict):
            await take(api.watch(ConfigMap, since="999999999"), 1)


async def test_a_version_that_is_none_is_refused(open_api: Open) -> None:
    async with open_api() as api:
        with pytest.raises(InvalidSpec):
            await take(api.watch(ConfigMap, since="latest"), 1)


async def test_many_watchers_see_the_same(open_api: Open) -> None:
    async with open_api() as api:
        start = (await api.list(ConfigMap)).resource_version
        watches = [api.watch(ConfigMap, since=start) for _ in range(10)]
        readers = [asyncio.ensure_future(take(watch, 30)) for watch in watches]
        await asyncio.gather(*(api.create(config_map(f"a-{number}")) for number in range(30)))
        seen = await asyncio.gather(*readers)
        assert all(told(events) == told(seen[0]) for events in seen)
        assert {event.resource.metadata.name for event in seen[0]} == {f"a-{number}" for number in range(30)}
        for watch in watches:
            await close(watch)
