"""What a workflow leaves for readers: the logs of its pods and its output artifacts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC

from setpoint.apis.argo import NodeStatus, NodeType, Workflow
from setpoint.apis.errors import InvalidSpec, NotFound
from setpoint.apis.selectors import parse_selector
from setpoint.core.expr import ExpressionError, compile_regex
from setpoint.core.workflow.ids import pod_id, pod_name
from setpoint.core.workflow.pod_labels import labels_of
from setpoint.ports.artifacts import ArtifactStore
from setpoint.ports.launcher import Launcher, LogLine
from setpoint.ports.resources import ResourceApi, WatchType
from setpoint.ports.workflows import LogOptions, PodLogLine


async def read_logs(
    resources: ResourceApi,
    launcher: Launcher,
    namespace: str,
    name: str,
    *,
    wanted: str = "",
    container: str = "main",
    follow: bool = False,
    options: LogOptions | None = None,
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
        options: Which of the lines.

    Raises:
        NotFound: No such workflow, none of its pods is the wanted one, or that has no such container.
        InvalidSpec: The options make no sense.
    """
    options = options or LogOptions()
    passes, meant = _line_filter(options), parse_selector(options.selector)
    workflow = await resources.get(Workflow, namespace, name)
    wanted, container = _pod_of(workflow, wanted, container)
    told: set[str] = set()
    while True:
        for node in _pods(workflow):
            if node.id in told or (wanted and wanted not in _names(workflow, node)):
                continue
            told.add(node.id)
            if options.previous or (meant and not meant.matches(_labels(workflow, node))):
                continue
            identity = pod_id(workflow.metadata.uid, node.id, node.started_at)
            try:
                skipped = 0
                if options.tail_lines is not None:
                    present = [line async for line in launcher.logs(identity, container=container)]
                    skipped = max(0, len(present) - options.tail_lines)
                lines = launcher.logs(identity, container=container, follow=follow)
                async for text in _chosen(lines, options, passes, skipped):
                    yield PodLogLine(pod_name=_pod_name(workflow, node), content=text)
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


def _line_filter(options: LogOptions) -> Callable[[LogLine], bool]:
    if options.tail_lines is not None and options.tail_lines < 0:
        raise InvalidSpec(f"{options.tail_lines} is no number of lines: 0 or more", path="logOptions.tailLines")
    if options.limit_bytes is not None and options.limit_bytes < 1:
        raise InvalidSpec(f"{options.limit_bytes} is no number of bytes: 1 or more", path="logOptions.limitBytes")
    try:
        pattern = compile_regex(options.grep)
    except ExpressionError as error:
        raise InvalidSpec(str(error), path="grep") from error
    plain = re.escape(options.grep) == options.grep  # nothing to try out: most searches are for a word

    def passes(line: LogLine) -> bool:
        if options.since is not None and line.time is not None and line.time < options.since:
            return False
        try:
            return options.grep in line.content if plain else pattern.matches(line.content)
        except ExpressionError as error:
            raise InvalidSpec(str(error), path="grep") from error

    return passes


async def _chosen(
    lines: AsyncIterator[LogLine], options: LogOptions, passes: Callable[[LogLine], bool], skipped: int
) -> AsyncIterator[str]:
    """The texts of the lines that are wanted, behind those that are skipped."""
    left = options.limit_bytes
    async for line in lines:
        if skipped > 0 or not passes(line):
            skipped -= 1
            continue
        text = line.content
        if options.timestamps and line.time is not None:
            text = f"{line.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z {text}"
        if left is not None:
            text = text.encode()[:left].decode(errors="ignore")
            left -= len(text.encode()) + 1
        yield text
        if left is not None and left <= 0:
            return


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


def _labels(workflow: Workflow, node: NodeStatus) -> dict[str, str]:
    status = workflow.status
    return dict(
        labels_of(node, workflow, status.stored_workflow_template_spec or workflow.spec, status.stored_templates)
    )


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
