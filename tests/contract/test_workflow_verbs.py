"""What every WorkflowVerbs and ArchivedWorkflowVerbs does, in process and over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from setpoint.apis.argo import (
    LABEL_CRON_WORKFLOW,
    LABEL_RESUBMITTED_FROM,
    LABEL_WORKFLOW_TEMPLATE,
    CronWorkflow,
    NodePhase,
    Workflow,
    WorkflowPhase,
)
from setpoint.apis.errors import AlreadyEnded, AlreadyExists, Conflict, InvalidSpec, NotFound
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.meta import Resource
from setpoint.apis.selectors import parse_selector
from setpoint.ports.archive import NameFilter, WorkflowQuery
from setpoint.ports.resources import WatchType
from setpoint.ports.workflows import LogOptions, PodLogLine, SubmitOptions
from tests.argo_server import Steered, served_argo, steered_by_kubernetes, steered_in_process
from tests.workflow_engine import node

pytestmark = pytest.mark.timeout(90)

Open = Callable[[], AbstractAsyncContextManager[Steered]]

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n"
QUICK = HEAD + (
    "metadata: {name: NAME, labels: {team: TEAM}}\n"
    "spec:\n"
    "  entrypoint: main\n"
    "  arguments: {parameters: [{name: code, value: 'CODE'}]}\n"
    "  templates:\n"
    "  - name: main\n"
    "    container:\n"
    "      image: busybox\n"
    "      command: [sh, -c, 'echo one; echo two; echo three; exit {{workflow.parameters.code}}']\n"
)
WAITING = HEAD + (
    "metadata: {name: waiting}\n"
    "spec:\n"
    "  entrypoint: main\n"
    "  templates:\n"
    "  - name: main\n"
    "    steps: [[{name: hold, template: hold}]]\n"
    "  - name: hold\n"
    "    suspend: {}\n"
    "    outputs: {parameters: [{name: x, valueFrom: {supplied: {}}}]}\n"
)
TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: KIND
metadata: {name: say}
spec:
  entrypoint: main
  arguments: {parameters: [{name: word, value: hello}, {name: other, value: kept}]}
  templates:
  - name: main
    container:
      image: busybox
      command: [echo, "{{workflow.parameters.word}} {{workflow.parameters.other}}"]
  - {name: second, container: {image: busybox, command: ["true"]}}
"""
CRON = """
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: nightly, namespace: default}
spec:
  schedules: ["0 0 1 1 *"]
  workflowSpec:
    entrypoint: main
    templates: [{name: main, container: {image: busybox, command: ["true"]}}]
"""


IMPLEMENTATIONS: dict[str, Callable[[Path], AbstractAsyncContextManager[Steered]]] = {
    "local": steered_in_process,
    "http": served_argo,
    "kubernetes": steered_by_kubernetes,
}


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the verbs over an engine of this test's directory."""
    return lambda: IMPLEMENTATIONS[request.param](tmp_path)


