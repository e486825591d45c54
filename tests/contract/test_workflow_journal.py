"""What every WorkflowJournal does, and how a Workflow reads through the ResourceApi beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from setpoint.apis.argo import Workflow, WorkflowPhase
from setpoint.apis.errors import Forbidden, InvariantViolation, NotFound
from setpoint.ports.journal import Change, Record, WorkflowJournal
from setpoint.ports.resources import ResourceApi
from tests.contract.objects import PATIENCE_SECONDS, close, take, told, workflow

Open = Callable[[], AbstractAsyncContextManager[tuple[ResourceApi, WorkflowJournal]]]

EMPTY = Record(nodes={}, status=b"", engine=b"", commands={}, requests=())


def node(name: str, phase: str = "Running") -> bytes:
    return msgspec.json.encode({"id": name, "name": name, "displayName": name, "type": "Pod", "phase": phase})


async def test_nothing_is_held_at_first(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        made = await api.create(workflow("a"))
        assert await journal.load(made.metadata.uid) == EMPTY
        assert await journal.load("no such uid") == EMPTY


async def test_a_commit_is_there_after_a_restart(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        uid = (await api.create(workflow("a"))).metadata.uid
        await journal.commit(
            uid,
            Change(
                nodes={"n1": node("n1"), "n2": node("n2")},
                status=b'{"phase":"Running"}',
                engine=b'{"clock":1}',
                commands={"c1": b'{"launch":1}', "c2": b"{}"},
            ),
        )
        assert await journal.request(uid, b'{"stop":true}') > 0
    async with open_journal() as (_, journal):
        found = await journal.load(uid)
        assert found.nodes == {"n1": node("n1"), "n2": node("n2")}
        assert (found.status, found.engine) == (b'{"phase":"Running"}', b'{"clock":1}')
        assert found.commands == {"c1": b'{"launch":1}', "c2": b"{}"}
        assert [request for _, request in found.requests] == [b'{"stop":true}']


async def test_a_commit_changes_what_it_names_alone(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        uid = (await api.create(workflow("a"))).metadata.uid
        first = await journal.request(uid, b"1")
        second = await journal.request(uid, b"2")
        await journal.commit(
            uid,
            Change(
                nodes={"n1": node("n1"), "n2": node("n2"), "n3": node("n3")},
                status=b'{"phase":"Running"}',
                engine=b"[1]",
                commands={"c1": b"1", "c2": b"2"},
            ),
        )
        await journal.commit(
            uid,
            Change(
                nodes={"n2": node("n2", "Succeeded"), "n3": None},
                commands={"c3": b"3"},
                done_commands=("c1", "never heard of"),
                done_requests=(first, 12345),
            ),
        )
        assert await journal.load(uid) == Record(
            nodes={"n1": node("n1"), "n2": node("n2", "Succeeded")},
            status=b'{"phase":"Running"}',
            engine=b"[1]",
            commands={"c2": b"2", "c3": b"3"},
            requests=((second, b"2"),),
        )


async def test_the_workflows_status_is_put_together_when_read(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        made = await api.create(workflow("a"))
        await journal.commit(made.metadata.uid, Change(nodes={"n1": node("n1")}, status=b'{"phase":"Running"}'))
        await journal.commit(made.metadata.uid, Change(nodes={'n"2': node('n"2', "Failed")}))
        found = await api.get(Workflow, "default", "a")
        assert found.status.phase is WorkflowPhase.RUNNING
        assert {key: value.phase.value for key, value in found.status.nodes.items()} == {
            "n1": "Running",
            'n"2': "Failed",
        }
        assert int(found.metadata.resource_version) > int(made.metadata.resource_version)
        assert found.spec == made.spec
        assert (await api.list(Workflow)).items == (found,)


async def test_nodes_without_a_status_are_read_too(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        made = await api.create(workflow("a"))
        await journal.commit(made.metadata.uid, Change(nodes={"n1": node("n1")}))
        assert set((await api.get(Workflow, "default", "a")).status.nodes) == {"n1"}
        await journal.commit(made.metadata.uid, Change(status=b"{ }"))
        assert set((await api.get(Workflow, "default", "a")).status.nodes) == {"n1"}


async def test_a_workflow_ends_up_as_its_watchers_saw_it(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        watch = api.watch(Workflow)
        made = await api.create(workflow("a"))
        assert told(await take(watch, 1)) == [("ADDED", "a")]
        for number in range(50):
            phase = "Succeeded" if number == 49 else "Running"
            change = Change(nodes={f"n{number}": node("n")}, status=b'{"phase":"%b"}' % phase.encode())
            await journal.commit(made.metadata.uid, change)
        versions = [int(made.metadata.resource_version)]
        while True:
            (event,) = await take(watch, 1)
            assert event.type.value == "MODIFIED"
            versions.append(int(event.resource.metadata.resource_version))
            if event.resource.status.completed:
                break
        assert versions == sorted(set(versions))
        assert len(event.resource.status.nodes) == 50
        assert event.resource == await api.get(Workflow, "default", "a")
        await close(watch)


async def test_labels_change_with_the_commit(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        made = await api.create(workflow("a", labels={"mine": "1", "old": "1"}))
        running, done = api.watch(Workflow, selector="phase=Running"), api.watch(Workflow, selector="phase=Done")
        await journal.commit(
            made.metadata.uid, Change(labels={"phase": "Running", "old": None}, status=b'{"phase":"Running"}')
        )
        found = await api.get(Workflow, "default", "a")
        assert found.metadata.labels == {"mine": "1", "phase": "Running"}
        assert found.metadata.generation == 1
        assert told(await take(running, 1)) == [("ADDED", "a")]
        await journal.commit(made.metadata.uid, Change(nodes={"n": node("n")}))
        await journal.commit(made.metadata.uid, Change(labels={"phase": "Done"}, status=b'{"phase":"Succeeded"}'))
        await journal.commit(made.metadata.uid, Change(nodes={"n": node("n", "Succeeded")}))
        left = [event.type.value for event in await take(running, 1)]
        while left[-1] == "MODIFIED":
            left += [event.type.value for event in await take(running, 1)]
        assert left[-1] == "DELETED"
        assert told(await take(done, 1)) == [("ADDED", "a")]
        await close(running)
        await close(done)


async def test_clients_edit_the_workflow_beside_the_journal(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        uid = (await api.create(workflow("a"))).metadata.uid
        await journal.commit(uid, Change(nodes={"n": node("n")}, status=b'{"phase":"Running"}'))
        patched = await api.patch(
            Workflow, "default", "a", {"spec": {"suspend": True}, "status": {"phase": "Failed", "nodes": None}}
        )
        assert patched.spec.suspend is True
        assert patched.status.phase is WorkflowPhase.RUNNING
        assert set(patched.status.nodes) == {"n"}
        await journal.commit(uid, Change(nodes={"m": node("m")}))
        found = await api.get(Workflow, "default", "a")
        assert found.spec.suspend is True
        assert set(found.status.nodes) == {"n", "m"}
        replaced = await api.update(found.replace(metadata=found.metadata.replace(annotations={"x": "1"})))
        assert set(replaced.status.nodes) == {"n", "m"}


async def test_clients_do_not_write_the_status(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        made = await api.create(workflow("a"))
        await journal.commit(made.metadata.uid, Change(nodes={"n": node("n")}, status=b'{"phase":"Running"}'))
        found = await api.get(Workflow, "default", "a")
        with pytest.raises(Forbidden, match="engine"):
            await api.update_status(found.replace(status=found.status.replace(nodes={})))
        with pytest.raises(Forbidden):
            await api.patch_status(Workflow, "default", "a", {"status": {"nodes": None}})
        assert await api.get(Workflow, "default", "a") == found


async def test_deleting_a_workflow_deletes_its_rows(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        uid = (await api.create(workflow("a"))).metadata.uid
        await journal.commit(uid, Change(nodes={"n": node("n")}, status=b"{}", engine=b"1", commands={"c": b"1"}))
        await journal.request(uid, b"1")
        await api.delete(Workflow, "default", "a")
        assert await journal.load(uid) == EMPTY
        with pytest.raises(NotFound):
            await journal.commit(uid, Change(nodes={"n": node("n")}))
        with pytest.raises(NotFound):
            await journal.request(uid, b"1")
        assert (await journal.load((await api.create(workflow("a"))).metadata.uid)) == EMPTY


@pytest.mark.parametrize(
    "change",
    [
        Change(nodes={"n": b"{"}),
        Change(status=b"[]"),
        Change(status=b'{"phase":"Running","nodes":{}}'),
        Change(engine=b"nan"),
        Change(commands={"c": b""}),
    ],
)
async def test_what_would_spoil_the_object_is_refused_whole(open_journal: Open, change: Change) -> None:
    async with open_journal() as (api, journal):
        made = await api.create(workflow("a"))
        with pytest.raises(InvariantViolation):
            await journal.commit(made.metadata.uid, change)
        assert await journal.load(made.metadata.uid) == EMPTY
        assert await api.get(Workflow, "default", "a") == made


async def test_requests_are_told_waiting_ones_first(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        one, two = [(await api.create(workflow(name))).metadata.uid for name in ("one", "two")]
        await journal.request(two, b"1")
        await journal.request(one, b"2")
        await journal.request(two, b"3")
    async with open_journal() as (_, journal):
        requested = journal.requested()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert {await anext(requested), await anext(requested)} == {one, two}
            waiting = asyncio.ensure_future(anext(requested))
            await journal.request(one, b"4")
            assert await waiting == one
        assert [request for _, request in (await journal.load(two)).requests] == [b"1", b"3"]
        await close(requested)


async def test_requests_keep_their_order_and_numbers(open_journal: Open) -> None:
    async with open_journal() as (api, journal):
        uid = (await api.create(workflow("a"))).metadata.uid
        first = [await journal.request(uid, b"%d" % number) for number in range(3)]
        await journal.commit(uid, Change(done_requests=first))
        again = await journal.request(uid, b"3")
        assert again > max(first)
        assert (await journal.load(uid)).requests == ((again, b"3"),)
