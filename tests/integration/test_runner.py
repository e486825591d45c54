"""The controller runner over the real store: informers, reconcilers, faults, stopping, Events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.adapters.sqlite.writer import Transaction
from setpoint.apis.core import ConfigMap, Event, Namespace
from setpoint.apis.errors import Conflict, InvalidSpec, Unavailable
from setpoint.apis.meta import ObjectMeta
from setpoint.engines.runner import (
    Background,
    Backoff,
    Controller,
    EventRecorder,
    Informer,
    Result,
    Runner,
    owner_keys,
)
from setpoint.ports.resources import ResourceApi, ResourceList, WatchEvent
from tests.clocks import ManualClock
from tests.contract.objects import PATIENCE_SECONDS, config_map

Seen = list[tuple[str | None, str | None]]


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until the condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  what is waited for may be inside the store
            await asyncio.sleep(0.002)


class Interrupted:
    """The store's API whose watches break when the test says so; everything else is the real thing."""

    def __init__(self, api: ResourceApi) -> None:
        self._api = api
        self.faults: list[Exception] = []
        self.lists = 0
        self.broken = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    async def list(self, *args: Any, **kwargs: Any) -> ResourceList[Any]:
        self.lists += 1
        return await self._api.list(*args, **kwargs)

    async def watch(self, *args: Any, **kwargs: Any) -> AsyncIterator[WatchEvent[Any]]:
        if self.faults:
            await self.broken.wait()
            raise self.faults.pop(0)
        watch = self._api.watch(*args, **kwargs)
        try:
            async for event in watch:
                yield event
        finally:
            await cast("Any", watch).aclose()


def recorded(informer: Informer[ConfigMap]) -> Seen:
    """The chain of states that a handler sees, by their `n`."""
    seen: Seen = []

    def state(resource: ConfigMap | None) -> str | None:
        return resource.data["n"] if resource is not None else None

    informer.on_change(lambda old, new: seen.append((state(old), state(new))))
    return seen


