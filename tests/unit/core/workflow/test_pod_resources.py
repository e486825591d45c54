"""What a pod asks of the machine and may use of it, counted as Kubernetes counts."""

from __future__ import annotations

import pytest

from tests.unit.core.workflow.driver import Cluster, workflow

GIB = 1024**3


def launched(rest: str, spec: str = "") -> Cluster:
    """A workflow of one pod whose template has these lines besides its container."""
    return Cluster(
        workflow(f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec:
  entrypoint: main
{spec}
  templates:
  - name: main
{rest}
""")
    ).run()


CASES = {
    "nothing": ("container: {image: test, command: [echo]}", {}),
    "a limit is a request": (
        "container: {image: test, command: [echo], resources: {limits: {cpu: 500m, memory: 1Gi}}}",
        {"cpu": 500, "memory": GIB},
    ),
    "a request wins over the limit": (
        "container: {image: test, command: [echo], resources: {limits: {cpu: 2}, requests: {cpu: 100m}}}",
        {"cpu": 100},
    ),
    "side by side": (
        "sidecars: [{name: s, image: test, command: [echo], resources: {requests: {cpu: 250m}}}]\n"
        "    container: {image: test, command: [echo], resources: {requests: {cpu: 1}}}",
        {"cpu": 1250},
    ),
    "one after the other": (
        "initContainers:\n"
        "    - {name: a, image: test, command: [echo], resources: {requests: {cpu: 3}}}\n"
        "    - {name: b, image: test, command: [echo], resources: {requests: {cpu: 1, memory: 1Gi}}}\n"
        "    container: {image: test, command: [echo], resources: {requests: {cpu: 2}}}",
        {"cpu": 3000, "memory": GIB},
    ),
    "the pod as a whole": (
        "podResources: {requests: {cpu: 4}, limits: {memory: 2Gi}}\n"
        "    container: {image: test, command: [echo], resources: {requests: {cpu: 1, memory: 1Gi}}}",
        {"cpu": 4000, "memory": 2 * GIB},
    ),
    "devices": (
        "container: {image: test, command: [echo], resources: {limits: {nvidia.com/gpu: 2}}}",
        {"nvidia.com/gpu": 2},
    ),
    "disk is not counted": (
        "container: {image: test, command: [echo], resources: {requests: {ephemeral-storage: 1Gi}}}",
        {},
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_requests(name: str) -> None:
    rest, requests = CASES[name]
    assert launched(f"    {rest}").launch_of("wf").request.requests == requests


def test_limits_are_those_of_each_container_and_of_the_pod() -> None:
    rest = """
    sidecars: [{name: s, image: test, command: [echo], resources: {limits: {memory: 64Mi}}}]
    container: {image: test, command: [echo], resources: {limits: {cpu: 1500m, nvidia.com/gpu: 1}}}"""
    request = launched(rest, "  podResources: {limits: {memory: 1Gi, cpu: 2}}").launch_of("wf").request
    assert (request.main.cpu_milli, request.main.memory_bytes, request.main.gpus) == (1500, None, 1)
    assert request.sidecars[0].memory_bytes == 64 * 1024**2
    assert (request.memory_bytes, request.cpu_milli) == (GIB, 2000)


def test_the_templates_resources_win_over_the_workflows() -> None:
    rest = "    podResources: {limits: {memory: 1Gi}}\n    container: {image: test, command: [echo]}"
    request = launched(rest, "  podResources: {limits: {cpu: 2}}").launch_of("wf").request
    assert (request.memory_bytes, request.cpu_milli) == (GIB, None)


def test_what_is_no_quantity_is_an_error_of_the_node() -> None:
    found = launched("    container: {image: test, command: [echo], resources: {limits: {memory: much}}}")
    assert found.node("wf").phase.value == "Error"
    assert "found 'much'" in found.node("wf").message


@pytest.mark.rule("volumes.workflow-volumes")
def test_volumes_of_the_template_win_over_the_workflows_and_have_their_tags_filled_in() -> None:
    rest = """
    inputs: {parameters: [{name: q, value: mine}]}
    volumes: [{name: b, hostPath: {path: "/{{inputs.parameters.q}}"}}]
    container:
      image: test
      command: [echo]
      volumeMounts: [{name: a, mountPath: /a}, {name: b, mountPath: /b}, {name: c, mountPath: /c, readOnly: true}]"""
    spec = """
  arguments: {parameters: [{name: p, value: whole}]}
  volumes:
  - {name: a, hostPath: {path: "/{{workflow.parameters.p}}", type: DirectoryOrCreate}}
  - {name: b, hostPath: {path: /hidden}}
  - {name: c, persistentVolumeClaim: {claimName: "{{workflow.name}}-c", readOnly: true}}"""
    cluster = launched(rest, spec)
    mounts = {item.volume: item for item in cluster.launch_of("wf").request.main.mounts}
    assert (mounts["a"].host_path, mounts["a"].create) == ("/whole", "Directory")
    assert (mounts["b"].host_path, mounts["b"].create) == ("/mine", "")
    assert mounts["c"].read_only
    assert [source.object for source in cluster.launch_of("wf").volumes] == ["wf-c"]
