"""What every WorkflowArchive does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import msgspec
import pytest

from setpoint.apis.argo import LABEL_ARCHIVING_STATUS, Workflow
from setpoint.apis.errors import AlreadyExists, NotFound
from setpoint.apis.selectors import parse_selector
from setpoint.ports.archive import NameFilter, WorkflowQuery
from setpoint.ports.journal import Change
from tests.contract.implementations import Archiving
from tests.contract.objects import config_map, workflow

Open = Callable[[], AbstractAsyncContextManager[Archiving]]


async def ended(
    it: Archiving, name: str, *, day: int = 1, phase: str = "Succeeded", namespace: str = "default", **labels: str
) -> Workflow:
    """A stored workflow that has ended on a day of January, with one node."""
    wanted = workflow(name)
    metadata = wanted.metadata.replace(namespace=namespace, labels=labels)
    made = await it.resources.create(wanted.replace(metadata=metadata))
    await end(it, made, day=day, phase=phase)
    return await it.resources.get(Workflow, namespace, name)


async def end(it: Archiving, made: Workflow, *, day: int = 1, phase: str = "Succeeded") -> None:
    times = {"startedAt": f"2026-01-{day:02}T00:00:00Z", "finishedAt": f"2026-01-{day:02}T00:00:00.5Z"}
    status = msgspec.json.encode({"phase": phase, **times})
    node = {"id": "n", "name": "n", "displayName": "n", "type": "Pod", "phase": phase}
    await it.journal.commit(
        made.metadata.uid, Change(nodes={"n": msgspec.json.encode(node)}, status=status, archive=True)
    )


async def names(it: Archiving, query: WorkflowQuery) -> list[str]:
    return [item.metadata.name for item in (await it.archive.list(query)).items]


async def test_what_has_ended_is_kept_when_its_object_goes_and_after_a_restart(open_archive: Open) -> None:
    async with open_archive() as it:
        made = await ended(it, "a", team="x")
        uid = made.metadata.uid
        assert (await it.archive.list(WorkflowQuery(gone=True))).total == 0
        await it.resources.delete(Workflow, "default", "a")
        assert await names(it, WorkflowQuery(gone=True)) == ["a"]
    async with open_archive() as it:
        found = await it.archive.get(uid)
        assert found.metadata.labels == {"team": "x", LABEL_ARCHIVING_STATUS: "Persisted"}
        assert (found.spec, found.status) == (made.spec, made.status)
        assert set(found.status.nodes) == {"n"}
        assert await it.archive.find("default", "a") == found
        (listed,) = (await it.archive.list(WorkflowQuery())).items
        assert (listed.metadata.uid, listed.status.phase, listed.status.nodes) == (uid, found.status.phase, {})


async def test_one_that_ends_again_is_kept_anew(open_archive: Open) -> None:
    async with open_archive() as it:
        made = await ended(it, "a", phase="Failed")
        await it.resources.patch(Workflow, "default", "a", {"spec": {"priority": 3}})
        assert (await it.archive.get(made.metadata.uid)).spec.priority is None
        await end(it, made, day=2)
        found = await it.archive.get(made.metadata.uid)
        assert (found.status.phase.value, found.spec.priority) == ("Succeeded", 3)
        assert (await it.archive.list(WorkflowQuery())).total == 1


async def test_a_commit_that_does_not_say_so_is_not_kept(open_archive: Open) -> None:
    async with open_archive() as it:
        made = await it.resources.create(workflow("a"))
        await it.journal.commit(made.metadata.uid, Change(status=b'{"phase":"Running"}'))
        with pytest.raises(NotFound):
            await it.archive.get(made.metadata.uid)
        with pytest.raises(NotFound):
            await it.archive.find("default", "a")


async def test_those_that_started_last_come_first_page_by_page(open_archive: Open) -> None:
    async with open_archive() as it:
        for day, name in ((2, "b"), (1, "a"), (3, "c")):
            await ended(it, name, day=day)
        assert await names(it, WorkflowQuery()) == ["c", "b", "a"]
        page = await it.archive.list(WorkflowQuery(offset=1, limit=1))
        assert ([item.metadata.name for item in page.items], page.total) == (["b"], 3)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (WorkflowQuery(namespace="other"), ["far"]),
        (WorkflowQuery(name="near-1"), ["near-1"]),
        (WorkflowQuery(name="near", name_filter=NameFilter.PREFIX), ["near-2", "near-1"]),
        (WorkflowQuery(name="ear", name_filter=NameFilter.CONTAINS), ["near-2", "near-1"]),
        (WorkflowQuery(name="ear"), []),
        (WorkflowQuery(selector=parse_selector("team in (x)")), ["near-1"]),
        (WorkflowQuery(started_after=datetime(2026, 1, 1, tzinfo=UTC)), ["far", "near-2"]),
        (WorkflowQuery(started_before=datetime(2026, 1, 2, tzinfo=UTC)), ["near-1"]),
        (WorkflowQuery(finished_before=datetime(2026, 1, 3, tzinfo=UTC)), ["near-2", "near-1"]),
        (WorkflowQuery(created_after=datetime(2100, 1, 1, tzinfo=UTC)), []),
    ],
)
async def test_a_query_chooses(open_archive: Open, query: WorkflowQuery, wanted: list[str]) -> None:
    async with open_archive() as it:
        await ended(it, "near-1", day=1, team="x")
        await ended(it, "near-2", day=2, team="y")
        await ended(it, "far", day=3, namespace="other")
        assert await names(it, query) == wanted


async def test_labels_are_told(open_archive: Open) -> None:
    async with open_archive() as it:
        await ended(it, "a", team="x")
        await ended(it, "b", team="y", line="3")
        await ended(it, "c", namespace="other", team="z")
        assert await it.archive.label_keys() == ("line", "team")
        assert await it.archive.label_keys("other") == ("team",)
        assert await it.archive.label_values("team", "default") == ("x", "y")


async def test_a_copy_can_be_forgotten(open_archive: Open) -> None:
    async with open_archive() as it:
        uid = (await ended(it, "a")).metadata.uid
        await it.archive.delete(uid)
        with pytest.raises(NotFound):
            await it.archive.delete(uid)
        assert (await it.resources.get(Workflow, "default", "a")).metadata.uid == uid


async def test_one_whose_object_is_gone_comes_back_ended_with_another_uid(open_archive: Open) -> None:
    async with open_archive() as it:
        old = await ended(it, "a", phase="Failed", team="x")
        uid = old.metadata.uid
        with pytest.raises(AlreadyExists):
            await it.archive.restore(uid)
        await it.resources.delete(Workflow, "default", "a")
        made = await it.archive.restore(uid)
        assert made.metadata.uid != uid
        assert made == await it.resources.get(Workflow, "default", "a")
        assert (made.spec, made.metadata.labels) == (old.spec, {"team": "x"})
        assert made.status == old.status.replace(finished_at=None)
        record = await it.journal.load(made.metadata.uid)
        assert set(record.nodes) == {"n"}
        with pytest.raises(NotFound):
            await it.archive.restore("no such uid")


async def test_the_archive_outlives_the_change_log(open_archive: Open) -> None:
    """The spec is shared with the log: it must not go with the log's lines."""
    async with open_archive() as it:
        uid = (await ended(it, "a")).metadata.uid
        await it.resources.delete(Workflow, "default", "a")
        for number in range(10):
            await it.resources.create(config_map(f"later-{number}"))
    async with open_archive() as it:
        assert (await it.archive.get(uid)).spec.templates
        await it.archive.delete(uid)
