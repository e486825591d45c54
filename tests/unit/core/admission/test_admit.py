"""Objects of both sorts of kinds through the one door."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from setpoint.apis.argo.kinds import CronWorkflow, Workflow
from setpoint.apis.catalog import define
from setpoint.apis.core import Secret
from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import InvalidObject, InvalidSpec, StrictDecodingError
from setpoint.apis.meta import Resource
from setpoint.core.admission import Admitted, admit
from setpoint.core.customresources import CRD_DEFINITION, definitions_of
from tests.unit.core.customresources.crds import crontab_crd, of_spec


def definition(cls: type[Resource]) -> ResourceDefinition:
    group, _, version = cls.API_VERSION.rpartition("/")
    return ResourceDefinition(group=group, version=version, kind=cls.KIND, plural=cls.PLURAL, cls=cls)


WORKFLOWS = definition(Workflow)
(CRONTABS,) = definitions_of(crontab_crd())


def workflow(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "hello-"},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "alpine"}}]} | spec,
    }


def crontab(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "stable.example.com/v1",
        "kind": "CronTab",
        "metadata": {"name": "mine"},
        "spec": {"cronSpec": "* * * * *"} | spec,
    }


def test_a_good_workflow_is_what_was_sent() -> None:
    sent = workflow()
    before = copy.deepcopy(sent)
    assert admit(WORKFLOWS, sent, "Strict") == Admitted(sent)
    assert sent == before


def test_unknown_fields_of_a_class_are_refused_warned_of_or_dropped() -> None:
    sent = workflow(entrypont="x")
    sent["spec"]["templates"][0]["container"]["imag"] = "y"
    findings = ('unknown field "spec.templates[0].container.imag"', 'unknown field "spec.entrypont"')
    with pytest.raises(StrictDecodingError) as caught:
        admit(WORKFLOWS, sent, "Strict")
    assert sorted(caught.value.findings) == sorted(findings)
    assert str(caught.value).startswith('strict decoding error: unknown field "spec.')
    warned = admit(WORKFLOWS, sent, "Warn")
    assert warned.document == workflow()
    assert sorted(warned.warnings) == sorted(findings)
    assert admit(WORKFLOWS, sent, "Ignore") == Admitted(workflow())


def test_a_wrong_type_is_the_error_whatever_else_is_unknown() -> None:
    with pytest.raises(InvalidSpec) as caught:
        admit(WORKFLOWS, workflow(parallelism="two", odd=1), "Strict")
    assert caught.value.path == "spec.parallelism"
    assert not isinstance(caught.value, StrictDecodingError)


def test_nulls_of_declared_fields_count_as_absent() -> None:
    sent = workflow(onExit=None, parallelism=None, serviceAccountName=None)
    assert admit(WORKFLOWS, sent, "Strict").document == workflow()


def test_what_was_written_stays_though_the_class_has_it_by_itself() -> None:
    sent = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "x"},
        "spec": {"schedules": ["* * * * *"], "concurrencyPolicy": "Allow", "workflowSpec": workflow()["spec"]},
    }
    assert admit(definition(CronWorkflow), sent, "Strict").document == sent


def test_fields_of_older_argo_are_read_as_their_successors() -> None:
    sent = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": "x"},
        "spec": {"schedule": "* * * * *", "workflowSpec": workflow()["spec"]},
    }
    admitted = admit(definition(CronWorkflow), sent, "Strict")
    assert admitted.document["spec"]["schedules"] == ["* * * * *"]
    assert "schedule" not in admitted.document["spec"]


@pytest.mark.parametrize(("field", "value"), [("kind", "Pod"), ("apiVersion", "v1")])
def test_an_object_of_another_kind_is_refused(field: str, value: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        admit(WORKFLOWS, workflow() | {field: value}, "Ignore")
    assert caught.value.path == field


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_map_is_refused(document: Any) -> None:
    for item in (WORKFLOWS, CRONTABS):
        with pytest.raises(InvalidSpec):
            admit(item, document, "Ignore")


def test_a_custom_object_gets_its_defaults_and_its_type() -> None:
    sent = {"metadata": {"name": "mine"}, "spec": {"cronSpec": "* * * * *", "color": None}}
    wanted = crontab(image="busybox", replicas=1)
    assert admit(CRONTABS, sent, "Strict") == Admitted(wanted)
    assert list(admit(CRONTABS, sent, "Strict").document)[:2] == ["apiVersion", "kind"]


def test_unknown_fields_of_a_custom_object_are_refused_warned_of_or_dropped() -> None:
    sent = crontab(odd=1) | {"more": {}}
    sent["metadata"]["zone"] = "z"
    findings = ('unknown field "spec.odd"', 'unknown field "more"', 'unknown field "metadata.zone"')
    with pytest.raises(StrictDecodingError) as caught:
        admit(CRONTABS, sent, "Strict")
    assert caught.value.findings == findings
    assert admit(CRONTABS, sent, "Warn").warnings == findings
    assert admit(CRONTABS, sent, "Ignore") == Admitted(crontab(image="busybox", replicas=1))


def test_all_problems_of_a_custom_object_are_said() -> None:
    with pytest.raises(InvalidObject) as caught:
        admit(CRONTABS, crontab(cronSpec=5, replicas=20), "Strict")
    assert [problem.path for problem in caught.value.problems] == ["spec.cronSpec", "spec.replicas"]
    assert str(caught.value) == (
        '[spec.cronSpec: Invalid value: "integer": spec.cronSpec in body must be of type string: "integer", '
        "spec.replicas: Invalid value: 20: spec.replicas in body should be less than or equal to 10]"
    )


def test_rules_compare_with_the_object_before() -> None:
    schema = of_spec(
        a={"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed"}]}
    )
    (item,) = definitions_of(crontab_crd(schema=schema))
    old = admit(item, {"metadata": {"name": "x"}, "spec": {"a": "1"}}, "Strict").document
    admit(item, old, "Strict", old)
    with pytest.raises(InvalidObject, match="fixed"):
        admit(item, old | {"spec": {"a": "2"}}, "Strict", old)


def test_a_definition_is_admitted_by_its_own_rules() -> None:
    admitted = admit(CRD_DEFINITION, crontab_crd(), "Strict")
    assert admitted.document["spec"]["names"]["singular"] == "crontab"
    assert admitted.document["spec"]["names"]["listKind"] == "CronTabList"
    with pytest.raises(InvalidObject, match="Unsupported value"):
        admit(CRD_DEFINITION, crontab_crd(scope="Galaxy"), "Strict")
    other = crontab_crd(group="x.example.com")
    other["metadata"]["name"] = "crontabs.x.example.com"
    with pytest.raises(InvalidObject, match="field is immutable"):
        admit(CRD_DEFINITION, other, "Strict", admitted.document)


def test_a_word_that_no_schema_has_is_an_unknown_field() -> None:
    crd = crontab_crd(schema=of_spec(a={"type": "string", "patern": "x", "nullable": None}))
    place = "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.a.patern"
    with pytest.raises(StrictDecodingError) as caught:
        admit(CRD_DEFINITION, crd, "Strict")
    assert caught.value.findings == (f'unknown field "{place}"',)
    admitted = admit(CRD_DEFINITION, crd, "Warn")
    schema = admitted.document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema == of_spec(a={"type": "string"})


def test_admitting_what_was_admitted_changes_nothing() -> None:
    for item, sent in ((WORKFLOWS, workflow()), (CRONTABS, crontab()), (CRD_DEFINITION, crontab_crd())):
        first = admit(item, sent, "Strict")
        assert admit(item, first.document, "Strict") == first


@pytest.mark.parametrize("part", [{"data": "hush"}, {"stringData": {"a": ["hush"]}}, {"data": {"a": 4711}}])
def test_what_is_said_of_a_secret_does_not_show_it(part: dict[str, Any]) -> None:
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}} | part
    with pytest.raises(InvalidSpec) as refused:
        admit(define(Secret), document, "Strict")
    assert refused.value.path.startswith(next(iter(part)))
    assert "hush" not in str(refused.value) and "4711" not in str(refused.value)
