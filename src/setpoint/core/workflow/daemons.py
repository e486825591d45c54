"""Daemons: pods that count as done when they are ready, and run until the steps or DAG around them end.

What is known of one is read from the nodes, for the group that started it may have ended long ago.
Source: SEMANTICS sections 4, 13; argo-workflows `assessNodeStatus`, `killDaemonedChildren`.
"""

from __future__ import annotations

from setpoint.apis.argo import Inputs, NodePhase, NodeType, Outputs
from setpoint.core.workflow.containment import container, in_exit_handler, retry_name
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.state import WORKFLOW, Leaf, RetryFrame


def become_daemon(d: Draft, node: str, ip: str) -> None:
    """A pod of a daemon is ready: what follows need not wait for it."""
    owner = d.owner_of(node) or WORKFLOW
    d.mark(node, NodePhase.RUNNING, daemoned=True, pod_ip=ip)
    d.daemons.add(node)
    if d.leaf(node) is not None:
        d.enter_leaf(node, _leaf(d, node))
    if not isinstance(d.frame(owner), RetryFrame):
        d.ended.append((owner, node, ""))
    elif owner not in d.daemons:
        become_daemon(d, owner, ip)
        if _leaf(d, node).owner != owner:  # only a task of a DAG is retried once it was up
            d.forget(owner)


def _leaf(d: Draft, node: str) -> Leaf:
    found = d.need(node)
    owner = found.boundary_id or WORKFLOW
    if found.node_flag is not None and found.node_flag.retried:
        retry = d.need(d.id_of(retry_name(found.name)))
        around = container(d.node, d.id_of, retry)
        owner = retry.id if around is not None and around.type is NodeType.DAG else owner
    on_exit = in_exit_handler(d.node, found)
    return Leaf(owner=owner, outputs=Outputs(), inputs=found.inputs or Inputs(), on_exit=on_exit, daemon=True)


def restore_daemons(d: Draft) -> None:
    """Find the daemons that run, on load."""
    d.daemons = {node.id for node in d.all_nodes() if node.daemoned and not node.phase.fulfilled}
    for node in d.daemons:
        if d.need(node).type is NodeType.POD:
            d.enter_leaf(node, _leaf(d, node))


def end_daemons(d: Draft, *, all_of_them: bool = False) -> None:
    """End the daemons whose steps or DAG has ended, or all."""
    for node in sorted(d.daemons):
        boundary = d.need(node).boundary_id
        if all_of_them or (boundary and d.need(boundary).fulfilled):
            if d.need(node).type is NodeType.POD:
                d.kill(node, "")
            d.mark(node, NodePhase.SUCCEEDED)
