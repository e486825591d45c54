"""A store that a former version wrote is opened by this one: each schema there was, brought up to the present."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore, database
from setpoint.adapters.sqlite.backup import latest_schema, schema_of
from setpoint.apis.argo import Workflow, WorkflowPhase
from setpoint.apis.core import ConfigMap, Event
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.kinds import KINDS
from setpoint.apis.meta import ObjectMeta, render_wire
from setpoint.ports.archive import WorkflowQuery
from setpoint.ports.journal import Change, Record
from setpoint.ports.resources import WatchType
from tests.contract.objects import workflow
from tests.contract.test_workflow_journal import node


@dataclass(frozen=True)
class Held:
    """What was in the store when the former version closed it."""

    objects: list[dict[str, Any]]
    record: Record
    uid: str
    version: str


async def held(store: SqliteStore, uid: str) -> Held:
    listed = [await store.resources.list(kind) for kind in KINDS]
    objects = [render_wire(item) for page in listed for item in page.items]
    return Held(objects, await store.journal.load(uid), uid, listed[0].resource_version)


async def fill(store: SqliteStore) -> str:
    """Objects of several kinds, some changed and some gone again, and a workflow that runs."""
    for number in range(30):
        made = await store.resources.create(
            ConfigMap(metadata=ObjectMeta(name=f"m{number}", namespace="default"), data={"a": "1"})
        )
        if number % 3 == 0:
            await store.resources.update(made.replace(data={"a": "2", "b": "x" * number}))
        if number % 5 == 0:
            await store.resources.delete(ConfigMap, "default", f"m{number}")
    uid = (await store.resources.create(workflow("running"))).metadata.uid
    await store.journal.commit(
        uid,
        Change(
            nodes={"n1": node("n1", "Succeeded"), "n2": node("n2")},
            status=b'{"phase":"Running"}',
            engine=b'{"clock":1}',
            commands={"c1": b'{"launch":1}'},
            labels={"workflows.argoproj.io/phase": "Running"},
        ),
    )
    await store.journal.request(uid, b'{"stop":true}')
    return uid


def written_by(schema: int, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Held:
    """A store as the version with that schema left it: its migrations, and the code that writes."""
    with monkeypatch.context() as patched:
        steps = database.migrations()[:schema]
        patched.setattr(database, "migrations", lambda: steps)

        async def write() -> Held:
            # the archive came with schema 2: nothing of it is touched before
            with SqliteStore(directory, SystemClock(), archive_lifetime=None) as store:
                return await held(store, await fill(store))

        found = asyncio.run(write())
        assert schema_of(directory / database.FILE_NAME) == schema
    return found


@pytest.mark.parametrize("schema", range(1, latest_schema()))
def test_all_objects_versions_and_journals_of_a_former_schema_are_kept(
    schema: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = written_by(schema, tmp_path, monkeypatch)
    assert len(former.objects) > 20

    async def read() -> None:
        with SqliteStore(tmp_path, SystemClock()) as store:
            assert await held(store, former.uid) == former
            made = await store.resources.create(ConfigMap(metadata=ObjectMeta(name="new", namespace="default")))
            assert int(made.metadata.resource_version) > int(former.version)
            events = store.resources.watch(ConfigMap, "default", since=former.version)
            event = await anext(events)
            assert (event.type, event.resource.metadata.name) == (WatchType.ADDED, "new")
            await events.aclose()  # type: ignore[attr-defined]
            await store.journal.commit(former.uid, Change(status=b'{"phase":"Failed"}', archive=True))
            assert (await store.resources.get(Workflow, "default", "running")).status.phase is WorkflowPhase.FAILED
            assert (await store.archive.list(WorkflowQuery())).total == 1
            assert not (await store.resources.list(Event)).items

    asyncio.run(read())
    assert schema_of(tmp_path / database.FILE_NAME) == latest_schema()


def test_a_watch_goes_on_behind_the_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    former = written_by(1, tmp_path, monkeypatch)
    since = str(int(former.version) - 5)

    async def read() -> list[str]:
        with SqliteStore(tmp_path, SystemClock()) as store:
            events = store.resources.watch(Workflow, "default", since=since)
            first = await anext(events)
            await events.aclose()  # type: ignore[attr-defined]
            return [first.resource.metadata.name]

    assert asyncio.run(read()) == ["running"]


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_by(latest_schema(), tmp_path, monkeypatch)
    before = (tmp_path / database.FILE_NAME).read_bytes()
    with monkeypatch.context() as patched:
        steps = database.migrations()[:-1]
        patched.setattr(database, "migrations", lambda: steps)
        with pytest.raises(InvalidSpec, match="newer version"):
            SqliteStore(tmp_path, SystemClock())
    assert (tmp_path / database.FILE_NAME).read_bytes() == before
