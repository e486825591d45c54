"""The SQLite store beyond the contract: batches, full disks, schema, upkeep, closing."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.adapters.sqlite.database import FILE_NAME, migrations
from setpoint.adapters.sqlite.writer import Transaction
from setpoint.apis.argo import Workflow
from setpoint.apis.core import ConfigMap, Event, ObjectReference
from setpoint.apis.errors import AlreadyExists, InvalidSpec, InvariantViolation, SetpointError, Unavailable
from setpoint.apis.meta import ObjectMeta, Resource
from setpoint.ports.archive import WorkflowQuery
from setpoint.ports.journal import Change
from tests.clocks import ManualClock
from tests.contract.objects import config_map, take, workflow

ROOT = Path(__file__).resolve().parents[2]
NODE = b'{"id":"n","name":"n","displayName":"n","type":"Pod","phase":"Running"}'


async def held_back(store: SqliteStore) -> tuple[threading.Event, asyncio.Future[None]]:
    """Stop the writer, so that what is written next forms one batch; set the event to let it go on."""
    entered, go = threading.Event(), threading.Event()

    def wait(transaction: Transaction) -> None:
        entered.set()
        assert go.wait(20)

    waiting = asyncio.ensure_future(store._writer.write(wait))
    assert await asyncio.to_thread(entered.wait, 20)
    return go, waiting


async def rows_written(store: SqliteStore) -> int:
    """How many rows the writer has inserted, updated or deleted so far."""
    return await store._writer.write(lambda tx: tx.connection.total_changes)


async def test_a_failure_leaves_its_neighbours_in_the_batch_alone(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        await store.resources.create(config_map("a-3"))
        go, waiting = await held_back(store)
        writes = [asyncio.ensure_future(store.resources.create(config_map(f"a-{n}"))) for n in range(10)]

        def breaks(transaction: Transaction) -> None:
            transaction.connection.execute("INSERT INTO body (json) VALUES ('half done')")
            raise ZeroDivisionError

        broken = asyncio.ensure_future(store._writer.write(breaks))
        await asyncio.sleep(0)
        go.set()
        results = await asyncio.gather(*writes, return_exceptions=True)
        await waiting
        assert [type(result) for result in results] == [ConfigMap] * 3 + [AlreadyExists] + [ConfigMap] * 6
        with pytest.raises(InvariantViolation, match="ZeroDivisionError"):
            await broken
        assert len((await store.resources.list(ConfigMap)).items) == 10
        left = await store._readers.read(
            lambda c: c.execute("SELECT count(*) FROM body WHERE json = 'half done'").fetchone()
        )
        assert left == (0,)


async def test_a_full_disk_fails_what_does_not_fit_and_loses_nothing(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        kept = [await store.resources.create(config_map(f"kept-{n}", {"x": "y" * 5000})) for n in range(20)]

        def limit(transaction: Transaction) -> None:
            (pages,) = transaction.connection.execute("PRAGMA page_count").fetchone()
            transaction.connection.execute(f"PRAGMA max_page_count = {pages + 20}")

        await store._writer.write(limit)
        go, waiting = await held_back(store)
        small = [asyncio.ensure_future(store.resources.create(config_map(f"small-{n}"))) for n in range(5)]
        large = asyncio.ensure_future(store.resources.create(config_map("large", {"x": "y" * 1_000_000})))
        more = asyncio.ensure_future(store.resources.create(config_map("small-6")))
        await asyncio.sleep(0)
        go.set()
        await waiting
        with pytest.raises(Unavailable, match="is full: free some space"):
            await large
        made = [*await asyncio.gather(*small), await more]
        found = (await store.resources.list(ConfigMap)).items
        assert {item.key: item for item in found} == {item.key: item for item in [*kept, *made]}
        await store.resources.delete(ConfigMap, "default", "small-6")
        await store._writer.write(lambda tx: tx.connection.execute("PRAGMA max_page_count = 1000000") and None)
        await store.resources.create(config_map("large", {"x": "y" * 1_000_000}))
    with SqliteStore(tmp_path, SystemClock()) as store:
        assert len((await store.resources.list(ConfigMap)).items) == 26


async def test_a_commit_costs_its_rows_whatever_the_workflow_holds(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        uid = (await store.resources.create(workflow("a"))).metadata.uid

        async def rows_of_a_commit() -> int:
            before = await rows_written(store)
            await store.journal.commit(uid, Change(nodes={"n5": NODE}, status=b'{"phase":"Running"}'))
            return await rows_written(store) - before

        await store.journal.commit(uid, Change(nodes={f"n{n}": NODE for n in range(10)}))
        few = await rows_of_a_commit()
        await store.journal.commit(uid, Change(nodes={f"n{n}": NODE for n in range(20_000)}))
        assert await rows_of_a_commit() == few
        changes = await store._readers.read(lambda c: c.execute("SELECT count(*) FROM change").fetchone())
        assert changes < (10,)  # commits share one line of the change log
        assert len((await store.resources.get(Workflow, "default", "a")).status.nodes) == 20_000


class WorkflowHead(Resource, frozen=True, kw_only=True):
    """A Workflow without its status, as a controller may want it."""

    API_VERSION: ClassVar[str] = Workflow.API_VERSION
    KIND: ClassVar[str] = "Workflow"
    PLURAL: ClassVar[str] = "workflows"

    spec: dict[str, Any]


async def test_a_class_without_nodes_is_spared_them(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        made = await store.resources.create(workflow("a"))
        await store.journal.commit(made.metadata.uid, Change(nodes={"n": NODE}, status=b'{"phase":"Running"}'))
        head = await store.resources.get(WorkflowHead, "default", "a")
        assert head.spec["entrypoint"] == "main"
        (event,) = await take(store.resources.watch(WorkflowHead), 1)
        assert event.resource == head
        await store.resources.update(head.replace(metadata=head.metadata.replace(labels={"x": "1"})))
        assert set((await store.resources.get(Workflow, "default", "a")).status.nodes) == {"n"}


async def test_old_changes_and_what_only_they_hold_are_forgotten(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock(), history=10) as store:
        made = await store.resources.create(config_map("a"))
        for number in range(30):
            made = await store.resources.update(made.replace(data={"n": str(number)}))
        await store.resources.create(config_map("gone"))
        await store.resources.delete(ConfigMap, "default", "gone")
    with SqliteStore(tmp_path, SystemClock(), history=10) as store:
        counts = await store._readers.read(
            lambda c: [c.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("change", "body")]
        )
        assert counts[0] == 10
        assert counts[1] <= 11  # one for each change, and the namespace's
        assert (await store.resources.get(ConfigMap, "default", "a")).data == {"n": "29"}


async def test_events_go_after_a_day(tmp_path: Path, clock: ManualClock) -> None:
    def event(name: str) -> Event:
        return Event(metadata=ObjectMeta(name=name), involved_object=ObjectReference(kind="ConfigMap", name="a"))

    with SqliteStore(tmp_path, clock) as store:
        await store.resources.create(event("old"))
        clock.advance(timedelta(hours=20))
        await store.resources.create(event("new"))
        await store.resources.create(config_map("a"))
    clock.advance(timedelta(hours=5))
    with SqliteStore(tmp_path, clock) as store:
        assert [item.metadata.name for item in (await store.resources.list(Event)).items] == ["new"]
        assert len((await store.resources.list(ConfigMap)).items) == 1


async def test_what_another_version_stored_is_named_and_can_be_deleted(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        await store.resources.create(config_map("a"))
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("""UPDATE body SET json = CAST('{"apiVersion":"v1","kind":"ConfigMap","novel":1}' AS BLOB)""")
    connection.commit()
    connection.close()
    with SqliteStore(tmp_path, SystemClock()) as store:
        with pytest.raises(InvalidSpec, match=r"ConfigMap default/a is stored in a form .* unknown field `novel`"):
            await store.resources.get(ConfigMap, "default", "a")
        with pytest.raises(InvalidSpec, match="delete it and apply it anew"):
            await store.resources.list(ConfigMap)
        await store.resources.delete(ConfigMap, "default", "a")
        assert (await store.resources.list(ConfigMap)).items == ()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path, SystemClock()).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    connection.close()
    for _ in range(2):  # the lease is given back on failure
        with pytest.raises(InvalidSpec, match="newer version of Setpoint"):
            SqliteStore(tmp_path, SystemClock())


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database, " * 1000)
    with pytest.raises(Unavailable, match="is damaged"):
        SqliteStore(tmp_path, SystemClock())


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be made"):
        SqliteStore(tmp_path / "file" / "state", SystemClock())


def test_only_the_user_reads_the_files(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "state", SystemClock()):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        files = list((tmp_path / "state").iterdir())
        assert len(files) >= 3
        assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_closing_leaves_one_file_of_data(tmp_path: Path) -> None:
    async def use(store: SqliteStore) -> None:
        await store.resources.create(config_map("a"))
        await store.resources.get(ConfigMap, "default", "a")

    with SqliteStore(tmp_path, SystemClock()) as store:
        asyncio.run(use(store))
    assert {file.name for file in tmp_path.iterdir()} == {FILE_NAME, "lease"}


async def test_closing_ends_watches_and_refuses_the_rest(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, SystemClock())
    watch = asyncio.ensure_future(take(store.resources.watch(ConfigMap), 1))
    requested = asyncio.ensure_future(anext(store.journal.requested()))
    last = asyncio.ensure_future(store.resources.create(config_map("a", namespace="other")))
    await asyncio.sleep(0)
    store.close()
    store.close()
    assert (await last).metadata.name == "a"
    for ended in (watch, requested):
        try:
            await ended
        except Unavailable:
            continue
        assert ended is watch  # it may have seen the last object
    for call in (store.resources.create(config_map("b")), store.resources.get(ConfigMap, "other", "a")):
        with pytest.raises(Unavailable, match="closed"):
            await call
    with SqliteStore(tmp_path, SystemClock()) as again:
        assert (await again.resources.get(ConfigMap, "other", "a")).metadata.name == "a"


async def test_a_caller_that_gives_up_disturbs_nobody(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        go, waiting = await held_back(store)
        gone = asyncio.ensure_future(store.resources.create(config_map("a")))
        stays = asyncio.ensure_future(store.resources.create(config_map("b")))
        await asyncio.sleep(0)
        gone.cancel()
        go.set()
        await waiting
        assert (await stays).metadata.name == "b"
        with pytest.raises(asyncio.CancelledError):
            await gone


def test_a_loop_that_was_closed_disturbs_nobody(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:

        async def watch_and_leave() -> None:
            reader = asyncio.ensure_future(take(store.resources.watch(ConfigMap), 1))
            await store.resources.list(ConfigMap)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

        asyncio.run(watch_and_leave())
        made = asyncio.run(store.resources.create(config_map("a")))
        assert asyncio.run(store.resources.get(ConfigMap, "default", "a")) == made


async def test_several_loops_share_a_store(tmp_path: Path) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        failures: list[SetpointError] = []

        def other(number: int) -> None:
            async def write() -> None:
                await asyncio.gather(*(store.resources.create(config_map(f"t{number}-{n}")) for n in range(20)))

            try:
                asyncio.run(write())
            except SetpointError as error:
                failures.append(error)

        await asyncio.gather(*(asyncio.to_thread(other, number) for number in range(4)))
        assert failures == []
        assert len((await store.resources.list(ConfigMap)).items) == 80


def test_the_package_holds_its_sql_files(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    package = ROOT / "src" / "setpoint" / "adapters" / "sqlite"
    wanted = {str(file.relative_to(ROOT / "src")) for file in package.rglob("*.sql")}
    assert len(wanted) >= 4
    assert wanted <= held


async def test_archived_workflows_go_after_their_time(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock, archive_lifetime=timedelta(days=2)) as store:
        made = await store.resources.create(workflow("a"))
        await store.journal.commit(made.metadata.uid, Change(status=b'{"phase":"Failed"}', archive=True))
        await store.resources.delete(Workflow, "default", "a")
    for days, left in ((1, 1), (2, 0)):
        clock.advance(timedelta(days=days))
        with SqliteStore(tmp_path, clock, archive_lifetime=timedelta(days=2)) as store:
            assert (await store.archive.list(WorkflowQuery())).total == left
