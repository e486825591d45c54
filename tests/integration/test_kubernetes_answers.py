"""Forms of single answers that real clients depend on, over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from setpoint.adapters.sqlite import SqliteStore
from setpoint.wiring.endpoint import read_endpoint
from tests.clocks import ManualClock
from tests.kubernetes_client import establish, kubernetes_api, pump_crd
from tests.servers import served_over_http

DEFAULT = "/api/v1/namespaces/default"


@asynccontextmanager
async def api(home: Path, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    with SqliteStore(home, clock) as store:
        async with served_over_http(store, home):
            endpoint = read_endpoint(home)
            assert endpoint is not None
            headers = {"authorization": f"Bearer {endpoint.token}"}
            async with httpx.AsyncClient(trust_env=False, headers=headers, base_url=endpoint.url) as http:
                yield http


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


async def test_a_new_object_that_is_refused_is_named(tmp_path: Path, clock: ManualClock) -> None:
    async with api(tmp_path, clock) as http:
        answer = await http.post(f"{DEFAULT}/configmaps", json=config_map("Not A Name"))
        assert answer.status_code == 422
        assert answer.json()["details"]["name"] == "Not A Name"
        assert answer.json()["message"].startswith('ConfigMap "Not A Name" is invalid: metadata.name: ')


@pytest.mark.parametrize(("plural", "kind"), [("configmaps", "Status"), ("serviceaccounts", "ServiceAccount")])
async def test_some_kinds_answer_their_deletion_with_the_object(
    plural: str, kind: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with api(tmp_path, clock) as http:
        await http.post(f"{DEFAULT}/{plural}", json={"metadata": {"name": "a"}})
        answer = (await http.delete(f"{DEFAULT}/{plural}/a")).json()
        assert answer["kind"] == kind
        assert answer.get("metadata", {}).get("name") == ("a" if kind != "Status" else None)
        assert (await http.get(f"{DEFAULT}/{plural}/a")).status_code == 404


async def test_a_review_need_not_say_its_kind(tmp_path: Path, clock: ManualClock) -> None:
    async with api(tmp_path, clock) as http:
        body = {"spec": {"resourceAttributes": {"verb": "create", "resource": "pods"}}}
        answer = await http.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=body)
        assert answer.status_code == 201
        assert (answer.json()["kind"], answer.json()["status"]["allowed"]) == ("SelfSubjectAccessReview", True)


async def test_a_review_is_typed_as_any_object_is(tmp_path: Path, clock: ManualClock) -> None:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    async with api(tmp_path, clock) as http:
        refused = await http.post(path, json={"metadata": {"name": True}})
        stored = await http.post(f"{DEFAULT}/configmaps", json={"metadata": {"name": True}})
        assert refused.status_code == stored.status_code == 422
        assert "metadata.name" in refused.json()["message"]
        strict = await http.post(f"{path}?fieldValidation=Strict", json={"metadata": {}, "colour": "red"})
        assert (strict.status_code, 'unknown field "colour"' in strict.json()["message"]) == (400, True)
        warned = await http.post(path, json={"metadata": {}, "colour": "red"})
        assert (warned.status_code, 'unknown field \\"colour' in warned.headers["warning"]) == (201, True)
        assert "colour" not in warned.json()


async def test_a_warning_has_no_control_characters(tmp_path: Path, clock: ManualClock) -> None:
    async with api(tmp_path, clock) as http:
        body = {"metadata": {"name": "a"}, "a\x00\x01\x7fb\r\nc\u00fc": 1}
        warned = await http.post(f"{DEFAULT}/configmaps", json=body)
        assert warned.status_code == 201
        assert warned.headers["warning"].isprintable()
        assert "a???b c?" in warned.headers["warning"]


@pytest.mark.parametrize(
    ("path", "spec", "status"),
    [
        ("/api/v1/namespaces/default/pods", {"containers": [{"name": "a", "image": "busybox"}]}, {"phase": "Pending"}),
        (
            "/apis/batch/v1/namespaces/default/jobs",
            {"template": {"spec": {"containers": [{"name": "a", "image": "busybox"}], "restartPolicy": "Never"}}},
            {},
        ),
    ],
)
async def test_a_new_object_has_a_status(
    path: str, spec: dict[str, Any], status: dict[str, Any], tmp_path: Path, clock: ManualClock
) -> None:
    async with api(tmp_path, clock) as http:
        made = await http.post(path, json={"metadata": {"name": "a"}, "spec": spec})
        assert made.json()["status"] == status
        assert (await http.get(f"{path}/a")).json()["status"] == status


async def test_a_definition_changes_the_schemas_of_its_group_alone(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as served:
        before = (await served.get("/openapi/v3"))["paths"]
        await establish(served, pump_crd())
        after = (await served.get("/openapi/v3"))["paths"]
        assert after.keys() - before.keys() == {"apis/plant.example/v1"}
        assert {path: after[path] for path in before} == before
        document = await served.http.get(after["api/v1"]["serverRelativeURL"])
        assert document.headers["cache-control"] == "public, immutable"
        assert "/api/v1/namespaces/{namespace}/configmaps" in document.json()["paths"]


async def test_the_old_openapi_document_is_there_in_the_form_that_kubectl_reads(
    tmp_path: Path, clock: ManualClock
) -> None:
    form = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    async with api(tmp_path, clock) as http:
        answer = await http.get("/openapi/v2", headers={"accept": form})
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (
            200,
            form.replace("@", "."),
            b"\x0a\x032.0",
        )
        both = await http.get("/openapi/v2", headers={"accept": f"{form},application/json"})
        assert both.json()["swagger"] == "2.0"
