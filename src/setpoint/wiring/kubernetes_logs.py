"""The logs of a workflow's pods, found by label and read from the Kubernetes API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from setpoint.apis.argo import LABEL_WORKFLOW, Workflow
from setpoint.apis.errors import Conflict, InvalidSpec, NotFound
from setpoint.apis.selectors import parse_selector
from setpoint.clients.pod_glance import PodGlance
from setpoint.clients.pod_logs import PodLogClient
from setpoint.core.expr import ExpressionError, compile_regex
from setpoint.operations.listing import ListedWorkflow
from setpoint.ports.resources import ResourceApi, WatchType
from setpoint.ports.workflows import LogOptions, PodLogLine

_SETTLE_SECONDS = 0.3  # a pod may be shown a little later than the end of its workflow


async def read_logs(
    resources: ResourceApi,
    logs: PodLogClient,
    workflow: Workflow,
    *,
    wanted: str,
    container: str,
    follow: bool,
    options: LogOptions,
) -> AsyncIterator[PodLogLine]:
    """Lines of the pods of a workflow, pod by pod in the order of their start.

    Args:
        resources: Where pods and workflow are.
        logs: Where their logs are.
        workflow: As it was seen last.
        wanted: Name of a pod, or id or name of its node; empty means all.
        container: Whose log; pods without such a container have nothing to say, unless one is wanted.
        follow: Wait for further lines and pods until the workflow has ended.
        options: Which of the lines.

    Raises:
        NotFound: None of its pods is the wanted one, or the workflow was deleted meanwhile.
        InvalidSpec: The options make no sense, or the wanted pod has no such container.
    """
    passes, meta = _filter(options.grep), workflow.metadata
    selector = ",".join(filter(None, (f"{LABEL_WORKFLOW}={meta.name}", options.selector)))
    parse_selector(selector)
    told: set[str] = set()
    last = False
    while True:
        seen = await resources.get(ListedWorkflow, meta.namespace, meta.name)
        found = await resources.list(PodGlance, meta.namespace, selector=selector)
        for pod in sorted(found.items, key=lambda item: item.order):
            if pod.metadata.uid in told or not pod.started or (wanted and not pod.is_meant(wanted)):
                continue
            told.add(pod.metadata.uid)
            if not wanted and not pod.has_container(container):
                continue
            name = pod.metadata.name
            lines = logs.lines(meta.namespace, name, container=container, follow=follow, options=options)
            try:
                async for text in lines:
                    if passes(text):
                        yield PodLogLine(pod_name=name, content=text)
            except (InvalidSpec, NotFound):  # it went meanwhile, or its container has nothing to say yet
                if wanted:
                    raise
        if not follow or last:
            break
        last = seen.status.finished_at is not None
        await (asyncio.sleep(_SETTLE_SECONDS) if last else _next_change(resources, seen))
    if wanted and not told:
        raise NotFound("pod", wanted, meta.namespace)


def _filter(grep: str) -> Callable[[str], bool]:
    try:
        pattern = compile_regex(grep)
    except ExpressionError as error:
        raise InvalidSpec(str(error), path="grep") from error
    return pattern.matches if grep else lambda _: True


async def _next_change(resources: ResourceApi, workflow: ListedWorkflow) -> None:
    """Wait until the workflow changes. Raises: NotFound if it is deleted."""
    meta = workflow.metadata
    try:
        async for event in resources.watch(ListedWorkflow, meta.namespace, since=meta.resource_version):
            if event.resource.metadata.uid == meta.uid:
                if event.type is WatchType.DELETED:
                    raise NotFound("Workflow", meta.name, meta.namespace)
                return
    except Conflict:  # it changed long ago
        return
