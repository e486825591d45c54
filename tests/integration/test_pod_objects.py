"""Pods as objects of the API: those of engines are shown and can be deleted, those of users are run."""

# ruff: noqa: ASYNC110 - tests look at objects until they are so

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from setpoint.apis.argo import Workflow
from setpoint.apis.batch import Job
from setpoint.apis.core import ConfigMap, Event, Secret
from setpoint.apis.errors import NotFound
from setpoint.apis.kinds import KINDS
from setpoint.apis.manifest import decode_document, kind_map, load_documents
from setpoint.apis.meta import ObjectMeta, Resource, render_wire
from setpoint.apis.pod import LAUNCH, Pod
from setpoint.wiring.control_plane import ControlPlane, control_plane
from setpoint.wiring.settings import Settings

R = TypeVar("R", bound=Resource)

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: w, namespace: default}
spec:
  entrypoint: main
  SPEC
  templates:
  - name: main
    metadata: {labels: {mine: "yes"}}
    container:
      image: busybox
      command: [sh, -c, "SCRIPT"]
      args: ["$(PASSWORD)"]
      env:
      - {name: PASSWORD, valueFrom: {secretKeyRef: {name: s, key: password}}}
      - {name: PLAIN, value: text}
"""

POD = """
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: default, labels: {app: web}}
spec:
  restartPolicy: Never
  containers:
  - {name: a, image: busybox, command: [sh, -c, "SCRIPT"]}
