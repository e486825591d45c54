"""The catalog: every kind that is served is in it once, with the names and field selectors that kubectl knows."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from setpoint.apis import kubeflow
from setpoint.apis.argo import Workflow
from setpoint.apis.catalog import CATALOG, MEASURED, REVIEWS, define
from setpoint.apis.definitions import Catalog, ResourceDefinition
from setpoint.apis.kinds import KEPT_ONLY, KINDS, SERVED

ALL = Catalog((*CATALOG, *REVIEWS, *MEASURED))


def by_key(key: str) -> ResourceDefinition:
    return next(item for item in CATALOG if item.key == key)


def test_all_kinds_with_a_class_are_in_it_but_the_one_that_has_checks_of_its_own() -> None:
    missing = {cls.KIND for cls in SERVED} - {item.kind for item in CATALOG}
    assert missing == {"CustomResourceDefinition"}


def test_kinds_that_nothing_runs_say_so() -> None:
    idle = {item.cls for item in CATALOG if not item.engine}
    assert idle == set(KEPT_ONLY)
    assert not idle & set(KINDS)


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("Pod", ("po",)),
        ("Service", ("svc",)),
        ("ConfigMap", ("cm",)),
        ("Namespace", ("ns",)),
        ("ServiceAccount", ("sa",)),
        ("PersistentVolumeClaim", ("pvc",)),
        ("Event", ("ev",)),
        ("Node", ("no",)),
        ("CronJob.batch", ("cj",)),
        ("Workflow.argoproj.io", ("wf",)),
        ("WorkflowTemplate.argoproj.io", ("wftmpl",)),
        ("ClusterWorkflowTemplate.argoproj.io", ("clusterwftmpl", "cwft")),
        ("CronWorkflow.argoproj.io", ("cwf", "cronwf")),
        ("InferenceService.serving.kserve.io", ("isvc",)),
        ("Service.serving.knative.dev", ("kservice", "ksvc")),
        ("PyTorchJob.kubeflow.org", ()),
        ("Lease.coordination.k8s.io", ()),
    ],
)
def test_short_names_are_those_of_upstream(key: str, names: tuple[str, ...]) -> None:
    assert by_key(key).short_names == names


def test_all_is_what_kubectl_takes_it_for() -> None:
    assert {item.key for item in CATALOG if "all" in item.categories} == {
        "CronJob.batch",
        "Job.batch",
        "Pod",
        "Service",
        "Service.serving.knative.dev",
    }


def test_short_names_are_not_ambiguous_within_the_catalog() -> None:
    names = [name for item in ALL for name in item.short_names]
    assert len(names) == len(set(names))


def test_names_follow_the_rules() -> None:
    for item in ALL:
        assert item.list_kind == f"{item.kind}List"
        assert item.singular in ("", item.kind.lower())
        assert item.plural == item.plural.lower()
        assert item.storage


@pytest.mark.shared
def test_scope_is_that_of_the_official_schemas(shared: Path) -> None:
    meta = json.loads((shared / "schemas" / "meta.json").read_text())
    for item in CATALOG:
        official = meta.get(f"{item.api_version}/{item.kind}")
        if official is not None:
            assert item.namespaced == (official["scope"] == "Namespaced"), item.key


def test_selectable_fields_exist() -> None:
    for item in CATALOG:
        assert item.cls is not None
        known = set(item.cls.__struct_encode_fields__)
        for field in item.fields:
            assert field.partition(".")[0] in known | {"source"}, field


def test_a_definition_can_be_made_other_than_its_class_says() -> None:
    changed = define(Workflow, has_status=False, categories=("argo",))
    assert (changed.has_status, changed.categories, changed.plural) == (False, ("argo",), "workflows")


def test_what_is_kept_only_can_be_read_and_written() -> None:
    job = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "p"},
        "spec": {
            "pytorchReplicaSpecs": {"Master": {"replicas": 0, "template": {"spec": {"containers": [{"name": "a"}]}}}},
            "runPolicy": {"suspend": False},
        },
    }
    read = msgspec.convert(job, kubeflow.PyTorchJob)
    assert msgspec.json.decode(msgspec.json.encode(read)) == job