@pytest.fixture(params=["local", "http"])
def opened_whole(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """The same of those that have an archive, retry workflows, and reach the nodes of the embedded engine."""
    return lambda: IMPLEMENTATIONS[request.param](tmp_path)


def read(text: str) -> Resource:
    (document,) = load_documents(text, "test.yaml")
    return decode_document(document)


def quick(name: str, code: int = 0, team: str = "a") -> Workflow:
    found = read(QUICK.replace("NAME", name).replace("CODE", str(code)).replace("TEAM", team))
    assert isinstance(found, Workflow)
    return found


async def ended(it: Steered, name: str, code: int = 0, team: str = "a") -> Workflow:
    await it.verbs.submit(quick(name, code, team))
    return await it.plane.finished(name)


async def names(it: Steered, query: WorkflowQuery) -> set[str]:
    return {item.metadata.name for item in (await it.verbs.list(query)).items}


async def test_a_dry_run_checks_and_stores_nothing(opened: Open) -> None:
    async with opened() as it:
        made = await it.verbs.submit(quick("a"), dry_run=True)
        assert made.metadata.name == "a"
        wrong = quick("b")
        with pytest.raises(InvalidSpec, match="entrypoint"):
            await it.verbs.submit(wrong.replace(spec=wrong.spec.replace(entrypoint="")), dry_run=True)
        assert (await it.verbs.list(WorkflowQuery())).total == 0


async def test_one_of_the_same_name_is_not_submitted_twice(opened: Open) -> None:
    async with opened() as it:
        await it.verbs.submit(quick("a"))
        with pytest.raises(AlreadyExists, match="already exists"):
            await it.verbs.submit(quick("a"))


@pytest.mark.parametrize("kind", ["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate"])
async def test_lint_tells_what_is_wrong(opened: Open, kind: str) -> None:
    text = TEMPLATE.replace("KIND", kind)
    async with opened() as it:
        await it.verbs.lint(read(text))
        with pytest.raises(InvalidSpec, match="missing"):
            await it.verbs.lint(read(text.replace("entrypoint: main", "entrypoint: missing")))


async def test_lint_looks_at_schedules(opened: Open) -> None:
    async with opened() as it:
        await it.verbs.lint(read(CRON))
        with pytest.raises(InvalidSpec, match="schedule"):
            await it.verbs.lint(read(CRON.replace("0 0 1 1 *", "now and then")))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("WorkflowTemplate", "WorkflowTemplate"),
        ("WorkflowTemplate", "workflowtemplates"),
        ("ClusterWorkflowTemplate", "cwft"),
        ("ClusterWorkflowTemplate", "clusterworkflowtemplate"),
    ],
)
async def test_a_template_is_run_with_what_is_to_be_different(opened: Open, kind: str, word: str) -> None:
    options = SubmitOptions(
        generate_name="mine-",
        parameters=("word=a=b", "new=1"),
        labels="team=x,line=3",
        annotations="why=try",
        service_account="robot",
        priority=4,
    )
    async with opened() as it:
        template = read(TEMPLATE.replace("KIND", kind))
        namespace = "default" if type(template).NAMESPACED else ""
        await it.plane.resources.create(template.replace(metadata=template.metadata.replace(namespace=namespace)))
        made = await it.verbs.submit_from("default", word, "say", options)
        meta, spec = made.metadata, made.spec
        assert meta.name.startswith("mine-")
        assert {key: meta.labels.get(key) for key in ("team", "line")} == {"team": "x", "line": "3"}
        assert (meta.annotations["why"], spec.service_account_name, spec.priority) == ("try", "robot", 4)
        workflow = await it.plane.finished(meta.name)
        assert workflow.status.phase is WorkflowPhase.SUCCEEDED
        assert [line.content async for line in it.verbs.logs("default", meta.name)] == ["a=b kept"]
        if kind == "WorkflowTemplate":
            assert workflow.metadata.labels[LABEL_WORKFLOW_TEMPLATE] == "say"


async def test_a_template_is_run_by_another_entry_point_and_dry(opened: Open) -> None:
    async with opened() as it:
        await it.plane.submit(TEMPLATE.replace("KIND", "WorkflowTemplate") + "---\n" + WAITING)
        options = SubmitOptions(entry_point="second", dry_run=True, name="fixed")
        made = await it.verbs.submit_from("default", "WorkflowTemplate", "say", options)
        assert (made.spec.entrypoint, made.metadata.name) == ("second", "fixed")
        with pytest.raises(NotFound):
            await it.verbs.get("default", "fixed")


async def test_a_cron_workflow_is_run_now(opened: Open) -> None:
    async with opened() as it:
        cron = read(CRON)
        assert isinstance(cron, CronWorkflow)
        await it.plane.resources.create(cron)
        made = await it.verbs.submit_from("default", "cronwf", "nightly")
        assert made.metadata.labels[LABEL_CRON_WORKFLOW] == "nightly"
        assert made.metadata.name.startswith("nightly-")


@pytest.mark.parametrize(
    ("kind", "name", "options", "error"),
    [
        ("Pod", "say", SubmitOptions(), InvalidSpec),
        ("WorkflowTemplate", "none", SubmitOptions(), NotFound),
        ("WorkflowTemplate", "say", SubmitOptions(parameters=("word",)), InvalidSpec),
        ("WorkflowTemplate", "say", SubmitOptions(entry_point="none"), InvalidSpec),
    ],
)
async def test_what_cannot_be_run_is_refused(
    opened: Open, kind: str, name: str, options: SubmitOptions, error: type[Exception]
) -> None:
    async with opened() as it:
        await it.plane.submit(TEMPLATE.replace("KIND", "WorkflowTemplate") + "---\n" + WAITING)
        with pytest.raises(error):
            await it.verbs.submit_from("default", kind, name, options)


