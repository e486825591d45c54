"""Resource templates against the embedded API: every verb, flags, conditions, outputs, and workflows of workflows."""

# ruff: noqa: ASYNC110 - an object that goes tells nobody here

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from setpoint.adapters.artifact_reader import StoredArtifactReader
from setpoint.adapters.clock import SystemClock
from setpoint.adapters.jq import JqProcess
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import NodePhase, Parameter, ResourceTemplate, ValueFrom, Workflow, WorkflowSpec
from setpoint.apis.core import ConfigMap
from setpoint.apis.errors import NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.core.workflow import RunResourceAction
from setpoint.engines.workflow.resource_actions import ResourceActions
from tests.pods import store_of
from tests.workflow_engine import Plane, node, running_plane

HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
"""


def one(fields: str, outputs: str = "") -> str:
    """A workflow of one resource template."""
    body = "".join(f"      {line}\n" for line in fields.strip("\n").split("\n"))
    return (
        HEAD
        + f"  - name: main\n    resource:\n{body}"
        + (f"    outputs: {{parameters: [{outputs}]}}\n" if outputs else "")
    )


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default", labels={"app": "x"}), data=data)


async def read(plane: Plane, name: str) -> ConfigMap:
    return await plane.resources.get(ConfigMap, "default", name)


def root(workflow: Workflow) -> tuple[NodePhase, str]:
    found = node(workflow, "wf")
    return found.phase, found.message


def outputs(workflow: Workflow) -> dict[str, Any]:
    found = node(workflow, "wf").outputs
    return {item.name: item.value for item in found.parameters} if found is not None else {}


MANIFEST = """
manifest: |
  apiVersion: v1
  kind: ConfigMap
  metadata: {name: c}
  data: {b: "2"}
"""


@pytest.mark.rule("leaf.resource-actions")
async def test_create_apply_replace_and_delete(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:

        async def act(action: str) -> tuple[NodePhase, str]:
            workflow = await plane.run(one(f"action: {action}\n{MANIFEST.strip()}"))
            await plane.resources.delete(Workflow, "default", "wf")
            return root(workflow)

        refused = "main: Error (exit code 64): Error from server"
        not_there = f'{refused} (NotFound): error when replacing "/tmp/manifest.yaml": configmaps "c" not found'
        assert await act("replace") == (NodePhase.FAILED, not_there)
        assert await act("get") == (NodePhase.FAILED, f'{refused} (NotFound): configmaps "c" not found')
        assert await act("delete") == (NodePhase.SUCCEEDED, "")
        assert await act("create") == (NodePhase.SUCCEEDED, "")
        exists = f'{refused} (AlreadyExists): error when creating "/tmp/manifest.yaml": configmaps "c" already exists'
        assert await act("create") == (NodePhase.FAILED, exists)
        await plane.resources.patch(ConfigMap, "default", "c", {"data": {"a": "1"}})
        assert await act("apply") == (NodePhase.SUCCEEDED, "")
        assert (await read(plane, "c")).data == {"a": "1", "b": "2"}
        assert await act("replace") == (NodePhase.SUCCEEDED, "")
        assert (await read(plane, "c")).data == {"b": "2"}
        assert await act("delete") == (NodePhase.SUCCEEDED, "")
        with pytest.raises(NotFound):
            await read(plane, "c")


@pytest.mark.rule("leaf.resource-manifest-from")
@pytest.mark.parametrize("key", ["wf/manifest", "wf/none"])
async def test_the_manifest_can_be_an_artifact(tmp_path: Path, key: str) -> None:
    text = HEAD + (
        f"""
  - name: main
    steps: [[{{name: write, template: write}}], [{{name: make, template: make}}]]
  - name: write
    container:
      image: busybox
      command: [sh, -c, 'echo "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {{a: b}}}}" > /out']
    outputs: {{artifacts: [{{name: out, path: /out, s3: {{key: wf/manifest}}}}]}}
  - name: make
    inputs: {{artifacts: [{{name: manifest, path: /m.yaml, s3: {{key: {key}}}}}]}}
    resource: {{action: create, manifestFrom: {{artifact: {{name: manifest}}}}}}
