"""`nodeFieldSelector`: which nodes a person means.

Source: SEMANTICS section 18; argo-workflows `util.SelectorMatchesNode`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from setpoint.apis.argo import NodeStatus
from setpoint.apis.errors import InvalidSpec

_FIELDS: dict[str, Callable[[NodeStatus], str]] = {
    "displayName": lambda node: node.display_name,
    "name": lambda node: node.name,
    "templateName": lambda node: node.template_name,
    "phase": lambda node: node.phase.value,
    "id": lambda node: node.id,
    "templateRef.name": lambda node: node.template_ref.name if node.template_ref else "",
    "templateRef.template": lambda node: node.template_ref.template if node.template_ref else "",
}
_INPUT = "inputs.parameters."


@dataclass(frozen=True, slots=True)
class Requirement:
    """One `field=value` or `field!=value`."""

    field: str
    value: str
    equal: bool

    def matches(self, node: NodeStatus) -> bool:
        """Whether the node meets it."""
        return (_value(node, self.field) == self.value) is self.equal


def parse_selector(text: str) -> tuple[Requirement, ...]:
    """The requirements of a selector, all of which a node must meet. Raises: InvalidSpec."""
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        equal = "!=" not in part
        field, sign, value = part.partition("!=" if not equal else "==" if "==" in part else "=")
        if not sign or not _known(field.strip()):
            raise InvalidSpec(
                f"nodeFieldSelector {part!r} is not field=value or field!=value",
                allowed=(*_FIELDS, f"{_INPUT}<name>.value"),
            )
        found.append(Requirement(field.strip(), value.strip(), equal))
    return tuple(found)


def _known(field: str) -> bool:
    return field in _FIELDS or (field.startswith(_INPUT) and field.endswith(".value"))


def _value(node: NodeStatus, field: str) -> str:
    if field in _FIELDS:
        return _FIELDS[field](node)
    name = field.removeprefix(_INPUT).removesuffix(".value")
    found = node.inputs.parameter(name) if node.inputs is not None else None
    return (found.value or "") if found is not None else ""


def matches(node: NodeStatus, requirements: tuple[Requirement, ...]) -> bool:
    """Whether the node meets all requirements."""
    return all(item.matches(node) for item in requirements)
