"""Fields of Argo 3.5 to 3.7 that 4.x does not have any more, read as what took their place.

`schedule` of a CronWorkflow is `schedules` with one entry; `mutex` and `semaphore` of `synchronization` are `mutexes`
and `semaphores`. Done once, where a manifest is read, so that nothing above knows of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from setpoint.apis.manifest._paths import FieldPath
from setpoint.apis.manifest._yaml import Node, node_of

KINDS = frozenset({"Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"})
SUCCESSORS = {"schedule": "schedules", "mutex": "mutexes", "semaphore": "semaphores"}


PREDECESSORS = {new: old for old, new in SUCCESSORS.items()}


def successor(kind: str, parent: FieldPath, key: str) -> str:
    """The field that a legacy field is read as; "" if it is none. `parent` is the path of the map it is in."""
    if key == "schedule":
        return SUCCESSORS[key] if kind == "CronWorkflow" and parent == ("spec",) else ""
    return SUCCESSORS.get(key, "") if parent[-1:] == ("synchronization",) else ""


def modernize(root: Node) -> tuple[Node, tuple[FieldPath, ...]]:
    """The object without legacy fields, and the paths of what took their place; the very object if there are none."""
    kind = root.value.get("kind") if isinstance(root.value, dict) else None
    if kind is None or not isinstance(kind.value, str) or kind.value not in KINDS:
        return root, ()
    found: list[FieldPath] = []
    return _modern(root, (), str(kind.value), found), tuple(found)


def _modern(node: Node, path: FieldPath, kind: str, found: list[FieldPath]) -> Node:
    if isinstance(node.value, list):
        items = [_modern(item, (*path, index), kind, found) for index, item in enumerate(node.value)]
        changed = any(new is not old for new, old in zip(items, node.value, strict=True))
        return replace(node, value=items) if changed else node
    if not isinstance(node.value, dict):
        return node
    values: dict[str, Node] = {}
    keys = dict(node.keys)
    changed = False
    for key, item in node.value.items():
        new = _modern(item, (*path, key), kind, found)
        wanted = successor(kind, path, key)
        if wanted:
            found.append((*path, wanted))
            held = values[wanted].value if wanted in values else []
            new = replace(new, value=[*(held if isinstance(held, list) else []), new])
            if key in keys:
                keys.setdefault(wanted, keys.pop(key))
        elif key in values and isinstance(values[key].value, list) and isinstance(new.value, list):
            new = replace(new, value=[*values[key].value, *new.value])  # type: ignore[misc]  # both are lists
        values[wanted or key] = new
        changed |= new is not item
    return replace(node, value=values, keys=keys) if changed else node


def modern_object(body: Any) -> Any:
    """The same for a value of JSON, such as the body of a request."""
    kind = body.get("kind") if isinstance(body, dict) else None
    if not isinstance(kind, str) or kind not in KINDS or not _may_be_legacy(body.get("spec")):
        return body
    root, found = modernize(node_of(body))
    return root.builtins() if found else body


def _may_be_legacy(value: Any) -> bool:
    if isinstance(value, dict):
        return not SUCCESSORS.keys().isdisjoint(value) or any(_may_be_legacy(item) for item in value.values())
    return isinstance(value, list) and any(_may_be_legacy(item) for item in value)
