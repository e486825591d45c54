"""Artifacts on a real web server and in a bucket of a real S3 server, through the engine."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest

from setpoint.adapters import places
from setpoint.apis.argo import Workflow
from setpoint.apis.core import ConfigMap, Secret
from setpoint.apis.errors import Forbidden
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.pods import ArtifactPlace
from tests.http_stub import serving
from tests.integration.test_artifact_gc_places import is_let_go
from tests.object_store import BUCKET, keep_keys, object_store
from tests.workflow_engine import Plane, node, running_plane

pytestmark = pytest.mark.rule("artifacts.locations")

WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: wf}}
spec:
  entrypoint: main
  templates:
  - name: main
    inputs: {{artifacts: [{{name: data, path: /tmp/data, {location}}}]}}
    container: {{image: busybox, command: [sh, -c, "cat {file} > /tmp/out"]}}
    outputs: {{parameters: [{{name: out, valueFrom: {{path: /tmp/out}}}}]}}
"""


async def what_main_read(plane: Plane, location: str, file: str = "/tmp/data") -> str | None:
    workflow = await plane.run(WORKFLOW.format(location=location, file=file))
    outputs = node(workflow, "wf").outputs
    assert outputs is not None, workflow.status.message
    return outputs.parameters[0].value


async def keep_secret(plane: Plane, **values: str) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    await plane.resources.create(Secret(metadata=ObjectMeta(name="creds", namespace="default"), data=data))


async def test_http_with_headers_and_credentials_of_secrets(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/data"] = lambda seen: (
            (200, "measured")
            if seen.headers.get("X-Token") == "sesame" and seen.headers.get("Authorization") == "Basic dTpw"
            else (401, "no")
        )
        async with running_plane(tmp_path) as plane:
            await keep_secret(plane, token="sesame", user="u", password="p")
            location = (
                f"http: {{url: '{server.url}/data', "
                "headers: [{name: X-Token, valueFrom: {secretKeyRef: {name: creds, key: token}}}], "
                "auth: {basicAuth: {usernameSecret: {name: creds, key: user}, "
                "passwordSecret: {name: creds, key: password}}}}"
            )
            assert await what_main_read(plane, location) == "measured"


def test_headers_do_not_follow_a_redirect_to_another_host(tmp_path: Path) -> None:
    with serving() as own, serving() as other:
        own.answers["/near"] = lambda _: (302, f"{own.url}/end")
        own.answers["/far"] = lambda _: (302, f"{other.url}/end")
        for server in (own, other):
            server.answers["/end"] = lambda _: (200, "there")
        for path, server, token in (("near", own, "sesame"), ("far", other, None)):
            place = ArtifactPlace(
                kind="http",
                settings={"url": f"{own.url}/{path}", "username": "u", "password": "p"},
                headers={"X-Token": "sesame"},
            )
            places.fetch(place, tmp_path / path)
            assert (tmp_path / path).read_text() == "there"
            assert server.calls[-1].headers.get("X-Token") == token
            assert ("Authorization" in server.calls[-1].headers) == (token is not None)


