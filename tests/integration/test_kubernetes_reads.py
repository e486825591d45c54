"""Lists, watches, tables, discovery and schemas of the Kubernetes API over a socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes_client import (
    CRDS,
    MAPS,
    PUMPS,
    config_map,
    establish,
    kubernetes_api,
    pump_crd,
    take,
)

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


async def test_pages_go_on_where_they_ended_and_expire(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        for number in range(7):
            await api.create(MAPS, config_map(f"m{number}"))
        first = await api.get(MAPS, limit="3")
        assert first["metadata"]["remainingItemCount"] == 4
        names = [item["metadata"]["name"] for item in first["items"]]
        token = first["metadata"]["continue"]
        while token:
            page = await api.get(MAPS, **{"limit": "3", "continue": token})
            assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
            names += [item["metadata"]["name"] for item in page["items"]]
            token = page["metadata"].get("continue", "")
        assert names == [f"m{number}" for number in range(7)]
        expired = await api.refused("GET", MAPS, **{"continue": "long ago", "limit": "3"})
        assert (expired["code"], expired["reason"]) == (410, "Expired")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersion": "x"}, 400),
        ({"resourceVersion": "99999999"}, 504),
        ({"resourceVersion": "1", "resourceVersionMatch": "Exact"}, 410),
        ({"resourceVersionMatch": "Exact"}, 400),
        ({"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 400),
        ({"resourceVersion": "1", "resourceVersionMatch": "Perhaps"}, 400),
        ({"limit": "-1"}, 400),
        ({"labelSelector": "a in"}, 400),
        ({"fieldSelector": "data.a=1"}, 400),
        ({"watch": "perhaps"}, 400),
        ({"sendInitialEvents": "true", "watch": "1"}, 400),
    ],
)
async def test_illegal_queries_are_refused(query: dict[str, str], code: int, tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await api.create(MAPS, config_map("a"))
        assert (await api.refused("GET", MAPS, **query))["code"] == code


async def test_versions_that_a_list_may_ask_for(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        version = (await api.create(MAPS, config_map("a")))["metadata"]["resourceVersion"]
        for query in (
            {"resourceVersion": "0"},
            {"resourceVersion": version},
            {"resourceVersion": version, "resourceVersionMatch": "Exact"},
            {"resourceVersion": "1", "resourceVersionMatch": "NotOlderThan"},
        ):
            assert len((await api.get(MAPS, **query))["items"]) == 1


async def test_field_selectors(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        for name in ("a", "b"):
            await api.create(MAPS, config_map(name))
        assert len((await api.get(MAPS, fieldSelector="metadata.name=a"))["items"]) == 1
        assert len((await api.get("/api/v1/configmaps", fieldSelector="metadata.namespace!=default"))["items"]) == 0
        async with api.watch(MAPS, fieldSelector="metadata.name=b") as events:
            assert [event["object"]["metadata"]["name"] for event in await take(events, 1)] == ["b"]
            await api.patch(f"{MAPS}/a", {"data": {"x": "1"}})
            await api.patch(f"{MAPS}/b", {"data": {"x": "1"}})
            assert [event["type"] for event in await take(events, 1)] == ["MODIFIED"]


async def test_a_watch_begins_where_it_is_told_to(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        version = (await api.create(MAPS, config_map("a")))["metadata"]["resourceVersion"]
        await api.create(MAPS, config_map("b"))
        async with api.watch(MAPS, resourceVersion=version) as events:
            assert [event["object"]["metadata"]["name"] for event in await take(events, 1)] == ["b"]
        query = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
        async with api.watch(MAPS, **query) as events:
            first = await take(events, 3)
            assert [event["type"] for event in first] == ["ADDED", "ADDED", "BOOKMARK"]
            assert first[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        async with api.watch(MAPS, timeoutSeconds="1") as events:
            assert [event["type"] async for event in events] == ["ADDED", "ADDED"], "then its time is over"


async def test_a_watch_from_a_forgotten_version_has_expired(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path, history=3) as api:
        version = (await api.create(MAPS, config_map("a")))["metadata"]["resourceVersion"]
        for number in range(60):
            await api.patch(f"{MAPS}/a", {"data": {"n": str(number)}})
        async with api.watch(MAPS, resourceVersion=version) as events:
            (event,) = await take(events, 1)
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


async def test_tables_have_the_columns_people_know(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await api.create(MAPS, config_map("a", {"x": "1", "y": "2"}))
        table = await api.get(MAPS, TABLE)
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert table["rows"][0]["cells"][:2] == ["a", 2]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        async with api.http.stream("GET", MAPS, params={"watch": "1"}, headers={"accept": TABLE}) as answer:
            line = await anext(answer.aiter_lines())
        assert '"kind":"Table"' in line
        plain = await api.get(MAPS, METADATA)
        assert (plain["kind"], sorted(plain["items"][0])) == (
            "PartialObjectMetadataList",
            ["apiVersion", "kind", "metadata"],
        )
        refused = await api.http.get(MAPS, headers={"accept": "application/vnd.kubernetes.protobuf"})
        assert refused.status_code == 406


async def test_discovery_names_every_kind_in_both_forms(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await establish(api, pump_crd())
        groups = {group["name"] for group in (await api.get("/apis"))["groups"]}
        assert {"argoproj.io", "batch", "plant.example", "apiextensions.k8s.io"} <= groups
        plain = {item["name"]: item for item in (await api.get("/apis/plant.example/v1"))["resources"]}
        assert sorted(plain) == ["pumps", "pumps/scale", "pumps/status"]
        assert (plain["pumps"]["shortNames"], plain["pumps/scale"]["kind"]) == (["pu"], "Scale")
        together = await api.get("/apis", AGGREGATED)
        (found,) = [item for item in together["items"] if item["metadata"]["name"] == "plant.example"]
        (resource,) = found["versions"][0]["resources"]
        assert (resource["resource"], resource["scope"], len(resource["subresources"])) == ("pumps", "Namespaced", 2)
        assert (await api.refused("GET", "/apis/nobody.example"))["code"] == 404
        assert (await api.get("/version"))["gitVersion"].startswith("v1.32")


async def test_schemas_are_those_that_are_enforced(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        await establish(api, pump_crd())
        paths = (await api.get("/openapi/v3"))["paths"]
        url = paths["apis/plant.example/v1"]["serverRelativeURL"]
        answer = await api.http.get(url)
        schemas = answer.json()["components"]["schemas"]
        assert schemas["example.plant.v1.Pump"]["properties"]["spec"]["required"] == ["rpm"]
        again = await api.http.get(url, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        await api.send("DELETE", f"{CRDS}/pumps.plant.example")
        left = await api.send("GET", PUMPS)
        assert left.status_code == 404 or not left.json()["items"]
