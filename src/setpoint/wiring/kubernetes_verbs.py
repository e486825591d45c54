"""The verbs on workflows by the Kubernetes API alone, as the `argo` command does without an Argo Server.

What stands in a spec (`shutdown`, `suspend`) is patched there; what stands in nodes is written into the status, which
the controller of a cluster takes over. Whatever needs more is refused with the name of the variable that helps.
Source: argo-workflows `pkg/apiclient/argo-kube-client.go`, `workflow/util`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

from setpoint.apis.argo import NodeStatus, Workflow, default
from setpoint.apis.errors import AlreadyEnded, InvalidSpec
from setpoint.apis.meta import Resource, to_wire
from setpoint.clients.pod_logs import PodLogClient
from setpoint.core.workflow.node_edits import edited_nodes, resumed_nodes
from setpoint.operations import workflows as operations
from setpoint.operations.lint import lint_resource
from setpoint.operations.templates import known_templates
from setpoint.ports.clock import Clock
from setpoint.ports.resources import ResourceApi
from setpoint.ports.workflows import LogOptions, PodLogLine
from setpoint.wiring.kubernetes_logs import read_logs
from setpoint.wiring.stored_verbs import StoredVerbs


def refuse(what: str) -> NoReturn:
    """Say that an Argo Server is needed. Raises: InvalidSpec."""
    raise InvalidSpec(f"{what} needs the Argo Server of the cluster: set ARGO_SERVER=HOST:PORT, and ARGO_TOKEN")


class KubernetesVerbs(StoredVerbs):
    """`ports.workflows.WorkflowVerbs` over a `ResourceApi` and the logs of pods."""

    def __init__(self, resources: ResourceApi, logs: PodLogClient, clock: Clock) -> None:
        super().__init__(resources, clock)
        self._logs = logs

    async def submit(self, workflow: Workflow, *, dry_run: bool = False) -> Workflow:
        """See the port. What only this machine does not support is no reason to refuse."""
        workflow = default(workflow)
        if not workflow.metadata.name and not workflow.metadata.generate_name:
            raise InvalidSpec("a name or generateName is needed", path="metadata")
        await self._check(workflow, submit=True)
        return workflow if dry_run else await self._resources.create(workflow)

    async def lint(self, resource: Resource) -> None:
        """See the port."""
        await self._check(resource, submit=False)

    async def stop(self, namespace: str, name: str, *, message: str = "", selector: str = "") -> None:
        """See the port."""
        workflow = await self._running(namespace, name, "shutdown")
        if selector:
            nodes = edited_nodes(self._nodes(workflow), selector, self._now(), message=message, phase="Failed")
            await self._write(workflow, nodes)
            return
        await self._patch_spec(workflow, {"shutdown": "Stop"})

    async def terminate(self, namespace: str, name: str) -> None:
        """See the port."""
        await self._patch_spec(await self._running(namespace, name, "shutdown"), {"shutdown": "Terminate"})

    async def suspend(self, namespace: str, name: str) -> None:
        """See the port."""
        workflow = await self._found(namespace, name)
        if workflow.status.completed:
            raise InvalidSpec("cannot suspend completed workflows")
        await self._patch_spec(workflow, {"suspend": True})

    async def resume(self, namespace: str, name: str, *, selector: str = "") -> None:
        """See the port."""
        workflow = await self._running(namespace, name, "resume")
        now = self._now()
        if selector:
            await self._write(workflow, edited_nodes(self._nodes(workflow), selector, now, phase="Succeeded"))
            return
        nodes = resumed_nodes(self._nodes(workflow), now)
        spec = {"suspend": None} if workflow.spec.suspend else {}
        if nodes:
            await self._write(workflow, nodes, spec)
        elif spec:
            await self._patch_spec(workflow, spec)

    async def set_outputs(
        self,
        namespace: str,
        name: str,
        *,
        selector: str,
        parameters: Mapping[str, str],
        message: str = "",
        phase: str = "",
    ) -> None:
        """See the port."""
        operations.check_set(selector, phase)
        workflow = await self._running(namespace, name, "set values of")
        nodes = edited_nodes(
            self._nodes(workflow), selector, self._now(), outputs=parameters, message=message, phase=phase
        )
        await self._write(workflow, nodes)

    async def retry(
        self,
        namespace: str,
        name: str,
        *,
        restart_successful: bool = False,
        selector: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """See the port; which nodes go and which run again is the Argo Server's knowledge."""
        del restart_successful, selector, parameters
        await self._found(namespace, name)
        refuse("retrying a workflow")

    async def resubmit(
        self, namespace: str, name: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> Workflow:
        """See the port."""
        if memoized:
            refuse("resubmitting with what has succeeded")
        old = await self._found(namespace, name)
        return await self.submit(operations.resubmission_of(old, parameters=parameters))

    async def logs(
        self,
        namespace: str,
        name: str,
        *,
        pod_name: str = "",
        container: str = "main",
        follow: bool = False,
        options: LogOptions | None = None,
    ) -> AsyncIterator[PodLogLine]:
        """See the port."""
        workflow = await self._found(namespace, name)
        lines = read_logs(
            self._resources,
            self._logs,
            workflow,
            wanted=pod_name,
            container=container,
            follow=follow,
            options=options or LogOptions(),
        )
        async for line in lines:
            yield line

    def artifact(self, namespace: str, name: str, artifact: str) -> AsyncIterator[bytes]:
        """See the port; no word of the Kubernetes API is about artifacts."""
        refuse(f"reading the artifact {artifact!r} of {name!r}")

    def node_artifact(self, namespace: str, name: str, node_id: str, artifact: str) -> AsyncIterator[bytes]:
        """See the port; no word of the Kubernetes API is about artifacts."""
        refuse(f"reading the artifact {artifact!r} of {name!r}")

    def _now(self) -> datetime:
        """As metav1.Time has it, in whole seconds."""
        return self._clock.now().replace(microsecond=0)

    async def _check(self, resource: Resource, *, submit: bool) -> None:
        known = await known_templates(self._resources, resource.metadata.namespace or "default")
        if not known.decide(resource):
            return  # the cluster's own controller will say it
        report = lint_resource(resource, known.catalog, submit=submit)
        for error in report.invalid:
            raise error

    async def _found(self, namespace: str, name: str) -> Workflow:
        return await self._resources.get(Workflow, namespace, await self._name(namespace, name))

    async def _running(self, namespace: str, name: str, what: str) -> Workflow:
        workflow = await self._found(namespace, name)
        if workflow.status.completed:
            name = workflow.metadata.name
            raise AlreadyEnded(f"cannot {what} a completed workflow: workflow: {name!r}, namespace: {namespace!r}")
        return workflow

    @staticmethod
    def _nodes(workflow: Workflow) -> dict[str, NodeStatus]:
        status = workflow.status
        if status.compressed_nodes or status.offload_node_status_version:
            refuse("changing a workflow whose nodes are compressed or kept elsewhere")
        return status.nodes

    async def _write(
        self, workflow: Workflow, nodes: dict[str, NodeStatus], spec: dict[str, Any] | None = None
    ) -> None:
        """Put nodes into the status, unless the workflow has changed meanwhile; and see that they are there."""
        meta = workflow.metadata
        patch: dict[str, Any] = {"metadata": {"resourceVersion": meta.resource_version}}
        patch["status"] = {"nodes": {key: to_wire(node) for key, node in nodes.items()}}
        patch |= {"spec": spec} if spec else {}
        written = await self._resources.patch(Workflow, meta.namespace, meta.name, patch)
        if any(written.status.nodes.get(key) != node for key, node in nodes.items()):
            refuse(f"changing nodes of {meta.name!r}, which this server does not take from a client,")

    async def _patch_spec(self, workflow: Workflow, spec: dict[str, Any]) -> None:
        meta = workflow.metadata
        await self._resources.patch(Workflow, meta.namespace, meta.name, {"spec": spec})
