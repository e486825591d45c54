"""The Kubernetes API over a real socket: access, errors as `Status`, watches that end cleanly."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis import errors
from setpoint.apis.core import ConfigMap
from setpoint.apis.meta import ObjectMeta
from setpoint.clients.connection import Address, connect
from setpoint.clients.kubernetes import KubernetesClient
from setpoint.wiring.endpoint import read_endpoint
from tests.clocks import ManualClock
from tests.servers import served_over_http


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data)


async def test_objects_and_errors_cross_the_wire(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        async with served_over_http(store, tmp_path) as client:
            created = await client.create(config_map("a", x="1"))
            assert created == await store.resources.get(ConfigMap, "default", "a")
            with pytest.raises(errors.AlreadyExists):
                await client.create(config_map("a"))
            with pytest.raises(errors.NotFound):
                await client.get(ConfigMap, "default", "b")
            changed = await client.update(created.replace(data={"x": "2"}))
            with pytest.raises(errors.Conflict) as caught:
                await client.update(created.replace(data={"x": "3"}))
            assert caught.value.found == changed.metadata.resource_version
            patched = await client.patch(ConfigMap, "default", "a", {"data": {"y": "4"}})
            assert patched.data == {"x": "2", "y": "4"}
            with pytest.raises(errors.InvalidSpec):
                await client.create(config_map("Not A Name"))


async def test_a_watch_goes_on_from_a_version_and_ends_with_the_server(tmp_path: Path, clock: ManualClock) -> None:
    with SqliteStore(tmp_path, clock) as store:
        async with served_over_http(store, tmp_path) as client:
            first = await client.create(config_map("a"))
            watch = client.watch(ConfigMap, "default", since=first.metadata.resource_version)
            await store.resources.create(config_map("b"))
            event = await asyncio.wait_for(anext(watch), 10)
            assert (event.type, event.resource.metadata.name) == ("ADDED", "b")
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
        with pytest.raises(errors.Unavailable):
            await asyncio.wait_for(waiting, 10)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"host": "evil.example"}, 403),
    ],
)
async def test_strangers_are_refused_with_a_status(
    headers: dict[str, str], status: int, tmp_path: Path, clock: ManualClock
) -> None:
    with SqliteStore(tmp_path, clock) as store:
        async with served_over_http(store, tmp_path):
            endpoint = read_endpoint(tmp_path)
            assert endpoint is not None
            async with httpx.AsyncClient(trust_env=False) as http:
                answer = await http.get(f"{endpoint.url}/api/v1/namespaces/default/configmaps", headers=headers)
            assert answer.status_code == status
            assert answer.json()["kind"] == "Status"


async def test_a_client_waits_for_a_server_that_restarts(tmp_path: Path, clock: ManualClock) -> None:
    """A pod's client keeps its call while the control plane is away, and finds it at its new address."""

    def locate() -> Address | None:
        endpoint = read_endpoint(tmp_path)
        return Address(url=endpoint.url, token=endpoint.token) if endpoint else None

    with SqliteStore(tmp_path, clock) as store:
        http = connect(locate, patience_seconds=20)
        waiting = asyncio.ensure_future(KubernetesClient(http).list(ConfigMap, "default"))
        await asyncio.sleep(0)
        async with served_over_http(store, tmp_path):
            assert (await asyncio.wait_for(waiting, 20)).items == ()
        await http.aclose()


async def test_a_client_without_patience_says_that_nobody_is_up(tmp_path: Path) -> None:
    http = connect(lambda: None)
    with pytest.raises(errors.Unavailable, match="no control plane is up"):
        await KubernetesClient(http).list(ConfigMap, "default")
    await http.aclose()