"""


def read(text: str, script: str = "true", spec: str = "") -> Resource:
    text = text.replace("SCRIPT", script).replace("SPEC", spec)
    return decode_document(load_documents(text, "test.yaml")[0], kind_map(KINDS))


def pod(script: str = "true", text: str = POD) -> Pod:
    found = read(text, script)
    assert isinstance(found, Pod)
    return found


async def until(plane: ControlPlane, kind: type[R], name: str, holds: Callable[[R], bool]) -> R:
    async with asyncio.timeout(30):
        while True:
            with suppress(NotFound):
                if holds(found := await plane.resources.get(kind, "default", name)):
                    return found
            await asyncio.sleep(0.02)


async def is_gone(plane: ControlPlane, name: str) -> None:
    async with asyncio.timeout(30):
        with suppress(NotFound):
            while await plane.resources.get(Pod, "default", name):
                await asyncio.sleep(0.02)


async def only_pod(plane: ControlPlane, holds: Callable[[Pod], bool] = lambda _: True) -> Pod:
    async with asyncio.timeout(30):
        while True:
            found = [item for item in (await plane.resources.list(Pod, "default")).items if holds(item)]
            if found:
                return found[0]
            await asyncio.sleep(0.02)


def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def secret() -> Secret:
    return Secret(metadata=ObjectMeta(name="s", namespace="default"), string_data={"password": "hunter2"})


def phase(wanted: str) -> Callable[[Pod], bool]:
    return lambda found: found.status.phase == wanted


class TestPodsOfEngines:
    """The mirror."""

    async def test_a_step_is_shown_while_it_runs_and_after(self, tmp_path: Path) -> None:
        script = f"while ! test -e {tmp_path}/go; do sleep 0.02; done; exit 3"
        async with control_plane(settings(tmp_path), serve_stored=True, visible=[str(tmp_path)]) as plane:
            await plane.resources.create(secret())
            workflow = read(WORKFLOW, script)
            assert isinstance(workflow, Workflow)
            await plane.verbs.submit(workflow)
            found = await only_pod(plane, phase("Running"))
            assert found.metadata.labels["workflows.argoproj.io/completed"] == "false"
            assert found.metadata.labels["mine"] == "yes"
            assert found.metadata.annotations["workflows.argoproj.io/node-name"] == "w"
            assert [(item.kind, item.name, item.controller) for item in found.metadata.owner_references] == [
                ("Workflow", "w", True)
            ]
            assert found.status.container_statuses[0].ready
            (tmp_path / "go").touch()
            found = await only_pod(plane, phase("Failed"))
            assert found.metadata.labels["workflows.argoproj.io/completed"] == "true"
            ended = found.status.container_statuses[0].state.terminated
            assert ended is not None
            assert (ended.exit_code, ended.reason) == (3, "Error")
            assert found.metadata.finalizers == ()

    async def test_no_value_of_a_secret_is_shown(self, tmp_path: Path) -> None:
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(secret())
            workflow = read(WORKFLOW)
            assert isinstance(workflow, Workflow)
            await plane.verbs.submit(workflow)
            found = await only_pod(plane, phase("Succeeded"))
            text = json.dumps(render_wire(found))
            assert "hunter2" not in text
            env = {item.name: item for item in found.spec.containers[0].env}
            assert env["PASSWORD"].value_from == {"secretKeyRef": {"name": "s", "key": "password"}}
            assert env["PLAIN"].value == "text"
            assert found.spec.containers[0].args == ("$(PASSWORD)",)

    async def test_deleting_the_pod_of_a_step_ends_it_and_its_node_says_so(self, tmp_path: Path) -> None:
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(secret())
            workflow = read(WORKFLOW, "sleep 60")
            assert isinstance(workflow, Workflow)
            await plane.verbs.submit(workflow)
            found = await only_pod(plane, phase("Running"))
            await plane.resources.delete(Pod, "default", found.metadata.name)
            await is_gone(plane, found.metadata.name)
            ended = await until(plane, Workflow, "w", lambda item: item.status.completed)
            assert (ended.status.phase.value, ended.status.message) == ("Error", "pod deleted")

    async def test_pods_go_with_their_workflow(self, tmp_path: Path) -> None:
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(secret())
            workflow = read(WORKFLOW)
            assert isinstance(workflow, Workflow)
            await plane.verbs.submit(workflow)
            found = await only_pod(plane, phase("Succeeded"))
            await plane.resources.delete(Workflow, "default", "w")
            await is_gone(plane, found.metadata.name)

    async def test_pod_gc_removes_the_object(self, tmp_path: Path) -> None:
        gc = "podGC: {strategy: OnPodCompletion, deleteDelayDuration: 1s}"
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(secret())
            workflow = read(WORKFLOW, spec=gc)
            assert isinstance(workflow, Workflow)
            await plane.verbs.submit(workflow)
            found = await only_pod(plane)
            await is_gone(plane, found.metadata.name)

    async def test_a_pod_that_ended_while_nobody_looked_is_shown_so(self, tmp_path: Path) -> None:
        script = f"while ! test -e {tmp_path}/go; do sleep 0.02; done"
        async with control_plane(settings(tmp_path), serve_stored=True, visible=[str(tmp_path)]) as plane:
            await plane.resources.create(secret())
            workflow = read(WORKFLOW, script)
            assert isinstance(workflow, Workflow)
            await plane.verbs.submit(workflow)
            found = await only_pod(plane, phase("Running"))
        (tmp_path / "go").touch()
        exit_ = tmp_path / "home" / "pods" / found.metadata.annotations[LAUNCH] / "exit.json"
        async with asyncio.timeout(30):
            while not exit_.exists():
                await asyncio.sleep(0.02)
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await until(plane, Pod, found.metadata.name, phase("Succeeded"))

    async def test_a_container_of_a_set_that_has_ended_is_shown_so_while_others_run(self, tmp_path: Path) -> None:
        text = f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: w, namespace: default}}
spec:
  entrypoint: main
  templates:
  - name: main
    containerSet:
      containers:
      - {{name: a, image: busybox, command: ["true"]}}
      - {{name: b, image: busybox, command: [sh, -c, "while ! test -e {tmp_path}/go; do sleep 0.02; done"]}}
"""
        async with control_plane(settings(tmp_path), serve_stored=True, visible=[str(tmp_path)]) as plane:
            workflow = read(text)
            assert isinstance(workflow, Workflow)
            await plane.verbs.submit(workflow)

            def one_has_ended(found: Pod) -> bool:
                states = {item.name: item.state for item in found.status.container_statuses}
                return states["a"].terminated is not None and states["b"].running is not None

            await only_pod(plane, one_has_ended)
            (tmp_path / "go").touch()
            await only_pod(plane, phase("Succeeded"))

    async def test_a_job_shows_its_pods_under_the_names_of_its_containers(self, tmp_path: Path) -> None:
        text = (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: default}\nspec:\n  template:\n"
            "    metadata: {labels: {mine: x}}\n"
            '    spec: {restartPolicy: Never, containers: [{name: work, image: busybox, command: ["true"]}]}\n'
        )
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(read(text))
            found = await only_pod(plane, phase("Succeeded"))
            assert found.metadata.labels["job-name"] == "j"
            assert found.metadata.labels["mine"] == "x"
            assert [item.name for item in found.status.container_statuses] == ["work"]
            await plane.resources.delete(Job, "default", "j")
            await is_gone(plane, found.metadata.name)


