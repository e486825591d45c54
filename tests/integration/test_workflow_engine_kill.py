"""kill -9 of the engine at random moments: it goes on, nothing runs twice, and the tree equals the undisturbed one."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import Workflow
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.operations import workflows as verbs
from tests.workflow_engine import shape

ROOT = Path(__file__).resolve().parents[2]
KILLS = 5
MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  onExit: bye
  volumes: [{name: marks, hostPath: {path: MARKS}}]
  templates:
  - name: main
    dag:
      tasks:
      - {name: gen, template: gen}
      - name: loop
        template: work
        depends: gen
        withParam: "{{tasks.gen.outputs.result}}"
        arguments: {parameters: [{name: m, value: "{{item}}"}]}
      - {name: fails, template: fails, depends: gen}
      - {name: caught, template: catch, depends: "fails.Failed && loop"}
  - name: gen
    script: {image: busybox, command: [sh], source: "echo '[1, 2, 3]'"}
  - name: work
    inputs: {parameters: [{name: m}]}
    steps:
    - - {name: a, template: touch, arguments: {parameters: [{name: m, value: "{{inputs.parameters.m}}"}]}}
    - - {name: b, template: touch, arguments: {parameters: [{name: m, value: "{{steps.a.outputs.parameters.out}}"}]}}
  - name: touch
    inputs: {parameters: [{name: m}]}
    script:
      image: busybox
      command: [sh]
      volumeMounts: [{name: marks, mountPath: /marks}]
      source: |
        echo "$ARGO_NODE_ID" >> /marks/marks
        sleep 0.1
        printf 'x%s' '{{inputs.parameters.m}}' > /tmp/out
    outputs: {parameters: [{name: out, valueFrom: {path: /tmp/out}}]}
  - name: fails
    retryStrategy: {limit: 1, backoff: {duration: 1s}}
    script:
      image: busybox
      command: [sh]
      source: "echo $ARGO_NODE_ID >> /marks/marks; exit 3"
      volumeMounts: [{name: marks, mountPath: /marks}]
  - name: catch
    container: {image: busybox, command: [sh, -c, "sleep 0.1; echo caught"]}
  - name: bye
    container: {image: busybox, command: [echo, "{{workflow.status}}"]}
"""


async def submit(home: Path, marks: Path) -> None:
    with SqliteStore(home / "store", SystemClock()) as store:
        resource = decode_document(load_documents(MANIFEST.replace("MARKS", str(marks)), "test.yaml")[0])
        assert isinstance(resource, Workflow)
        await verbs.submit(store.resources, resource)


async def read(home: Path) -> Workflow:
    with SqliteStore(home / "store", SystemClock()) as store:
        return await store.resources.get(Workflow, "default", "wf")


def engine(home: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.workflow_process", str(home)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "up"
    return process


def finish(process: subprocess.Popen[str]) -> None:
    assert process.wait(timeout=60) == 0
    assert process.stdout is not None
    process.stdout.close()


def run_with_kills(folder: Path, kills: int, seed: int) -> tuple[Workflow, list[str]]:
    home, marks = folder / "home", folder / "marks"
    home.mkdir(parents=True)
    marks.mkdir()
    asyncio.run(submit(home, marks))
    draw = random.Random(seed)
    for _ in range(kills):
        process = engine(home)
        try:
            process.wait(timeout=draw.uniform(0.0, 0.5))
            break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        finally:
            if process.poll() is None:
                process.wait(timeout=10)
            assert process.stdout is not None
            process.stdout.close()
    finish(engine(home))
    return asyncio.run(read(home)), sorted((marks / "marks").read_text().split())


def test_a_killed_engine_goes_on(tmp_path: Path) -> None:
    calm, calm_marks = run_with_kills(tmp_path / "calm", 0, 0)
    assert calm.status.phase.value == "Succeeded"
    assert len(calm_marks) == len(set(calm_marks))
    wild, wild_marks = run_with_kills(tmp_path / "wild", KILLS, 7)
    assert shape(wild) == shape(calm)
    assert wild.status.message == calm.status.message
    assert wild_marks == calm_marks  # every pod ran exactly once


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_many_kills(tmp_path: Path, seed: int) -> None:
    calm, calm_marks = run_with_kills(tmp_path / "calm", 0, 0)
    wild, wild_marks = run_with_kills(tmp_path / "wild", 15, seed)
    assert shape(wild) == shape(calm)
    assert wild_marks == calm_marks
