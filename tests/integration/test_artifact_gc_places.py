"""artifactGC where it is less plain: buckets, web servers, fetched and inline templates, workflows that run or fail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from setpoint.apis.argo import NodeStatus, Workflow
from setpoint.apis.core import Event, Secret
from setpoint.apis.meta import ObjectMeta
from setpoint.operations import workflows as verbs
from setpoint.operations.outputs import read_logs
from tests.http_stub import serving
from tests.integration.test_artifact_gc import gone
from tests.object_store import BUCKET, ObjectStore, keep_keys, object_store
from tests.pods import store_of
from tests.workflow_engine import Plane, node, running_plane

pytestmark = pytest.mark.rule("artifacts.gc")

FINALIZER = "workflows.argoproj.io/artifact-gc"
HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
"""
MAKE = "container: {image: busybox, command: [sh, -c, 'echo x > /tmp/x']}"


def is_deleted(nodes: Mapping[str, NodeStatus]) -> dict[str, bool]:
    """Whether they are deleted, by name of the artifacts of pods."""
    outputs = [item.outputs for item in nodes.values() if item.type.value == "Pod" and item.outputs is not None]
    return {artifact.name: artifact.deleted for each in outputs for artifact in each.artifacts}


def keys_in(store: ObjectStore) -> set[str]:
    with store.client() as s3:
        return {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def is_let_go(workflow: Workflow) -> bool:
    return workflow.status.completed and FINALIZER not in workflow.metadata.finalizers


async def test_artifacts_go_from_their_own_bucket_the_templates_and_the_repositorys(tmp_path: Path) -> None:
    with object_store(tmp_path, {"kept": b"", "own/data/before": b""}) as store:
        text = f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: artifact-repositories}}
data: {{bucket: "s3: {{{store.fields}}}"}}
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {{name: shared}}
spec:
  templates:
  - name: make
    archiveLocation: {{s3: {{key: "fetched/{{{{pod.name}}}}", {store.fields}}}}}
    {MAKE}
    outputs: {{artifacts: [{{name: of-template, path: /tmp/x}}]}}
---
{HEAD}
  artifactRepositoryRef: {{key: bucket}}
  artifactGC: {{strategy: OnWorkflowCompletion}}
  templates:
  - name: main
    steps: [[{{name: a, template: make}}, {{name: b, templateRef: {{name: shared, template: make}}}}]]
  - name: make
    {MAKE}
    outputs:
      artifacts:
      - {{name: own, path: /tmp, archive: {{none: {{}}}}, s3: {{key: own/data, {store.fields}}}}}
      - {{name: of-repository, path: /tmp/x}}
"""
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, store)
            ended = await plane.run(text)
            assert ended.status.phase.value == "Succeeded", ended.status.message
            assert len(is_deleted(ended.status.nodes)) == 3
            ended = await plane.until("wf", is_let_go)
            assert set(is_deleted(ended.status.nodes).values()) == {True}
        assert keys_in(store) == {"kept"}


async def test_the_status_says_what_was_done(tmp_path: Path) -> None:
    text = f"""{HEAD}
  artifactGC: {{strategy: OnWorkflowDeletion, serviceAccountName: me}}
  templates:
  - name: main
    {MAKE}
    outputs: {{artifacts: [{{name: x, path: /tmp/x, artifactGC: {{strategy: OnWorkflowCompletion}}}}%s]}}
"""
    async with running_plane(tmp_path) as plane:
        await plane.run(text % "")
        ended = await plane.until("wf", is_let_go)
        assert ended.status.artifact_gc_status is not None
        assert ended.status.artifact_gc_status["strategiesProcessed"] == {"OnWorkflowCompletion": True}
        (pod,) = ended.status.artifact_gc_status["podsRecouped"]
        assert pod.startswith("wf-artgc-wfcomp-")
        await plane.resources.delete(Workflow, "default", "wf")
        held = await plane.run(text % ", {name: late, path: /tmp}")
        assert held.metadata.finalizers == (FINALIZER,)
        await plane.resources.delete(Workflow, "default", "wf")
        await gone(plane)
        without = f"{HEAD}\n  artifactGC: {{strategy: OnWorkflowDeletion}}\n  templates: [{{name: main, {MAKE}}}]"
        plain = await plane.run(without)
        assert plain.status.artifact_gc_status == {"notSpecified": True}
        assert plain.metadata.finalizers == ()


@pytest.mark.parametrize("call", ["inline: {%s}", "templateRef: {name: shared, template: make}"])
async def test_a_strategy_that_only_an_inline_or_fetched_template_names(tmp_path: Path, call: str) -> None:
    outputs = "outputs: {artifacts: [{name: x, path: /tmp/x, artifactGC: {strategy: OnWorkflowDeletion}}]}"
    text = f"""
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {{name: shared}}
spec: {{templates: [{{name: make, {MAKE}, {outputs}}}]}}
---
{HEAD}
  templates: [{{name: main, steps: [[{{name: a, {call.replace("%s", f"{MAKE}, {outputs}")}}}]]}}]
