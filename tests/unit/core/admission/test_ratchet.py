"""Which problems an edit is to blame for."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import InvalidObject
from setpoint.core.admission import admit

SPEC = {
    "type": "object",
    "required": ["rpm"],
    "properties": {
        "rpm": {"type": "integer"},
        "size": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
PUMP = ResourceDefinition(
    group="plant.example",
    version="v1",
    kind="Pump",
    plural="pumps",
    schema={"type": "object", "properties": {"spec": SPEC}},
)


def pump(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "plant.example/v1", "kind": "Pump", "metadata": {"name": "a"}, "spec": spec}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"rpm": 1, "size": 3}, {"rpm": 1, "size": 3}),
        ({"rpm": 1, "size": 3}, {"rpm": 2, "size": 3}),
        ({"rpm": 1, "tags": ["a", 1]}, {"rpm": 2, "tags": ["a", 1]}),
        ({"size": "x"}, {"size": "x"}),
    ],
)
def test_what_was_wrong_before_is_not_held_against_an_edit(old: dict[str, Any], new: dict[str, Any]) -> None:
    edited = pump(**new) | {"metadata": {"name": "a", "labels": {"a": "b"}}}
    assert admit(PUMP, edited, "Strict", pump(**old)).document["spec"] == new
    with pytest.raises(InvalidObject):
        admit(PUMP, edited, "Strict")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"rpm": 1, "size": 3}, {"rpm": 1, "size": 4}),
        ({"rpm": 1, "size": 1}, {"rpm": 1, "size": True}),
        ({"rpm": 1}, {"rpm": 1, "size": 3}),
        ({"rpm": 1, "tags": ["a", 1]}, {"rpm": 1, "tags": ["b", 1]}),
        ({"size": "x"}, {"size": "y"}),
        ({"rpm": 1}, {"size": "x"}),
    ],
)
def test_what_an_edit_makes_wrong_is_refused(old: dict[str, Any], new: dict[str, Any]) -> None:
    with pytest.raises(InvalidObject):
        admit(PUMP, pump(**new), "Strict", pump(**old))
