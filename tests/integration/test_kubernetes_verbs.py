"""Nodes written by a client, on a server that keeps a workflow's status with it, as clusters with Argo do.

The embedded server does not; here its store is asked so that it looks as if it did.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest

from setpoint.adapters.clock import SystemClock
from setpoint.adapters.sqlite import SqliteStore
from setpoint.apis.argo import NodePhase, Workflow
from setpoint.apis.errors import Conflict, Forbidden, InvalidSpec, NotSupported
from setpoint.apis.manifest import decode_object
from setpoint.clients.pod_logs import PodLogClient
from setpoint.operations.lint import lint_resource
from setpoint.ports.journal import Change
from setpoint.ports.resources import R, ResourceApi, ResourceList
from setpoint.wiring.kubernetes_verbs import KubernetesVerbs

OBJECT: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"name": "w", "namespace": "default"},
    "spec": {"entrypoint": "hold", "templates": [{"name": "hold", "suspend": {}}]},
}
NODE = {"id": "w", "name": "w", "displayName": "w", "type": "Suspend", "phase": "Running", "templateName": "hold"}
OUTPUTS = {"parameters": [{"name": "x", "valueFrom": {"supplied": {}, "default": "d"}}]}


class WithoutSubresource:
    """The API of a kind whose status is no subresource: whoever writes the object writes its status."""

    def __init__(self, store: SqliteStore, *, meddle: bool = False) -> None:
        self._inner, self._journal, self._meddle = store.resources, store.journal, meddle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def patch(self, kind: type[R], namespace: str, name: str, merge_patch: dict[str, Any]) -> R:
        if self._meddle:  # somebody else was quicker
            await self._inner.patch(kind, namespace, name, {"metadata": {"labels": {"a": "b"}}})
        patched = await self._inner.patch(kind, namespace, name, merge_patch)
        nodes = merge_patch.get("status", {}).get("nodes", {})
        change = Change(nodes={key: msgspec.json.encode(node) for key, node in nodes.items()})
        await self._journal.commit(patched.metadata.uid, change)
        return await self._inner.get(kind, namespace, name)


@dataclass(frozen=True)
class Steered:
    """Verbs, and the API they write to."""

    verbs: KubernetesVerbs
    resources: ResourceApi

    async def workflow(self) -> Workflow:
        return await self.resources.get(Workflow, "default", "w")


@asynccontextmanager
async def steered(
    home: Path, *, spec: dict[str, Any] | None = None, meddle: bool = False, status: dict[str, str] | None = None
) -> AsyncIterator[Steered]:
    """A workflow that waits."""
    with SqliteStore(home, SystemClock()) as store:
        body = OBJECT | {"spec": OBJECT["spec"] | (spec or {})}
        made = await store.resources.create(decode_object(body, Workflow))
        nodes = {"w": msgspec.json.encode(NODE | {"outputs": OUTPUTS})}
        told = msgspec.json.encode({"phase": "Running"} | (status or {}))
        await store.journal.commit(made.metadata.uid, Change(nodes=nodes, status=told))
        api = cast("ResourceApi", WithoutSubresource(store, meddle=meddle))
        async with httpx.AsyncClient() as http:
            yield Steered(KubernetesVerbs(api, PodLogClient(http), SystemClock()), store.resources)


async def test_a_node_that_waits_is_resumed_with_the_workflow(tmp_path: Path) -> None:
    async with steered(tmp_path, spec={"suspend": True}) as it:
        await it.verbs.resume("default", "w")
        found = await it.workflow()
        node = found.status.nodes["w"]
        assert node.outputs is not None
        assert (found.spec.suspend, node.phase, node.outputs.parameters[0].value) == (None, NodePhase.SUCCEEDED, "d")


async def test_values_are_set_and_a_chosen_node_is_resumed_or_stopped(tmp_path: Path) -> None:
    async with steered(tmp_path) as it:
        await it.verbs.set_outputs("default", "w", selector="displayName=w", parameters={"x": "1"}, message="why")
        node = (await it.workflow()).status.nodes["w"]
        assert node.outputs is not None
        assert (node.phase, node.message, node.outputs.parameters[0].value) == (NodePhase.RUNNING, "why", "1")
        await it.verbs.stop("default", "w", selector="displayName=w", message="no")
        node = (await it.workflow()).status.nodes["w"]
        assert (node.phase, node.message) == (NodePhase.FAILED, "no")
        with pytest.raises(InvalidSpec, match="no suspend nodes matching"):
            await it.verbs.resume("default", "w", selector="displayName=w")


async def test_a_workflow_that_has_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    async with steered(tmp_path, meddle=True) as it:
        with pytest.raises(Conflict):
            await it.verbs.resume("default", "w")


@pytest.mark.parametrize("field", ["compressedNodes", "offloadNodeStatusVersion"])
async def test_nodes_that_are_kept_elsewhere_need_the_argo_server(tmp_path: Path, field: str) -> None:
    async with steered(tmp_path, status={field: "x"}) as it:
        with pytest.raises(InvalidSpec, match="ARGO_SERVER"):
            await it.verbs.resume("default", "w")


class WithoutClusterTemplates:
    """The API of somebody who may not list what belongs to no namespace."""

    def __init__(self, inner: ResourceApi) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def list(self, kind: type[R], namespace: str | None = None, *, selector: str = "") -> ResourceList[R]:
        if kind.KIND == "ClusterWorkflowTemplate":
            raise Forbidden("clusterworkflowtemplates.argoproj.io is forbidden")
        return await self._inner.list(kind, namespace, selector=selector)


async def test_who_may_not_list_cluster_templates_may_submit_and_what_refers_to_them_is_not_judged(
    tmp_path: Path,
) -> None:
    with SqliteStore(tmp_path, SystemClock()) as store:
        api = cast("ResourceApi", WithoutClusterTemplates(store.resources))
        async with httpx.AsyncClient() as http:
            verbs = KubernetesVerbs(api, PodLogClient(http), SystemClock())
            await verbs.submit(decode_object(OBJECT, Workflow))
            with pytest.raises(InvalidSpec):
                await verbs.lint(decode_object(OBJECT | {"spec": {"entrypoint": "none"}}, Workflow))
            refers = {"workflowTemplateRef": {"name": "far", "clusterScope": True}}
            await verbs.lint(decode_object(OBJECT | {"spec": refers}, Workflow))


async def test_what_only_this_machine_cannot_do_is_right_for_a_cluster(tmp_path: Path) -> None:
    container = {"image": "busybox", "command": ["ls"], "lifecycle": {"preStop": {"exec": {"command": ["ls"]}}}}
    templates = [{"name": "main", "container": container}]
    workflow = decode_object(OBJECT | {"spec": {"entrypoint": "main", "templates": templates}}, Workflow)
    with pytest.raises(NotSupported):
        lint_resource(workflow).raise_first()
    with SqliteStore(tmp_path, SystemClock()) as store:
        async with httpx.AsyncClient() as http:
            made = await KubernetesVerbs(store.resources, PodLogClient(http), SystemClock()).submit(workflow)
    assert made.metadata.uid
