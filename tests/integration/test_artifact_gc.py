"""artifactGC through the real engine and the embedded store; and modes of whole trees."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from setpoint.apis.argo import Artifact, Workflow
from setpoint.apis.errors import NotFound
from tests.pods import store_of
from tests.workflow_engine import Plane, node, running_plane

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  artifactGC: {strategy: OnWorkflowDeletion}
  templates:
  - name: main
    container: {image: busybox, command: [sh, -c, "for n in early late kept; do echo $n > /tmp/$n; done"]}
    outputs:
      artifacts:
      - {name: early, path: /tmp/early, s3: {key: early}, artifactGC: {strategy: OnWorkflowCompletion}}
      - {name: late, path: /tmp/late, s3: {key: late}}
      - {name: kept, path: /tmp/kept, s3: {key: kept}, artifactGC: {strategy: Never}}
"""


def artifacts(workflow: Workflow) -> dict[str, Artifact]:
    outputs = node(workflow, "wf").outputs
    return {item.name: item for item in (outputs.artifacts if outputs is not None else ())}


async def gone(plane: Plane) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await plane.get("wf")
            except NotFound:
                return
            await asyncio.sleep(0.02)


@pytest.mark.rule("artifacts.gc")
async def test_artifacts_go_when_their_workflow_ends_or_is_deleted(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    async with running_plane(tmp_path) as plane:
        ended = await plane.run(WORKFLOW)
        assert ended.metadata.finalizers == ("workflows.argoproj.io/artifact-gc",)
        ended = await plane.until("wf", lambda found: artifacts(found)["early"].deleted)
        assert not store.exists("early")
        assert (store.exists("late"), artifacts(ended)["late"].deleted) == (True, False)
        await plane.resources.delete(Workflow, "default", "wf")
        await gone(plane)
        assert not store.exists("late")
        assert store.exists("kept")


@pytest.mark.rule("artifacts.gc")
async def test_a_deletion_while_no_engine_runs_is_made_up_for(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.run(WORKFLOW)
    async with running_plane(tmp_path, engine=False) as plane:
        await plane.resources.delete(Workflow, "default", "wf")
        assert (await plane.get("wf")).metadata.deletion_timestamp is not None
    async with running_plane(tmp_path) as plane:
        await gone(plane)
        assert not store_of(tmp_path).exists("late")


@pytest.mark.rule("artifacts.recurse-mode")
async def test_a_mode_of_the_whole_tree(tmp_path: Path) -> None:
    text = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: make, template: make}
    - - name: look
        template: look
        arguments: {artifacts: [{name: tree, from: "{{steps.make.outputs.artifacts.tree}}"}]}
  - name: make
    container: {image: busybox, command: [sh, -c, "mkdir -p /tmp/tree/a && touch /tmp/tree/a/b"]}
    outputs: {artifacts: [{name: tree, path: /tmp/tree}]}
  - name: look
    inputs: {artifacts: [{name: tree, path: /tmp/tree, mode: 511, recurseMode: true}]}
    container: {image: busybox, command: [sh, -c, "stat -c %a /tmp/tree /tmp/tree/a /tmp/tree/a/b > /tmp/modes"]}
    outputs: {parameters: [{name: modes, valueFrom: {path: /tmp/modes}}]}
"""
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(text)
        outputs = node(workflow, "wf[1].look").outputs
        assert outputs is not None
        assert outputs.parameters[0].value == "777\n777\n777"
