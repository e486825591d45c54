"""The engine with real store, pods and time: what the core alone cannot show."""

# ruff: noqa: ASYNC110, ASYNC240 - a launcher tells nobody of a directory that is gone

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.pods.records import STARTED, Started, read_note
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import NodePhase, Workflow, WorkflowSpec
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.core.workflow import pod_id
from setpoint.operations import workflows as verbs
from tests.pods import appears, log_text
from tests.workflow_engine import Plane, node, running_plane

HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
"""


@pytest.mark.rule("volumes.sources", "leaf.container")
async def test_config_maps_and_secrets_become_environment_and_files(tmp_path: Path) -> None:
    manifest = (
        HEAD
        + """
spec:
  entrypoint: main
  volumes:
  - {name: conf, configMap: {name: conf}}
  - {name: keys, secret: {secretName: keys}}
  templates:
  - name: main
    script:
      image: busybox
      command: [sh]
      env:
      - {name: ONE, valueFrom: {configMapKeyRef: {name: conf, key: one}}}
      - {name: KEY, valueFrom: {secretKeyRef: {name: keys, key: password}}}
      envFrom: [{prefix: P_, configMapRef: {name: conf}}]
      volumeMounts: [{name: conf, mountPath: /etc/conf}, {name: keys, mountPath: /etc/keys}]
      source: |
        printf '%s %s %s ' "$ONE" "$KEY" "$P_two" > /tmp/out
        printf '%s %s' "$(cat /etc/conf/two)" "$(cat /etc/keys/password)" >> /tmp/out
    outputs: {parameters: [{name: out, valueFrom: {path: /tmp/out}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {one: "1", two: "2"}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: hush}
"""
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(manifest)
        assert workflow.status.phase.value == "Succeeded", workflow.status.message
        outputs = node(workflow, "wf").outputs
        assert outputs is not None
        assert outputs.parameters[0].value == "1 hush 2 2 hush"
        record = await plane.journal.load(workflow.metadata.uid)
        assert b"hush" not in b"".join(record.commands.values()) + record.engine


async def test_a_missing_config_map_is_an_error_of_the_pod(tmp_path: Path) -> None:
    manifest = (
        HEAD
        + """
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: busybox, command: [env], envFrom: [{configMapRef: {name: nope}}]}
"""
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(manifest)
        assert node(workflow, "wf").phase is NodePhase.ERROR
        assert '"nope" not found' in workflow.status.message


async def test_resource_templates_act_on_the_api(tmp_path: Path) -> None:
    manifest = (
        HEAD
        + """
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - {name: make, template: make}
    - - {name: wait, template: wait}
      - {name: bad, template: bad, continueOn: {failed: true}}
    - - {name: drop, template: drop}
  - name: make
    resource:
      action: create
      setOwnerReference: true
      manifest: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {generateName: made-}
        data: {state: ready}
    outputs: {parameters: [{name: name, globalName: name, valueFrom: {jsonPath: "{.metadata.name}"}}]}
  - name: wait
    resource:
      action: get
      successCondition: data.state == ready
      failureCondition: data.state == broken
      manifest: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "{{workflow.outputs.parameters.name}}"}
  - name: bad
    resource:
      action: get
      failureCondition: data.state in (ready, broken)
      manifest: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "{{workflow.outputs.parameters.name}}"}
  - name: drop
    resource:
      action: delete
      manifest: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "{{workflow.outputs.parameters.name}}"}
"""
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(manifest)
        assert workflow.status.phase.value == "Succeeded", workflow.status.message
        assert node(workflow, "wf[1].bad").phase is NodePhase.FAILED
        assert "failure condition" in node(workflow, "wf[1].bad").message
        assert (await plane.resources.list(ConfigMap, "default")).items == ()


SUSPENDED = (
    HEAD
    + """
spec:
  entrypoint: main
  onExit: bye
  templates:
  - name: main
    steps:
    - - {name: a, template: ok}
    - - {name: wait, template: wait}
    - - {name: b, template: fails}
  - {name: wait, suspend: {}}
  - name: ok
    container: {image: busybox, command: ["true"]}
  - name: fails
    container: {image: busybox, command: [sh, -c, "exit 4"]}
  - name: bye
    container: {image: busybox, command: ["true"]}
