"""A `Table` of objects: their columns by the kind's definition, or as kubectl knows the kind.

Source: meta/v1 Table; Kubernetes API concepts, "Receiving resources as Tables".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from setpoint.apis.definitions import Column, ResourceDefinition
from setpoint.core.expr import ExpressionError, jsonpath_values
from setpoint.core.tables.durations import since
from setpoint.core.tables.known import KNOWN, NAMELESS, Cell

Json = Mapping[str, Any]

_META = "meta.k8s.io/v1"
_NAME = Column(
    name="Name", type="string", format="name", description="The name, unique among the kind's in a namespace"
)
_AGE = Column(name="Age", path=".metadata.creationTimestamp", type="string", description="Since when it is there")


def make_table(
    definition: ResourceDefinition, objects: Iterable[Json], now: datetime, *, include: str = "Metadata"
) -> dict[str, Any]:
    """The objects as a table.

    Args:
        definition: Of their kind.
        objects: As JSON.
        now: The moment that ages are held against.
        include: What of each object comes with its row: `None`, `Metadata` or `Object`.
    """
    columns, cells = _layout(definition)
    rows = [{"cells": [cell(item, now) for cell in cells], **_object(item, include)} for item in objects]
    return {
        "kind": "Table",
        "apiVersion": _META,
        "metadata": {},
        "columnDefinitions": [_described(column) for column in columns],
        "rows": rows,
    }


def _layout(definition: ResourceDefinition) -> tuple[Sequence[Column], Sequence[Cell]]:
    known = KNOWN.get(definition.key)
    if known is not None:
        head = [] if definition.key in NAMELESS else [(_NAME, _name)]
        return [column for column, _ in (*head, *known)], [cell for _, cell in (*head, *known)]
    columns = list(definition.columns) if definition.columns is not None else [_AGE]
    return [_NAME, *columns], [_name, *(_by_path(column) for column in columns)]


def _name(item: Json, now: datetime) -> Any:
    return item["metadata"].get("name", "")


def _by_path(column: Column) -> Callable[[Json, datetime], Any]:
    path = "$" + column.path

    def cell(item: Json, now: datetime) -> Any:
        try:
            found = jsonpath_values(item, path)
        except ExpressionError:
            return None
        if not found:
            return None
        if column.type == "date" or column.path == _AGE.path:
            return since(found[0], now)
        return _of_type(found, column.type)

    return cell


def _of_type(found: list[Any], wanted: str) -> Any:
    """A value as the column's type says; several as text."""
    if len(found) > 1 and wanted == "string":
        return ",".join(_text(item) for item in found)
    value = found[0]
    match wanted:
        case "integer":
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        case "number":
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case _:
            return _text(value) if value is not None else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _object(item: Json, include: str) -> dict[str, Any]:
    match include:
        case "Object":
            return {"object": item}
        case "Metadata":
            return {"object": {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": item["metadata"]}}
        case _:
            return {}


def _described(column: Column) -> dict[str, Any]:
    wire = {
        "name": column.name,
        "type": "string" if column.type == "date" else column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }
    return wire
