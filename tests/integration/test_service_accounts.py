"""Pods reach the API as on a cluster: by their service account, over TLS, with the rights that bindings give."""

# ruff: noqa: ASYNC110 - tests look at objects until they are so

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from setpoint.apis.argo import Workflow
from setpoint.apis.core import ConfigMap, PolicyRule, Role, RoleBinding, RoleRef, ServiceAccount, Subject
from setpoint.apis.manifest import decode_document, load_documents
from setpoint.apis.meta import ObjectMeta
from setpoint.wiring.control_plane import ControlPlane, control_plane
from setpoint.wiring.settings import Settings

# What `kubernetes.config.load_incluster_config()` and a client do, with the standard library alone.
IN_CLUSTER = """
import json, os, ssl, sys, urllib.error, urllib.request
base = "FOLDER"
host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
token, namespace = open(base + "/token").read(), open(base + "/namespace").read()
context = ssl.create_default_context(cafile=base + "/ca.crt")
def ask(path, body=None):
    request = urllib.request.Request(f"https://{host}:{port}{path}", data=body)
    request.add_header("Authorization", "Bearer " + token)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
code, found = ask(f"/api/v1/namespaces/{namespace}/configmaps")
refused, status = ask(f"/api/v1/namespaces/{namespace}/secrets")
me, review = ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", b'{"kind": "SelfSubjectReview"}')
print(json.dumps({
    "code": code, "names": [item["metadata"]["name"] for item in found.get("items", [])],
    "refused": refused, "message": status["message"], "me": review["status"]["userInfo"]["username"],
}))
"""
WORKFLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: w, namespace: plant}
spec:
  entrypoint: main
  SPEC
  templates:
  - name: main
    outputs: {parameters: [{name: said, valueFrom: {path: /tmp/said}}]}
    script:
      image: python:3.11
      command: [python3]
      source: |
SOURCE
"""
FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"


def workflow(source: str, spec: str = "") -> Workflow:
    body = source.replace("FOLDER", FOLDER).replace("print(", "open('/tmp/said', 'w').write(")
    text = WORKFLOW.replace("SPEC", spec).replace("SOURCE", "".join(f"        {line}\n" for line in body.splitlines()))
    found = decode_document(load_documents(text, "w.yaml")[0])
    assert isinstance(found, Workflow)
    return found


async def said(plane: ControlPlane, submitted: Workflow) -> str:
    await plane.verbs.submit(submitted)
    async with asyncio.timeout(60):
        while not (found := await plane.resources.get(Workflow, "plant", "w")).status.completed:
            await asyncio.sleep(0.02)
    (node,) = found.status.nodes.values()
    assert node.outputs is not None, node.message
    return str(node.outputs.parameters[0].value)


async def allow_config_maps(plane: ControlPlane, account: str) -> None:
    rule = PolicyRule(verbs=("get", "list"), api_groups=("",), resources=("configmaps",))
    meta = ObjectMeta(name="reads", namespace="plant")
    await plane.resources.create(Role(metadata=meta, rules=(rule,)))
    subjects = (Subject(kind="ServiceAccount", name=account, namespace="plant"),)
    await plane.resources.create(
        RoleBinding(metadata=meta, role_ref=RoleRef(kind="Role", name="reads"), subjects=subjects)
    )
    await plane.resources.create(ConfigMap(metadata=ObjectMeta(name="limits", namespace="plant")))


@pytest.mark.parametrize("mode", ["auto", "rewrite"])
async def test_a_pod_asks_with_its_account_and_may_do_what_its_role_says(tmp_path: Path, mode: str) -> None:
    settings = Settings(home=tmp_path / "home", isolation=mode)
    async with control_plane(settings, serve_stored=True, visible=[str(tmp_path)]) as plane:
        await plane.resources.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace="plant")))
        await allow_config_maps(plane, "robot")
        answer = json.loads(await said(plane, workflow(IN_CLUSTER, "serviceAccountName: robot")))
    assert answer == {
        "code": 200,
        "names": ["limits"],
        "refused": 403,
        "message": 'secrets is forbidden: User "system:serviceaccount:plant:robot" cannot list resource "secrets" '
        'in API group "" in the namespace "plant"',
        "me": "system:serviceaccount:plant:robot",
    }


async def test_the_account_of_a_namespace_that_has_none_is_default_and_may_nothing(tmp_path: Path) -> None:
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        answer = json.loads(await said(plane, workflow(IN_CLUSTER)))
    assert (answer["code"], answer["refused"]) == (403, 403)
    assert answer["me"] == "system:serviceaccount:plant:default"


async def test_an_account_that_is_made_anew_has_a_new_token(tmp_path: Path) -> None:
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        assert json.loads(await said(plane, workflow(IN_CLUSTER)))["me"] == "system:serviceaccount:plant:default"
        await plane.resources.delete(Workflow, "plant", "w")
        await plane.resources.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="plant")))
        await allow_config_maps(plane, "default")
        answer = json.loads(await said(plane, workflow(IN_CLUSTER)))
        assert (answer["code"], answer["me"]) == (200, "system:serviceaccount:plant:default")


@pytest.mark.parametrize("where", ["workflow", "account"])
async def test_no_token_is_shown_to_pods_that_want_none(tmp_path: Path, where: str) -> None:
    source = "import os\nprint(repr((os.path.exists('FOLDER/token'), os.environ.get('KUBERNETES_SERVICE_HOST'))))"
    spec = "automountServiceAccountToken: false" if where == "workflow" else ""
    async with control_plane(Settings(home=tmp_path / "home"), serve_stored=True, visible=[str(tmp_path)]) as plane:
        meta = ObjectMeta(name="default", namespace="plant")
        await plane.resources.create(
            ServiceAccount(metadata=meta, automount_service_account_token=None if where == "workflow" else False)
        )
        assert await said(plane, workflow(source, spec)) == "(False, None)"


async def test_a_control_plane_of_one_command_gives_no_tokens_and_makes_no_certificates(tmp_path: Path) -> None:
    source = "import os\nprint(repr(os.environ.get('KUBERNETES_SERVICE_HOST')))"
    home = tmp_path / "home"
    async with control_plane(Settings(home=home), serve_stored=False, visible=[str(tmp_path)]) as plane:
        assert await said(plane, workflow(source)) == "None"
    assert not (home / "access").exists()
    assert not (home / "kubeconfig").exists()
