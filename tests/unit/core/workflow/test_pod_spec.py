"""What a podSpecPatch makes of a pod, beyond main's arguments."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from setpoint.apis.pods import PodRequest
from tests.unit.core.workflow.driver import START, Cluster, workflow

CONTAINER = "container: {image: test, command: [echo], args: [a], env: [{name: A, value: '1'}]}"


def patched(patch: dict[str, Any], body: str = CONTAINER, rest: str = "") -> PodRequest:
    """The request of a pod whose template has the body and the patch."""
    cluster = Cluster(
        workflow(f"""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec:
  entrypoint: main
  templates:
  - name: main
    podSpecPatch: '{json.dumps(patch)}'
    {body}
{rest}
""")
    ).run()
    assert cluster.phase == "Succeeded", cluster.message
    return cluster.launch_of("wf").request


def main_with(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", **fields}]}


def test_environment_merges_by_name() -> None:
    env = patched(main_with(env=[{"name": "A", "value": "2"}, {"name": "B", "value": "$(A)"}])).main.env
    assert {name: env[name] for name in ("A", "B")} == {"A": "2", "B": "$(A)"}
    assert "ARGO_NODE_ID" in env


def test_image_command_and_working_directory() -> None:
    main = patched(main_with(image="other", command=["echo", "x"], workingDir="/w")).main
    assert (main.image, main.command, main.args, main.working_dir) == ("other", ("echo", "x"), ("a",), "/w")


def test_a_volume_with_its_mount() -> None:
    patch = main_with(volumeMounts=[{"name": "v", "mountPath": "/v"}])
    (mount,) = patched(patch | {"volumes": [{"name": "v", "emptyDir": {}}]}).main.mounts
    assert (mount.volume, mount.path) == ("v", "/v")


def test_the_engines_own_containers_are_accepted_and_have_no_effect() -> None:
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    patch = {"containers": [{"name": "wait", **limits}], "initContainers": [{"name": "init", **limits}]}
    request = patched(patch)
    assert [item.name for item in request.containers] == ["main"]
    assert request.requests == {}


def test_containers_beside_and_before_main() -> None:
    rest = """
    sidecars: [{name: side, image: test, command: [echo]}]
    initContainers: [{name: first, image: test, command: [echo]}]"""
    patch = {
        "containers": [{"name": "side", "args": ["s"]}, {"name": "more", "image": "test", "command": ["echo"]}],
        "initContainers": [{"name": "first", "args": ["f"]}, {"name": "second", "image": "test", "command": ["echo"]}],
    }
    request = patched(patch, rest=rest)
    assert [(item.name, item.args) for item in request.sidecars] == [("side", ("s",)), ("more", ())]
    assert [(item.name, item.args) for item in request.init_containers] == [("first", ("f",)), ("second", ())]


def test_times_and_hosts_of_the_pod() -> None:
    patch = {
        "activeDeadlineSeconds": 7,
        "terminationGracePeriodSeconds": 3,
        "hostAliases": [{"ip": "127.0.0.9", "hostnames": ["plant"]}],
    }
    request = patched(patch, rest="    activeDeadlineSeconds: 90")
    assert request.deadline is not None
    assert timedelta(seconds=7) <= request.deadline - START < timedelta(seconds=8)
    assert request.grace_seconds == 3
    assert [(alias.ip, alias.hostnames) for alias in request.host_aliases] == [("127.0.0.9", ("plant",))]


def test_resources_of_the_pod_as_a_whole() -> None:
    request = patched({"resources": {"limits": {"memory": "1Gi"}}})
    assert (request.memory_bytes, request.requests) == (1024**3, {"memory": 1024**3})


SCRIPT = "script: {image: test, command: [sh], source: echo hi}"


@pytest.mark.parametrize(
    ("args", "source", "rest"),
    [
        (["-x", "/argo/staging/script"], "echo hi", ("-x",)),
        (["-c", "echo instead"], None, ("-c", "echo instead")),
    ],
)
def test_a_scripts_path_is_an_argument_like_any(args: list[str], source: str | None, rest: tuple[str, ...]) -> None:
    main = patched(main_with(args=args), SCRIPT).main
    assert (main.source, main.args) == (source, rest)


def test_containers_of_a_set_keep_their_dependencies() -> None:
    body = """containerSet:
      containers:
      - {name: a, image: test, command: [echo]}
      - {name: main, image: test, command: [echo], dependencies: [a]}"""
    request = patched({"containers": [{"name": "a", "args": ["patched"]}]}, body)
    assert (request.main.name, request.main.dependencies) == ("main", ("a",))
    assert [(item.name, item.args) for item in request.fellows] == [("a", ("patched",))]


def test_what_kubernetes_alone_knows_is_dropped() -> None:
    request = patched({"nodeSelector": {"a": "b"}, "tolerations": [{"key": "k"}], "someday": 1})
    assert request.main.args == ("a",)


def test_what_is_not_done_here_is_an_error_though_a_tag_brought_it() -> None:
    cluster = Cluster(
        workflow("""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  arguments:
    parameters: [{name: p, value: "{containers: [{name: main, lifecycle: {preStop: {sleep: {seconds: 1}}}}]}"}]
  podSpecPatch: "{{workflow.parameters.p}}"
  templates:
  - name: main
    container: {image: test, command: [echo]}
""")
    ).run()
    message = "container 'main': lifecycle is not supported on one machine"
    assert (cluster.node("wf").phase.value, cluster.node("wf").message) == ("Error", message)
