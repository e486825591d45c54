"""Probes and daemons, with real servers on real ports: who is ready, who is ended, and who sees whom."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from setpoint.adapters.pods.launcher import HostLauncher
from setpoint.apis.argo import NodePhase, WorkflowPhase
from setpoint.apis.probes import ExecAction, HTTPGetAction, Probe, Probes, TCPSocketAction
from setpoint.ports.launcher import Container, PodPhase, PodRequest
from tests.pods import ended, pod, run, running_launcher
from tests.workflow_engine import running_plane

Start = Callable[[], AbstractAsyncContextManager[HostLauncher]]
SERVE = "cd / && exec python3 -m http.server {port} --bind 127.0.0.1"


@pytest.fixture
def start(tmp_path: Path) -> Start:
    return partial(running_launcher, tmp_path)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def served(script: str, probes: Probes, **fields: Any) -> PodRequest:
    request = pod(script, daemon=True, **fields)
    return request.replace(main=request.main.replace(probes=probes))


@pytest.mark.parametrize("kind", ["http", "tcp", "exec"])
async def test_a_pod_is_ready_once_its_probe_succeeds(start: Start, kind: str) -> None:
    port = free_port()
    probe = {
        "http": Probe(http_get=HTTPGetAction(port=port, path="/")),
        "tcp": Probe(tcp_socket=TCPSocketAction(port=port)),
        "exec": Probe(exec_=ExecAction(command=("test", "-f", "/tmp/up"))),
    }[kind]
    async with start() as launcher, asyncio.timeout(30):
        await launcher.launch(served(f"touch /tmp/up; {SERVE.format(port=port)}", Probes(readiness=probe)))
        assert await launcher.ready("pod-1")
        if kind != "exec":
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
        await launcher.kill("pod-1", grace_seconds=5)
        assert (await ended(launcher, "pod-1")).exit_code == 143


async def test_a_pod_without_probes_is_ready_when_it_runs_and_one_that_ends_never_is(start: Start) -> None:
    async with start() as launcher, asyncio.timeout(30):
        await launcher.launch(pod("sleep 60", daemon=True))
        assert await launcher.ready("pod-1")
        await launcher.kill("pod-1")
        never = Probe(exec_=ExecAction(command=("false",)))
        await launcher.launch(served("exit 3", Probes(readiness=never), id="pod-2"))
        assert not await launcher.ready("pod-2")


async def test_a_sidecar_has_to_be_ready_too(start: Start) -> None:
    probe = Probe(exec_=ExecAction(command=("test", "-f", "/tmp/side")))
    side = Container(
        name="side", image="busybox", command=("sh", "-c", "touch /tmp/side; sleep 60"), probes=Probes(readiness=probe)
    )
    async with start() as launcher, asyncio.timeout(30):
        await launcher.launch(pod("test ! -e /tmp/side && sleep 60", daemon=True, sidecars=(side,)))
        assert await launcher.ready("pod-1")
        await launcher.kill("pod-1", grace_seconds=1)


@pytest.mark.parametrize("kind", ["liveness", "startup"])
async def test_a_container_that_is_not_alive_is_ended(start: Start, kind: str) -> None:
    probe = Probe(exec_=ExecAction(command=("false",)), failure_threshold=1)
    async with start() as launcher, asyncio.timeout(30):
        request = pod("sleep 60")
        exit_ = await run(launcher, request.replace(main=request.main.replace(probes=Probes(**{kind: probe}))))
        assert (exit_.phase, exit_.message) == (PodPhase.FAILED, "main: Error (exit code 143)")


async def test_what_a_startup_probe_lets_through_lives(start: Start) -> None:
    fine = Probe(exec_=ExecAction(command=("true",)))
    async with start() as launcher, asyncio.timeout(30):
        request = pod("sleep 0.3")
        exit_ = await run(
            launcher, request.replace(main=request.main.replace(probes=Probes(startup=fine, liveness=fine)))
        )
        assert exit_.phase is PodPhase.SUCCEEDED


WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: served}}
spec:
  entrypoint: main
  templates:
  - name: main
    dag:
      tasks:
      - {{name: server, template: server}}
      - name: client
        template: client
        depends: server
        arguments: {{parameters: [{{name: ip, value: "{{{{tasks.server.ip}}}}"}}]}}
  - name: server
    daemon: true
    container:
      image: python:3
      command: [sh, -c]
      args: ["echo hello > /index.html; {serve}"]
      ports: [{{name: web, containerPort: {port}}}]
      readinessProbe: {{httpGet: {{path: /index.html, port: web}}, periodSeconds: 1}}
  - name: client
    inputs: {{parameters: [{{name: ip}}]}}
    script:
      image: python:3
      command: [python3]
      source: |
        import urllib.request
        print(urllib.request.urlopen("http://{{{{inputs.parameters.ip}}}}:{port}/index.html").read().decode().strip())
"""


async def test_a_task_talks_to_a_daemon_which_ends_with_the_dag(tmp_path: Path) -> None:
    port = free_port()
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(WORKFLOW.format(port=port, serve=SERVE.format(port=port)))
        assert workflow.status.phase is WorkflowPhase.SUCCEEDED, workflow.status.message
        nodes = {node.display_name: node for node in workflow.status.nodes.values()}
        assert nodes["server"].phase is NodePhase.SUCCEEDED
        assert nodes["server"].daemoned is None
        assert nodes["server"].pod_ip == "127.0.0.1"
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    break
                writer.close()
                await asyncio.sleep(0.02)
