"""The facts of a run, taken from its Workflow: pure, so that it is tested without a control plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from setpoint.apis.argo import NodePhase, NodeStatus, NodeType, Workflow

_LEAVES = (NodeType.POD, NodeType.SUSPEND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One leaf of the tree; a retried step is one, with its attempts counted. Times in seconds from the run's start."""

    name: str
    template: str
    phase: str
    message: str
    attempts: int
    begin_seconds: float
    seconds: float
    results: Mapping[str, str]
    id: str = ""
    after: tuple[str, ...] = ()  # ids of the steps that it followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the summary tells. `status` is that of the entry node, before the exit handler."""

    workflow: str
    status: str
    started_at: datetime | None
    seconds: float
    parameters: Mapping[str, str]
    steps: tuple[Step, ...]

    def result(self, template: str, name: str) -> str:
        """An output parameter of the last succeeded step of a template; empty if there is none."""
        for step in reversed(self.steps):
            if step.template == template and step.phase == NodePhase.SUCCEEDED and name in step.results:
                return step.results[name]
        return ""

    def step(self, name: str) -> Step | None:
        """The step that is displayed under this name."""
        return next((step for step in self.steps if step.name == name), None)


def facts_of(workflow: Workflow, *, status: str, now: datetime) -> Facts:
    """Read the tree; the exit handler's own nodes are left out.

    Args:
        workflow: With its nodes.
        status: `workflow.status` as the exit handler got it.
        now: The moment of the summary, the end of what has not ended.
    """
    nodes = workflow.status.nodes
    start = workflow.status.started_at or now
    attempts = {child: node for node in nodes.values() if node.type is NodeType.RETRY for child in node.children}
    steps: list[Step] = []
    before = _before(nodes, attempts)
    for node in nodes.values():
        if _shows(node, attempts):
            steps.append(_step(node, _message(node, nodes), start, now, before.get(node.id, ())))
    declared = workflow.spec.arguments
    stored = workflow.status.stored_workflow_template_spec
    parameters: dict[str, str] = {}
    for arguments in (stored.arguments if stored else None, declared):
        for item in arguments.parameters if arguments else ():
            parameters[item.name] = str(item.value if item.value is not None else "")
    return Facts(
        workflow=workflow.metadata.name,
        status=status,
        started_at=workflow.status.started_at,
        seconds=max(0.0, (now - start).total_seconds()),
        parameters=parameters,
        steps=tuple(sorted(steps, key=lambda step: (step.begin_seconds, step.name))),
    )


def _message(node: NodeStatus, nodes: Mapping[str, NodeStatus]) -> str:
    """Of a step that was given up: what the last attempt said, and why there was no further one."""
    last = nodes.get(node.children[-1]) if node.type is NodeType.RETRY and node.children else None
    if last is None or not node.failed_or_error or last.message in ("", node.message):
        return node.message
    return f"{last.message}; {node.message}" if node.message else last.message


def _shows(node: NodeStatus, attempts: Mapping[str, NodeStatus]) -> bool:
    """Whether a node is a step of its own: no frame, no attempt, no part of the exit handler."""
    if ".onExit" in node.name or node.id in attempts:
        return False
    return node.type in (*_LEAVES, NodeType.RETRY) or (not node.children and bool(node.boundary_id))


def _before(nodes: Mapping[str, NodeStatus], attempts: Mapping[str, NodeStatus]) -> dict[str, tuple[str, ...]]:
    """Of each step the steps it followed: what is reached over frames and attempts without meeting another step."""
    found: dict[str, list[str]] = {}
    for node in nodes.values():
        if not _shows(node, attempts):
            continue
        waiting, seen = list(node.children), {node.id}
        while waiting:
            child = nodes.get(waiting.pop())
            if child is None or child.id in seen:
                continue
            seen.add(child.id)
            if _shows(child, attempts):
                found.setdefault(child.id, []).append(node.id)
            else:
                waiting += child.children
    return {key: tuple(sorted(value)) for key, value in found.items()}


def _step(node: NodeStatus, message: str, start: datetime, now: datetime, after: tuple[str, ...]) -> Step:
    begin, end = node.started_at or now, node.finished_at or now
    outputs = node.outputs.parameters if node.outputs else ()
    ran = node.type is not NodeType.SKIPPED
    return Step(
        name=node.display_name or node.name,
        template=node.template_name,
        phase=node.phase.value,
        message=message,
        attempts=len(node.children) if node.type is NodeType.RETRY else int(ran),
        begin_seconds=max(0.0, (begin - start).total_seconds()),
        seconds=max(0.0, (end - begin).total_seconds()) if ran else 0.0,
        results={item.name: str(item.value) for item in outputs if item.value is not None},
        id=node.id,
        after=after,
    )
