"""Volume claims of real workflows: made, shared by pods, kept for a retry, deleted with what is in them."""

# ruff: noqa: ASYNC110 - tests look at directories, and at what tells nobody

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from setpoint.apis.argo import NodePhase, Workflow, WorkflowPhase
from setpoint.apis.core import PersistentVolumeClaim
from setpoint.apis.meta import ObjectMeta
from setpoint.operations import workflows as verbs
from tests.workflow_engine import Plane, node, running_plane


def workflow(second: str, *, gc: str = "") -> str:
    """One step writes into the workflow's claim, the next runs a line of shell there."""
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec:
  entrypoint: main
{gc}
  volumeClaimTemplates:
  - metadata: {{name: work}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
  templates:
  - name: main
    steps:
    - - {{name: write, template: sh, arguments: {{parameters: [{{name: line, value: "echo data > f"}}]}}}}
    - - {{name: read, template: sh, arguments: {{parameters: [{{name: line, value: "{second}"}}]}}}}
  - name: sh
    inputs: {{parameters: [{{name: line}}]}}
    container:
      image: busybox
      workingDir: /mnt/shared
      command: [sh, -c, "{{{{inputs.parameters.line}}}}"]
      volumeMounts: [{{name: work, mountPath: /mnt/shared}}]
"""


async def claims(plane: Plane) -> list[PersistentVolumeClaim]:
    return list((await plane.resources.list(PersistentVolumeClaim, "default")).items)


async def bound(plane: Plane) -> list[PersistentVolumeClaim]:
    async with asyncio.timeout(20):
        while not all(claim.status for claim in await claims(plane)):
            await asyncio.sleep(0.02)
    return await claims(plane)


def directories(home: Path) -> set[str]:
    place = home / "claims"
    return {path.name for path in place.iterdir()} if place.exists() else set()


async def gone(home: Path) -> None:
    async with asyncio.timeout(20):
        while directories(home):
            await asyncio.sleep(0.02)


@pytest.mark.rule("volumes.claims")
async def test_pods_share_the_claim_and_it_goes_with_success(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(workflow("test $(cat f) = data && while [ ! -e go ]; do sleep 0.02; done"))
        await plane.until("wf", lambda wf: any(item.display_name == "read" for item in wf.status.nodes.values()))
        (claim,) = await bound(plane)
        assert claim.metadata.name == "wf-work"
        assert claim.metadata.labels == {"workflows.argoproj.io/workflow": "wf"}
        assert claim.metadata.owner_references[0].kind == "Workflow"
        assert claim.status == {
            "phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}
        }  # fmt: skip
        running = await plane.get("wf")
        held = ({"name": "work", "persistentVolumeClaim": {"claimName": "wf-work"}},)
        assert running.status.persistent_volume_claims == held
        (tmp_path / "claims" / claim.metadata.uid / "go").touch()
        end = await plane.finished("wf")
        assert (end.status.phase, end.status.persistent_volume_claims) == (WorkflowPhase.SUCCEEDED, ())
        await gone(tmp_path)
        assert await claims(plane) == []


@pytest.mark.rule("volumes.claims-kept")
async def test_a_failed_workflow_keeps_its_data_until_it_is_retried_or_deleted(tmp_path: Path) -> None:
    second = "test -e tried || {{ touch tried; exit 3; }}; grep data f; exit 4".replace("{{", "{").replace("}}", "}")
    async with running_plane(tmp_path) as plane:
        failed = await plane.run(workflow(second))
        assert node(failed, "wf[1].read").message == "main: Error (exit code 3)"
        (claim,) = await claims(plane)
        await verbs.retry(plane.resources, plane.journal, "default", "wf")
        message = "main: Error (exit code 4)"
        await plane.until(
            "wf", lambda wf: wf.status.completed and message in {item.message for item in wf.status.nodes.values()}
        )
        assert directories(tmp_path) == {claim.metadata.uid}
        await plane.resources.delete(Workflow, "default", "wf")
        await gone(tmp_path)


async def test_on_completion_goes_also_after_a_failure(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        end = await plane.run(workflow("exit 3", gc="  volumeClaimGC: {strategy: OnWorkflowCompletion}"))
        assert end.status.phase is WorkflowPhase.FAILED
        await gone(tmp_path)


@pytest.mark.rule("volumes.claims-of-others")
async def test_a_claim_of_another_owner_is_an_error(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        meta = ObjectMeta(name="wf-work", namespace="default")
        await plane.resources.create(PersistentVolumeClaim(metadata=meta))
        end = await plane.run(workflow("true"))
        message = "pvc create error: wf-work pvc already exists with different ownerreference"
        assert (end.status.phase, end.status.message) == (WorkflowPhase.ERROR, message)


@pytest.mark.rule("volumes.claim-missing")
async def test_a_pod_waits_for_a_claim_that_exists_later(tmp_path: Path) -> None:
    text = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  arguments: {parameters: [{name: claim, value: mine}]}
  volumes: [{name: v, persistentVolumeClaim: {claimName: "{{workflow.parameters.claim}}"}}]
  templates:
  - name: main
    container:
      image: busybox
      command: [sh, -c, "test $(cat /mnt/v/f) = kept; touch /mnt/v/seen"]
      volumeMounts: [{name: v, mountPath: /mnt/v}]
"""
    async with running_plane(tmp_path) as plane:
        await plane.submit(text)
        waiting = await plane.until("wf", lambda wf: bool(wf.status.nodes) and bool(node(wf, "wf").message))
        reason = 'Unschedulable: 0/1 nodes are available: persistentvolumeclaim "mine" not found.'
        assert (node(waiting, "wf").phase, node(waiting, "wf").message) == (NodePhase.PENDING, reason)
        made = await plane.resources.create(
            PersistentVolumeClaim(metadata=ObjectMeta(name="mine", namespace="default"))
        )
        place = tmp_path / "claims" / made.metadata.uid
        place.mkdir(parents=True)
        (place / "f").write_text("kept")
        end = await plane.finished("wf")
        assert (node(end, "wf").phase, node(end, "wf").message) == (NodePhase.SUCCEEDED, "")
        assert (place / "seen").exists()  # not the workflow's own: it stays


async def test_the_directory_of_a_claim_deleted_while_no_engine_was_up_goes(tmp_path: Path) -> None:
    (tmp_path / "claims" / "nobodys").mkdir(parents=True)
    async with running_plane(tmp_path):
        await gone(tmp_path)
