"""What a command that ran something says at the end: outputs, the logs of what failed, and the exit code."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import typer

from setpoint.apis.argo import NodeStatus, NodeType, Workflow
from setpoint.apis.batch import Job
from setpoint.apis.errors import SetpointError
from setpoint.apis.meta import Resource
from setpoint.apis.pod import Pod
from setpoint.apis.serving import InferenceService
from setpoint.cli._output import Output, print_objects
from setpoint.cli._serving import is_ready
from setpoint.wiring.session import Session

EXIT_SUCCEEDED, EXIT_FAILED = 0, 1
_TAIL_LINES = 12
_TAILS = 10  # failed pods whose logs are shown
_SUMMARY = "summary"  # a workflow output of this name is printed as it is


async def finish(session: Session, ended: Sequence[Resource], output: Output, *, single: bool) -> int:
    """Print the final objects in the wanted form and give the exit code.

    The table form says what came out and why something failed; the other forms print objects alone on stdout.
    """
    if output in (Output.TABLE, Output.WIDE):
        for resource in ended:
            if isinstance(resource, Workflow):
                await _tell(session, resource)
    else:
        print_objects(ended, output, now=session.clock.now(), single=single)
    return EXIT_FAILED if any(_failed(resource) for resource in ended) else EXIT_SUCCEEDED


def _failed(resource: Resource) -> bool:
    if isinstance(resource, InferenceService):
        return not is_ready(resource)
    if isinstance(resource, Job):
        return resource.status.has("Failed")
    if isinstance(resource, Pod):
        return resource.status.phase == "Failed"
    return isinstance(resource, Workflow) and resource.status.phase.failed_or_error


async def _tell(session: Session, workflow: Workflow) -> None:
    failed = failed_pods(workflow)
    for node in failed[:_TAILS]:
        await _print_tail(session, workflow, node)
    if len(failed) > _TAILS:
        typer.echo(f"\n{len(failed) - _TAILS} more failed: setpoint get {workflow.metadata.name}", err=True)
    outputs = workflow.status.outputs
    for parameter in outputs.parameters if outputs else ():
        value = str(parameter.value)
        typer.echo(f"\n{value}" if parameter.name == _SUMMARY else f"{parameter.name}: {value}")


def failed_pods(workflow: Workflow) -> list[NodeStatus]:
    """Pods that failed for good: of a retried step only the last attempt, by start time."""
    nodes = workflow.status.nodes
    superseded: set[str] = set()
    for node in nodes.values():
        if node.type is NodeType.RETRY:
            superseded.update(node.children[:-1] if node.failed_or_error else node.children)
    failed = [n for n in nodes.values() if n.type is NodeType.POD and n.failed_or_error and n.id not in superseded]
    return sorted(failed, key=lambda node: (str(node.started_at), node.name))


async def _print_tail(session: Session, workflow: Workflow, node: NodeStatus) -> None:
    """The last lines of a failed pod, on stderr."""
    namespace, name = workflow.metadata.namespace, workflow.metadata.name
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    try:
        async for line in session.verbs.logs(namespace, name, pod_name=node.id):
            tail.append(line.content)
    except SetpointError as error:
        tail.append(f"(its log cannot be read: {error})")
    typer.echo(f"\n{node.display_name} {node.phase.value}: {node.message}", err=True)
    for text in tail:
        typer.echo(f"  | {text}", err=True)