async def test_lists_are_chosen_by_label_name_and_time_and_go_on_into_the_archive(opened_whole: Open) -> None:
    async with opened_whole() as it:
        for name, team in (("near-1", "a"), ("near-2", "b"), ("far", "b")):
            await ended(it, name, team=team)
        assert await names(it, WorkflowQuery(namespace="default")) == {"near-1", "near-2", "far"}
        assert await names(it, WorkflowQuery(selector=parse_selector("team=b"))) == {"near-2", "far"}
        assert await names(it, WorkflowQuery(name="far")) == {"far"}
        assert await names(it, WorkflowQuery(name="near", name_filter=NameFilter.PREFIX)) == {"near-1", "near-2"}
        assert await names(it, WorkflowQuery(name="ar", name_filter=NameFilter.CONTAINS)) == {"near-1", "near-2", "far"}
        hour = timedelta(hours=1)
        now = datetime.now(UTC)
        assert await names(it, WorkflowQuery(created_after=now + hour)) == set()
        assert await names(it, WorkflowQuery(finished_before=now - hour)) == set()
        assert len(await names(it, WorkflowQuery(created_after=now - hour, finished_before=now + hour))) == 3
        assert await names(it, WorkflowQuery(namespace="elsewhere")) == set()
        await it.verbs.delete("default", "near-2")
        assert await names(it, WorkflowQuery()) == {"near-1", "near-2", "far"}
        pages = [await it.verbs.list(WorkflowQuery(offset=at, limit=2)) for at in (0, 2)]
        assert [len(page.items) for page in pages] == [2, 1]
        assert {page.total for page in pages} == {3}
        assert {item.metadata.name for page in pages for item in page.items} == {"near-1", "near-2", "far"}


async def test_the_newest_is_meant_by_latest_and_the_archive_has_what_was_deleted(opened_whole: Open) -> None:
    async with opened_whole() as it:
        with pytest.raises(NotFound):
            await it.verbs.get("default", "@latest")
        first = await ended(it, "a")
        assert (await it.verbs.get("default", "@latest")).metadata.name == "a"
        assert [line.content async for line in it.verbs.logs("default", "@latest")] == ["one", "two", "three"]
        await it.verbs.delete("default", "@latest")
        found = await it.verbs.get("default", "a")
        assert (found.metadata.uid, set(found.status.nodes)) == (first.metadata.uid, set(first.status.nodes))
        second = await ended(it, "a")
        assert (await it.verbs.get("default", "a")).metadata.uid == second.metadata.uid
        assert (await it.verbs.get("default", "a", uid=first.metadata.uid)).metadata.uid == first.metadata.uid
        with pytest.raises(NotFound):
            await it.verbs.get("default", "b")


async def test_deleting_minds_preconditions_and_force_minds_no_finalizer(opened: Open) -> None:
    async with opened() as it:
        wanted = quick("a")
        await it.verbs.submit(wanted.replace(metadata=wanted.metadata.replace(finalizers=("example.com/hold",))))
        with pytest.raises(Conflict):
            await it.verbs.delete("default", "a", uid="another")
        await it.verbs.delete("default", "a")
        assert (await it.plane.get("a")).metadata.deletion_timestamp is not None
        await it.verbs.delete("default", "a", force=True)
        with pytest.raises(NotFound):
            await it.plane.get("a")
        with pytest.raises(NotFound):
            await it.verbs.delete("default", "a")


async def test_values_are_supplied_to_a_node_that_waits(opened_whole: Open) -> None:
    async with opened_whole() as it:
        await it.plane.submit(WAITING)
        await it.plane.until("waiting", lambda workflow: len(workflow.status.nodes) == 3)
        with pytest.raises(InvalidSpec, match="only targets suspend nodes"):
            await it.verbs.set_outputs("default", "waiting", selector="", parameters={"x": "1"})
        chosen = "displayName=hold"
        await it.verbs.set_outputs("default", "waiting", selector=chosen, parameters={"x": "1"}, message="by hand")
        await it.verbs.resume("default", "waiting", selector=chosen)
        hold = node(await it.plane.finished("waiting"), "waiting[0].hold")
        assert hold.outputs is not None
        assert (hold.phase, hold.outputs.parameters[0].value) == (NodePhase.SUCCEEDED, "1")