async def test_an_informer_follows(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        await store.resources.create(config_map("a", {"n": "1"}))
        informer = Informer(store.resources, ConfigMap, SystemClock())
        seen = recorded(informer)
        task = asyncio.ensure_future(informer.run())
        await informer.synced()
        await store.resources.patch(ConfigMap, "default", "a", {"data": {"n": "2"}})
        await store.resources.create(config_map("b", {"n": "3"}))
        await until(lambda: len(seen) == 3)
        assert {item.key for item in informer.items()} == {"default/a", "default/b"}
        await store.resources.delete(ConfigMap, "default", "a")
        await until(lambda: informer.get("default/a") is None)
        assert seen == [(None, "1"), ("1", "2"), (None, "3"), ("2", None)]
        late = recorded(informer)
        assert late == [(None, "3")]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_informer_lists_again_and_keeps_the_chain(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        api = Interrupted(store.resources)
        api.faults = [Conflict("ConfigMap", "", found="9", wanted="1")]
        await store.resources.create(config_map("gone", {"n": "1"}))
        await store.resources.create(config_map("stays", {"n": "1"}))
        await store.resources.create(config_map("changed", {"n": "1"}))
        informer = Informer(cast("ResourceApi", api), ConfigMap, SystemClock())
        seen = recorded(informer)
        task = asyncio.ensure_future(informer.run())
        await informer.synced()
        await store.resources.delete(ConfigMap, "default", "gone")
        await store.resources.patch(ConfigMap, "default", "changed", {"data": {"n": "2"}})
        await store.resources.create(config_map("new", {"n": "7"}))
        api.broken.set()
        await until(lambda: len(seen) == 6)
        assert seen == [(None, "1")] * 3 + [("1", None), ("1", "2"), (None, "7")]
        assert api.lists == 2
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_informer_goes_on_from_where_it_was_after_an_interruption(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        api = Interrupted(store.resources)
        api.faults = [Unavailable("the server restarts"), Unavailable("the server restarts")]
        api.broken.set()
        informer = Informer(
            cast("ResourceApi", api), ConfigMap, SystemClock(), backoff=Backoff(first=timedelta(milliseconds=1))
        )
        seen = recorded(informer)
        task = asyncio.ensure_future(informer.run())
        await informer.synced()
        await store.resources.create(config_map("a", {"n": "1"}))
        await until(lambda: seen == [(None, "1")])
        assert api.lists == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_handler_that_fails_is_logged_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        informer = Informer(store.resources, ConfigMap, SystemClock())

        def bad(old: ConfigMap | None, new: ConfigMap | None) -> None:
            raise ZeroDivisionError

        informer.on_change(bad)
        seen = recorded(informer)
        task = asyncio.ensure_future(informer.run())
        await store.resources.create(config_map("a", {"n": "1"}))
        await until(lambda: len(seen) == 1)
        assert "a handler failed on default/a" in caplog.text
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_controller_brings_objects_to_what_they_should_be(tmp_path: Path) -> None:
    """Each ConfigMap gets a copy that it owns; a copy that is deleted or edited is made good."""
    registry = CollectorRegistry()
    with SqliteStore(tmp_path, SystemClock()) as store:
        api = store.resources
        runner = Runner(api, SystemClock(), registry)
        sources = runner.informer(ConfigMap, selector="!copy")
        copies = runner.informer(ConfigMap, selector="copy")
        assert runner.informer(ConfigMap, selector="copy") is copies

        async def reconcile(key: str) -> Result | None:
            source = sources.get(key)
            if source is None:
                return None
            copy = copies.get(f"{key}-copy")
            if copy is None:
                await api.create(
                    config_map(
                        f"{source.metadata.name}-copy",
                        source.data,
                        labels={"copy": "1"},
                        owner_references=(source.owner_reference(),),
                    )
                )
            elif copy.data != source.data:
                await api.update(copy.replace(data=source.data))
            return None

        controller = runner.controller("copies", reconcile, workers=4)
        controller.watches(sources)
        controller.watches(copies, owner_keys(ConfigMap))
        for number in range(20):
            await api.create(config_map(f"a-{number}", {"n": "1"}))
        async with runner:
            await until(lambda: len(list(copies.items())) == 20)
            await api.delete(ConfigMap, "default", "a-3-copy")
            await api.patch(ConfigMap, "default", "a-4-copy", {"data": {"n": "wrong"}})
            await api.patch(ConfigMap, "default", "a-5", {"data": {"n": "2"}})

            def good() -> bool:
                data = {copy.metadata.name: copy.data["n"] for copy in copies.items()}
                wanted = {f"a-{number}-copy": "2" if number == 5 else "1" for number in range(20)}
                return data == wanted

            await until(good)
            await api.delete(ConfigMap, "default", "a-7")
            await until(lambda: copies.get("default/a-7-copy") is None)
        assert [item.metadata.name for item in (await api.list(ConfigMap, selector="copy=1")).items] == sorted(
            f"a-{number}-copy" for number in range(20) if number != 7
        )
    value = registry.get_sample_value(
        "controller_runtime_reconcile_total", {"controller": "copies", "result": "success"}
    )
    assert value is not None
    assert value >= 20


async def test_failures_are_logged_with_the_key_counted_and_tried_again(
    clock: ManualClock, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    registry = CollectorRegistry()
    faults: list[Exception] = [ZeroDivisionError("bug"), Unavailable("disk"), Conflict("X", "a", found="2", wanted="1")]
    tried: list[str] = []

    async def reconcile(key: str) -> Result | None:
        tried.append(key)
        if faults:
            raise faults.pop(0)
        return Result(requeue_after=timedelta(seconds=100)) if len(tried) == 4 else None

    with SqliteStore(tmp_path, SystemClock()) as store:
        runner = Runner(store.resources, clock, registry)
        backoff = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=60))
        controller = runner.controller("c", reconcile, backoff=backoff)
        await runner.start()
        controller.queue.add("default/a")
        for count, wait in enumerate((1, 2, 4, 100), start=1):
            await until(lambda count=count: len(tried) == count and clock.sleepers == 1)  # type: ignore[misc]
            clock.advance(wait - 0.5)
            await until(lambda: clock.sleepers <= 1)
            assert len(tried) == count
            clock.advance(0.5)
        await until(lambda: len(tried) == 5)
        await runner.stop()
    by_level = {record.levelname: record for record in caplog.records if "c failed on default/a" in record.message}
    assert set(by_level) == {"ERROR", "WARNING", "DEBUG"}
    assert by_level["ERROR"].exc_info is not None
    assert registry.get_sample_value("controller_runtime_reconcile_errors_total", {"controller": "c"}) == 3
    assert (
        registry.get_sample_value("controller_runtime_reconcile_total", {"controller": "c", "result": "requeue_after"})
        == 1
    )


async def test_stopping_finishes_what_runs_and_starts_nothing(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        runner = Runner(store.resources, SystemClock(), CollectorRegistry())
        entered, go, done = asyncio.Event(), asyncio.Event(), []

        async def reconcile(key: str) -> None:
            entered.set()
            await go.wait()
            done.append(key)

        controller = runner.controller("c", reconcile)
        runner.informer(ConfigMap)
        await runner.start()
        controller.queue.add("a")
        controller.queue.add("b")
        await entered.wait()
        stopping = asyncio.ensure_future(runner.stop())
        await asyncio.sleep(0)
        go.set()
        await stopping
        assert done == ["a"]


async def test_stopping_cancels_after_the_grace_period(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    entered = asyncio.Event()

    async def reconcile(key: str) -> None:
        entered.set()
        await asyncio.Event().wait()

    controller = Controller("stuck", reconcile, clock)
    controller.start()
    controller.queue.add("a")
    await entered.wait()
    stopping = asyncio.ensure_future(controller.stop(timedelta(seconds=5)))
    await until(lambda: clock.sleepers == 1)
    assert not stopping.done()
    clock.advance(5)
    await stopping
    assert "stuck is still working" in caplog.text


async def test_background_work_that_ends_is_a_fault_and_starts_again(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[Exception | None] = [None, ZeroDivisionError("bug"), Unavailable("gone"), InvalidSpec("odd")]
    calls = 0

    async def work() -> None:
        nonlocal calls
        calls += 1
        if outcomes:
            fault = outcomes.pop(0)
            if fault is not None:
                raise fault
            return
        await asyncio.Event().wait()

    background = Background(clock)
    background.start("the pump", work)
    for count in range(1, 5):
        await until(lambda count=count: calls == count and clock.sleepers == 1)  # type: ignore[misc]
        clock.advance(60)
    await until(lambda: calls == 5)
    await background.stop()
    assert "the pump ended by itself" in caplog.text
    assert "the pump failed" in caplog.text
    assert "the pump: gone" in caplog.text


async def test_start_says_what_it_cannot_read(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        await store.resources.create(config_map("a"))

        def spoil(transaction: Transaction) -> None:
            transaction.connection.execute("""UPDATE object SET metadata = CAST('{"name":"a","odd":1}' AS BLOB)""")

        await store._writer.write(spoil)
        runner = Runner(store.resources, SystemClock(), CollectorRegistry())
        runner.informer(ConfigMap)
        with pytest.raises(InvalidSpec, match="ConfigMap a is stored in a form that this version does not read"):
            await runner.start()


async def test_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, SystemClock())
    store.close()
    runner = Runner(store.resources, SystemClock(), CollectorRegistry())
    runner.informer(ConfigMap)
    starting = asyncio.ensure_future(runner.start())
    await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_the_same_event_is_counted(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        made = await store.resources.create(config_map("a"))
        recorder = EventRecorder(store.resources, clock, "workflow-engine")
        for _ in range(3):
            await recorder.normal(made, "Started", "it began")
            clock.advance(10)
        await asyncio.gather(*(recorder.normal(made, "Started", "it began") for _ in range(2)))
        await recorder.warning(made, "Failed", "x" * 5000)
        await recorder.normal(await store.resources.get(Namespace, "", "default"), "Seen", "cluster-scoped")
        events = {event.reason: event for event in (await store.resources.list(Event)).items}
        started = events["Started"]
        assert started.count == 5
        assert started.type == "Normal"
        assert started.last_timestamp is not None
        assert started.first_timestamp is not None
        assert started.last_timestamp - started.first_timestamp == timedelta(seconds=30)
        assert started.involved_object.uid == made.metadata.uid
        assert started.source.component == "workflow-engine"
        assert (events["Failed"].type, len(events["Failed"].message)) == ("Warning", 1024)
        assert events["Seen"].metadata.namespace == "default"


async def test_an_event_that_cannot_be_stored_fails_nobody(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path, clock)
    store.close()
    await EventRecorder(store.resources, clock, "c").normal(
        ConfigMap(metadata=ObjectMeta(name="a", namespace="default")), "Started", "it began"
    )
    assert "event Started of default/a was not stored" in caplog.text
