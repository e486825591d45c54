"""Nodes as holders of locks: what they hold or wait for, and those that start once they have what they waited for."""

from __future__ import annotations

from setpoint.apis.argo import NodeStatus
from setpoint.apis.meta import ObjectMeta
from setpoint.core.workflow.locks import Lock
from setpoint.core.workflow.progress import CountedTable
from setpoint.core.workflow.state import WorkflowState


def counts(node: NodeStatus) -> bool:
    """Whether limits on parallelism count a node: it has not ended, and does not only wait for locks."""
    return not node.phase.fulfilled and node.synchronization_status is None


class HoldingTable(CountedTable):
    """A table of nodes with the workflow's claims on locks."""

    def __init__(self, state: WorkflowState, metadata: ObjectMeta) -> None:
        super().__init__(state.nodes, state.names, metadata.name)
        self.key = f"{metadata.namespace}/{metadata.name}"  # the workflow as a holder
        self.claims = state.claims
        self._unlocked: set[str] = set()  # nodes that waited for locks and start in this step

    def holder(self, node: str) -> str:
        """A node as a holder of locks."""
        return f"{self.key}/{node}"

    def wanted_locks(self, node: str) -> tuple[Lock, ...]:
        """The locks that a node waits for."""
        wait = self.claims.waits.get(self.holder(node))
        return wait.locks if wait is not None else ()

    def is_new(self, node: str) -> bool:
        """Whether the node has to be made: there is none, or one that only waited for its locks."""
        return node not in self._nodes or node in self._unlocked

    def unlock(self, node: str) -> None:
        """The node has the locks it waited for: what is made of it now takes its place."""
        self._unlocked.add(node)
