"""The nodes of a container set: one per container, below the pod's node, ended with it at the latest.

They are rows only: no frame waits for them and no leaf is noted, so that a restart needs nothing for them.
Source: SEMANTICS section 13 (containerSet); argo-workflows `executeContainerSet`, `assessNodeStatus`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from setpoint.apis.argo import ContainerSetTemplate, NodePhase, NodeStatus, NodeType
from setpoint.apis.pods import ContainerEnd
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.state import TemplateCall

NOT_RUN = 64
"""Exit code of a container whose command could not be started."""


def make_containers(d: Draft, pod: str, call: TemplateCall, body: ContainerSetTemplate) -> None:
    """A node per container; those without dependencies hang under the pod, the others under what they wait for."""
    for item in body.containers:
        inner = replace(call, name=f"{call.name}.{item.name}", boundary=pod, hooked=False, retried=False)
        d.init_node(inner, NodeType.CONTAINER, NodePhase.PENDING)
    for item in body.containers:
        child = d.id_of(f"{call.name}.{item.name}")
        for name in item.dependencies:
            d.add_child(d.id_of(f"{call.name}.{name}"), child)
        if not item.dependencies:
            d.add_child(pod, child)


def start_containers(d: Draft, pod: str) -> None:
    """All containers of a pod are up at once; those with dependencies wait inside."""
    for node in d.open_containers(pod):
        d.mark(node.id, NodePhase.RUNNING)


def end_containers(d: Draft, pod: NodeStatus, ends: Mapping[str, ContainerEnd]) -> None:
    """What became of each container, as far as it is known; `Draft.mark` sees to the rest when the pod ends."""
    for node in d.open_containers(pod.id):
        end = ends.get(node.name.removeprefix(f"{pod.name}."))
        if end is None:
            continue
        phase = NodePhase.FAILED if end.exit_code else NodePhase.SUCCEEDED
        if end.exit_code == NOT_RUN:
            phase = NodePhase.ERROR
        d.mark(node.id, phase, _message(end))
        if end.finished_at is not None:
            d.change(node.id, started_at=end.started_at, finished_at=end.finished_at)


def lose_containers(d: Draft, pod: str) -> None:
    """The pod is lost, and its containers with it."""
    for node in d.open_containers(pod):
        d.mark(node.id, NodePhase.ERROR, "container deleted")


def _message(end: ContainerEnd) -> str:
    """A cluster writes a colon after the exit code, whether or not there is more to say."""
    return end.message if not end.message.endswith(")") else f"{end.message}: "