"""
    )
    async with running_plane(tmp_path) as plane:
        made = node(await plane.run(text), "wf[1].make")
        if key == "wf/manifest":
            assert (made.phase, made.message) == (NodePhase.SUCCEEDED, "")
            assert (await read(plane, "c")).data == {"a": "b"}
        else:
            reason = "init: Error (exit code 64): artifact manifest: Artifact 'wf/none' not found"
            assert (made.phase, made.message) == (NodePhase.ERROR, reason)


PATCHES = {
    "strategic": ("", "data: {b: '2'}", {"a": "1", "b": "2"}),
    "merge": ("mergeStrategy: merge", "data: {a: null, b: '2'}", {"b": "2"}),
    "by flag": ("flags: [configmap/c, --type=merge]", "data: {a: null}", {}),
    "json": (
        "mergeStrategy: json\nflags: [configmap, c]",
        "- {op: replace, path: /data/a, value: '9'}\n  - {op: add, path: /data/b, value: '2'}",
        {"a": "9", "b": "2"},
    ),
}


@pytest.mark.parametrize("name", list(PATCHES))
async def test_patch_in_its_three_ways(tmp_path: Path, name: str) -> None:
    how, body, data = PATCHES[name]
    named = "" if "flags" in how else "  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c}\n"
    async with running_plane(tmp_path) as plane:
        await plane.resources.create(config_map("c", a="1"))
        workflow = await plane.run(one(f"action: patch\n{how}\nmanifest: |\n{named}  {body}"))
        assert root(workflow) == (NodePhase.SUCCEEDED, "")
        assert (await read(plane, "c")).data == data


@pytest.mark.rule("leaf.resource-flags")
async def test_flags_name_what_to_delete(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        for name in ("a", "b"):
            await plane.resources.create(config_map(name))
        await plane.resources.create(config_map("kept").replace(metadata=ObjectMeta(name="kept", namespace="default")))
        workflow = await plane.run(one("action: delete\nflags: [configmap, --selector, app=x]"))
        assert root(workflow) == (NodePhase.SUCCEEDED, "")
        left = await plane.resources.list(ConfigMap, "default")
        assert [item.metadata.name for item in left.items] == ["kept"]


async def test_delete_waits_until_the_object_is_gone(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        held = config_map("c")
        await plane.resources.create(held.replace(metadata=held.metadata.replace(finalizers=("test/held",))))
        await plane.submit(one("action: delete\nflags: [cm, c]"))
        async for event in plane.resources.watch(ConfigMap, "default"):
            if event.resource.metadata.deletion_timestamp is not None:
                break
        assert root(await plane.get("wf"))[0] is NodePhase.RUNNING
        await plane.resources.patch(ConfigMap, "default", "c", {"metadata": {"finalizers": []}})
        assert root(await plane.finished("wf")) == (NodePhase.SUCCEEDED, "")


async def test_a_get_that_finds_nothing_gives_defaults_or_nothing(tmp_path: Path) -> None:
    declared = "{name: a, valueFrom: {jsonPath: '{.data.a}', default: none}}, {name: b, valueFrom: {jqFilter: .data.b}}"
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(one("action: get\nflags: [cm, c, --ignore-not-found]", declared))
    assert root(workflow) == (NodePhase.SUCCEEDED, "")
    assert outputs(workflow) == {"a": "none", "b": ""}


@pytest.mark.rule("leaf.resource-jq", "leaf.resource-outputs")
async def test_outputs_are_read_from_the_object_afterwards(tmp_path: Path) -> None:
    declared = ", ".join(
        (
            "{name: path, valueFrom: {jsonPath: '{.metadata.name}'}}",
            "{name: none, valueFrom: {jsonPath: '{.data.none}', default: unused}}",
            "{name: text, valueFrom: {jqFilter: .data.a}}",
            "{name: lines, valueFrom: {jqFilter: '.data | keys[]'}}",
            "{name: object, valueFrom: {jqFilter: .data}}",
        )
    )
    async with running_plane(tmp_path) as plane:
        await plane.resources.create(config_map("c", a="<1>", b="2"))
        workflow = await plane.run(one("action: get\nflags: [configmap/c]", declared))
    assert root(workflow) == (NodePhase.SUCCEEDED, "")
    assert outputs(workflow) == {
        "path": "c",
        "none": "",
        "text": "<1>",
        "lines": "a\nb",
        "object": '{"a":"\\u003c1\\u003e","b":"2"}',
    }


FAILURES = {
    "filter": (
        "action: get\nflags: [cm, c]",
        "{name: a, valueFrom: {jqFilter: '.data | error(\"no\")'}}",
        "jq filter '.data | error(\"no\")': no",
    ),
    "condition": (
        "action: get\nflags: [cm, c]\nfailureCondition: data.a in (2, 1)",
        "",
        "failure condition 'data.a in (1,2)' evaluated true",
    ),
    "bad condition": (
        "action: get\nflags: [cm, c]\nsuccessCondition: 'a b c'",
        "",
        "success condition 'a b c' failed to parse: ",
    ),
    "several objects": (
        "action: get\nflags: [cm, --selector, app=x]",
        "",
        "Kind and name are both required but at least one of them is missing from the manifest",
    ),
    "unknown kind": (
        "action: create\nmanifest: '{apiVersion: \"{{=`apps/v1`}}\", kind: Deployment, metadata: {name: j}}'",
        "",
        "resource.manifest:1:25: kind: kind 'Deployment' of apps/v1 is not served here",
    ),
    "strategic merge of a workflow": (
        "action: patch\nflags: [workflow, wf]\nmanifest: '{metadata: {labels: {a: b}}}'",
        "",
        "application/strategic-merge-patch+json is not supported by argoproj.io/v1alpha1, Kind=Workflow",
    ),
}


@pytest.mark.parametrize("name", list(FAILURES))
async def test_what_goes_wrong_is_failed_with_code_64(tmp_path: Path, name: str) -> None:
    fields, declared, message = FAILURES[name]
    async with running_plane(tmp_path) as plane:
        await plane.resources.create(config_map("c", a="1"))
        workflow = await plane.run(one(fields, declared))
    phase, said = root(workflow)
    assert phase is NodePhase.FAILED
    ended = node(workflow, "wf").outputs
    assert ended is not None
    assert ended.exit_code == "64"
    assert said.startswith(f"main: Error (exit code 64): {message}")
    assert "\n" not in said


@pytest.mark.rule("leaf.resource-gone")
async def test_an_object_that_goes_while_it_is_watched_is_a_failure(tmp_path: Path) -> None:
    async with running_plane(tmp_path) as plane:
        await plane.resources.create(config_map("c", a="1"))
        await plane.submit(one("action: get\nflags: [cm, c]\nsuccessCondition: data.a == 2"))
        await plane.until("wf", lambda workflow: workflow.status.nodes)
        await plane.resources.delete(ConfigMap, "default", "c")
        phase, said = root(await plane.finished("wf"))
    assert phase is NodePhase.FAILED
    gone = "The resource has been deleted while its status was still being checked. Will not be retried"
    assert said == f'main: Error (exit code 64): {gone}: configmaps "c" not found'


@pytest.mark.rule("leaf.resource-owner")
async def test_a_workflow_makes_another_waits_for_it_and_takes_it_along(tmp_path: Path) -> None:
    text = HEAD + (
        """
  - name: main
    steps:
    - - {name: make, template: make}
    - - name: wait
        template: wait
        arguments: {parameters: [{name: name, value: "{{steps.make.outputs.parameters.name}}"}]}
    - - name: label
        template: label
        arguments: {parameters: [{name: name, value: "{{steps.make.outputs.parameters.name}}"}]}
  - name: make
    resource:
      action: create
      setOwnerReference: true
      manifest: |
        apiVersion: argoproj.io/v1alpha1
        kind: Workflow
        metadata: {generateName: child-}
        spec:
          entrypoint: main
          templates:
          - {name: main, container: {image: busybox, command: [sh, -c, "exit 0"]}}
    outputs: {parameters: [{name: name, valueFrom: {jsonPath: "{.metadata.name}"}}]}
  - name: wait
    inputs: {parameters: [{name: name}]}
    resource:
      action: get
      successCondition: status.phase == Succeeded
      failureCondition: status.phase in (Failed, Error)
      manifest: |
        apiVersion: argoproj.io/v1alpha1
        kind: Workflow
        metadata:
          name: {{inputs.parameters.name}}
  - name: label
    inputs: {parameters: [{name: name}]}
    resource:
      action: patch
      mergeStrategy: json
      flags: [workflow, "{{inputs.parameters.name}}"]
      manifest: |
        - {op: add, path: /metadata/labels/foo, value: bar}