"""
)


def _waits(workflow: Workflow) -> bool:
    return any(item.type.value == "Suspend" and not item.fulfilled for item in workflow.status.nodes.values())


@pytest.mark.rule("verbs.retry", "verbs.resume", "verbs.suspend", "verbs.shutdown-completed")
async def test_resume_and_retry_go_on_from_where_it_was(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(SUSPENDED)
        await plane.until("wf", _waits)
        await verbs.resume(plane.resources, plane.journal, "default", "wf")
        first = await plane.finished("wf")
        assert first.status.phase.value == "Failed"
        await verbs.retry(plane.resources, plane.journal, "default", "wf")
        again = await plane.until(
            "wf", lambda item: item.status.completed and item.status.started_at > first.status.started_at
        )
        assert again.status.phase.value == "Failed"
        assert node(again, "wf[0].a") == node(first, "wf[0].a")
        assert node(again, "wf[2].b").started_at > node(first, "wf[2].b").started_at  # type: ignore[operator]
        with pytest.raises(InvalidSpec, match="completed workflow"):
            await verbs.stop(plane.resources, plane.journal, "default", "wf")
        with pytest.raises(InvalidSpec, match="cannot suspend completed workflows"):
            await verbs.suspend(plane.resources, plane.journal, "default", "wf")


@pytest.mark.rule("objects.labels", "verbs.resubmit", "objects.workflow-template-ref")
async def test_a_resubmitted_workflow_is_a_new_one_with_the_users_labels(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(LABELLED)
        old = await plane.finished("wf")
        assert {key: value for key, value in old.metadata.labels.items() if "/" in key} == {
            "workflows.argoproj.io/phase": "Succeeded",
            "workflows.argoproj.io/completed": "true",
            "workflows.argoproj.io/workflow-template": "whole",
        }
        made = await verbs.resubmit(plane.resources, "default", "wf", parameters={"m": "again"})
        ended = await plane.finished(made.metadata.name)
    assert made.metadata.name.startswith("wf-")
    assert ended.metadata.labels["mine"] == "yes"
    assert ended.metadata.labels["workflows.argoproj.io/resubmitted-from-workflow"] == "wf"
    inputs = ended.status.nodes[made.metadata.name].inputs
    assert inputs is not None
    assert inputs.parameters[0].value == "again"


LABELLED = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: whole}
spec:
  entrypoint: main
  templates:
  - name: main
    inputs: {parameters: [{name: m}]}
    container: {image: busybox, command: [echo, "{{inputs.parameters.m}}"]}
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf, labels: {mine: "yes"}}
spec:
  workflowTemplateRef: {name: whole}
  arguments: {parameters: [{name: m, value: first}]}
"""


async def test_stop_ends_what_runs_and_runs_the_exit_handler(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.submit(SUSPENDED)
        await plane.until("wf", _waits)
        await verbs.stop(plane.resources, plane.journal, "default", "wf")
        workflow = await plane.finished("wf")
        assert (workflow.status.phase.value, workflow.status.message) == ("Failed", "Stopped with strategy 'Stop'")
        assert node(workflow, "wf.onExit").phase is NodePhase.SUCCEEDED
        assert workflow.metadata.labels["workflows.argoproj.io/completed"] == "true"


@pytest.mark.rule("reconcile.invalid-spec")
async def test_what_lint_refuses_is_refused_when_it_comes_another_way(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        meta = ObjectMeta(name="wf", namespace="default")
        workflow = Workflow(metadata=meta, spec=WorkflowSpec(entrypoint="nope"))
        await plane.resources.create(workflow)
        ended = await plane.finished("wf")
        assert ended.status.phase.value == "Failed"
        assert ended.status.message.startswith("invalid spec: ")


async def test_a_deleted_workflow_takes_its_pods_along(tmp_path: Path) -> None:
    manifest = (
        HEAD
        + """
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: busybox, command: [sleep, "600"]}
"""
    )
    async with running_plane(tmp_path) as plane:
        await plane.submit(manifest)
        running = await plane.until(
            "wf", lambda item: any(n.phase.value == "Running" for n in item.status.nodes.values())
        )
        root = node(running, "wf")
        pod = pod_id(running.metadata.uid, root.id, root.started_at)
        await appears(tmp_path / "pods" / pod / STARTED)
        main = read_note(tmp_path / "pods" / pod, STARTED, Started)
        assert main is not None
        await plane.resources.delete(Workflow, "default", "wf")
        await _gone(plane, pod)
        assert not Path(f"/proc/{main.pid}").exists()


async def _gone(plane: Plane, pod: str) -> None:
    async with asyncio.timeout(60):
        while await plane.launcher.state(pod) is not None or await plane.launcher.owners():
            await asyncio.sleep(0.02)


ECHO = """
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: busybox, command: [echo, hello]}
"""


async def test_records_and_logs_of_pods_stay_until_the_workflow_is_deleted(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        first = await plane.run(HEAD + ECHO)
        second = await plane.run(HEAD.replace("wf", "wf2") + ECHO)
        pods = [pod_id(item.metadata.uid, item.metadata.name, node(item, item.metadata.name).started_at)
                for item in (first, second)]  # fmt: skip
    async with running_plane(tmp_path) as plane:
        assert await log_text(plane.launcher, pods[0]) == "hello"
        await plane.resources.delete(Workflow, "default", "wf")
        async with asyncio.timeout(60):
            while await plane.launcher.state(pods[0]) is not None:
                await asyncio.sleep(0.02)
        assert await log_text(plane.launcher, pods[1]) == "hello"
    with SqliteStore(tmp_path / "store", SystemClock()) as store:  # nobody is there to see the deletion
        await store.resources.delete(Workflow, "default", "wf2")
    async with running_plane(tmp_path) as plane:
        await _gone(plane, pods[1])


async def test_progress_of_a_running_pod_is_seen_in_its_node_and_the_workflow(tmp_path: Path) -> None:
    go = tmp_path / "go"
    manifest = (
        HEAD
        + f"""
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{{name: a, template: say}}, {{name: b, template: ok}}]]
  - name: say
    script:
      image: busybox
      command: [sh]
      source: |
        echo 2/5 > $ARGO_PROGRESS_FILE
        while [ ! -e {go} ]; do sleep 0.02; done
        echo 4/5 > $ARGO_PROGRESS_FILE
  - name: ok
    container: {{image: busybox, command: ["true"]}}
"""
    )
    async with running_plane(tmp_path) as plane:
        await plane.submit(manifest)
        running = await plane.until("wf", lambda item: item.status.progress == "3/6")
        assert node(running, "wf[0].a").progress == "2/5"
        assert node(running, "wf[0]").progress == node(running, "wf").progress == "3/6"
        go.touch()
        done = await plane.finished("wf")
        assert node(done, "wf[0].a").progress == "5/5"
        assert node(done, "wf").progress == done.status.progress == "6/6"
