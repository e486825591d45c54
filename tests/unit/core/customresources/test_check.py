"""Which CustomResourceDefinitions are accepted, and which changes of them."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.core.customresources import check_crd, check_crd_update, crd_warnings
from tests.unit.core.customresources.crds import SCHEMA, crontab_crd, of_spec, version

PATH = "spec.versions[0].schema.openAPIV3Schema"


def reasons(crd: dict[str, Any]) -> list[str]:
    return [str(problem) for problem in check_crd(crd)]


def test_a_plain_definition_is_accepted() -> None:
    assert reasons(crontab_crd()) == []


def test_a_definition_with_everything_is_accepted() -> None:
    full = version(
        subresources={
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        additionalPrinterColumns=[
            {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec"},
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        ],
        selectableFields=[{"jsonPath": ".spec.color"}],
    )
    assert reasons(crontab_crd(versions=[full], conversion={"strategy": "None"})) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"group": "nodots"}, 'spec.group: Invalid value: "nodots": should be a domain with at least one dot'),
        ({"group": "UPPER.example.com"}, "spec.group: Invalid value"),
        ({"scope": "Galaxy"}, 'spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"'),
        ({"versions": []}, "must have exactly one version marked as storage version"),
        ({"versions": [version("v1"), version("v2")]}, "must have exactly one version marked as storage version"),
        ({"versions": [version("v1"), version("v1", storage=False)]}, "must contain unique version names"),
        ({"versions": [version("V1")]}, 'spec.versions[0].name: Invalid value: "V1": a DNS-1035 label'),
        ({"versions": [version(schema={})]}, f"{PATH}: Required value: schemas are required"),
        ({"preserveUnknownFields": True}, "spec.preserveUnknownFields: Invalid value: true: must be false"),
        ({"conversion": {"strategy": "Webhook", "webhook": {}}}, "conversion webhooks are not called here"),
        ({"conversion": {"strategy": "Magic"}}, 'spec.conversion.strategy: Unsupported value: "Magic"'),
        ({"names": {"plural": "crontabs", "kind": "CronTab", "listKind": "CronTab"}}, "may not be the same"),
        ({"names": {"plural": "cronTabs", "kind": "CronTab"}}, 'spec.names.plural: Invalid value: "cronTabs"'),
        ({"names": {"plural": "crontabs", "kind": "CronTab", "shortNames": ["A"]}}, "spec.names.shortNames[0]"),
        ({"names": "crontabs"}, 'spec.names in body must be of type object: "string"'),
        ({"versions": [version(served="yes")]}, "spec.versions[0].served in body must be of type boolean"),
        (
            {"versions": [version(additionalPrinterColumns=[{"name": "a", "type": "text", "jsonPath": ".a"}])]},
            'Unsupported value: "text": supported values: "boolean", "date", "integer", "number", "string"',
        ),
        (
            {"versions": [version(additionalPrinterColumns=[{"name": "a", "type": "string", "jsonPath": "a"}])]},
            "does not start with .",
        ),
        (
            {"versions": [version(selectableFields=[{"jsonPath": ".spec.nothing"}])]},
            "must point to a field of type string, boolean or integer",
        ),
        (
            {
                "versions": [
                    version(subresources={"scale": {"specReplicasPath": "x", "statusReplicasPath": ".status.r"}})
                ]
            },
            "should be a json path like .spec.replicas",
        ),
        (
            {
                "versions": [
                    version(subresources={"scale": {"specReplicasPath": ".s.x", "statusReplicasPath": ".status.r"}})
                ]
            },
            "should be a json path under .spec",
        ),
    ],
)
def test_what_is_wrong_with_a_spec_is_said(change: dict[str, Any], problem: str) -> None:
    assert any(problem in reason for reason in reasons(crontab_crd(**change))), reasons(crontab_crd(**change))


def test_the_name_must_be_plural_and_group() -> None:
    crd = crontab_crd()
    crd["metadata"]["name"] = "cron.stable.example.com"
    wanted = 'metadata.name: Invalid value: "cron.stable.example.com": must be spec.names.plural+"."+spec.group'
    assert reasons(crd) == [wanted]


def test_a_group_of_kubernetes_needs_its_approval() -> None:
    crd = crontab_crd(group="x.k8s.io")
    crd["metadata"]["name"] = "crontabs.x.k8s.io"
    assert "protected groups must have approval annotation" in reasons(crd)[0]
    crd["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, experimental-only"}
    assert reasons(crd) == []


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({}, f"{PATH}.type: Required value: must not be empty at the root"),
        ({"type": "string"}, f'{PATH}.type: Invalid value: "string": must be object at the root'),
        ("text", "must be of type object"),
        ({"type": "object", "properties": {"a": {}}}, "must not be empty for specified object fields"),
        (
            {"type": "object", "properties": {"a": 1}},
            f'{PATH}.properties[a]: Invalid value: "integer": must be a schema',
        ),
        ({"type": "object", "properties": []}, f'{PATH}.properties: Invalid value: "array": must be of type object'),
        (of_spec(a={"type": "array"}), "items: Required value: must be specified"),
        (of_spec(a={"type": "array", "items": {}}), "must not be empty for specified array items"),
        (of_spec(a={"type": "text"}), 'Unsupported value: "text"'),
        (of_spec(a={"type": "string", "pattern": "("}), "must be a valid regular expression, but isn't"),
        (of_spec(a={"type": "string", "minLength": -1}), "must be greater than or equal to 0"),
        (of_spec(a={"type": "string", "$ref": "#/x"}), "$ref is not supported"),
        (of_spec(a={"type": "object", "additionalProperties": False}), "cannot be set to false"),
        (
            of_spec(a={"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": {}}),
            "additionalProperties and properties are mutual exclusive",
        ),
        (of_spec(a={"type": "array", "items": {"type": "string"}, "uniqueItems": True}), "quadratic"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "must not be used at the root"),
        (
            of_spec(a={"type": "object", "anyOf": [{"type": "object"}]}),
            "type: Forbidden: must be empty to be structural",
        ),
        (of_spec(a={"type": "string", "not": {"default": "x"}}), "default: Forbidden: must be undefined"),
        (of_spec(a={"type": "string", "allOf": [{"nullable": True}]}), "nullable: Forbidden: must be false"),
        (
            of_spec(a={"type": "object", "oneOf": [{"required": ["b"], "properties": {"b": {"enum": ["x"]}}}]}),
            "properties[spec].properties[a].properties[b]: Required value: because it is defined in",
        ),
        (
            {"type": "object", "properties": {"metadata": {"type": "object", "required": ["name"]}}},
            "implicitly specified",
        ),
        ({"type": "object", "properties": {"metadata": {"type": "string"}}}, "must be object"),
        ({"type": "object", "properties": {"kind": {"type": "integer"}}}, "must be string"),
        (
            of_spec(a={"type": "string", "x-kubernetes-int-or-string": True}),
            "must be empty if x-kubernetes-int-or-string",
        ),
        (of_spec(a={"type": "object", "x-kubernetes-preserve-unknown-fields": False}), "must be true or undefined"),
        (of_spec(a={"type": "object", "x-kubernetes-embedded-resource": True}), "must not be empty if"),
        (of_spec(a={"type": "string", "x-kubernetes-list-type": "set"}), "must be array if x-kubernetes-list-type"),
        (
            of_spec(a={"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"}),
            "must be atomic as item of a list",
        ),
        (
            of_spec(a={"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}),
            "must not be empty if x-kubernetes-list-type is map",
        ),
        (
            of_spec(
                a={
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "properties": {"name": {"type": "object"}}},
                }
            ),
            "must be a scalar type",
        ),
        (
            of_spec(
                a={
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                }
            ),
            "must have a default or be a required property",
        ),
        (of_spec(a={"type": "object", "x-kubernetes-map-type": "odd"}), 'Unsupported value: "odd"'),
        (of_spec(a={"type": "integer", "default": "x"}), "must be of type integer"),
        (of_spec(a={"type": "object", "default": {"b": 1}}), "must not have unknown fields: default.b"),
        (of_spec(a={"type": "string", "x-kubernetes-validations": [{"rule": "self =="}]}), "compilation failed"),
        (of_spec(a={"type": "string", "x-kubernetes-validations": [{}]}), "rule is not specified"),
        (of_spec(a={"type": "string", "x-kubernetes-validations": [1]}), "must be an object with rule and message"),
        (
            of_spec(
                a={
                    "type": "array",
                    "items": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]},
                }
            ),
            "uncorrelatable portion of the schema",
        ),
    ],
)
def test_a_schema_that_is_not_structural_is_refused(schema: Any, problem: str) -> None:
    found = reasons(crontab_crd(schema=schema))
    assert any(problem in reason for reason in found), found


@pytest.mark.parametrize(
    "field",
    [
        {"x-kubernetes-int-or-string": True},
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": "^[0-9]+%?$",
        },
        {"x-kubernetes-int-or-string": True, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}]},
        {"x-kubernetes-preserve-unknown-fields": True},
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "x-kubernetes-embedded-resource": True},
        {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-map-type": "atomic"},
        {"type": "object", "additionalProperties": True},
        {"type": "string", "nullable": True, "default": None},
    ],
)
def test_what_a_structural_schema_may_say_is_accepted(field: dict[str, Any]) -> None:
    assert reasons(crontab_crd(schema=of_spec(a=field))) == []


def test_a_schema_nested_too_deep_is_one_clear_problem() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(80):
        schema = {"type": "object", "properties": {"a": schema}}
    assert [reason.rpartition(": ")[2] for reason in reasons(crontab_crd(schema=schema))] == [
        "schemas are nested at most 60 levels deep"
    ]


def test_patterns_that_are_too_large_together_are_refused() -> None:
    fields = {f"a{index}": {"type": "string", "pattern": "(a{1,40}){1,40}"} for index in range(400)}
    assert reasons(crontab_crd(schema=of_spec(**fields)))[0].endswith("too large together")


def test_group_and_plural_never_change() -> None:
    old, new = crontab_crd(), crontab_crd(group="other.example.com")
    new["metadata"]["name"] = "crontabs.other.example.com"
    found = [str(problem) for problem in check_crd_update(old, new)]
    assert found == ['spec.group: Invalid value: "other.example.com": field is immutable']


@pytest.mark.parametrize(("established", "count"), [("True", 2), ("False", 0)])
def test_scope_and_kind_are_fixed_once_the_definition_is_established(established: str, count: int) -> None:
    old = crontab_crd() | {"status": {"conditions": [{"type": "Established", "status": established}]}}
    new = crontab_crd(scope="Cluster", names={"plural": "crontabs", "kind": "Other"})
    assert len(check_crd_update(old, new)) == count


def test_a_stored_version_cannot_be_taken_out() -> None:
    old = crontab_crd() | {"status": {"storedVersions": ["v1beta1", "v1"]}}
    found = [str(problem) for problem in check_crd_update(old, crontab_crd())]
    assert found == ['status.storedVersions[0]: Invalid value: "v1beta1": must appear in spec.versions']


def test_an_odd_format_and_a_rule_that_is_not_evaluated_are_warnings() -> None:
    field = {
        "type": "string",
        "format": "odd",
        "x-kubernetes-validations": [{"rule": "self.soundsLike('x')", "message": "no"}],
    }
    crd = crontab_crd(schema=of_spec(a=field))
    assert reasons(crd) == []
    place = f"{PATH}.properties[spec].properties[a]"
    assert crd_warnings(crd) == (
        f'{place}.format: unrecognized format "odd"',
        f"{place}.x-kubernetes-validations[0].rule: not evaluated here: the function soundsLike is not known here",
    )


def test_the_schema_of_the_tests_has_no_warnings() -> None:
    assert SCHEMA and crd_warnings(crontab_crd()) == ()
