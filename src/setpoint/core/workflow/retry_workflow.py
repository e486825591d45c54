"""Manual retry: a finished workflow goes on from what failed, and keeps what succeeded.

Failed executions (and selected nodes) go, with everything below them; the groups around them run again; the exit
handler goes too. Containment is read from names and boundaries, since edges alone also say "comes after".
Source: SEMANTICS section 18; argo-workflows `FormulateRetryWorkflow`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, WorkflowPhase
from setpoint.apis.errors import InvalidSpec
from setpoint.core.workflow.containment import container, retry_name
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.events import RetryRequested
from setpoint.core.workflow.lifecycle import load_workflow
from setpoint.core.workflow.phases import Cause
from setpoint.core.workflow.selectors import matches, parse_selector
from setpoint.core.workflow.variables import is_attempt

_EXECUTIONS = frozenset({NodeType.POD, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND, NodeType.SKIPPED})
_GROUPS = frozenset({NodeType.STEPS, NodeType.STEP_GROUP, NodeType.DAG, NodeType.TASK_GROUP, NodeType.RETRY})


def retry_refusal(phase: WorkflowPhase, *, restart_successful: bool, selector: str) -> str:
    """Why a workflow in that phase cannot be retried; empty if it can."""
    if phase.failed_or_error:
        return ""
    if phase is WorkflowPhase.SUCCEEDED:
        if restart_successful and selector:
            return ""
        return "To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector"
    return f"Cannot retry a workflow in phase {phase.value or 'Pending'}"


def retry_workflow(d: Draft, event: RetryRequested) -> None:
    """Fold a manual retry."""
    refusal = retry_refusal(d.status.phase, restart_successful=event.restart_successful, selector=event.selector)
    if refusal:
        d.refused = refusal
        return
    nodes = {node.id: node for node in d.all_nodes()}
    try:
        chosen = _chosen(d, nodes, event)
    except InvalidSpec as error:
        d.refused = str(error)
        return
    doomed = _with_all_below(nodes, chosen)
    doomed |= _with_all_below(nodes, [found] if (found := d.id_of(f"{d.name}.onExit")) in nodes else [])
    bad_groups = (n for n in nodes.values() if n.type in _GROUPS and n.failed_or_error)
    reset = _enclosing(d, nodes, doomed) | {n.id for n in bad_groups if not _superseded(d, nodes, n)}
    if event.parameters:
        groups = [n for n in reset if nodes[n].type in (NodeType.TASK_GROUP, NodeType.STEP_GROUP)]
        doomed |= _with_all_below(nodes, [child for group in groups for child in nodes[group].children])
    _apply(d, nodes, doomed, reset - doomed)
    stored = d.status.stored_workflow_template_spec
    if stored is not None and event.parameters:
        given = {item.name: item for item in event.parameters}
        kept = tuple(given.pop(item.name, item) for item in stored.arguments.parameters)
        arguments = stored.arguments.replace(parameters=(*kept, *given.values()))
        d.status = d.status.replace(stored_workflow_template_spec=stored.replace(arguments=arguments))
    d.engine = msgspec.structs.replace(d.engine, shutdown="", suspended=False, seen_shutdown="", seen_suspend=False)
    d.status = d.status.replace(started_at=d.now)
    d.mark_workflow(WorkflowPhase.PENDING, cause=Cause.RETRY)  # it needs its locks anew
    load_workflow(d)


def _chosen(d: Draft, nodes: dict[str, NodeStatus], event: RetryRequested) -> list[str]:
    wanted = parse_selector(event.selector) if event.restart_successful and event.selector else ()

    def meant(node: NodeStatus) -> bool:
        selected = bool(wanted) and matches(node, wanted)
        if not selected and (not node.failed_or_error or _forgiven(d, nodes, node)):
            return False
        return not _superseded(d, nodes, node)

    chosen = [node.id for node in nodes.values() if node.type in _EXECUTIONS and meant(node)]
    containers = [node for node in nodes.values() if node.type is NodeType.CONTAINER]  # they go with their pod
    return [*chosen, *(node.boundary_id for node in containers if wanted and matches(node, wanted))]


def _forgiven(d: Draft, nodes: dict[str, NodeStatus], node: NodeStatus) -> bool:
    """A failure that something came after: a later attempt or a continued sibling that succeeded."""
    if is_attempt(node):
        parent = nodes.get(d.id_of(retry_name(node.name)))
        if parent is not None and parent.phase is NodePhase.SUCCEEDED:
            return True
    below = _with_all_below(nodes, [node.id]) - {node.id}
    return any(nodes[item].phase is NodePhase.SUCCEEDED and nodes[item].type in _EXECUTIONS for item in below)


def _superseded(d: Draft, nodes: dict[str, NodeStatus], node: NodeStatus) -> bool:
    """Whether the node is, or is in, a steps or DAG attempt that a later attempt has replaced: it stays as it is."""
    inside: NodeStatus | None = node
    while inside is not None:
        around = _container(d, nodes, inside)
        if around is not None and is_attempt(inside) and inside.type in _GROUPS:
            attempts = [child for child in around.children if child in nodes and is_attempt(nodes[child])]
            if attempts[-1:] != [inside.id]:
                return True
        inside = around
    return False


def _with_all_below(nodes: dict[str, NodeStatus], roots: Iterable[str]) -> set[str]:
    found: set[str] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found and node in nodes:
            found.add(node)
            stack += nodes[node].children
    return found


def _enclosing(d: Draft, nodes: dict[str, NodeStatus], doomed: set[str]) -> set[str]:
    """The groups around the doomed nodes, up to the root."""
    found: set[str] = set()
    for start in doomed:
        node: NodeStatus | None = nodes[start]
        while node is not None and (node := _container(d, nodes, node)) is not None and node.id not in found:
            found.add(node.id)
    return found


def _container(d: Draft, nodes: dict[str, NodeStatus], node: NodeStatus) -> NodeStatus | None:
    """The group a node is directly in."""
    return container(nodes.get, d.id_of, node)


def _apply(d: Draft, nodes: dict[str, NodeStatus], doomed: set[str], reset: set[str]) -> None:
    for node in nodes.values():
        if node.id in doomed:
            d.delete(node.id)
        elif any(child in doomed for child in node.children):
            d.set_children(node.id, [child for child in node.children if child not in doomed])
    for node_id in reset:
        if nodes[node_id].fulfilled:
            d.mark(
                node_id,
                NodePhase.RUNNING,
                "",
                cause=Cause.RETRY,
                outbound_nodes=(),
                outputs=None,
            )
            d.change(node_id, finished_at=None)
