"""What a workflow leaves for readers: the logs of its pods and its output artifacts."""

from __future__ import annotations

from collections.abc import AsyncIterator

from setpoint.apis.argo import NodeStatus, NodeType, Workflow
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.core.workflow.ids import pod_id, pod_name
from setpoint.ports.artifacts import ArtifactStore
from setpoint.ports.launcher import Launcher
from setpoint.ports.resources import ResourceApi, WatchType
from setpoint.ports.workflows import PodLogLine


async def read_logs(
    resources: ResourceApi,
    launcher: Launcher,
    namespace: str,
    name: str,
    *,
    wanted: str = "",
    container: str = "main",
    follow: bool = False,
) -> AsyncIterator[PodLogLine]:
    """Lines of the pods of a workflow, pod by pod in the order of their start.

    Args:
        resources: Where the workflow is.
        launcher: Where the logs are.
        namespace: Of the workflow.
        name: Of the workflow.
        wanted: Name of a pod, or id, name or display name of its node or of a container's node; empty means all.
        container: Whose log; pods without such a container have nothing to say, unless one is wanted.
        follow: Wait for further lines and pods until the workflow has ended.

    Raises:
        NotFound: No such workflow, none of its pods is the wanted one, or that has no such container.
    """
    workflow = await resources.get(Workflow, namespace, name)
    wanted, container = _pod_of(workflow, wanted, container)
    told: set[str] = set()
    while True:
        for node in _pods(workflow):
            if node.id in told or (wanted and wanted not in _names(workflow, node)):
                continue
            told.add(node.id)
            identity = pod_id(workflow.metadata.uid, node.id, node.started_at)
            try:
                async for line in launcher.logs(identity, container=container, follow=follow):
                    yield PodLogLine(pod_name=_pod_name(workflow, node), content=line.content)
            except NotFound as error:  # resource and data nodes have no processes
                if wanted and error.kind == "Container":
                    raise
                if follow and not node.fulfilled:  # or its pod is about to be launched
                    told.discard(node.id)
        if not follow or workflow.status.completed:
            break
        workflow = await _next_change(resources, workflow)
    if wanted and not told:
        raise NotFound("pod", wanted, namespace)


def _pod_of(workflow: Workflow, wanted: str, container: str) -> tuple[str, str]:
    """The node of the pod and the container, where a container's node is wanted; else both as they are."""
    for node in workflow.status.nodes.values():
        if wanted and node.type is NodeType.CONTAINER and wanted in (node.id, node.name, node.display_name):
            return node.boundary_id, node.name.rpartition(".")[2]
    return wanted, container


def _pods(workflow: Workflow) -> list[NodeStatus]:
    pods = (node for node in workflow.status.nodes.values() if node.type is NodeType.POD and node.started_at)
    return sorted(pods, key=lambda node: (str(node.started_at), node.name))


def _pod_name(workflow: Workflow, node: NodeStatus) -> str:
    template = node.template_ref.template if node.template_ref else node.template_name
    return pod_name(workflow.metadata.name, template, node.id)


def _names(workflow: Workflow, node: NodeStatus) -> tuple[str, ...]:
    return (_pod_name(workflow, node), node.id, node.name, node.display_name)


async def _next_change(resources: ResourceApi, workflow: Workflow) -> Workflow:
    """The workflow after its next change."""
    since = workflow.metadata.resource_version
    events = resources.watch(Workflow, workflow.metadata.namespace, since=since)
    async for event in events:
        if event.resource.metadata.uid == workflow.metadata.uid:
            if event.type is WatchType.DELETED:
                raise NotFound("Workflow", workflow.metadata.name, workflow.metadata.namespace)
            return event.resource
    raise NotFound("Workflow", workflow.metadata.name, workflow.metadata.namespace)


async def artifact_key(resources: ResourceApi, artifacts: ArtifactStore, namespace: str, name: str, wanted: str) -> str:
    """The store's key of a workflow-level output artifact.

    Raises:
        NotFound: No such workflow or artifact, or its object is gone.
        InvalidSpec: It is not in the artifact store.
    """
    workflow = await resources.get(Workflow, namespace, name)
    found = next((item for item in _artifacts(workflow) if item[0] == wanted), None)
    if found is None:
        raise NotFound("output artifact", wanted, namespace)
    if not found[1]:
        raise InvalidSpec(f"output artifact {wanted!r} is not in the artifact store")
    if not artifacts.exists(found[1]):
        raise NotFound("object", found[1])
    return found[1]


def _artifacts(workflow: Workflow) -> list[tuple[str, str]]:
    outputs = workflow.status.outputs
    return [(item.name, item.s3.key if item.s3 else "") for item in (outputs.artifacts if outputs else ())]
