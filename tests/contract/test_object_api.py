"""What the ObjectApi over the store does: objects as JSON, pages, dry runs, one feed for many watchers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import AlreadyExists, Conflict, Expired, InvalidSpec, NotFound
from setpoint.apis.selectors import parse_selector
from setpoint.ports.objects import Deletion, ListQuery, Told
from setpoint.ports.resources import Propagation
from tests.clocks import ManualClock

PUMP = ResourceDefinition(group="plant.example", version="v1", kind="Pump", plural="pumps")
VALVE = ResourceDefinition(group="plant.example", version="v1", kind="Valve", plural="valves", has_status=False)
PATIENCE_SECONDS = 20.0


def pump(name: str, *, kind: ResourceDefinition = PUMP, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"} | more.pop("metadata", {})
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": {"rpm": 900}} | more


def read(document: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(document)
    return found


async def take(events: AsyncGenerator[Told, None], count: int) -> list[tuple[str, str]]:
    """The next events that have an object."""
    found: list[tuple[str, str]] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            told = await anext(events)
            if told.document:
                found.append((str(told.type), read(told.document)["metadata"]["name"]))
    return found


async def test_a_kind_without_a_class_is_stored_as_it_is(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        made = read(await store.objects.create(PUMP, pump("a", spec={"rpm": 900, "odd": [1, {"x": None}]})))
        assert made["spec"] == {"rpm": 900, "odd": [1, {"x": None}]}
        assert made["metadata"]["uid"] and made["metadata"]["generation"] == 1
        assert read(await store.objects.get(PUMP, "default", "a")) == made
        with pytest.raises(AlreadyExists):
            await store.objects.create(PUMP, pump("a"))
        with pytest.raises(NotFound, match="Pump 'b' not found"):
            await store.objects.get(PUMP, "default", "b")


async def test_status_is_apart_only_where_the_kind_says_so(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        api = store.objects
        for kind in (PUMP, VALVE):
            made = read(await api.create(kind, pump("a", kind=kind)))
            changed = read(await api.update(kind, made | {"status": {"on": True}}))
            assert ("status" in changed) is (kind is VALVE)
            assert changed["metadata"]["generation"] == (2 if kind is VALVE else 1)
        made = read(await api.get(PUMP, "default", "a"))
        changed = read(await api.update(PUMP, made | {"status": {"on": True}, "spec": {}}, subresource="status"))
        assert (changed["status"], changed["spec"], changed["metadata"]["generation"]) == (
            {"on": True},
            {"rpm": 900},
            1,
        )


async def test_a_version_in_an_update_is_a_precondition(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        made = read(await store.objects.create(PUMP, pump("a")))
        changed = read(await store.objects.update(PUMP, made | {"spec": {"rpm": 1}}))
        with pytest.raises(Conflict):
            await store.objects.update(PUMP, made | {"spec": {"rpm": 2}})
        assert read(await store.objects.update(PUMP, changed)) == changed, (
            "nothing changed, so neither does the version"
        )
        anew = pump("a", spec={"rpm": 3})
        assert read(await store.objects.update(PUMP, anew))["spec"] == {"rpm": 3}


async def test_who_owns_what_is_kept_with_the_object(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        owners = [{"manager": "kubectl", "operation": "Apply"}]
        made = read(await store.objects.create(PUMP, pump("a", metadata={"managedFields": owners})))
        assert made["metadata"]["managedFields"] == owners
        rest = made | {"metadata": made["metadata"] | {"managedFields": []}}
        assert "managedFields" not in read(await store.objects.update(PUMP, rest))["metadata"]


async def test_a_dry_run_says_what_would_be_and_does_nothing(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        api = store.objects
        would = read(await api.create(PUMP, pump("", metadata={"generateName": "p-"}), dry_run=True))
        assert would["metadata"]["name"].startswith("p-")
        made = read(await api.create(PUMP, pump("a")))
        assert read(await api.update(PUMP, made | {"spec": {}}, dry_run=True))["spec"] == {}
        _, gone = await api.delete(PUMP, "default", "a", Deletion(dry_run=True))
        assert gone
        with pytest.raises(InvalidSpec):
            await api.create(PUMP, pump("No Name"), dry_run=True)
        page = await api.list(PUMP, ListQuery())
        assert [read(item) for item in page.documents] == [made]


async def test_pages_are_of_one_version(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        api = store.objects
        for number in range(10):
            await api.create(PUMP, pump(f"p{number}"))
        first = await api.list(PUMP, ListQuery(limit=4))
        assert first.remaining == 6
        await api.delete(PUMP, "default", "p5", Deletion())
        await api.create(PUMP, pump("p55"))
        names, page = [read(item)["metadata"]["name"] for item in first.documents], first
        while page.token:
            page = await api.list(PUMP, ListQuery(limit=4, after=page.token))
            assert page.version == first.version
            names += [read(item)["metadata"]["name"] for item in page.documents]
        assert names == [f"p{number}" for number in range(10)]
        with pytest.raises(Expired):
            await api.list(PUMP, ListQuery(limit=4, after="no token of ours"))
        with pytest.raises(Expired):
            await api.list(VALVE, ListQuery(limit=4, after=first.token))


async def test_a_page_expires(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        for number in range(3):
            await store.objects.create(PUMP, pump(f"p{number}"))
        first = await store.objects.list(PUMP, ListQuery(limit=1))
        clock.advance(301)
        with pytest.raises(Expired):
            await store.objects.list(PUMP, ListQuery(limit=1, after=first.token))


async def test_deletion_waits_for_finalizers_and_grace_is_only_shortened(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        api = store.objects
        await api.create(PUMP, pump("a", metadata={"finalizers": ["plant.example/drain"]}))
        document, gone = await api.delete(PUMP, "default", "a", Deletion(grace_seconds=30))
        assert not gone
        metadata = read(document)["metadata"]
        assert metadata["deletionGracePeriodSeconds"] == 30
        assert metadata["deletionTimestamp"] == "2026-01-01T00:00:30Z"
        for grace, left in ((60, 30), (5, 5), (None, 5)):
            document, _ = await api.delete(PUMP, "default", "a", Deletion(grace_seconds=grace))
            assert read(document)["metadata"]["deletionGracePeriodSeconds"] == left
        now = read(document)
        del now["metadata"]["finalizers"]
        await api.update(PUMP, now)
        with pytest.raises(NotFound):
            await api.get(PUMP, "default", "a")


async def test_dependants_go_with_their_owner_of_another_kind(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        owner = read(await store.objects.create(PUMP, pump("a")))
        reference = {"apiVersion": "plant.example/v1", "kind": "Pump", "name": "a", "uid": owner["metadata"]["uid"]}
        owned = pump("v", kind=VALVE, metadata={"ownerReferences": [reference]})
        await store.objects.create(VALVE, owned)
        await store.objects.delete(PUMP, "default", "a", Deletion(propagation=Propagation.BACKGROUND))
        with pytest.raises(NotFound):
            await store.objects.get(VALVE, "default", "v")


async def test_all_watchers_are_told_the_same(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        api = store.objects
        await api.create(PUMP, pump("a"))
        watches = [api.watch(PUMP, ListQuery(), since=None) for _ in range(20)]
        for watch in watches:
            assert await take(watch, 1) == [("ADDED", "a")]
        takes = [asyncio.ensure_future(take(watch, 3)) for watch in watches]
        await asyncio.sleep(0)
        made = read(await api.create(PUMP, pump("b")))
        await api.update(PUMP, made | {"spec": {"rpm": 1}})
        await api.delete(PUMP, "default", "a", Deletion())
        for one in takes:
            assert await one == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]
        for watch in watches:
            await watch.aclose()


async def test_when_the_watcher_that_reads_for_all_leaves_another_goes_on(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        api = store.objects
        leader, follower = (api.watch(PUMP, ListQuery(), since=None) for _ in range(2))
        waits = [asyncio.ensure_future(take(watch, 1)) for watch in (leader, follower)]
        while not store.objects.leads(PUMP):  # noqa: ASYNC110  the store tells nobody who waits for it
            await asyncio.sleep(0.01)
        waits[0].cancel()
        await asyncio.gather(waits[0], return_exceptions=True)
        await api.create(PUMP, pump("a"))
        assert await waits[1] == [("ADDED", "a")]
        await follower.aclose()


async def test_selectors_of_labels_and_fields_decide_what_a_watcher_is_told(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        api = store.objects
        hot = ListQuery(selector=parse_selector("line=hot"))
        fast = ListQuery(fields=lambda wire: wire["spec"].get("rpm", 0) > 1000)
        by_label, by_field = api.watch(PUMP, hot, since=None), api.watch(PUMP, fast, since=None)
        told = [asyncio.ensure_future(take(watch, count)) for watch, count in ((by_label, 2), (by_field, 3))]
        await asyncio.sleep(0)
        a = read(await api.create(PUMP, pump("a", metadata={"labels": {"line": "hot"}})))
        a = read(await api.update(PUMP, a | {"spec": {"rpm": 2000}, "metadata": a["metadata"] | {"labels": {}}}))
        a = read(await api.update(PUMP, a | {"spec": {"rpm": 3000}}))
        await api.update(PUMP, a | {"spec": {"rpm": 1}})
        assert await told[0] == [("ADDED", "a"), ("DELETED", "a")]
        assert await told[1] == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        await by_label.aclose()
        await by_field.aclose()


async def test_a_watch_behind_what_is_kept_has_expired(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock, history=5) as store:
        made = read(await store.objects.create(PUMP, pump("a")))
        start = made["metadata"]["resourceVersion"]
        for number in range(2100):  # the store compacts every 2,000 changes
            made = read(await store.objects.update(PUMP, made | {"spec": {"rpm": number}}))
        for since in (start, "999999"):
            with pytest.raises(Expired):
                await take(store.objects.watch(PUMP, ListQuery(), since=since), 1)
        with pytest.raises(InvalidSpec):
            await take(store.objects.watch(PUMP, ListQuery(), since="x1"), 1)


async def test_a_watcher_that_reads_slowly_does_not_keep_others_from_watching(
    tmp_path: Path, clock: ManualClock
) -> None:
    with SqliteStore(tmp_path, clock, history=5, compact_every=10) as store:
        api = store.objects
        slow = api.watch(PUMP, ListQuery(), since=None)
        first = asyncio.create_task(take(slow, 1))
        while not api.leads(PUMP):  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0)
        await api.create(PUMP, pump("a"))
        assert await first == [("ADDED", "a")]  # and then it does not come back for more
        for number in range(30):
            await api.create(VALVE, pump(f"v{number}", kind=VALVE))
        newest = (await api.list(PUMP, ListQuery())).version
        other = api.watch(PUMP, ListQuery(), since=newest)
        told = asyncio.create_task(take(other, 1))
        while not api.leads(PUMP) and not told.done():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0)
        await api.create(PUMP, pump("b"))
        assert await told == [("ADDED", "b")]
        await slow.aclose()
        await other.aclose()
