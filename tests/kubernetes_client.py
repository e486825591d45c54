"""A plain HTTP client of the Kubernetes API for tests: what was answered, as JSON, with nothing in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.wiring.settings import Settings
from tests.servers import kubernetes_server

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PUMPS = "/apis/plant.example/v1/namespaces/default/pumps"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
PATIENCE_SECONDS = 20.0


@dataclass
class Api:
    """Requests as they go over the wire."""

    http: httpx.AsyncClient
    store: SqliteStore

    async def send(self, method: str, path: str, body: Any = None, media: str = "", **query: str) -> httpx.Response:
        content = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        headers = {"content-type": media or "application/json"} if content is not None else {}
        return await self.http.request(method, path, content=content, params=query, headers=headers)

    async def get(self, path: str, accept: str = "", **query: str) -> Any:
        headers = {"accept": accept} if accept else {}
        answer = await self.http.get(path, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def create(self, path: str, body: Any, **query: str) -> Any:
        answer = await self.send("POST", path, body, **query)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def patch(self, path: str, body: Any, media: str = MERGE, **query: str) -> Any:
        answer = await self.send("PATCH", path, body, media, **query)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def refused(self, method: str, path: str, body: Any = None, media: str = "", **query: str) -> Any:
        """The `Status` of a request that is refused."""
        answer = await self.send(method, path, body, media, **query)
        status = answer.json()
        assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure"), answer.text
        assert status["code"] == answer.status_code
        return status

    @asynccontextmanager
    async def watch(self, path: str, **query: str) -> AsyncIterator[AsyncIterator[Any]]:
        """Events of a watch."""
        async with self.http.stream("GET", path, params={"watch": "1", **query}) as answer:
            assert answer.status_code == 200

            async def events() -> AsyncIterator[Any]:
                async for line in answer.aiter_lines():
                    yield msgspec.json.decode(line)

            yield events()


async def take(events: AsyncIterator[Any], count: int) -> list[Any]:
    """The next events; fails if they do not come."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [await anext(events) for _ in range(count)]


@asynccontextmanager
async def kubernetes_api(home: Path, *, history: int = 10_000) -> AsyncIterator[Api]:
    """The API over a store in `home`."""
    settings = Settings(home=home / "home", require_token=True)
    with SqliteStore(home / "store", SystemClock(), history=history, compact_every=20) as store:
        async with kubernetes_server(store, settings) as endpoint:
            headers = {"authorization": f"Bearer {endpoint.token}", "user-agent": "tester/1.0"}
            async with httpx.AsyncClient(
                base_url=endpoint.url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
            ) as http:
                yield Api(http, store)


def config_map(name: str = "", data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    named = {"name": name} if name else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named | metadata, "data": data or {"a": "1"}}


def pump_crd(**version: Any) -> dict[str, Any]:
    """A CustomResourceDefinition of Pumps, with status and scale."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["rpm"],
                "properties": {
                    "rpm": {"type": "integer", "minimum": 0, "maximum": 3000},
                    "replicas": {"type": "integer", "default": 1},
                    "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                },
            },
            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
        },
    }
    first = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        "additionalPrinterColumns": [{"name": "RPM", "type": "integer", "jsonPath": ".spec.rpm"}],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "pumps.plant.example"},
        "spec": {
            "group": "plant.example",
            "scope": "Namespaced",
            "names": {"plural": "pumps", "singular": "pump", "kind": "Pump", "shortNames": ["pu"]},
            "versions": [first | version],
        },
    }


def pump(name: str, rpm: int = 900, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "plant.example/v1",
        "kind": "Pump",
        "metadata": {"name": name},
        "spec": {"rpm": rpm} | spec,
    }


async def establish(api: Api, crd: dict[str, Any]) -> None:
    """Make the definition and wait until its kind is served."""
    await api.create(CRDS, crd)
    path = f"{CRDS}/{crd['metadata']['name']}"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not _is_established(await api.get(path)):  # noqa: ASYNC110  another process would be asked so, too
            await asyncio.sleep(0.01)


def _is_established(crd: Any) -> bool:
    conditions = crd.get("status", {}).get("conditions", [])
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