async def test_what_a_web_server_does_not_have_is_an_error_of_the_pod(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/data"] = lambda _: (404, "")
        async with running_plane(tmp_path) as plane:
            text = WORKFLOW.format(location=f"http: {{url: '{server.url}/data'}}", file="/tmp/data")
            workflow = await plane.run(text)
            assert workflow.status.phase.value == "Error"
            assert "init: Error (exit code 64): artifact data:" in workflow.status.message


@pytest.mark.parametrize("store", ["gcs: {bucket: b, key: k}", "azure: {container: c, blob: b, endpoint: e}"])
@pytest.mark.rule("artifacts.stores-without-server")
async def test_stores_that_need_a_service_lint_and_are_an_error_of_the_node(tmp_path: Path, store: str) -> None:
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(WORKFLOW.format(location=store, file="/tmp/data"))
        name = store.partition(":")[0]
        assert workflow.status.phase.value == "Error"
        assert f"artifact 'data': there is no {name} on this machine" in workflow.status.message


def test_a_link_out_of_a_tree_is_not_stored(tmp_path: Path) -> None:
    tree, secret = tmp_path / "tree", tmp_path / "secret"
    tree.mkdir()
    secret.write_text("of the host")
    (tree / "link").symlink_to(secret)
    with object_store(tmp_path, {}) as served:
        keys = served.environment
        settings = {"bucket": BUCKET, "key": "out", "endpoint": served.host, "insecure": "true"}
        settings |= {"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}
        with pytest.raises(Forbidden, match="leads out of the directory"):
            places.put(ArtifactPlace(kind="s3", settings=settings | {"region": "eu-central-1"}), tree)


S3_OUT = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {{name: out}}
spec:
  entrypoint: main
  templates:
  - name: main
    container: {{image: busybox, command: [sh, -c, "echo kept > /tmp/data"]}}
    outputs: {{artifacts: [{{name: data, path: /tmp/data, archive: {{none: {{}}}}, {location}}}]}}
"""


async def test_s3_with_an_endpoint_of_its_own(tmp_path: Path) -> None:
    with object_store(tmp_path, {"in/one.csv": b"1", "in/two.csv": b"2"}) as served:
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, served)

            def at(key: str) -> str:
                return f"s3: {{key: {key}, {served.fields}}}"

            assert await what_main_read(plane, at("in"), "/tmp/data/two.csv") == "2"
            kept = await plane.run(S3_OUT.format(location=at("out/data")))
            assert kept.status.phase.value == "Succeeded", kept.status.message
            await plane.resources.delete(Workflow, "default", "wf")
            assert await what_main_read(plane, at("out/data")) == "kept"
            text = msgspec.json.encode(await plane.resources.get(Workflow, "default", "wf")).decode()
            assert served.environment["AWS_SECRET_ACCESS_KEY"] not in text


@pytest.mark.rule("artifacts.repository-ref")
@pytest.mark.rule("artifacts.repository-default")
@pytest.mark.parametrize("ref", ["artifactRepositoryRef: {}", "artifactRepositoryRef: null"])
async def test_a_repository_of_a_config_map(tmp_path: Path, ref: str) -> None:
    with object_store(tmp_path, {}) as served:
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, served)
            described = f"s3: {{keyFormat: 'plant/{{{{workflow.name}}}}', {served.fields}}}"
            annotations = {"workflows.argoproj.io/default-artifact-repository": "bucket"}
            meta = ObjectMeta(name="artifact-repositories", namespace="default", annotations=annotations)
            await plane.resources.create(ConfigMap(metadata=meta, data={"bucket": described}))
            workflow = await plane.run(PASSED_ON.replace("artifactRepositoryRef: {}", ref))
            assert workflow.status.phase.value == "Succeeded", workflow.status.message
            named = {"configMap": "artifact-repositories", "key": "bucket", "namespace": "default"}
            assert workflow.status.artifact_repository_ref == named
            made = node(workflow, "wf[0].make").outputs
            assert made is not None
            assert [item.s3.key for item in made.artifacts if item.s3 is not None] == ["plant/wf/data.tgz"]
            assert made.artifacts[0].s3 is not None
            assert not made.artifacts[0].s3.located
            read = node(workflow, "wf[1].read").outputs
            assert read is not None
            assert read.parameters[0].value == "kept"
            ended = await plane.until("wf", is_let_go)  # it is deleted where it lies
            made = node(ended, "wf[0].make").outputs
            assert made is not None
            assert made.artifacts[0].deleted
    assert not (tmp_path / "home" / "artifacts" / "plant").exists()


PASSED_ON = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  artifactRepositoryRef: {}
  artifactGC: {strategy: OnWorkflowCompletion}
  templates:
  - name: main
    steps:
    - - {name: make, template: make}
    - - name: read
        template: read
        arguments: {artifacts: [{name: data, from: "{{steps.make.outputs.artifacts.data}}"}]}
  - name: make
    container: {image: busybox, command: [sh, -c, "echo kept > /tmp/data"]}
    outputs: {artifacts: [{name: data, path: /tmp/data}]}
  - name: read
    inputs: {artifacts: [{name: data, path: /tmp/data}]}
    container: {image: busybox, command: [cat, /tmp/data]}
    outputs: {parameters: [{name: out, valueFrom: {path: /tmp/data}}]}
"""


ONE_POD = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf}
spec:
  entrypoint: main
  %s
  templates:
  - name: main
    container: {image: busybox, command: [sh, -c, "echo kept > /tmp/data"]}
    outputs: {artifacts: [{name: data, path: /tmp/data, archive: {none: {}}, %s}]}
"""


@pytest.mark.rule("artifacts.repository-default")
@pytest.mark.parametrize(
    ("spec", "repositories", "message"),
    [
        ("", "{data: {a: 's3: {}'}}", "config map 'artifact-repositories' of artifact repositories has no default key"),
        ("artifactRepositoryRef: {key: b}", "{data: {a: ''}}", "config map 'artifact-repositories' of artifact"),
        ("artifactRepositoryRef: {configMap: own}", "{}", "failed to find any artifact repository: config map 'own'"),
    ],
)
async def test_a_repository_that_cannot_be_found_is_an_error_of_the_workflow(
    tmp_path: Path, spec: str, repositories: str, message: str
) -> None:
    made = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: artifact-repositories}}\n{repositories[1:-1]}\n---"
    async with running_plane(tmp_path) as plane:
        workflow = await plane.run(made + ONE_POD % (spec, "s3: {key: k}"))
        assert workflow.status.phase.value == "Error"
        assert workflow.status.message.startswith(f"failed to resolve artifact repository: {message}")
        assert workflow.status.nodes == {}


@pytest.mark.rule("artifacts.repository-default")
async def test_an_artifact_without_endpoint_lies_in_the_repository_even_if_it_names_a_bucket(tmp_path: Path) -> None:
    async with running_plane(tmp_path / "embedded") as plane:
        workflow = await plane.run(ONE_POD % ("", "s3: {bucket: other, key: own/data}"))
        assert workflow.status.phase.value == "Succeeded", workflow.status.message
        assert workflow.status.artifact_repository_ref is None
        assert (tmp_path / "embedded" / "artifacts" / "own" / "data").read_text() == "kept\n"
    with object_store(tmp_path, {}) as served:
        described = msgspec.json.encode(f"s3: {{{served.fields}}}").decode()
        made = f"""
apiVersion: v1
kind: ConfigMap
metadata:
  name: artifact-repositories
  annotations: {{workflows.argoproj.io/default-artifact-repository: bucket}}
data: {{bucket: {described}}}
---"""
        async with running_plane(tmp_path / "home") as plane:
            await keep_keys(plane, served)
            workflow = await plane.run(made + ONE_POD % ("", "s3: {bucket: other, key: own/data}"))
            assert workflow.status.phase.value == "Succeeded", workflow.status.message
        with served.client() as s3:
            assert s3.get_object(Bucket=BUCKET, Key="own/data")["Body"].read() == b"kept\n"
