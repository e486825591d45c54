"""Kinds whose definition is being deleted: their objects may go, and no new ones come, over a socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.kubernetes_client import CRDS, PATIENCE_SECONDS, Api, establish, kubernetes_api, pump_crd

PUMPS = "/apis/plant.example/v1/namespaces/default/pumps"
APPLY = {"content-type": "application/apply-patch+yaml"}
MERGE = {"content-type": "application/merge-patch+json"}


def pump(name: str, **metadata: Any) -> dict[str, Any]:
    head = {"apiVersion": "plant.example/v1", "kind": "Pump"}
    return head | {"metadata": {"name": name} | metadata, "spec": {"rpm": 1}}


async def terminating(api: Api, path: str) -> dict[str, Any]:
    """Wait until the definition says so; returns the condition."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            status = (await api.http.get(path)).json()["status"]
            for condition in status["conditions"]:
                if condition["type"] == "Terminating":
                    found: dict[str, Any] = condition
                    return found
            await asyncio.sleep(0.01)


async def test_an_object_that_a_finalizer_holds_can_be_let_go_while_its_definition_is_deleted(tmp_path: Path) -> None:
    async with kubernetes_api(tmp_path) as api:
        crd = pump_crd()
        path = f"{CRDS}/{crd['metadata']['name']}"
        await establish(api, crd)
        await api.create(PUMPS, pump("held", finalizers=["plant.example/drain"]))
        await api.create(PUMPS, pump("free"))
        assert (await api.http.delete(path)).json()["metadata"]["deletionTimestamp"]
        assert (await terminating(api, path))["reason"] == "InstanceDeletionInProgress"

        for refused in (
            await api.http.post(PUMPS, json=pump("new")),
            await api.http.patch(f"{PUMPS}/new?fieldManager=a", json=pump("new"), headers=APPLY),
        ):
            assert refused.status_code == 405
            assert "not allowed while custom resource definition is terminating" in refused.json()["message"]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "deletionTimestamp" not in (await api.get(f"{PUMPS}/held"))["metadata"]:  # noqa: ASYNC110  as a client
                await asyncio.sleep(0.01)
            patched = await api.http.patch(f"{PUMPS}/held", json={"metadata": {"finalizers": None}}, headers=MERGE)
            assert patched.status_code == 200
            assert (await api.http.get(f"{PUMPS}/held")).status_code == 404
