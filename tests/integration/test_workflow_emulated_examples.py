"""Official examples that need something beside them (a config map, a claim, limits of locks, a person), and templates.

With `test_workflow_engine_examples` and `test_workflow_leaf_examples` these are all of the categories `host` and
`emulate`, but for one that needs the Job kind, and one that needs a server in the internet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from setpoint.apis.argo import (
    ClusterWorkflowTemplate,
    CronWorkflow,
    Workflow,
    WorkflowSpec,
    WorkflowTemplate,
    WorkflowTemplateRef,
)
from setpoint.apis.core import ConfigMap
from setpoint.apis.meta import ObjectMeta, Resource
from setpoint.core.cron import run_now
from setpoint.operations import workflows as verbs
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
