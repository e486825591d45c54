"""Container, script and containerSet templates through engine and kubelet: environment, files, where they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from setpoint.apis.argo import NodePhase, Workflow
from setpoint.apis.errors import NotFound
from setpoint.operations.outputs import read_logs
from tests.workflow_engine import node, running_plane

HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  templates:
"""
DUMP = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('ARGO_')}))"


def result(workflow: Workflow, name: str) -> str:
    found = node(workflow, name).outputs
    assert found is not None
    assert found.result is not None
    return found.result


@pytest.mark.rule("leaf.environment")
async def test_main_sees_argos_variables_and_not_those_of_argos_own_containers(tmp_path: Path) -> None:
    text = HEAD + (
        f"""
  - name: main
    steps:
    - - {{name: a, template: plain}}
      - {{name: b, template: limited}}
      - {{name: c, template: set}}
    - - {{name: d, template: plain, arguments: {{}}, when: "'{{{{steps.a.outputs.result}}}}' == 'x'"}}
    - - {{name: e, template: plain, when: "'{{{{steps.b.outputs.result}}}}' == '{{{{steps.c.outputs.result}}}}'"}}
  - name: plain
    container: {{image: python, command: [python, -c, "{DUMP}"], env: [{{name: ARGO_PROGRESS_FILE, value: /mine}}]}}
  - name: limited
    activeDeadlineSeconds: 3600
    script: {{image: python, command: [python], source: "{DUMP}"}}
  - name: set
    containerSet:
      containers:
      - {{name: main, image: python, command: [python, -c, "{DUMP}"], dependencies: [other]}}
      - {{name: other, image: python, command: [python, -c, "{DUMP}"]}}
"""
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(text)
        plain, limited, of_set = (json.loads(result(workflow, f"wf[0].{name}")) for name in "abc")
        assert plain == {
            "ARGO_NODE_ID": node(workflow, "wf[0].a").id,
            "ARGO_CONTAINER_NAME": "main",
            "ARGO_WORKFLOW_NAME": "wf",
            "ARGO_INCLUDE_SCRIPT_OUTPUT": "true",
            "ARGO_DEADLINE": "0001-01-01T00:00:00Z",
            "ARGO_PROGRESS_FILE": "/mine",
        }
        started = node(workflow, "wf[0].b").started_at
        assert started is not None
        assert limited["ARGO_DEADLINE"] > started.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (of_set["ARGO_CONTAINER_NAME"], of_set["ARGO_INCLUDE_SCRIPT_OUTPUT"]) == ("main", "true")
        assert of_set["ARGO_NODE_ID"] == node(workflow, "wf[0].c").id


SCRIPTS = {
    "python": ("command: [python]", "import sys; print('py', len(sys.argv))", "py 1"),
    "executed": ("command: [sh, -c]", "#!/bin/sh\\necho executed", "executed"),
    "with a flag": ("command: [sh, -e]", "echo one; false; echo two", None),
    "last argument": ("command: [sh, -c, 'echo $0 $1', first]", "x", "first /argo/staging/script"),
    "with args": ("command: [sh, -c, 'echo $0 $1 $2']\n      args: [a]", "x", "a /argo/staging/script"),
    "mode": ("command: [sh, -c, 'stat -c %a $0']", "x", "755"),
    "no source": ("command: [sh, -c, 'echo $#']", "", "0"),
}


@pytest.mark.rule("leaf.script")
async def test_the_source_is_a_file_that_is_the_last_argument(tmp_path: Path) -> None:
    steps, templates = "", ""
    for at, (command, source, _) in enumerate(SCRIPTS.values()):
        steps += f"    - - {{name: s{at}, template: t{at}, continueOn: {{failed: true}}}}\n"
        templates += f'  - name: t{at}\n    script:\n      image: python\n      {command}\n      source: "{source}"\n'
    reads = "".join(f"{{{{steps.s{at}.outputs.result}}}}" for at, script in enumerate(SCRIPTS.values()) if script[2])
    last = f"    - - {{name: last, template: t0, when: \"'{reads}' == 'x'\"}}\n"
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(HEAD + "  - name: main\n    steps:\n" + steps + last + templates)
        for at, (name, (_, _, wanted)) in enumerate(SCRIPTS.items()):
            if wanted is None:
                assert node(workflow, f"wf[{at}].s{at}").message == "main: Error (exit code 1)", name
            else:
                assert result(workflow, f"wf[{at}].s{at}") == wanted, name


@pytest.mark.rule("leaf.container", "leaf.mirror-volume-mounts")
async def test_a_container_runs_where_and_with_what_it_says(tmp_path: Path) -> None:
    text = HEAD + (
        """
  - name: main
    volumes: [{name: work, emptyDir: {}}]
    initContainers:
    - {name: before, image: busybox, command: [sh, -c, "echo init > /both/init"], mirrorVolumeMounts: true}
    sidecars:
    - {name: beside, image: busybox, command: [sh, -c, "touch /both/up; exec sleep 60"], mirrorVolumeMounts: true}
    container:
      image: busybox
      command: [sh, -c]
      args: ["while test ! -e /both/up; do sleep 0.01; done; (pwd; cat init; echo $A $B_two) > /out"]
      workingDir: /both
      env: [{name: A, value: "1"}]
      envFrom: [{prefix: B_, configMapRef: {name: conf}}]
      volumeMounts: [{name: work, mountPath: /both}]
    outputs: {parameters: [{name: out, valueFrom: {path: /out}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {two: "2"}
"""
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(text)
        found = node(workflow, "wf")
        assert (found.phase, found.message) == (NodePhase.SUCCEEDED, "")
        assert found.outputs is not None
        assert found.outputs.parameters[0].value == "/both\ninit\n1 2"


@pytest.mark.rule("leaf.container-set")
async def test_a_container_set_is_one_pod_with_times_of_its_containers(tmp_path: Path) -> None:
    text = HEAD + (
        """
  - name: main
    steps: [[{name: set, template: set}], [{name: use, template: use, arguments: {
      parameters: [{name: r, value: "{{steps.set.outputs.result}}"}], artifacts: [
      {name: f, from: "{{steps.set.outputs.artifacts.file}}"}]}}]]
  - name: set
    volumes: [{name: work, emptyDir: {}}]
    inputs: {artifacts: [{name: in, path: /both/in, raw: {data: given}}]}
    containerSet:
      volumeMounts: [{name: work, mountPath: /both}]
      retryStrategy: {retries: 2}
      containers:
      - {name: a, image: busybox, command: [sh, -c, "cp /both/in /both/a"]}
      - {name: b, image: busybox, command: [sh, -c, "test -e /tmp/x && echo b >> /both/a || { touch /tmp/x; exit 1; }"],
         dependencies: [a]}
      - {name: main, image: busybox, command: [cat, /both/a], dependencies: [b]}
    outputs: {artifacts: [{name: file, path: /both/a}]}
  - name: use
    inputs: {parameters: [{name: r}], artifacts: [{name: f, path: /f}]}
    container: {image: busybox, command: [sh, -c, 'test "$(cat /f)" = "{{inputs.parameters.r}}"']}
"""
    )
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(text)
        assert workflow.status.phase.value == "Succeeded", workflow.status.message
        assert result(workflow, "wf[0].set") == "givenb"
        set_node = node(workflow, "wf[0].set")
        a, b, main = (node(workflow, f"wf[0].set.{name}") for name in ("a", "b", "main"))
        assert {item.boundary_id for item in (a, b, main)} == {set_node.id}
        assert {item.type.value for item in (a, b, main)} == {"Container"}
        assert a.finished_at is not None
        assert b.started_at is not None
        assert main.finished_at is not None
        assert a.finished_at <= b.started_at <= main.finished_at


async def test_logs_are_those_of_containers_that_are_there(tmp_path: Path) -> None:
    """A pod without `main`, and one that the engine itself stands for, do not stop the reading of others."""
    text = HEAD + (
        """
  - name: main
    steps: [[{name: set, template: set}], [{name: api, template: api}], [{name: last, template: last}]]
  - name: set
    containerSet:
      containers:
      - {name: a, image: busybox, command: [echo, from a]}
      - {name: b, image: busybox, command: [echo, from b], dependencies: [a]}
  - name: api
    resource: {action: get, flags: [cm, none, --ignore-not-found]}
  - name: last
    container: {image: busybox, command: [echo, from last]}
"""
    )
    async with running_plane(tmp_path) as plane:
        await plane.run(text)

        async def log(**chosen: Any) -> list[str]:
            lines = read_logs(plane.resources, plane.launcher, "default", "wf", **chosen)
            return [line.content async for line in lines]

        assert await log() == ["from last"]
        assert await log(container="a") == ["from a"]
        assert await log(wanted="b") == ["from b"]
        assert await log(wanted="set", container="b") == ["from b"]
        with pytest.raises(NotFound, match="main"):
            await log(wanted="set")


async def test_a_container_that_has_ended_is_seen_while_the_others_run(tmp_path: Path) -> None:
    text = HEAD + (
        f"""
  - name: main
    containerSet:
      containers:
      - {{name: a, image: busybox, command: [sh, -c, "exit 0"]}}
      - {{name: main, image: busybox, command: [sh, -c, "while test ! -e {tmp_path}/go; do sleep 0.01; done"]}}
"""
    )
    async with running_plane(tmp_path, visible=(str(tmp_path),)) as plane:
        await plane.submit(text)
        seen = await plane.until("wf", lambda workflow: phases(workflow).get("wf.a") is NodePhase.SUCCEEDED)
        assert phases(seen)["wf.main"] is NodePhase.RUNNING
        assert phases(seen)["wf"] is NodePhase.RUNNING
        (tmp_path / "go").touch()
        assert set(phases(await plane.finished("wf")).values()) == {NodePhase.SUCCEEDED}


def phases(workflow: Workflow) -> dict[str, NodePhase]:
    return {item.name: item.phase for item in workflow.status.nodes.values()}