"""
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(text)
        assert workflow.status.phase.value == "Succeeded", workflow.status.message
        (child,) = [item for item in (await plane.resources.list(Workflow)).items if item.metadata.name != "wf"]
        assert child.metadata.labels["foo"] == "bar"
        assert [item.uid for item in child.metadata.owner_references] == [workflow.metadata.uid]
        await plane.resources.delete(Workflow, "default", "wf")
        await gone(plane, child.metadata.name)


async def gone(plane: Plane, name: str) -> None:
    async with asyncio.timeout(30):
        while name in {item.metadata.name for item in (await plane.resources.list(Workflow)).items}:
            await asyncio.sleep(0.02)


async def test_an_action_that_is_carried_out_twice_does_once(tmp_path: Path) -> None:
    """As after a crash between the call and its answer: what was created carries the order's id."""
    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: c-}, data: {a: '1'}}"
    path = Parameter(name="n", value_from=ValueFrom(json_path="{.metadata.name}"))
    command = RunResourceAction(
        id="abcdefgh", node="n", resource=ResourceTemplate(action="create", manifest=manifest), outputs=(path,)
    )
    owner = Workflow(metadata=ObjectMeta(name="wf", namespace="default", uid="u"), spec=WorkflowSpec())
    with SqliteStore(tmp_path / "store", SystemClock()) as store:
        reader = StoredArtifactReader(lambda: store_of(tmp_path))
        actions = ResourceActions(store.resources, SystemClock(), JqProcess(), reader)
        first, second = [await actions.run(command, owner) for _ in range(2)]
        assert first == second
        assert first.phase is NodePhase.SUCCEEDED
        found = await store.resources.list(ConfigMap, "default")
        assert [item.metadata.name for item in found.items] == ["c-abcde"]
