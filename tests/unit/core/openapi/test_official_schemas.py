"""What we publish, held against the official schemas: all their fields, no others, lists that merge alike.

A difference that is meant stands in `MEANT`, with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec.inspect as mi
import pytest

from setpoint.apis.apiextensions import CustomResourceDefinition
from setpoint.apis.catalog import CATALOG, define
from setpoint.apis.podspec import PodSpec
from setpoint.apis.podspec.status import PodStatus
from setpoint.core.openapi import Components, structure_schema

Json = dict[str, Any]

KINDS = [
    item
    for item in (*CATALOG, define(CustomResourceDefinition))
    if item.kind != "Event"  # of it there is no official schema here
]

MEANT: tuple[tuple[str, str], ...] = (
    (
        r"^(Pod|Job\.batch|InferenceService|ServingRuntime|ClusterServingRuntime|TrainJob)[\w.]*\.spec: required here$",
        "useless without",
    ),
    (r"^CronJob\.batch\.spec(\.jobTemplate\.spec)?: required here$", "useless without"),
    (r"\.schedulingGroup: invented$", "newer than the official schema; that of Kubeflow's kinds has it"),
    (r"\.podCertificate\.userAnnotations: invented$", "newer than the official schema; that of Argo's kinds has it"),
    (r"^Job\.batch\.status\.(deleted|indexes): invented$", "the engine's own"),
    (r"^Job\.batch\.status\.conditions\[\]\.status: required there$", "True where it is not said"),
    (
        r"\.onPodConditions\[\]\.status: required there$",
        "True where it is not said, as in the schema of Kubeflow's kinds",
    ),
    (r"\.roleRef\.apiGroup: required there$", "the one group that there is where it is not said"),
    (r"^(\w*Workflow\w*)\.argoproj\.io\..*: required there$", "lint asks for it, to name the template"),
    (r"\.status\.conditions\[\]\.\w+: (invented|required there|required here)$", "one type of condition for all kinds"),
    (r"^Workflow\.argoproj\.io\.status\.nodes\{\}\.phase: required here$", "every node has one"),
    (r"^InferenceService.*\.canary: x-kubernetes-list-type", "refused, so not typed"),
    (r"^InferenceService.*\.model\.modelFormat: required here$", "no runtime is found without"),
    (r"^InferenceService.*\.modelStatus\.", "written here alone, always in full"),
    (
        r"^Service\.serving\.knative\.dev\.spec\.template\.spec\..*: invented$",
        "Kubernetes' types, of which Knative takes less",
    ),
    (r"^CustomResourceDefinition.*\.status\.observedGeneration: invented$", "newer than the official schema"),
)
"""Patterns of differences that are meant, and why."""


def resolved(schema: Json, components: Json) -> Json:
    """Past references, and past an `allOf` of one."""
    for _ in range(8):
        if len(schema.get("allOf", ())) == 1:
            schema = {**schema["allOf"][0], **{key: value for key, value in schema.items() if key != "allOf"}}
        if "$ref" not in schema:
            return schema
        name = schema["$ref"].rpartition("/")[2]
        schema = {**components[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    raise AssertionError("references go round")


class Comparison:
    """Walks an official schema and ours together."""

    def __init__(self, official: Json, ours: Json) -> None:
        self.official, self.ours = official, ours

    def walk(self, official: Json, ours: Json, path: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        names = frozenset(item["$ref"] for item in (official, ours) if "$ref" in item)
        if names and names <= seen:
            return
        seen |= names
        official, ours = resolved(official, self.official), resolved(ours, self.ours)
        yield from self._lists(official, ours, path)
        if "properties" in official and "properties" in ours:
            yield from self._fields(official, ours, path, seen)
        if official.get("type") == "array" and ours.get("type") == "array":
            yield from self.walk(official.get("items", {}), ours.get("items", {}), f"{path}[]", seen)
        values = official.get("additionalProperties"), ours.get("additionalProperties")
        if isinstance(values[0], dict) and isinstance(values[1], dict):
            yield from self.walk(values[0], values[1], f"{path}{{}}", seen)

    def _fields(self, official: Json, ours: Json, path: str, seen: frozenset[str]) -> Iterator[str]:
        theirs, known = official["properties"], ours["properties"]
        open_ended = official.get("x-kubernetes-preserve-unknown-fields")
        yield from (f"{path}.{name}: not known" for name in sorted(theirs.keys() - known.keys()))
        yield from (f"{path}.{name}: invented" for name in sorted(known.keys() - theirs.keys()) if not open_ended)
        needed = set(official.get("required", ())) - {"metadata", "apiVersion", "kind"}
        yield from (f"{path}.{name}: required there" for name in sorted(needed - set(ours.get("required", ()))))
        asked = set(ours.get("required", ())) - set(official.get("required", ()))
        yield from (f"{path}.{name}: required here" for name in sorted(asked))
        for name in sorted(theirs.keys() & known.keys()):
            if name not in ("metadata", "workflowMetadata"):  # one type for all, whose fields are Kubernetes'
                yield from self.walk(theirs[name], known[name], f"{path}.{name}", seen)

    @staticmethod
    def _lists(official: Json, ours: Json, path: str) -> Iterator[str]:
        kind = ours.get("type")
        if "type" in official and isinstance(kind, str) and kind not in ("object",) and official["type"] != kind:
            yield f"{path}: {official['type']} there, {kind} here"
        for name in ("x-kubernetes-list-type", "x-kubernetes-list-map-keys"):
            if name in official and official[name] != ours.get(name):
                yield f"{path}: {name} {official[name]} there, {ours.get(name)} here"


@pytest.mark.shared
@pytest.mark.parametrize("definition", KINDS, ids=lambda item: item.key)
def test_every_official_field_is_there_and_none_is_invented(definition: Any, shared: Path) -> None:
    schemas = shared / "schemas"
    file = json.loads((schemas / "index.json").read_text())[f"{definition.api_version}/{definition.kind}"]
    official = json.loads((schemas / file).read_text())
    reference, components = structure_schema(definition)
    found = Comparison(official.get("$defs", {}), components).walk(official, reference, definition.key)
    left = [line for line in found if not any(re.search(pattern, line) for pattern, _ in MEANT)]
    assert left == []


@pytest.mark.shared
@pytest.mark.parametrize(("cls", "name"), [(PodSpec, "PodSpec"), (PodStatus, "PodStatus")])
def test_the_parts_of_a_pod_are_typed_in_full(cls: type, name: str, shared: Path) -> None:
    official = json.loads((shared / "schemas" / "core" / "Pod-v1.json").read_text())["$defs"]
    components = Components()
    ours = components.schema(mi.type_info(cls))
    found = Comparison(official, components.schemas).walk(official[f"io.k8s.api.core.v1.{name}"], ours, name)
    assert [line for line in found if not any(re.search(pattern, line) for pattern, _ in MEANT)] == []


def test_reasons_are_given_for_every_difference() -> None:
    assert all(reason for _, reason in MEANT)
