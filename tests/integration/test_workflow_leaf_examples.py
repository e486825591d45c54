"""Official examples of category `emulate` whose leaf templates act on the API, send requests or wait for workflows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from setpoint.apis.argo import Workflow
from setpoint.operations import workflows as verbs
from tests.http_stub import Server, serving
from tests.integration.test_workflow_engine_examples import EXAMPLES, EXPECTED, decoded, differences
from tests.workflow_engine import running_plane

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not EXPECTED.exists(), reason="no reference material")]

NAMES = (
    "http-hello-world.yaml",
    "k8s-owner-reference.yaml",
    "k8s-patch-json-workflow.yaml",
    "k8s-set-owner-reference.yaml",
    "k8s-wait-wf.yaml",
    "resource-delete-with-flags.yaml",
)
_SLEEP = 'command: [sleep, "20"]'
_URL = re.compile(r"https://raw.githubusercontent.com/[\w.-]+/[\w.-]+/")


def local(text: str, stub: Server) -> str:
    """The example with its server here, and without its pause."""
    return _URL.sub(f"{stub.url}/", text).replace(_SLEEP, 'command: [sleep, "0"]')


def good(stub: Server) -> None:
    """What the real server has at that commit."""
    path = "/4e450e250168e6b4d51a126b784e90b11a0162bc/pkg/apis/workflow/v1alpha1/generated.swagger.json"
    stub.answers[path] = lambda _: (200, "{}")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        good(found)
        yield found


@pytest.mark.parametrize("name", NAMES)
async def test_example_ends_as_on_a_cluster(tmp_path: Path, server: Server, name: str) -> None:
    record: dict[str, Any] = yaml.safe_load(EXPECTED.read_text())["files"][name]
    copy = tmp_path / name
    copy.write_text(local((EXAMPLES / name).read_text(), server))
    (workflow,) = [item for item in decoded(copy) if isinstance(item, Workflow)]
    async with running_plane(tmp_path) as plane:
        made = await verbs.submit(plane.resources, workflow)
        ended = await plane.finished(made.metadata.name)
        for item in (await plane.resources.list(Workflow)).items:  # those that it has made
            await plane.finished(item.metadata.name)
    assert differences(ended, record) == []
    for key, value in record.get("labels", {}).items():
        assert ended.metadata.labels[key] == value


async def test_backfill_makes_a_workflow_for_each_day(tmp_path: Path) -> None:
    record: dict[str, Any] = yaml.safe_load(EXPECTED.read_text())["files"]["cron-backfill.yaml"]
    found = decoded(EXAMPLES / "cron-backfill.yaml")
    async with running_plane(tmp_path) as plane:
        for resource in found:
            if not isinstance(resource, Workflow):
                await plane.resources.create(resource.replace(metadata=resource.metadata.replace(namespace="default")))
        for workflow in (item for item in found if isinstance(item, Workflow)):
            wanted = record["docs"][workflow.metadata.name or workflow.metadata.generate_name.rstrip("-")]
            made = await verbs.submit(plane.resources, workflow)
            ended = await plane.finished(made.metadata.name)
            assert differences(ended, wanted | {"phases": record["phases"]}) == []
            for name in wanted.get("children", ()):
                child = await plane.finished(name)
                assert child.status.phase.value in wanted["child_phases"]