"""
    async with running_plane(tmp_path) as plane:
        ended = await plane.run(text)
        assert ended.metadata.finalizers == (FINALIZER,)
        outputs_of = node(ended, "wf[0].a").outputs
        assert outputs_of is not None
        assert outputs_of.artifacts[0].s3 is not None
        key = outputs_of.artifacts[0].s3.key
        assert store_of(tmp_path).exists(key)
        await plane.resources.delete(Workflow, "default", "wf")
        await gone(plane)
        assert not store_of(tmp_path).exists(key)


async def warnings(plane: Plane) -> list[str]:
    listed = await plane.resources.list(Event, "default")
    return [item.message for item in listed.items if item.reason == "ArtifactGCFailed"]


IN_BUCKET = """{head}
  artifactGC: {{strategy: OnWorkflowDeletion, forceFinalizerRemoval: {force}}}
  templates:
  - name: main
    {make}
    outputs: {{artifacts: [{{name: x, path: /tmp/x, s3: {{key: x, {fields}}}}}]}}
"""


async def test_what_cannot_be_deleted_holds_the_workflow_and_is_tried_again(tmp_path: Path) -> None:
    with object_store(tmp_path, {}) as store:
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, store)
            await plane.run(IN_BUCKET.format(head=HEAD, make=MAKE, fields=store.fields, force="false"))
            secret = await without_keys(plane)
            await plane.resources.delete(Workflow, "default", "wf")
            held = await plane.until("wf", lambda found: found.status.conditions != ())
            (told,) = [item for item in held.status.conditions if item.type == "ArtifactGCError"]
            reason = "err:x: secret 'creds' with key 'access' is needed for an artifact"
            assert told.message == f"Artifact Garbage Collection failed for strategy OnWorkflowDeletion, {reason}"
            await asyncio.sleep(1.5)  # it is tried again meanwhile, and told of once
            assert await warnings(plane) == [told.message]
            assert keys_in(store) == {"x"}
            await plane.resources.create(secret)
            await gone(plane)
        assert keys_in(store) == set()


async def test_a_workflow_that_is_forced_to_go_leaves_what_cannot_be_deleted(tmp_path: Path) -> None:
    with object_store(tmp_path, {}) as store:
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, store)
            await plane.run(IN_BUCKET.format(head=HEAD, make=MAKE, fields=store.fields, force="true"))
            await without_keys(plane)
            await plane.resources.delete(Workflow, "default", "wf")
            await gone(plane)
            assert len(await warnings(plane)) == 1
        assert keys_in(store) == {"x"}


async def without_keys(plane: Plane) -> Secret:
    """The secret with the bucket's keys, which is there no more."""
    found = await plane.resources.get(Secret, "default", "creds")
    await plane.resources.delete(Secret, "default", "creds")
    return found.replace(metadata=ObjectMeta(name="creds", namespace="default"))


