"""What the tasks of a DAG may refer to: the outputs of their ancestors.

Source: argo-workflows `buildLocalScopeFromTask`; SEMANTICS sections 6, 7, 11.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

import msgspec

from setpoint.apis.argo import Artifact, DAGTask, NodePhase, NodeStatus, NodeType
from setpoint.core.workflow.draft import Draft
from setpoint.core.workflow.expansion import called
from setpoint.core.workflow.inputs import artifact_inputs
from setpoint.core.workflow.references import Siblings
from setpoint.core.workflow.state import DagFrame
from setpoint.core.workflow.templates import find_template
from setpoint.core.workflow.variables import (
    absent_variables,
    aggregate_variables,
    global_scope,
    last_attempt,
    node_artifacts,
    node_variables,
)

_NAMED = re.compile(r"\btasks(?:\.([\w-]+)|\[\s*(?:'|\\\")([\w-]+)(?:'|\\\")\s*\])?")


def task_siblings(d: Draft, frame: DagFrame, task: str) -> Siblings:
    """What a task may refer to: its ancestors, as far as its text names them. Raises: ExpressionError."""
    text = msgspec.json.encode(frame.plan.trees[task]).decode()
    matches = list(_NAMED.finditer(text)) if "tasks" in text else []
    named = {match[1] or match[2] for match in matches}
    if "" in named or None in named:
        wanted = _ancestors(frame, task, None)
    else:
        wanted = _ancestors(frame, task, {name for name in named if name})
    return siblings_of(d, frame, wanted)


def _ancestors(frame: DagFrame, task: str, wanted: set[str] | None) -> list[str]:
    """The task's ancestors; only those wanted, looked for no further than needed, unless None."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    queue = deque(frame.plan.dependencies[task])
    while queue and (wanted is None or len(found) < len(wanted)):
        name = queue.popleft()
        if name in seen:
            continue
        seen.add(name)
        if wanted is None or name in wanted:
            found[name] = None
        queue.extend(frame.plan.dependencies[name])
        if wanted is not None and not wanted:
            break
    return list(found)


def siblings_of(d: Draft, frame: DagFrame, tasks: list[str]) -> Siblings:
    """What the named tasks, as far as they have nodes, left behind. Raises: ExpressionError."""
    values: dict[str, Any] = {}
    artifacts: dict[str, Artifact] = artifact_inputs(frame.tree) | dict(d.artifacts)
    absent: frozenset[str] = frozenset()
    for name in tasks:
        node = d.node(frame.plan.ids[name])
        if node is None:
            continue
        prefix = f"tasks.{name}"
        shown = last_attempt(d, node)
        values |= node_variables(prefix, shown)
        artifacts |= node_artifacts(prefix, shown)
        if node.type is NodeType.TASK_GROUP:
            values |= aggregate_variables(prefix, _loop_nodes(d, node))
        if node.phase in (NodePhase.SKIPPED, NodePhase.OMITTED):
            definition = msgspec.convert(called(frame.plan.trees[name], inline=True), DAGTask)
            more, missing = absent_variables(prefix, node, find_template(d, definition, frame.resolved.scope))
            values |= more
            absent |= missing
    return Siblings(scope=global_scope(d, values, absent=absent), artifacts=artifacts, prefix="tasks.")


def _loop_nodes(d: Draft, group: NodeStatus) -> list[NodeStatus]:
    nodes = [d.need(child) for child in d.children(group.id)]
    return [node for node in nodes if node.name.startswith(f"{group.name}(") and not _hooked(node)]


def _hooked(node: NodeStatus) -> bool:
    return node.node_flag is not None and node.node_flag.hooked
