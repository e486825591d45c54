"""The schemas of real CustomResourceDefinitions: they are structural, their rules hold, their objects are admitted.

The reference holds them as JSON Schema; `structural` puts back what that conversion changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import InvalidObject
from setpoint.apis.manifest import load_values
from setpoint.core.admission import admit
from setpoint.core.customresources import definitions_of, rule_warnings
from setpoint.core.customresources.check import check_crd
from tests.unit.core.customresources.crds import version

pytestmark = pytest.mark.shared


def structural(schema: Any) -> Any:
    """The schema as a CustomResourceDefinition had it."""
    if not isinstance(schema, dict):
        return schema
    made = {word: value for word, value in schema.items() if word not in ("$schema", "const", "uniqueItems")}
    if made.get("additionalProperties") is False:
        del made["additionalProperties"]
    if isinstance(made.get("type"), list):
        made["type"] = next(name for name in made["type"] if name != "null")
        made["nullable"] = True
    least = made.get("exclusiveMinimum")
    if isinstance(least, (int, float)) and not isinstance(least, bool):
        made |= {"minimum": least, "exclusiveMinimum": True}
    if made.get("x-kubernetes-int-or-string"):
        made = {word: value for word, value in made.items() if word not in ("type", "anyOf")}
    if isinstance(made.get("properties"), dict):
        made["properties"] = {name: structural(inner) for name, inner in made["properties"].items()}
    for word in ("items", "additionalProperties"):
        if word in made:
            made[word] = structural(made[word])
    return made


def crd_of(file: Path) -> dict[str, Any]:
    """A CustomResourceDefinition with the schema of a file such as `HTTPRoute-v1.json`."""
    kind, _, name = file.stem.rpartition("-")
    schema = structural(json.loads(file.read_text()))
    schema["properties"] |= {
        "metadata": {"type": "object"},
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
    }
    plural, group = f"{kind.lower()}s", file.parent.name
    return {
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/1"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [version(name, schema={"openAPIV3Schema": schema})],
        },
    }


def crds(shared: Path) -> Iterator[dict[str, Any]]:
    """Those of all files that were made from a CustomResourceDefinition."""
    for file in sorted((shared / "schemas").glob("*.*/*.json")):
        if "properties" in json.loads(file.read_text()):
            crd = crd_of(file)
            if '"$ref"' not in json.dumps(crd):  # the built-in kinds of a swagger
                yield crd


@cache
def definition(file: Path) -> ResourceDefinition:
    (found,) = definitions_of(crd_of(file))
    return found


def test_the_definitions_of_operators_are_accepted(shared: Path) -> None:
    count = 0
    for crd in crds(shared):
        assert check_crd(crd) == (), crd["metadata"]["name"]
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert list(rule_warnings(schema, "")) == []
        count += 1
    assert count > 100


def test_the_official_workflows_are_what_their_definition_wants(shared: Path) -> None:
    count = 0
    for file in sorted((shared / "argo" / "examples").rglob("*.yaml")):
        for value in load_values(file.read_text(), file.name):
            if isinstance(value, dict) and value.get("apiVersion") == "argoproj.io/v1alpha1":
                schema = shared / "schemas" / "argoproj.io" / f"{value['kind']}-v1alpha1.json"
                first = admit(definition(schema), value, "Strict")
                assert admit(definition(schema), first.document, "Strict", first.document) == first
                count += 1
    assert count > 100


def route(**rule: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "r"},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": [{"name": "a", "port": 80}]} | rule]},
    }


def test_a_route_gets_its_defaults(shared: Path) -> None:
    kind = definition(shared / "schemas" / "gateway.networking.k8s.io" / "HTTPRoute-v1.json")
    spec = admit(kind, route(), "Strict").document["spec"]
    assert spec["parentRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"}]
    assert spec["rules"][0]["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {
                "filters": [
                    {
                        "type": "URLRewrite",
                        "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
                    }
                ],
                "matches": [{"path": {"type": "Exact", "value": "/x"}}],
            },
            "PathPrefix",
        ),
        ({"filters": [{"type": "RequestRedirect"}]}, "requestRedirect"),
        ({"matches": [{"path": {"type": "Exact", "value": "/a//b"}}]}, "//"),
        ({"backendRefs": [{"name": "a"}]}, "Must have port for Service reference"),
    ],
)
def test_a_route_that_breaks_a_rule_is_told_its_message(shared: Path, rule: dict[str, Any], message: str) -> None:
    kind = definition(shared / "schemas" / "gateway.networking.k8s.io" / "HTTPRoute-v1.json")
    with pytest.raises(InvalidObject) as caught:
        admit(kind, route(**rule), "Strict")
    assert message in str(caught.value)
