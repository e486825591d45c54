"""The nodes of a workflow under change: rows, links between them, and what of them is to be written.

Children made in the same step are only appended, so a limited fan-out of 10,000 costs no look at the links there are.
Invariant: `changed` and `deleted` tell every difference from the nodes at the start, and never the same id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from immutables import Map

from setpoint.apis.argo import NodeStatus
from setpoint.apis.errors import InvariantViolation
from setpoint.core.workflow import ids
from setpoint.core.workflow.containment import open_containers
from setpoint.core.workflow.state import NodeNames


class NodeTable:
    """A table of nodes that one step edits; `freeze_nodes` gives the immutable one."""

    def __init__(self, nodes: Map[str, NodeStatus], names: NodeNames, workflow: str) -> None:
        self.name = workflow
        self._names = names
        self._nodes = nodes.mutate()
        self._children: dict[str, dict[str, None]] = {}
        self._appended: dict[str, dict[str, None]] = {}  # children made in this step: surely not linked before
        self._fresh: set[str] = set()
        self._changed: set[str] = set()
        self._deleted: set[str] = set()

    def id_of(self, node_name: str) -> str:
        """The id a node of that name has: the hash of its name, a wider one if another name has that."""
        wide: str | None = self._names.wide.get(node_name)
        if wide is not None:
            return wide
        found = ids.node_id(self.name, node_name)
        return (
            found if self._names.holders.get(found, node_name) == node_name else ids.wide_node_id(self.name, node_name)
        )

    def claim(self, node_name: str) -> str:
        """The id of a node that is there or will be, kept from now on for that name."""
        found = self.id_of(node_name)
        if found not in self._names.holders:
            self._names = self._names.hold(found, node_name, wide=found != ids.node_id(self.name, node_name))
        return found

    def read_names(self) -> None:
        """Ids are those of the nodes there are."""
        nodes = self.all_nodes()
        wide = {node.name: node.id for node in nodes if node.id != ids.node_id(self.name, node.name)}
        self._names = NodeNames(holders=Map({node.id: node.name for node in nodes}), wide=Map(wide))

    def node(self, node: str) -> NodeStatus | None:
        """The node; its `children` may lack those added in this step, see `children`."""
        return self._nodes.get(node)

    def need(self, node: str) -> NodeStatus:
        """The node. Raises: InvariantViolation if there is none."""
        found: NodeStatus | None = self._nodes.get(node)
        if found is None:
            raise InvariantViolation(f"no node {node!r} in workflow {self.name!r}")
        return found

    def all_nodes(self) -> list[NodeStatus]:
        """All nodes, in no order; children up to date."""
        self._flush_children()
        found = self._nodes.finish()
        self._nodes = found.mutate()
        return list(found.values())

    def open_containers(self, pod: str) -> list[NodeStatus]:
        """The nodes of a pod's containers that have not ended; only pods of a container set have any."""
        return open_containers(self.need(pod), self.node, self.children)

    def children(self, node: str) -> tuple[str, ...]:
        """The node's children, in the order they were added."""
        replaced = self._children.get(node)
        known = tuple(replaced) if replaced is not None else self.need(node).children
        added = self._appended.get(node)
        return (*known, *added) if added else known

    def put(self, node: NodeStatus) -> None:
        """Write a node as it is; for changes that are no phase."""
        self._nodes[node.id] = node
        self._changed.add(node.id)
        self._deleted.discard(node.id)

    def delete(self, node: str) -> None:
        """Remove a node; links to it are the caller's."""
        del self._nodes[node]
        self._children.pop(node, None)
        self._appended.pop(node, None)
        self._changed.discard(node)
        self._deleted.add(node)

    def change(self, node: str, **fields: Any) -> NodeStatus:
        """Change fields of a node other than its phase."""
        changed = self.need(node).replace(**fields)
        self.put(changed)
        return changed

    def set_children(self, node: str, children: Iterable[str]) -> None:
        """Replace a node's children."""
        self._children[node] = dict.fromkeys(children)
        self._appended.pop(node, None)
        self._changed.add(node)

    def add_child(self, parent: str, child: str) -> None:
        """Link a child below a parent, once."""
        if child in self._fresh and parent not in self._children:
            self._appended.setdefault(parent, {})[child] = None
            self._changed.add(parent)
            return
        added = self._children.get(parent)
        if added is None:
            added = self._children[parent] = dict.fromkeys(self.children(parent))
            self._appended.pop(parent, None)
        if child not in added:
            added[child] = None
            self._changed.add(parent)

    def _flush_children(self) -> None:
        for node in (*self._children, *self._appended):
            found = self._nodes.get(node)
            if found is not None and found.children != (new := self.children(node)):
                self._nodes[node] = found.replace(children=new)
        self._children.clear()
        self._appended.clear()
        self._fresh.clear()

    def freeze_nodes(self) -> Map[str, NodeStatus]:
        """The table as it is now, links included."""
        self._flush_children()
        found = self._nodes.finish()
        self._nodes = found.mutate()
        return found
