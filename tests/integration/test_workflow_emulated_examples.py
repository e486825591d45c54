"""Official examples that need something beside them (a config map, a claim, limits of locks, a person), and templates.

With `test_workflow_engine_examples` and `test_workflow_leaf_examples` these are all of the categories `host` and
`emulate`. What asks a server in the internet asks one of the test's; what says it is not to be submitted as it stands
(`k8s-jobs` has no name) gets what it lacks.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from setpoint.apis.argo import (
    Arguments,
    ClusterWorkflowTemplate,
    CronWorkflow,
    Parameter,
    Workflow,
    WorkflowSpec,
    WorkflowTemplate,
    WorkflowTemplateRef,
)
from setpoint.apis.batch import Job
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.meta import ObjectMeta, Resource
from setpoint.core.cron import run_now
from setpoint.operations import workflows as verbs
from setpoint.wiring.control_plane import ControlPlane, control_plane
from setpoint.wiring.settings import Settings
from tests.integration.test_workflow_engine_examples import (
    EXAMPLES,
    EXPECTED,
    create_all,
    decoded,
    differences,
    log_differences,
)
from tests.workflow_engine import Plane, running_plane

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not EXPECTED.exists(), reason="no reference material")]

PARAMETERS = "configmaps/simple-parameters-configmap.yaml"
BESIDE: dict[str, str | dict[str, dict[str, str]]] = {  # a file, or config maps with their data
    "arguments-parameters-from-configmap.yaml": PARAMETERS,
    "fibonacci-seq-conditional-param.yaml": {},
    "global-parameters-from-configmap-referenced-as-local-variable.yaml": PARAMETERS,
    "global-parameters-from-configmap.yaml": PARAMETERS,
    "synchronization-db-mutex-tmpl-level.yaml": {},
    "synchronization-db-tmpl-level.yaml": {"sync-limits": {"template": "2"}},
    "synchronization-db-wf-level.yaml": {"sync-limits": {"workflow": "1"}},
    "synchronization-wf-level.yaml": {"my-config": {"workflow": "1"}},
    "volumes-existing.yaml": "testvolume.yaml",
    "volumes-pvc.yaml": {},
}
TEMPLATES = (
    "dag-inline-clusterworkflowtemplate.yaml",
    "dag-inline-workflowtemplate.yaml",
    "workflow-event-binding/github-path-filter-workflowtemplate.yaml",
)
SCHEDULED = ("cron-workflow-multiple-schedules.yaml", "cron-workflow.yaml")
SUPPLIED: dict[str, tuple[str, dict[str, str]]] = {
    "intermediate-parameters.yaml": ("approval", {"approve": "YES"}),
    "suspend-template-outputs.yaml": ("approve", {"message": "hi"}),
}
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_PAUSE = re.compile(r"sleep(,|\s)\s*(\"?)\d+")  # waits of many seconds show nothing more than short ones


def record_of(name: str) -> dict[str, Any]:
    files: dict[str, dict[str, Any]] = yaml.safe_load(EXPECTED.read_text())["files"]
    return files[name]


def without_pauses(name: str, folder: Path) -> Path:
    copy = folder / Path(name).name
    copy.write_text(_PAUSE.sub(r"sleep\1 \g<2>0", (EXAMPLES / name).read_text()))
    return copy


async def lay_beside(plane: Plane, things: str | Mapping[str, dict[str, str]]) -> None:
    if isinstance(things, str):
        await create_all(plane, EXAMPLES / things)
        return
    for name, data in things.items():
        await plane.resources.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data))


async def ends_as_recorded(plane: Plane, made: Workflow, record: dict[str, Any]) -> None:
    ended = await plane.finished(made.metadata.name)
    assert differences(ended, record) + await log_differences(plane, ended, record) == []


@pytest.mark.parametrize("name", BESIDE)
async def test_with_what_it_needs(tmp_path: Path, name: str) -> None:
    (workflow,) = [item for item in decoded(without_pauses(name, tmp_path)) if isinstance(item, Workflow)]
    async with running_plane(tmp_path / "home") as plane:
        await lay_beside(plane, BESIDE[name])
        await ends_as_recorded(plane, await verbs.submit(plane.resources, workflow), record_of(name))


@pytest.mark.parametrize("name", TEMPLATES)
async def test_a_template_runs_by_reference(tmp_path: Path, name: str) -> None:
    found = [item for item in decoded(EXAMPLES / name) if isinstance(item, WorkflowTemplate | ClusterWorkflowTemplate)]
    async with running_plane(tmp_path) as plane:
        await create_all(plane, EXAMPLES / name)
        await ends_as_recorded(plane, await verbs.submit(plane.resources, run_of(found[0])), record_of(name))


async def test_a_template_that_events_use_needs_what_they_bring(tmp_path: Path) -> None:
    name = "workflow-event-binding/event-consumer-workflowtemplate.yaml"
    async with running_plane(tmp_path) as plane:
        await create_all(plane, EXAMPLES / name)
        run = run_of(decoded(EXAMPLES / name)[0])
        with pytest.raises(InvalidSpec, match="appellation"):
            await verbs.submit(plane.resources, run)
        arguments = Arguments(parameters=(Parameter(name="appellation", value="you"),))
        made = await verbs.submit(plane.resources, run.replace(spec=run.spec.replace(arguments=arguments)))
        await ends_as_recorded(plane, made, record_of(name))


def run_of(template: Resource) -> Workflow:
    cluster = isinstance(template, ClusterWorkflowTemplate)
    ref = WorkflowTemplateRef(name=template.metadata.name, cluster_scope=cluster)
    return Workflow(metadata=ObjectMeta(generate_name="run-"), spec=WorkflowSpec(workflow_template_ref=ref))


@pytest.mark.parametrize("name", SCHEDULED)
async def test_a_cron_workflow_runs(tmp_path: Path, name: str) -> None:
    (cron,) = [item for item in decoded(EXAMPLES / name) if isinstance(item, CronWorkflow)]
    async with running_plane(tmp_path) as plane:
        made = await verbs.submit(plane.resources, run_now(cron, cron.metadata.creation_timestamp or _MOMENT))
        await ends_as_recorded(plane, made, record_of(name))


@pytest.mark.parametrize("name", SUPPLIED)
async def test_what_a_person_supplies_is_used(tmp_path: Path, name: str) -> None:
    step, outputs = SUPPLIED[name]
    (workflow,) = [item for item in decoded(EXAMPLES / name) if isinstance(item, Workflow)]
    async with running_plane(tmp_path) as plane:
        made = await verbs.submit(plane.resources, workflow)
        await plane.until(made.metadata.name, waits)
        asked = (plane.resources, plane.journal, "default", made.metadata.name)
        await verbs.set_outputs(*asked, selector=f"displayName={step}", outputs=outputs)
        await verbs.resume(*asked)
        await ends_as_recorded(plane, made, record_of(name))


def waits(workflow: Workflow) -> bool:
    return any(node.type.value == "Suspend" and not node.fulfilled for node in workflow.status.nodes.values())


async def test_a_job_is_made_and_waited_for(tmp_path: Path) -> None:
    text = (EXAMPLES / "k8s-jobs.yaml").read_text()
    text = text.replace("metadata:", "metadata:\n  generateName: k8s-jobs-", 1).replace(
        "time.sleep(10)", "time.sleep(0)"
    )
    async with control_plane(Settings(home=tmp_path), serve_stored=False) as plane:
        made = await verbs.submit(plane.resources, workflow_of(text))
        ended = await finished(plane, made)
        assert differences(ended, record_of("k8s-jobs.yaml")) == []
        (job,) = (await plane.resources.list(Job, "default")).items
        assert (job.status.succeeded, [owner.uid for owner in job.metadata.owner_references]) == (
            3,
            [made.metadata.uid],
        )


async def test_hooks_that_ask_a_server(tmp_path: Path) -> None:
    name = "life-cycle-hooks-tmpl-level.yaml"
    with serving(204) as (url, asked):
        text = re.sub(r'url: "https://[^"]*"', f'url: "{url}"', (EXAMPLES / name).read_text())
        async with control_plane(Settings(home=tmp_path), serve_stored=False) as plane:
            ended = await finished(plane, await verbs.submit(plane.resources, workflow_of(text)))
    assert differences(ended, record_of(name)) == []
    assert len(asked) >= 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example calls curl")
@pytest.mark.parametrize(("address", "phases"), [("http://127.0.0.1:1/", ["Failed"]), ("", ["Succeeded"])])
async def test_an_exit_handler_that_tells_a_chat(tmp_path: Path, address: str, phases: list[str]) -> None:
    name = "exit-handler-slack.yaml"
    with serving(200) as (url, asked):
        text = (EXAMPLES / name).read_text().replace("YOUR_WEBHOOK_URL_HERE", f"--noproxy '*' {address or url}")
        async with control_plane(Settings(home=tmp_path), serve_stored=False) as plane:
            ended = await finished(plane, await verbs.submit(plane.resources, workflow_of(text)))
    record = record_of(name) | {"phases": phases}
    assert differences(ended, record if address else record | {"pods": {"Succeeded": 2}}) == []
    assert [f"{ended.metadata.name}+finished" in body for body in asked] == ([] if address else [True])


def workflow_of(text: str) -> Workflow:
    (found,) = [decode_document(item) for item in load_documents(text, "example.yaml")]
    assert isinstance(found, Workflow)
    return found


async def finished(plane: ControlPlane, made: Workflow) -> Workflow:
    async with asyncio.timeout(60):
        async for event in plane.resources.watch(Workflow, "default"):
            if event.resource.metadata.uid == made.metadata.uid and event.resource.status.completed:
                return event.resource
    raise AssertionError("the watch ended")


@contextmanager
def serving(status: int) -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and the bodies of what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
