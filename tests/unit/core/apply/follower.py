"""An object that managers apply to and update, one after the other, and what each of them owns of its spec."""

from __future__ import annotations

import copy
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from setpoint.apis.structure import Structure
from setpoint.core.apply import apply, track_update
from setpoint.core.apply.fields import paths

Json = dict[str, Any]

START = datetime(2026, 1, 1, tzinfo=UTC)
STRING = {"type": "string"}
NUMBER = {"type": "number"}
SET = {"type": "array", "x-kubernetes-list-type": "set", "items": STRING}
NESTED: Json = {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Nested"}}

SPEC: Json = {
    "text": STRING,
    "number": NUMBER,
    "flag": {"type": "boolean"},
    "set": SET,
    "atomicList": {"type": "array", "items": STRING},
    "map": {"type": "object", "additionalProperties": STRING},
    "atomicMap": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": STRING},
    "struct": {"type": "object", "properties": {"name": STRING, "value": NUMBER}},
    "list": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "properties": {"name": STRING, "value": NUMBER, "other": NUMBER, "set": SET}},
    },
    "ports": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {
            "type": "object",
            "properties": {"port": NUMBER, "protocol": {"type": "string", "default": "TCP"}, "name": STRING},
        },
    },
    "mapOfSets": {"type": "object", "additionalProperties": SET},
    "nested": {"$ref": "#/components/schemas/Nested"},
    "open": {"type": "object", "properties": {"num": NUMBER}, "x-kubernetes-preserve-unknown-fields": True},
}
TYPED = Structure.of(
    {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": SPEC},
            "status": {"type": "object", "properties": {"ready": {"type": "boolean"}, "count": NUMBER}},
        },
    },
    {"Nested": NESTED},
)
DEDUCED = Structure.of(None)


def document(spec: Any = None, **more: Any) -> Json:
    """An object with this spec; without one if it is None."""
    made: Json = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "o"}, **more}
    return made if spec is None else made | {"spec": spec}


class Follower:
    """The object and its `managedFields`; a second passes with every write."""

    def __init__(self, structure: Structure = TYPED, **options: Any) -> None:
        self.structure, self.options = structure, options
        self.live: Json | None = None
        self.managed: list[Json] = []
        self.now = START

    def apply(
        self,
        manager: str,
        spec: Any,
        *,
        version: str = "v1",
        force: bool = False,
        subresource: str = "",
        served: Collection[str] | None = None,
    ) -> None:
        """Server-side apply; nothing happens if it is refused."""
        config = spec if isinstance(spec, dict) and "metadata" in spec else document(spec)
        untouched = copy.deepcopy((self.live, config, self.managed))
        self.now += timedelta(seconds=1)
        try:
            made = apply(
                self.live,
                config,
                self.managed,
                manager=manager,
                force=force,
                api_version=version,
                time=self.now,
                subresource=subresource,
                structure=self.structure,
                served=served,
                **self.options,
            )
        finally:
            assert untouched == (self.live, config, self.managed)
        self.live, self.managed = made

    def update(
        self,
        manager: str,
        spec: Any,
        *,
        version: str = "v1",
        subresource: str = "",
        served: Collection[str] | None = None,
    ) -> None:
        """An ordinary write of the whole object."""
        after = spec if isinstance(spec, dict) and "metadata" in spec else document(spec)
        untouched = copy.deepcopy((self.live, after, self.managed))
        self.now += timedelta(seconds=1)
        managed = track_update(
            self.live,
            after,
            self.managed,
            manager=manager,
            api_version=version,
            time=self.now,
            subresource=subresource,
            structure=self.structure,
            served=served,
            **self.options,
        )
        assert untouched == (self.live, after, self.managed)
        self.live, self.managed = after, managed

    @property
    def object(self) -> Json:
        """It, as it is."""
        assert self.live is not None
        return self.live

    @property
    def spec(self) -> Any:
        """Its spec."""
        return self.object.get("spec")

    def owned(self, manager: str) -> list[str]:
        """What a manager owns below the spec, in whatever way it came to it; `.` is the spec itself."""
        found = [path for entry in self.managed if entry["manager"] == manager for path in paths(entry["fieldsV1"])]
        return sorted(path.removeprefix(".spec") or "." for path in found)

    def managers(self) -> list[str]:
        """Who owns anything, in the order of the entries."""
        return [entry["manager"] for entry in self.managed]
