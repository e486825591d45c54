"""Progress: `N/M` of every pod, and of every group and the workflow the sum over the pods in it.

A pod (or suspend node) counts 0/1 from its start and all when it succeeds, unless it says otherwise itself. Sums are
kept by differences, so that an event costs the depth of the tree and not its size. A running group with many children
is not written for its progress alone: its row follows when it is written anyway; the workflow's sum is always exact.
Source: argo-workflows `workflow/progress`. There a group sums over all that edges lead to, what comes after it too;
here over what is in it.
"""

from __future__ import annotations

from immutables import Map

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType
from setpoint.apis.pods import parse_progress
from setpoint.core.workflow.containment import container
from setpoint.core.workflow.node_table import NodeTable
from setpoint.core.workflow.state import NodeNames

_COUNTED = frozenset({NodeType.POD, NodeType.CONTAINER, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND})
_GROUPS = frozenset({NodeType.STEPS, NodeType.STEP_GROUP, NodeType.DAG, NodeType.TASK_GROUP, NodeType.RETRY})
_DONE = frozenset({NodePhase.SUCCEEDED, NodePhase.SKIPPED, NodePhase.OMITTED})
_FEW_CHILDREN = 64


def progress_in(kind: NodeType, phase: NodePhase, before: str = "0/1") -> str:
    """The progress of a node that comes to a phase: all of it where that means it is done; "" for groups."""
    if kind not in _COUNTED:
        return ""
    if phase in _DONE:
        total = _pair(before)[1] or 1
        return f"{total}/{total}"
    return before


def _pair(text: str) -> tuple[int, int]:
    return parse_progress(text) or (0, 0)


def _text(done: int, total: int) -> str:
    return f"{done}/{total}" if total else ""


class CountedTable(NodeTable):
    """A table of nodes that keeps the progress of the groups and of the whole while nodes are put."""

    def __init__(self, nodes: Map[str, NodeStatus], names: NodeNames, workflow: str) -> None:
        super().__init__(nodes, names, workflow)
        self.done = 0
        self.total = 0
        self._differences: dict[str, tuple[int, int]] = {}  # group -> what its row does not show yet
        self._chains: dict[str, tuple[str, ...]] = {}  # group -> itself and the groups around it

    def put(self, node: NodeStatus) -> None:
        """Write a node as it is, and note the difference of its progress for the groups around it."""
        before = self._nodes.get(node.id)
        super().put(node)
        old = before.progress if before is not None else ""
        if node.type in _COUNTED and old != node.progress:
            (was_done, was_total), (done, total) = _pair(old), _pair(node.progress)
            self._pass_up(node, done - was_done, total - was_total)

    def _pass_up(self, node: NodeStatus, done: int, total: int) -> None:
        self.done += done
        self.total += total
        for group in self._around(node):
            had_done, had_total = self._differences.get(group, (0, 0))
            self._differences[group] = (had_done + done, had_total + total)

    def _around(self, node: NodeStatus) -> tuple[str, ...]:
        """Ids of the groups that hold the node, nearest first."""
        group = container(self.node, self.id_of, node)
        while group is not None and group.type is NodeType.POD:  # a pod says its own progress, its containers aside
            group = container(self.node, self.id_of, group)
        if group is None:
            return ()
        chain = self._chains.get(group.id)
        if chain is None:
            chain = self._chains[group.id] = (group.id, *self._around(group))
        return chain

    def freeze_nodes(self) -> Map[str, NodeStatus]:
        """The table as it is now, links and progress of the groups included."""
        for group, (done, total) in self._differences.items():
            node = self._nodes.get(group)
            if node is not None:
                had_done, had_total = _pair(node.progress)
                self._show(node, _text(had_done + done, had_total + total))
        self._differences.clear()
        return super().freeze_nodes()

    def _show(self, group: NodeStatus, text: str) -> None:
        self._nodes[group.id] = group.replace(progress=text)
        children = len(self._children.get(group.id, group.children)) + len(self._appended.get(group.id, ()))
        if children <= _FEW_CHILDREN or group.phase.fulfilled:
            self._changed.add(group.id)

    def recount(self) -> None:
        """All sums anew: after nodes were deleted, and on load, for rows of running groups may lag."""
        nodes = self.all_nodes()
        sums: dict[str, tuple[int, int]] = {}
        self.done = self.total = 0
        self._differences.clear()
        self._chains.clear()
        for node in nodes:
            if node.type in _COUNTED:
                done, total = _pair(node.progress)
                self.done += done
                self.total += total
                for group in self._around(node):
                    before = sums.get(group, (0, 0))
                    sums[group] = (before[0] + done, before[1] + total)
        for node in nodes:
            if node.type in _GROUPS and node.progress != (text := _text(*sums.get(node.id, (0, 0)))):
                self._show(node, text)
