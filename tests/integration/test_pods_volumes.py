"""Volumes, environment and hosts of real pods, from objects in a real store, through the whole engine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from setpoint.adapters.pods.machine import node_name
from setpoint.apis.argo import NodePhase, Workflow
from tests.workflow_engine import node, running_plane

HOSTS = Path("/etc/hosts")
OBJECTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a.txt: from the map, b.txt: other, key: of the map}
binaryData: {raw: //79}
---
apiVersion: v1
kind: Secret
metadata: {name: sec}
data: {password: aHVudGVyMg==}
---
"""

HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf, labels: {team: blue}}
spec:
  entrypoint: main
"""


def result(workflow: Workflow, name: str = "wf") -> str:
    found = node(workflow, name)
    assert found.phase is NodePhase.SUCCEEDED, found.message
    assert found.outputs is not None
    return next(item.value for item in found.outputs.parameters if item.name == "o") or ""


def main(body: str, script: str) -> str:
    """A workflow of one pod whose parameter `o` is what the script writes."""
    lines = "\n".join(f"      {line}" for line in script.strip().splitlines())
    return f"""{OBJECTS}{HEAD}
  templates:
  - name: main
    metadata: {{labels: {{mine: "yes"}}, annotations: {{note: "a \\"b\\""}}}}
    outputs: {{parameters: [{{name: o, valueFrom: {{path: /tmp/o}}}}]}}
{body}
    script:
      image: busybox
      command: [sh, -e]
      source: |
        exec > /tmp/o
{lines.replace("      ", "        ")}
"""


@pytest.mark.rule("volumes.sources")
async def test_files_of_objects_with_modes_and_subpaths(tmp_path: Path) -> None:
    text = main(
        """
    volumes:
    - {name: all, configMap: {name: conf}}
    - name: some
      configMap: {name: conf, defaultMode: 256, items: [{key: key, path: d/k, mode: 292}, {key: a.txt, path: a}]}
    - name: both
      projected:
        defaultMode: 288
        sources:
        - {secret: {name: sec, items: [{key: password, path: pw}]}}
        - {configMap: {name: conf, items: [{key: b.txt, path: b}]}}
        - {downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
    - name: self
      downwardAPI:
        items:
        - {path: name, fieldRef: {fieldPath: metadata.name}}
        - {path: cpu, resourceFieldRef: {containerName: main, resource: limits.cpu, divisor: 1m}}
    - {name: none, secret: {secretName: absent, optional: true}}
    - {name: scratch, emptyDir: {}}
    podSpecPatch: |
      containers:
      - name: main
        resources: {limits: {cpu: 100m}}
        env: [{name: SUB, value: deep/er}]
        volumeMounts:
        - {name: all, mountPath: /mnt/all}
        - {name: some, mountPath: /mnt/some}
        - {name: both, mountPath: /mnt/both}
        - {name: self, mountPath: /mnt/self}
        - {name: none, mountPath: /mnt/none}
        - {name: all, mountPath: /mnt/one.txt, subPath: a.txt}
        - {name: scratch, mountPath: /mnt/sub, subPathExpr: $(SUB)/x}
        - {name: scratch, mountPath: /mnt/scratch}
""",
        """
ls /mnt/all | tr '\\n' ' '; echo
cat /mnt/all/a.txt; echo; od -An -tx1 /mnt/all/raw
stat -c '%a %n' /mnt/some/a /mnt/some/d/k /mnt/both/pw
cat /mnt/both/pw /mnt/both/b; echo
grep -c mine /mnt/both/labels
cat /mnt/self/name; echo; cat /mnt/self/cpu; echo
ls /mnt/none | wc -l
cat /mnt/one.txt; echo
touch /mnt/sub/y; find /mnt/scratch -type f
if touch /mnt/all/new 2>/dev/null; then echo writable; else echo read-only; fi
""",
    )
    async with running_plane(tmp_path) as plane:
        said = result(await plane.run(text)).splitlines()
    assert said == [
        "a.txt b.txt key raw ", "from the map", " ff fe fd",
        "400 /mnt/some/a", "444 /mnt/some/d/k", "440 /mnt/both/pw",
        "hunter2other", "1", "wf", "100", "0", "from the map", "/mnt/scratch/deep/er/x/y", "read-only",
    ]  # fmt: skip


@pytest.mark.rule("volumes.downward-api")
async def test_environment_knows_the_pod_the_machine_and_itself(tmp_path: Path) -> None:
    text = main(
        """
    podSpecPatch: |
      containers:
      - name: main
        resources: {limits: {memory: 64Mi}, requests: {cpu: 10m}}
        env:
        - {name: EARLY, value: "<$(LATE)>"}
        - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: SPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: UID_, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
        - {name: OWN, valueFrom: {fieldRef: {fieldPath: "metadata.labels['mine']"}}}
        - {name: OF, valueFrom: {fieldRef: {fieldPath: "metadata.labels['workflows.argoproj.io/workflow']"}}}
        - {name: NOTE, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['note']"}}}
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        - {name: MEM, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
        - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
        - {name: REQ, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}}
        - {name: SECRET, valueFrom: {secretKeyRef: {name: sec, key: password}}}
        - {name: LATE, value: "$(SECRET) $(NAME) $$(NAME) $(key)"}
        - {name: NOT, valueFrom: {configMapKeyRef: {name: absent, key: k, optional: true}}}
        envFrom: [{configMapRef: {name: conf}}, {secretRef: {name: absent, optional: true}}]
""",
        """
echo "$EARLY|$NAME|$SPACE|$OWN|$OF|$NOTE|$NODE|$IP"
echo "$MEM|$CPU|$REQ|$LATE|${NOT-unset}|$key"
test ${#UID_} = 36
""",
    )
    async with running_plane(tmp_path) as plane:
        first, second = result(await plane.run(text)).splitlines()
    assert first == f'<$(LATE)>|wf|default|yes|wf|a "b"|{node_name(socket.gethostname())}|127.0.0.1'
    cores = len(os.sched_getaffinity(0))
    assert second == f"64|{cores}|10|hunter2 wf $(NAME) of the map|unset|of the map"


async def test_variables_are_expanded_in_command_and_args_only(tmp_path: Path) -> None:
    text = f"""{HEAD}
  templates:
  - name: main
    outputs: {{parameters: [{{name: o, valueFrom: {{path: /tmp/o}}}}]}}
    container:
      image: busybox
      env: [{{name: A, value: one}}]
      command: [sh, -c, 'echo "$0 $@" > /tmp/o', $(A)]
      args: ["$(A)", "$$(A)", "$(B)", "$(echo hi)"]
"""
    async with running_plane(tmp_path) as plane:
        assert result(await plane.run(text)) == "one one $(A) $(B) $(echo hi)"


async def test_names_of_hosts_are_the_pods_own(tmp_path: Path) -> None:
    before = HOSTS.read_text()  # noqa: ASYNC240
    text = main("    hostAliases: [{ip: 127.1.2.3, hostnames: [plant.local, plant]}]", "getent hosts plant.local")
    async with running_plane(tmp_path) as plane:
        assert result(await plane.run(text)).split() == ["127.1.2.3", "plant.local", "plant"]
    assert HOSTS.read_text() == before  # noqa: ASYNC240


async def test_init_containers_and_sidecars_see_the_files_too(tmp_path: Path) -> None:
    text = f"""{OBJECTS}{HEAD}
  volumes:
  - {{name: conf, configMap: {{name: conf}}}}
  - {{name: work, emptyDir: {{}}}}
  templates:
  - name: main
    outputs: {{parameters: [{{name: o, valueFrom: {{path: /mnt/both/o}}}}]}}
    initContainers:
    - {{name: before, image: busybox, mirrorVolumeMounts: true, command: [sh, -c, 'cp /mnt/conf/a.txt /mnt/both/i']}}
    sidecars:
    - name: beside
      image: busybox
      mirrorVolumeMounts: true
      command: [sh, -c, 'cp /mnt/conf/b.txt /mnt/both/s.new; mv /mnt/both/s.new /mnt/both/s']
    container:
      image: busybox
      command: [sh, -c, 'while [ ! -e /mnt/both/s ]; do sleep 0.02; done; cat /mnt/both/i /mnt/both/s > /mnt/both/o']
      volumeMounts: [{{name: conf, mountPath: /mnt/conf}}, {{name: work, mountPath: /mnt/both}}]
"""
    async with running_plane(tmp_path) as plane:
        assert result(await plane.run(text)) == "from the mapother"