async def test_a_waiting_node_is_given_a_phase(opened_whole: Open) -> None:
    async with opened_whole() as it:
        await it.plane.submit(WAITING)
        await it.plane.until("waiting", lambda workflow: len(workflow.status.nodes) == 3)
        with pytest.raises(InvalidSpec, match="invalid phase"):
            await it.verbs.set_outputs("default", "waiting", selector="name=x", parameters={}, phase="Happy")
        await it.verbs.set_outputs("default", "waiting", selector="displayName=hold", parameters={}, phase="Failed")
        assert (await it.plane.finished("waiting")).status.phase is WorkflowPhase.FAILED


async def test_one_that_runs_is_suspended_resumed_stopped_and_what_has_ended_is_not(opened: Open) -> None:
    async with opened() as it:
        await it.plane.submit(WAITING)
        await it.verbs.suspend("default", "waiting")
        assert (await it.plane.get("waiting")).spec.suspend
        await it.verbs.stop("default", "waiting", message="enough")
        assert (await it.plane.finished("waiting")).status.phase is WorkflowPhase.FAILED
        for verb in (it.verbs.stop, it.verbs.terminate, it.verbs.resume):
            with pytest.raises(AlreadyEnded, match="completed workflow"):
                await verb("default", "waiting")
        with pytest.raises(InvalidSpec, match="cannot suspend completed workflows"):
            await it.verbs.suspend("default", "waiting")
        with pytest.raises(NotFound):
            await it.verbs.stop("default", "none")


async def test_a_failed_one_is_retried_and_resubmitted_with_other_parameters(opened_whole: Open) -> None:
    async with opened_whole() as it:
        await ended(it, "a", code=3)
        made = await it.verbs.resubmit("default", "a", parameters={"code": "0"})
        assert made.metadata.labels[LABEL_RESUBMITTED_FROM] == "a"
        assert (await it.plane.finished(made.metadata.name)).status.phase is WorkflowPhase.SUCCEEDED
        await it.verbs.retry("default", "a", parameters={"code": "0"})
        await it.plane.until("a", lambda workflow: workflow.status.phase is WorkflowPhase.SUCCEEDED)
        with pytest.raises(InvalidSpec, match="To retry a succeeded workflow"):
            await it.verbs.retry("default", "a")


LINES = ["one", "two", "three"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (LogOptions(), LINES),
        (LogOptions(tail_lines=2), LINES[1:]),
        (LogOptions(tail_lines=0), []),
        (LogOptions(grep="o"), ["one", "two"]),
        (LogOptions(grep="^t.*e$"), ["three"]),
        (LogOptions(previous=True), []),
        (LogOptions(selector="workflows.argoproj.io/workflow=a"), LINES),
        (LogOptions(selector="workflows.argoproj.io/workflow=b"), []),
        (LogOptions(limit_bytes=5), ["one", "t"]),
        (LogOptions(since=datetime(2100, 1, 1, tzinfo=UTC)), []),
        (LogOptions(since=datetime(2000, 1, 1, tzinfo=UTC)), LINES),
    ],
)
async def test_logs_are_chosen(opened: Open, options: LogOptions, wanted: list[str]) -> None:
    async with opened() as it:
        await ended(it, "a")
        for follow in (False, True):
            lines = it.verbs.logs("default", "a", follow=follow, options=options)
            assert [line async for line in lines] == [PodLogLine(pod_name="a", content=text) for text in wanted]


async def test_times_stand_before_lines(opened: Open) -> None:
    async with opened() as it:
        await ended(it, "a")
        lines = [line.content async for line in it.verbs.logs("default", "a", options=LogOptions(timestamps=True))]
        assert [text.split(" ", 1)[1] for text in lines] == LINES
        assert all(text.split(" ")[0].endswith("Z") for text in lines)


@pytest.mark.parametrize("options", [LogOptions(grep="("), LogOptions(selector="a in")])
async def test_log_options_that_make_no_sense_are_refused(opened: Open, options: LogOptions) -> None:
    async with opened() as it:
        await ended(it, "a")
        with pytest.raises(InvalidSpec):
            [line async for line in it.verbs.logs("default", "a", options=options)]
        with pytest.raises(NotFound):
            [line async for line in it.verbs.logs("default", "none")]


