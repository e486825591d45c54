"""The variables that tags may name: those of the workflow, of a finished node, and of a template under way.

Tables are layered, never merged: a step of a 10,000-step workflow looks names up in what earlier steps left without
copying it. Invariant: a value is text, except where only expressions may see it.
Source: SEMANTICS sections 11 and 12.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from immutables import Map

from setpoint.apis.argo import (
    Arguments,
    Artifact,
    NodePhase,
    NodeStatus,
    NodeType,
    Parameter,
    Template,
    Workflow,
    WorkflowPhase,
    WorkflowSpec,
)
from setpoint.core.expr import ExpressionError, Scope, render_result
from setpoint.core.workflow.draft import Draft

_UNQUOTABLE = re.compile(r"[\x00-\x07\x0b\x0e-\x1f\x7f]")


def _is_unquotable(text: str) -> bool:
    """Whether Go's quoting of the text is no JSON: of the characters it does not print it escapes these its own way."""
    if _UNQUOTABLE.search(text):
        return True
    return not text.isascii() and any(char > "\uffff" and not char.isprintable() for char in text)


class TagValues(Mapping[str, Any]):
    """Layers of names, the first that has a name wins.

    `get` is how simple tags look up: there a control character that Go's quoting cannot put into JSON is the error it
    is on a cluster. Expressions read the whole mapping and are free of that.
    """

    __slots__ = ("layers",)

    def __init__(self, *layers: Mapping[str, Any]) -> None:
        self.layers = layers

    def __getitem__(self, name: str) -> Any:
        for layer in self.layers:
            if name in layer:
                return layer[name]
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a simple tag. Raises: ExpressionError for text that a cluster cannot insert."""
        for layer in self.layers:
            if name in layer:
                value = layer[name]
                if isinstance(value, str) and _is_unquotable(value):
                    raise ExpressionError(
                        f"cannot finish template replacement because the result was invalid JSON: the value of {name} "
                        f"holds a control character; use {{{{={name}}}}} or strip it where it is made"
                    )
                return value
        return default

    def __contains__(self, name: object) -> bool:
        return any(name in layer for layer in self.layers)

    def __iter__(self) -> Iterator[str]:
        seen: set[str] = set()
        for layer in self.layers:
            for name in layer:
                if name not in seen:
                    seen.add(name)
                    yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)


def wire_json(value: Any) -> str:
    """Compact JSON of a wire value, as Go writes it (`<`, `>`, `&` escaped)."""
    text = msgspec.json.encode(value).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def rfc3339(moment: datetime) -> str:
    """Whole seconds, UTC, `Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


_STRFTIME = {
    "a": "%a", "A": "%A", "b": "%b", "B": "%B", "d": "%d", "H": "%H", "I": "%I", "m": "%m", "M": "%M", "p": "%p",
    "S": "%S", "y": "%y", "Y": "%Y",
}  # fmt: skip


def creation_variables(moment: datetime) -> dict[str, str]:
    """`workflow.creationTimestamp` and its parts."""
    prefix = "workflow.creationTimestamp"
    utc = moment.astimezone(UTC)
    parts = {f"{prefix}.{key}": utc.strftime(form) for key, form in _STRFTIME.items()}
    return parts | {
        prefix: rfc3339(utc),
        f"{prefix}.L": f".{utc.microsecond // 1000:03d}",
        f"{prefix}.z": "+0000",
        f"{prefix}.Z": "UTC",
        f"{prefix}.s": str(int(utc.timestamp())),
        f"{prefix}.RFC3339": rfc3339(utc),
    }


def workflow_variables(workflow: Workflow, spec: WorkflowSpec) -> dict[str, str]:
    """`workflow.*`, except for what changes while it runs."""
    meta = workflow.metadata
    values = {
        "workflow.name": meta.name,
        "workflow.namespace": meta.namespace,
        "workflow.uid": meta.uid,
        "workflow.serviceAccountName": spec.service_account_name or "default",
        "workflow.mainEntrypoint": spec.entrypoint,
        "workflow.annotations": render_result(meta.annotations),
        "workflow.annotations.json": render_result(meta.annotations),
        "workflow.labels": render_result(meta.labels),
        "workflow.labels.json": render_result(meta.labels),
    }
    if spec.priority is not None:
        values["workflow.priority"] = str(spec.priority)
    if meta.creation_timestamp is not None:
        values |= creation_variables(meta.creation_timestamp)
    values |= {f"workflow.annotations.{key}": value for key, value in meta.annotations.items()}
    values |= {f"workflow.labels.{key}": value for key, value in meta.labels.items()}
    scheduled = meta.annotations.get("workflows.argoproj.io/scheduled-time")
    if scheduled:
        values["workflow.scheduledTime"] = scheduled
    return values


def argument_variables(arguments: Arguments) -> dict[str, str]:
    """`workflow.parameters.*` of arguments that have their values."""
    values = {f"workflow.parameters.{item.name}": item.value for item in arguments.parameters if item.value is not None}
    text = wire_json(arguments.parameters)
    return values | {"workflow.parameters": text, "workflow.parameters.json": text}


_WORKFLOW_PHASES = {
    NodePhase.PENDING: WorkflowPhase.PENDING,
    NodePhase.SUCCEEDED: WorkflowPhase.SUCCEEDED,
    NodePhase.SKIPPED: WorkflowPhase.SUCCEEDED,
    NodePhase.OMITTED: WorkflowPhase.SUCCEEDED,
    NodePhase.FAILED: WorkflowPhase.FAILED,
    NodePhase.ERROR: WorkflowPhase.ERROR,
}


def workflow_phase(entry: NodePhase) -> WorkflowPhase:
    """What the phase of the entry node means for the workflow."""
    return _WORKFLOW_PHASES.get(entry, WorkflowPhase.RUNNING)


def moving_variables(d: Draft) -> dict[str, str]:
    """What changes while the workflow runs: its duration, and its phase (after the entry node: what that implies)."""
    started = d.status.started_at or d.now
    entry = d.node(d.name)
    phase = workflow_phase(entry.phase) if entry is not None else WorkflowPhase.RUNNING
    return {"workflow.duration": f"{(d.now - started).total_seconds():f}", "workflow.status": phase.value}


def global_values(d: Draft, *layers: Mapping[str, Any]) -> TagValues:
    """The workflow's variables at this moment, below the given layers."""
    return TagValues(*layers, moving_variables(d), d.variables)


def global_scope(d: Draft, *layers: Mapping[str, Any], absent: frozenset[str] = frozenset()) -> Scope:
    """What tags and expressions see at this moment: the given layers over the workflow's variables."""
    return Scope(global_values(d, *layers), absent, d.ambient)


def last_attempt(d: Draft, node: NodeStatus) -> NodeStatus:
    """The last attempt of a Retry node, else the node itself."""
    if node.type is not NodeType.RETRY:
        return node
    attempts = [found for child in d.children(node.id) if (found := d.node(child)) is not None and is_attempt(found)]
    if not attempts:
        return node
    last = attempts[-1]  # of a daemon that is coming up again the address is known already
    return last if last.pod_ip or not node.pod_ip else last.replace(pod_ip=node.pod_ip)


def is_attempt(node: NodeStatus) -> bool:
    """Whether the node is an attempt of a Retry node."""
    return node.node_flag is not None and node.node_flag.retried


def node_variables(prefix: str, node: NodeStatus) -> dict[str, str]:
    """`steps.x.*` or `tasks.x.*` of one node (of a retried one: of its last attempt)."""
    values = {f"{prefix}.id": node.id, f"{prefix}.status": node.phase.value}
    if node.started_at is not None:
        values[f"{prefix}.startedAt"] = rfc3339(node.started_at)
    if node.finished_at is not None:
        values[f"{prefix}.finishedAt"] = rfc3339(node.finished_at)
    if node.pod_ip:
        values[f"{prefix}.ip"] = node.pod_ip
    if node.host_node_name:
        values[f"{prefix}.hostNodeName"] = node.host_node_name
    if node.outputs is None:
        return values
    if node.outputs.result is not None:
        values[f"{prefix}.outputs.result"] = node.outputs.result
    if node.outputs.exit_code is not None:
        values[f"{prefix}.exitCode"] = node.outputs.exit_code
    for item in node.outputs.parameters:
        if item.value is not None:
            values[f"{prefix}.outputs.parameters.{item.name}"] = item.value
    if node.outputs.parameters:
        values[f"{prefix}.outputs.parameters"] = wire_json(
            [Parameter(name=item.name, value=item.value) for item in node.outputs.parameters]
        )
    return values


def node_artifacts(prefix: str, node: NodeStatus) -> dict[str, Artifact]:
    """`steps.x.outputs.artifacts.*` of one node."""
    if node.outputs is None:
        return {}
    return {f"{prefix}.outputs.artifacts.{item.name}": item for item in node.outputs.artifacts}


def absent_variables(prefix: str, node: NodeStatus, template: Template | None) -> tuple[dict[str, str], frozenset[str]]:
    """Declared output parameters of a producer that did not run: those with a default, and the names of the rest."""
    if node.phase not in (NodePhase.SKIPPED, NodePhase.OMITTED) or template is None or node.outputs is not None:
        return {}, frozenset()
    values: dict[str, str] = {}
    absent: set[str] = set()
    for item in template.outputs.parameters:
        name = f"{prefix}.outputs.parameters.{item.name}"
        if item.value_from is not None and item.value_from.default is not None:
            values[name] = item.value_from.default
        else:
            absent.add(name)
    return values, frozenset(absent)


def aggregate_variables(prefix: str, nodes: Iterable[NodeStatus]) -> dict[str, str]:
    """The outputs of a loop over its succeeded children, in index order.

    Raises: ExpressionError if a captured result is not JSON, as a cluster does.
    """
    good = [node for node in nodes if node.phase in (NodePhase.SUCCEEDED, NodePhase.SKIPPED)]
    results: list[Any] = []
    maps: list[dict[str, str]] = []
    by_name: dict[str, list[str]] = {}
    for node in good:
        if node.outputs is None:
            continue
        if node.outputs.result is not None:
            results.append(_parsed_result(node, node.outputs.result))
        values = {item.name: item.value for item in node.outputs.parameters if item.value is not None}
        if values:
            maps.append(values)
        for name, value in values.items():
            by_name.setdefault(name, []).append(value)
    found = {f"{prefix}.outputs.result": wire_json(results), f"{prefix}.outputs.parameters": wire_json(maps)}
    for name, texts in by_name.items():
        found[f"{prefix}.outputs.parameters.{name}"] = wire_json(_objects_or_texts(texts))
    return found


def _parsed_result(node: NodeStatus, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ExpressionError(
            f"the result of {node.display_name!r} is aggregated over a loop and must be JSON, found: {text[:60]!r}"
        ) from None


def _objects_or_texts(texts: list[str]) -> list[Any]:
    parsed: list[Any] = []
    for text in texts:
        try:
            value = json.loads(text)
        except ValueError:
            return list(texts)
        if not isinstance(value, dict | list):
            return list(texts)
        parsed.append(value)
    return parsed


def failures(d: Draft) -> str:
    """`workflow.failures`: a quoted JSON list of the failed nodes, `"null"` without any."""
    found = [
        {
            "displayName": node.display_name,
            "message": node.message,
            "templateName": node.template_name or (node.template_ref.template if node.template_ref else ""),
            "phase": node.phase.value,
            "podName": d.pod_name(node) if node.type is NodeType.POD else node.id,
            "finishedAt": rfc3339(node.finished_at) if node.finished_at else None,
        }
        for node in d.all_nodes()
        if node.failed_or_error
    ]
    return json.dumps(wire_json(found) if found else "null", ensure_ascii=False)


def merged(values: Map[str, Any], more: Mapping[str, Any]) -> Map[str, Any]:
    """The map with further entries."""
    return values.update(more) if more else values
