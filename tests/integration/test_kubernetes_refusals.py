"""What is refused as an API server refuses it, and what of it is done, over a socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes_client import establish, kubernetes_api, pump_crd

DEFAULT = "/api/v1/namespaces/default"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
JSON = {"content-type": "application/json-patch+json"}
MERGE = {"content-type": "application/merge-patch+json"}


@pytest.mark.parametrize("selector", ["app in (", "a=b,,", "-x"])
async def test_a_label_selector_that_is_none_is_a_bad_request(selector: str, tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        answer = await api.http.get(f"{DEFAULT}/configmaps", params={"labelSelector": selector})
        assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")
        assert "unable to parse requirement" in answer.json()["message"]


@pytest.mark.parametrize(
    "changes",
    [{"data": {"a/b": "1"}}, {"data": {"..": "1"}}, {"binaryData": {"b": "%"}}, {"binaryData": {"a": "YQ=="}}],
)
async def test_a_config_map_that_no_volume_could_hold_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await api.create(f"{DEFAULT}/configmaps", {"metadata": {"name": "m"}, "data": {"a": "1"}})
        answer = await api.http.patch(f"{DEFAULT}/configmaps/m", json=changes, headers=MERGE)
        assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")


async def test_whom_a_binding_is_of_stays(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
        for path in (f"{RBAC}/clusterrolebindings", f"{RBAC}/namespaces/default/rolebindings"):
            await api.create(path, {"metadata": {"name": "b"}, "roleRef": reference, "subjects": []})
            answer = await api.http.patch(f"{path}/b", json={"roleRef": {"name": "edit"}}, headers=MERGE)
            assert (answer.status_code, answer.json()["details"]["causes"][0]["field"]) == (422, "roleRef")


async def test_a_json_patch_may_name_the_version_it_is_of(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        made = await api.create(f"{DEFAULT}/configmaps", {"metadata": {"name": "m"}, "data": {"a": "1"}})
        change = {"op": "add", "path": "/data/b", "value": "2"}
        for version, status in (("1", 409), (made["metadata"]["resourceVersion"], 200)):
            named = {"op": "replace", "path": "/metadata/resourceVersion", "value": version}
            answer = await api.http.patch(f"{DEFAULT}/configmaps/m", json=[named, change], headers=JSON)
            assert answer.status_code == status


async def test_what_is_said_of_a_json_patch_tells_no_secret(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await api.create(f"{DEFAULT}/secrets", {"metadata": {"name": "s"}, "stringData": {"password": "hush"}})
        for operation in (
            {"op": "replace", "path": "/data/none/x", "value": "1"},
            {"op": "copy", "from": "/data/none/x", "path": "/data/y"},
            {"op": "add", "path": "/data/password/x", "value": "1"},
            {"op": "test", "path": "/data", "value": {}},
        ):
            answer = await api.http.patch(f"{DEFAULT}/secrets/s", json=[operation], headers=JSON)
            assert answer.status_code == 422
            assert "aHVzaA" not in answer.text


async def test_scale_takes_json_patches(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await establish(api, pump_crd())
        pumps = "/apis/plant.example/v1/namespaces/default/pumps"
        await api.create(
            pumps, {"apiVersion": "plant.example/v1", "kind": "Pump", "metadata": {"name": "a"}, "spec": {"rpm": 1}}
        )
        change = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
        answer = await api.http.patch(f"{pumps}/a/scale", json=change, headers=JSON)
        assert (answer.status_code, answer.json()["spec"]["replicas"]) == (200, 5)
        wrong = await api.http.patch(f"{pumps}/a/scale", json=[], headers={"content-type": "text/plain"})
        assert wrong.status_code == 415


async def test_a_table_of_many_rows_is_whole(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        for number in range(510):
            await api.create(f"{DEFAULT}/configmaps", {"metadata": {"name": f"m{number}"}})
        table = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        rows = (await api.http.get(f"{DEFAULT}/configmaps", headers=table)).json()["rows"]
        assert len(rows) == 510


async def test_neither_all_namespaces_nor_what_is_in_them_is_deleted_by_one_request(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await api.create("/api/v1/namespaces", {"metadata": {"name": "a"}})
        await api.create("/api/v1/namespaces/a/configmaps", {"metadata": {"name": "m"}})
        for path in ("/api/v1/namespaces", "/api/v1/configmaps"):
            assert (await api.http.delete(path)).status_code == 405
        assert (await api.http.get("/api/v1/namespaces/a/configmaps/m")).status_code == 200
        resources = (await api.http.get("/api/v1")).json()["resources"]
        verbs = {item["name"]: item["verbs"] for item in resources}
        assert "deletecollection" in verbs["configmaps"] and "deletecollection" not in verbs["namespaces"]
        assert (await api.http.delete("/api/v1/namespaces/a/configmaps")).json()["kind"] == "ConfigMapList"


async def test_a_token_that_is_not_known_is_said_to_be_too_old(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        answer = await api.http.get(f"{DEFAULT}/configmaps", params={"limit": 1, "continue": "none"})
        assert (answer.status_code, answer.json()["reason"]) == (410, "Expired")
        assert answer.json()["message"].startswith("The provided continue parameter is too old")