async def test_what_lies_on_a_web_server_cannot_be_deleted(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/x"] = lambda _: (201, "")
        text = f"""{HEAD}
  artifactGC: {{strategy: OnWorkflowCompletion}}
  templates:
  - name: main
    {MAKE}
    outputs: {{artifacts: [{{name: x, path: /tmp/x, http: {{url: "{server.url}/x"}}}}]}}
"""
        async with running_plane(tmp_path) as plane:
            await plane.run(text)
            ended = await plane.until("wf", lambda found: found.status.conditions != ())
            assert "err:x: what lies in http cannot be deleted" in ended.status.conditions[-1].message
            assert ended.metadata.finalizers == (FINALIZER,)


RUNS = f"""{HEAD}
  artifactGC: {{strategy: OnWorkflowDeletion}}
  onExit: last
  templates:
  - name: main
    steps: [[{{name: early, template: early}}], [{{name: late, template: late}}]]
  - name: early
    {MAKE}
    outputs: {{artifacts: [{{name: early, path: /tmp/x, s3: {{key: early}}}}]}}
  - name: late
    container: {{image: busybox, command: [sh, -c, "echo x > /tmp/x; echo ready; sleep 100"]}}
    outputs: {{artifacts: [{{name: late, path: /tmp/x, s3: {{key: late}}}}]}}
  - name: last
    {MAKE}
    outputs: {{artifacts: [{{name: last, path: /tmp/x, s3: {{key: last}}}}]}}
"""


async def made(plane: Plane) -> None:
    """Wait until the late step has made what it puts out."""
    async with asyncio.timeout(30):
        async for line in read_logs(plane.resources, plane.launcher, "default", "wf", follow=True):
            if line.content == "ready":
                return


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_workflow_that_is_deleted_while_it_runs_ends_first(tmp_path: Path, restarted: bool) -> None:
    store = store_of(tmp_path)
    async with running_plane(tmp_path) as plane:
        await plane.submit(RUNS)
        await made(plane)
        assert store.exists("early")
        if not restarted:
            await plane.resources.delete(Workflow, "default", "wf")
            await gone(plane)
            assert store.keys("") == ()
            return
    async with running_plane(tmp_path, engine=False) as plane:
        await plane.resources.delete(Workflow, "default", "wf")
    async with running_plane(tmp_path) as plane:
        await gone(plane)
        assert store.keys("") == ()


async def test_a_workflow_that_is_run_again_is_collected_again(tmp_path: Path) -> None:
    text = f"""{HEAD}
  templates:
  - name: main
    container: {{image: busybox, command: [sh, -c, "echo x > /tmp/x; exit 1"]}}
    outputs:
      artifacts: [{{name: x, path: /tmp/x, s3: {{key: x}}, artifactGC: {{strategy: OnWorkflowCompletion}}}}]
"""
    async with running_plane(tmp_path) as plane:
        await plane.run(text)
        first = await plane.until("wf", is_let_go)
        assert is_deleted(first.status.nodes) == {"x": True}
        await verbs.retry(plane.resources, plane.journal, "default", "wf")
        begun = node(first, "wf").started_at
        await plane.until("wf", lambda found: found.status.completed and node(found, "wf").started_at != begun)
        again = await plane.until("wf", is_let_go)
        assert again.status.phase.value == "Failed"
        assert is_deleted(again.status.nodes) == {"x": True}
        assert not store_of(tmp_path).exists("x")


async def test_what_an_inline_template_stores_in_a_place_of_its_own_goes_too(tmp_path: Path) -> None:
    with object_store(tmp_path, {"kept": b""}) as store:
        text = f"""{HEAD}
  artifactGC: {{strategy: OnWorkflowCompletion}}
  templates:
  - name: main
    steps:
    - - name: a
        inline:
          archiveLocation: {{s3: {{key: "inline/{{{{pod.name}}}}", {store.fields}}}}}
          {MAKE}
          outputs: {{artifacts: [{{name: x, path: /tmp/x}}, {{name: plain, path: /tmp/x, archive: {{none: {{}}}}}}]}}
"""
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, store)
            ended = await plane.run(text)
            assert ended.status.phase.value == "Succeeded", ended.status.message
            ended = await plane.until("wf", is_let_go)
            assert is_deleted(ended.status.nodes) == {"x": True, "plain": True}
        assert keys_in(store) == {"kept"}


async def test_what_a_pod_saves_after_it_was_told_to_end_goes_too(tmp_path: Path) -> None:
    """Also where only a template that is written into its call says so, of which nothing was saved before."""
    text = f"""{HEAD}
  templates:
  - name: main
    steps:
    - - name: a
        inline:
          container:
            image: busybox
            command: [sh, -c, "trap 'echo late > /tmp/x; exit 0' TERM; touch /tmp/x; echo ready; sleep 60 & wait"]
          outputs:
            artifacts: [{{name: x, path: /tmp/x, s3: {{key: late}}, artifactGC: {{strategy: OnWorkflowCompletion}}}}]
"""
    async with running_plane(tmp_path) as plane:
        await plane.submit(text)
        await made(plane)
        await verbs.terminate(plane.resources, plane.journal, "default", "wf")
        ended = await plane.until("wf", is_let_go)
        assert is_deleted(ended.status.nodes) == {"x": True}
        assert not (tmp_path / "artifacts" / "late").exists()