class TestPodsOfUsers:
    """Bare pods."""

    async def test_a_pod_runs_to_its_end(self, tmp_path: Path) -> None:
        text = POD.replace(
            "  containers:", "  initContainers:\n  - {name: i, image: busybox, command: ['true']}\n  containers:"
        )
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(pod("exit 2", text))
            found = await until(plane, Pod, "p", lambda item: item.status.ended)
            assert found.status.phase == "Failed"
            (status,) = found.status.container_statuses
            assert status.state.terminated is not None
            assert status.state.terminated.exit_code == 2
            (before,) = found.status.init_container_statuses
            assert before.ready
            await until(plane, Pod, "p", lambda item: item.metadata.finalizers == ())

    async def test_what_it_is_told_of_itself_is_right(self, tmp_path: Path) -> None:
        env = (
            ", env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}},"
            " {name: ID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}},"
            " {name: APP, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}},"
            " {name: KEY, valueFrom: {configMapKeyRef: {name: c, key: k}}}]}"
        )
        text = POD.replace('"SCRIPT"]}', '"SCRIPT"]' + env)
        async with control_plane(settings(tmp_path), serve_stored=True, visible=[str(tmp_path)]) as plane:
            made = await plane.resources.create(
                pod(f"echo $NAME $ID $APP $KEY > {tmp_path}/said; env >> {tmp_path}/said", text)
            )
            waiting = await until(
                plane,
                Pod,
                "p",
                lambda item: any(
                    one.state.waiting is not None and one.state.waiting.reason == "CreateContainerConfigError"
                    for one in item.status.container_statuses
                ),
            )
            assert waiting.status.phase == "Pending"
            await plane.resources.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="default"), data={"k": "v"}))
            await until(plane, Pod, "p", phase("Succeeded"))
            said = (tmp_path / "said").read_text()
            assert said.splitlines()[0] == f"p {made.metadata.uid} web v"
            assert "ARGO_" not in said

    async def test_a_container_that_fails_waits_in_crash_loop_back_off(self, tmp_path: Path) -> None:
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(pod("exit 1", POD.replace("restartPolicy: Never", "restartPolicy: Always")))
            found = await until(
                plane,
                Pod,
                "p",
                lambda item: any(
                    one.state.waiting is not None and one.state.waiting.reason == "CrashLoopBackOff"
                    for one in item.status.container_statuses
                ),
            )
            (status,) = found.status.container_statuses
            assert status.restart_count == 1
            assert status.last_state.terminated is not None
            assert found.status.phase == "Running"
            await plane.resources.delete(Pod, "default", "p")
            await is_gone(plane, "p")

    async def test_deletion_waits_for_the_processes_and_no_longer_than_the_grace_period(self, tmp_path: Path) -> None:
        text = POD.replace("spec:", "spec:\n  terminationGracePeriodSeconds: 20")
        script = f"trap 'echo bye > {tmp_path}/bye; exit 0' TERM; touch {tmp_path}/up; while :; do sleep 0.02; done"
        async with control_plane(settings(tmp_path), serve_stored=True, visible=[str(tmp_path)]) as plane:
            await plane.resources.create(pod(script, text))
            await until(plane, Pod, "p", phase("Running"))
            async with asyncio.timeout(30):
                while not (tmp_path / "up").exists():
                    await asyncio.sleep(0.02)
            await plane.resources.delete(Pod, "default", "p")
            marked = await plane.resources.get(Pod, "default", "p")
            assert marked.metadata.deletion_grace_period_seconds == 20
            await is_gone(plane, "p")
            assert (tmp_path / "bye").exists()

    async def test_a_deadline_ends_it(self, tmp_path: Path) -> None:
        text = POD.replace("spec:", "spec:\n  activeDeadlineSeconds: 1\n  terminationGracePeriodSeconds: 1")
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(pod("sleep 60", text))
            found = await until(plane, Pod, "p", lambda item: item.status.ended)
            assert (found.status.phase, found.status.reason) == ("Failed", "DeadlineExceeded")

    async def test_what_cannot_be_done_is_refused_with_its_path(self, tmp_path: Path) -> None:
        text = POD.replace("spec:", "spec:\n  volumes: [{name: v, nfs: {server: x, path: /}}]")
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(pod(text=text))
            found = await until(plane, Pod, "p", lambda item: item.status.ended)
            assert found.status.reason == "NotSupported"
            assert found.status.message.startswith("spec.volumes[0].nfs: ")

    async def test_what_is_ignored_is_told_once(self, tmp_path: Path) -> None:
        text = POD.replace("spec:", "spec:\n  hostNetwork: true\n  nodeSelector: {a: b}")
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(pod(text=text))
            found = await until(plane, Pod, "p", phase("Succeeded"))
            assert [item.message for item in found.status.conditions if item.type == "setpoint.dev/FieldsIgnored"] == [
                "no meaning on one machine, ignored: spec.hostNetwork, spec.nodeSelector"
            ]
            assert found.spec.node_name
            events = (await plane.resources.list(Event, "default")).items
            assert [item.message for item in events if item.reason == "FieldsIgnored"] == [
                "no meaning on one machine, ignored: spec.hostNetwork, spec.nodeSelector"
            ]

    async def test_it_goes_on_under_the_next_control_plane(self, tmp_path: Path) -> None:
        script = f"while ! test -e {tmp_path}/go; do sleep 0.02; done"
        async with control_plane(settings(tmp_path), serve_stored=True, visible=[str(tmp_path)]) as plane:
            await plane.resources.create(pod(script))
            await until(plane, Pod, "p", phase("Running"))
        (tmp_path / "go").touch()
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            found = await until(plane, Pod, "p", phase("Succeeded"))
            assert found.status.container_statuses[0].restart_count == 0

    async def test_processes_that_were_lost_are_started_anew(self, tmp_path: Path) -> None:
        text = POD.replace("restartPolicy: Never", "restartPolicy: Always\n  terminationGracePeriodSeconds: 0")
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            await plane.resources.create(pod("sleep 600", text))
            found = await until(plane, Pod, "p", phase("Running"))
            claim = (tmp_path / "home" / "pods" / found.metadata.uid / "claim").readlink()
            os.kill(json.loads(str(claim))["pid"], signal.SIGKILL)
            found = await until(
                plane, Pod, "p", lambda item: [one.restart_count for one in item.status.container_statuses] == [1]
            )
            await until(plane, Pod, "p", lambda item: item.status.container_statuses[0].ready)
            await plane.resources.delete(Pod, "default", "p")
            await is_gone(plane, "p")

    async def test_a_control_plane_for_one_command_leaves_stored_pods_alone(self, tmp_path: Path) -> None:
        from setpoint.wiring.control_plane import store_only

        async with store_only(settings(tmp_path)) as session:
            await session.resources.create(pod())
        async with control_plane(settings(tmp_path), serve_stored=False) as plane:
            await plane.resources.create(pod(text=POD.replace("name: p,", "name: q,")))
            await until(plane, Pod, "q", phase("Succeeded"))
            assert (await plane.resources.get(Pod, "default", "p")).status.phase == ""

    @pytest.mark.rule("leaf.resource-pods")
    async def test_a_resource_template_makes_a_pod_and_waits_for_it(self, tmp_path: Path) -> None:
        text = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: w, namespace: default}
spec:
  entrypoint: main
  templates:
  - name: main
    resource:
      action: create
      setOwnerReference: true
      successCondition: status.phase == Succeeded
      failureCondition: status.phase == Failed
      manifest: |
        apiVersion: v1
        kind: Pod
        metadata: {generateName: made-}
        spec:
          restartPolicy: Never
          containers: [{name: a, image: busybox, command: [sh, -c, "exit CODE"]}]
"""
        async with control_plane(settings(tmp_path), serve_stored=True) as plane:
            for code, wanted in (("0", "Succeeded"), ("1", "Failed")):
                name = f"w{code}"
                workflow = read(text.replace("CODE", code).replace("name: w,", f"name: {name},"))
                assert isinstance(workflow, Workflow)
                await plane.verbs.submit(workflow)
                ended = await until(plane, Workflow, name, lambda item: item.status.completed)
                assert ended.status.phase.value == wanted, ended.status.message
            await plane.resources.delete(Workflow, "default", "w0")
            async with asyncio.timeout(30):
                while len((await plane.resources.list(Pod, "default")).items) > 1:
                    await asyncio.sleep(0.02)
