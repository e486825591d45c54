"""Logs as artifacts: of a pod that ended well or badly, of a set, in the embedded store and in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from setpoint.apis.argo import NodePhase, Workflow
from tests.object_store import keep_keys, object_store
from tests.pods import store_of
from tests.workflow_engine import node, running_plane

pytestmark = pytest.mark.rule("artifacts.archive-logs")

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  archiveLogs: true
  templates:
  - name: main
    steps: [[{name: well, template: well}, {name: badly, template: badly}, {name: quiet, template: quiet},
             {name: several, template: several}]]
  - name: well
    container: {image: busybox, command: [sh, -c, "echo measured; echo warned >&2; echo 1 > /tmp/out"]}
    outputs: {artifacts: [{name: out, path: /tmp/out, archive: {none: {}}}]}
  - name: badly
    script: {image: busybox, command: [sh], source: "echo so far; exit 3"}
  - name: quiet
    archiveLocation: {archiveLogs: false}
    container: {image: busybox, command: [echo, unheard]}
  - name: several
    containerSet:
      containers:
      - {name: first, image: busybox, command: [sh, -c, "echo one; exit 1"]}
      - {name: second, image: busybox, command: [echo, two]}
      - {name: never, image: busybox, command: [echo, three], dependencies: [first]}
"""


def stored(workflow: Workflow, name: str) -> dict[str, str]:
    """Keys by names of the output artifacts of a node."""
    outputs = node(workflow, name).outputs
    artifacts = outputs.artifacts if outputs is not None else ()
    assert all(item.s3 is not None and not item.s3.located for item in artifacts)
    return {item.name: item.s3.key for item in artifacts if item.s3 is not None}


async def test_logs_are_artifacts_of_pods_that_ended_well_or_badly(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(WORKFLOW)
    store = store_of(tmp_path)

    def said(key: str) -> str:
        target = tmp_path / "read" / key
        store.load(key, target)
        return target.read_text()

    well = stored(workflow, "wf[0].well")
    assert list(well) == ["out", "main-logs"]
    folder, _, file = well["main-logs"].rpartition("/")
    assert (file, folder) == ("main.log", well["out"].rpartition("/")[0])
    assert set(said(well["main-logs"]).splitlines()) == {"measured", "warned"}
    badly = stored(workflow, "wf[0].badly")
    assert node(workflow, "wf[0].badly").phase is NodePhase.FAILED
    assert said(badly["main-logs"]) == "so far\n"
    assert stored(workflow, "wf[0].quiet") == {}
    several = stored(workflow, "wf[0].several")
    assert {name: said(key) for name, key in several.items()} == {"first-logs": "one\n", "second-logs": "two\n"}


BUCKET = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: artifact-repositories}}
data:
  bucket: "{{archiveLogs: true, s3: {{keyFormat: 'logs/{{{{workflow.name}}}}', {fields}}}}}"
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec:
  entrypoint: main
  archiveLogs: false
  artifactRepositoryRef: {{key: bucket}}
  templates:
  - name: main
    container: {{image: busybox, command: [echo, measured]}}
"""


async def test_a_repository_that_wants_logs_gets_them_into_its_bucket(tmp_path: Path) -> None:
    with object_store(tmp_path, {}) as served:
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, served)
            workflow = await plane.run(BUCKET.format(fields=served.fields))
        assert stored(workflow, "wf") == {"main-logs": "logs/wf/main.log"}
        with served.client() as s3:
            assert s3.get_object(Bucket="plant", Key="logs/wf/main.log")["Body"].read() == b"measured\n"


async def test_logs_that_cannot_be_kept_are_an_error_of_the_node(tmp_path: Path) -> None:
    with object_store(tmp_path, {}) as served:
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, served)
            workflow = await plane.run(BUCKET.format(fields=served.fields.replace("bucket: plant", "bucket: none")))
    assert node(workflow, "wf").phase is NodePhase.ERROR
    assert "output artifact 'main-logs'" in node(workflow, "wf").message