async def test_an_archived_one_is_told_retried_resubmitted_and_forgotten(opened_whole: Open) -> None:
    async with opened_whole() as it:
        old = await ended(it, "a", code=3, team="x")
        uid = old.metadata.uid
        with pytest.raises(AlreadyExists):
            await it.archived.retry_archived(uid)
        await it.verbs.delete("default", "a")
        page = await it.archived.list_archived(WorkflowQuery(namespace="default"))
        assert ([item.metadata.uid for item in page.items], page.total) == ([uid], 1)
        assert set((await it.archived.get_archived(uid)).status.nodes) == set(old.status.nodes)
        assert await it.archived.archived_label_values("team") == ("x",)
        assert "team" in await it.archived.archived_label_keys("default")
        made = await it.archived.resubmit_archived(uid, parameters={"code": "0"})
        assert (await it.plane.finished(made.metadata.name)).status.phase is WorkflowPhase.SUCCEEDED
        again = await it.archived.retry_archived(uid, parameters={"code": "0"})
        assert (again.metadata.name, again.metadata.uid == uid) == ("a", False)
        await it.plane.until("a", lambda workflow: workflow.status.phase is WorkflowPhase.SUCCEEDED)
        await it.archived.delete_archived(uid)
        for verb in (it.archived.get_archived, it.archived.delete_archived, it.archived.retry_archived):
            with pytest.raises(NotFound):
                await verb(uid)


TWO = HEAD + (
    "metadata: {name: two}\n"
    "spec:\n"
    "  entrypoint: main\n"
    "  ttlStrategy: {secondsAfterCompletion: 0}\n"
    "  arguments: {parameters: [{name: code, value: '3'}]}\n"
    "  templates:\n"
    "  - name: main\n"
    "    steps: [[{name: good, template: good}], [{name: bad, template: bad}]]\n"
    "  - {name: good, container: {image: busybox, command: [sh, -c, 'echo good']}}\n"
    "  - {name: bad, container: {image: busybox, command: [sh, -c, 'exit {{workflow.parameters.code}}']}}\n"
)


async def test_one_whose_time_to_live_is_over_goes_on_from_the_archive(opened_whole: Open) -> None:
    async with opened_whole() as it:
        uid = (await it.plane.submit(TWO)).metadata.uid
        await until_gone(it, "two")
        made = await it.archived.resubmit_archived(uid, memoized=True, parameters={"code": "0"})
        await until_gone(it, made.metadata.name)
        again = await it.verbs.get("default", made.metadata.name)
        phases = {item.name.removeprefix(made.metadata.name): item for item in again.status.nodes.values()}
        assert phases["[0].good"].message.startswith("original pod: ")
        assert again.status.phase is WorkflowPhase.SUCCEEDED
        retried = await it.archived.retry_archived(uid, parameters={"code": "0"})
        await until_gone(it, "two")
        found = await it.archived.get_archived(retried.metadata.uid)
        assert found.status.phase is WorkflowPhase.SUCCEEDED
        old = await it.archived.get_archived(uid)
        assert node(found, "two[0].good") == node(old, "two[0].good")


async def until_gone(it: Steered, name: str) -> None:
    """Wait until the object is not there any more, if it still is."""
    listed = await it.plane.resources.list(Workflow)
    if any(item.metadata.name == name for item in listed.items):
        async with asyncio.timeout(30):
            async for event in it.plane.resources.watch(Workflow, since=listed.resource_version):
                if event.type is WatchType.DELETED and event.resource.metadata.name == name:
                    return


ARTIFACTS = HEAD + (
    "metadata: {name: files}\n"
    "spec:\n"
    "  entrypoint: main\n"
    "  templates:\n"
    "  - name: main\n"
    "    container: {image: busybox, command: [sh, -c, 'echo 42 > /tmp/a; mkdir /tmp/d; echo 1 > /tmp/d/x']}\n"
    "    outputs:\n"
    "      artifacts:\n"
    "      - {name: plain, path: /tmp/a, archive: {none: {}}}\n"
    "      - {name: packed, path: /tmp/a}\n"
    "      - {name: folder, path: /tmp/d, archive: {none: {}}}\n"
)


async def test_artifacts_of_nodes_are_read_as_they_are_stored(opened_whole: Open) -> None:
    async with opened_whole() as it:
        await it.plane.run(ARTIFACTS)

        async def read(name: str, node_id: str = "files") -> bytes:
            return b"".join([part async for part in it.verbs.node_artifact("default", "files", node_id, name)])

        assert await read("plain") == b"42\n"
        assert (await read("packed")).startswith(b"\x1f\x8b")
        with pytest.raises(InvalidSpec, match="directory"):
            await read("folder")
        for name, node_id in (("none", "files"), ("plain", "elsewhere")):
            with pytest.raises(NotFound):
                await read(name, node_id)
