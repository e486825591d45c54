"""The writing verbs of the Kubernetes API as any client meets them: over a socket, in an API server's words."""

from __future__ import annotations

from pathlib import Path

from tests.kubernetes_client import (
    APPLY,
    JSON_PATCH,
    MAPS,
    PUMPS,
    STRATEGIC,
    config_map,
    establish,
    kubernetes_api,
    pump,
    pump_crd,
    take,
)

JOBS = "/apis/batch/v1/namespaces/default/jobs"
SERVICES = "/api/v1/namespaces/default/services"


async def test_errors_are_statuses_in_an_api_servers_words(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await api.create(MAPS, config_map("a"))
        missing = await api.refused("GET", f"{MAPS}/b")
        assert (missing["code"], missing["reason"]) == (404, "NotFound")
        assert missing["message"] == 'configmaps "b" not found'
        assert missing["details"] == {"name": "b", "kind": "configmaps"}
        taken = await api.refused("POST", MAPS, config_map("a"))
        assert (taken["code"], taken["message"]) == (409, 'configmaps "a" already exists')
        bad = await api.refused("POST", MAPS, config_map("No"))
        assert (bad["code"], bad["reason"]) == (422, "Invalid")
        assert bad["message"].startswith('ConfigMap "No" is invalid: metadata.name: ')
        assert bad["details"]["causes"][0]["field"] == "metadata.name"
        nowhere = await api.refused("GET", "/api/v1/namespaces/default/nothings")
        assert nowhere["message"] == "the server could not find the requested resource"
        assert (await api.refused("PUT", MAPS, config_map("a")))["code"] == 405
        assert (await api.refused("GET", "/api/v1/namespaces/default/configmaps/x%0Ay"))["code"] == 404


async def test_a_stale_version_is_a_conflict_and_no_version_is_none(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        made = await api.create(MAPS, config_map("a"))
        newer = await api.patch(f"{MAPS}/a", {"data": {"a": "2"}})
        stale = await api.refused("PUT", f"{MAPS}/a", made)
        assert (stale["code"], stale["reason"]) == (409, "Conflict")
        assert stale["message"].startswith('Operation cannot be fulfilled on configmaps "a": ')
        anew = await api.send("PUT", f"{MAPS}/a", config_map("a", {"a": "3"}))
        assert (anew.status_code, anew.json()["data"]) == (200, {"a": "3"})
        named = {"metadata": {"resourceVersion": newer["metadata"]["resourceVersion"]}, "data": {"a": "4"}}
        assert (await api.refused("PATCH", f"{MAPS}/a", named, "application/merge-patch+json"))["code"] == 409


async def test_unknown_fields_are_refused_warned_of_or_dropped(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        odd = config_map("a") | {"dada": {"x": 1}}
        strict = await api.refused("POST", MAPS, odd, fieldValidation="Strict")
        assert (strict["code"], strict["reason"]) == (400, "BadRequest")
        assert strict["message"] == 'strict decoding error: unknown field "dada"'
        twice = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1"},"data":{"x":"2"}}'
        assert 'duplicate field "data"' in (await api.refused("POST", MAPS, twice, fieldValidation="Strict"))["message"]
        warned = await api.send("POST", MAPS, odd)
        assert warned.status_code == 201 and "dada" not in warned.json()
        assert warned.headers["warning"] == '299 - "unknown field \\"dada\\""'
        quiet = await api.send("POST", MAPS, odd | {"metadata": {"name": "b"}}, fieldValidation="Ignore")
        assert quiet.status_code == 201 and "warning" not in quiet.headers
        assert (await api.refused("POST", MAPS, odd, fieldValidation="Perhaps"))["code"] == 400


async def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        assert (await api.create(MAPS, config_map("a"), dryRun="All"))["metadata"]["uid"]
        await api.create(MAPS, config_map("b"))
        await api.patch(f"{MAPS}/b", {"data": {"a": "2"}}, dryRun="All")
        await api.send("DELETE", f"{MAPS}/b", dryRun="All")
        found = await api.get(MAPS)
        assert [(item["metadata"]["name"], item["data"]) for item in found["items"]] == [("b", {"a": "1"})]
        assert (await api.refused("POST", MAPS, config_map("c"), dryRun="Some"))["code"] == 400


async def test_every_type_of_patch(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        path = f"{MAPS}/a"
        await api.create(MAPS, config_map("a", {"x": "1", "y": "2"}, finalizers=["a.example/f"]))
        assert (await api.patch(path, {"data": {"x": None, "z": "3"}}))["data"] == {"y": "2", "z": "3"}
        operations = [{"op": "test", "path": "/data/y", "value": "2"}, {"op": "remove", "path": "/data/y"}]
        assert (await api.patch(path, operations, JSON_PATCH))["data"] == {"z": "3"}
        failed = await api.refused("PATCH", path, operations, JSON_PATCH)
        assert failed["code"] == 422
        merged = await api.patch(path, {"metadata": {"finalizers": ["b.example/f"]}}, STRATEGIC)
        assert sorted(merged["metadata"]["finalizers"]) == ["a.example/f", "b.example/f"]
        other = await api.refused("PATCH", path, {}, "text/plain")
        assert (other["code"], other["reason"]) in ((415, "UnsupportedMediaType"), (403, "Forbidden"))
        assert (await api.refused("PATCH", path, [], "application/merge-patch+json"))["code"] == 400
        assert (await api.refused("PATCH", path, {"metadata": {"name": "b"}}, "application/merge-patch+json"))[
            "code"
        ] == 400


async def test_lists_of_a_pod_template_merge_by_their_real_keys(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        container = {
            "name": "main",
            "image": "busybox",
            "env": [{"name": "A", "value": "1"}],
            "ports": [{"containerPort": 80, "protocol": "TCP"}],
        }
        spec = {"restartPolicy": "Never", "containers": [container]}
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "j"},
            "spec": {"suspend": True, "template": {"spec": spec}},
        }
        await api.create(JOBS, job)
        change = {"name": "main", "env": [{"name": "B", "value": "2"}], "ports": [{"containerPort": 80, "name": "web"}]}
        made = await api.patch(f"{JOBS}/j", {"spec": {"template": {"spec": {"containers": [change]}}}}, STRATEGIC)
        found = made["spec"]["template"]["spec"]["containers"][0]
        assert found["image"] == "busybox"
        assert sorted(item["name"] for item in found["env"]) == ["A", "B"]
        assert found["ports"] == [{"containerPort": 80, "protocol": "TCP", "name": "web"}]


async def test_server_side_apply_creates_merges_refuses_and_takes_over(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        path = f"{MAPS}/a"
        made = await api.send("PATCH", path, config_map("a", {"x": "1"}), APPLY, fieldManager="one")
        assert made.status_code == 201
        (entry,) = made.json()["metadata"]["managedFields"]
        assert (entry["manager"], entry["operation"]) == ("one", "Apply")
        assert entry["fieldsV1"] == {"f:data": {"f:x": {}}}
        both = await api.patch(path, config_map("a", {"y": "2"}), APPLY, fieldManager="two")
        assert both["data"] == {"x": "1", "y": "2"}
        conflict = await api.refused("PATCH", path, config_map("a", {"x": "9"}), APPLY, fieldManager="two")
        assert (conflict["code"], conflict["reason"]) == (409, "Conflict")
        assert conflict["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.x'
        assert conflict["details"]["causes"] == [
            {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.x"}
        ]
        forced = await api.patch(path, config_map("a", {"x": "9"}), APPLY, fieldManager="two", force="true")
        assert forced["data"] == {"x": "9"}, "y was two's alone, and two wants it no more"
        yaml = b"apiVersion: v1\nkind: ConfigMap\ndata: {z: 'true'}\n"
        assert (await api.patch(path, yaml, APPLY, fieldManager="three"))["data"] == {"x": "9", "z": "true"}
        assert (await api.refused("PATCH", path, config_map("a"), APPLY))["code"] == 400, "a manager is needed"


async def test_ordinary_writes_own_what_they_change(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await api.create(MAPS, config_map("a", {"x": "1", "y": "1"}))
        changed = await api.patch(f"{MAPS}/a", {"data": {"y": "2"}}, fieldManager="editor")
        owned = {item["manager"]: item["fieldsV1"]["f:data"] for item in changed["metadata"]["managedFields"]}
        assert owned == {"tester": {".": {}, "f:x": {}}, "editor": {"f:y": {}}}
        same = await api.patch(f"{MAPS}/a", {"data": {"y": "2"}}, fieldManager="other")
        assert same == changed, "what changes nothing has no version and no owner of its own"


async def test_deletion_answers_what_became_of_the_object(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        made = await api.create(MAPS, config_map("a"))
        wrong = {"preconditions": {"uid": "another"}}
        assert (await api.refused("DELETE", f"{MAPS}/a", wrong))["code"] == 409
        gone = (await api.send("DELETE", f"{MAPS}/a")).json()
        assert (gone["status"], gone["details"]["uid"]) == ("Success", made["metadata"]["uid"])
        await api.create(MAPS, config_map("b", finalizers=["a.example/f"]))
        held = (await api.send("DELETE", f"{MAPS}/b")).json()
        assert held["metadata"]["deletionTimestamp"] and held["kind"] == "ConfigMap"
        await api.patch(f"{MAPS}/b", {"metadata": {"finalizers": None}})
        assert (await api.refused("GET", f"{MAPS}/b"))["code"] == 404
        for body in ({"dryRun": 1}, {"propagationPolicy": "Gently"}, {"gracePeriodSeconds": -1}, {"preconditions": 1}):
            assert (await api.refused("DELETE", f"{MAPS}/b", body))["code"] == 400


async def test_a_collection_is_deleted_by_selector(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        for name, side in (("a", "left"), ("b", "right"), ("c", "left")):
            await api.create(MAPS, config_map(name, labels={"side": side}))
        answer = await api.send("DELETE", MAPS, labelSelector="side=left")
        assert [item["metadata"]["name"] for item in answer.json()["items"]] == ["a", "c"]
        assert [item["metadata"]["name"] for item in (await api.get(MAPS))["items"]] == ["b"]


async def test_a_service_that_lint_refuses_is_not_stored(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        path = "/apis/serving.kserve.io/v1beta1/namespaces/default/inferenceservices"
        model = {"modelFormat": {"name": "setpoint"}, "storageUri": "file:///models/a"}
        wrong = {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": "a"},
            "spec": {"predictor": {"minReplicas": -1, "model": model}},
        }
        status = await api.refused("POST", path, wrong)
        assert (status["code"], status["details"]["causes"][0]["field"]) == (422, "spec.predictor.minReplicas")
        assert (await api.get(path))["items"] == []


async def test_a_kind_that_nothing_acts_on_says_so(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
        made = await api.create(SERVICES, service)
        (condition,) = made["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("setpoint.dev/NoEngine", "True")
        assert "services are stored here and nothing more" in condition["message"]


async def test_custom_resources_come_with_their_schema_status_and_scale(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        assert (await api.refused("GET", PUMPS))["code"] == 404
        await establish(api, pump_crd())
        made = await api.create(PUMPS, pump("a") | {"status": {"replicas": 9}})
        assert (made["spec"], "status" in made) == ({"rpm": 900, "replicas": 1}, False)
        wild = await api.refused("POST", PUMPS, pump("b", 9000, tags=["x", "x"]))
        assert wild["code"] == 422
        assert {cause["field"] for cause in wild["details"]["causes"]} == {"spec.rpm", "spec.tags[1]"}
        scaled = await api.patch(f"{PUMPS}/a/scale", {"spec": {"replicas": 4}})
        assert (scaled["kind"], scaled["spec"], scaled["status"]) == ("Scale", {"replicas": 4}, {"replicas": 0})
        status = await api.patch(f"{PUMPS}/a/status", {"status": {"replicas": 2}, "spec": {"rpm": 1}})
        assert (status["status"], status["spec"]["rpm"]) == ({"replicas": 2}, 900)
        stale = await api.refused("PUT", f"{PUMPS}/a", pump("a"))
        assert (stale["code"], stale["details"]["causes"][0]["field"]) == (422, "metadata.resourceVersion")
        assert (await api.refused("PATCH", f"{PUMPS}/a", {}, STRATEGIC))["code"] == 415
        async with api.watch(PUMPS) as events:
            assert [event["type"] for event in await take(events, 1)] == ["ADDED"]
            gone = await api.send(
                "DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/pumps.plant.example"
            )
            assert gone.status_code == 200
            assert [event["type"] for event in await take(events, 1)] == ["DELETED"]
