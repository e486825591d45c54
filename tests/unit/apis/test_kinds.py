"""The table of kinds: every way in leads to the class, and no two kinds share a name."""

from __future__ import annotations

from typing import ClassVar

import pytest

from setpoint.apis.argo import CronWorkflow, Workflow
from setpoint.apis.core import ConfigMap, Namespace, Role
from setpoint.apis.errors import InvalidSpec, InvariantViolation
from setpoint.apis.kinds import KINDS, SERVED, KindTable, group_of
from setpoint.apis.meta import Resource
from setpoint.apis.serving import InferenceService


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wf", Workflow),
        ("workflow", Workflow),
        ("Workflows", Workflow),
        ("workflows.argoproj.io", Workflow),
        ("cronwf", CronWorkflow),
        ("isvc", InferenceService),
        ("cm", ConfigMap),
        ("ns", Namespace),
        ("roles.rbac.authorization.k8s.io", Role),
    ],
)
def test_the_names_people_use(name: str, kind: type[Resource]) -> None:
    assert KINDS.find(name) is kind


def test_every_kind_is_found_by_each_of_its_names() -> None:
    for kind in KINDS:
        assert KINDS.of_manifest(kind.API_VERSION, kind.KIND) is kind
        assert KINDS.of_path(kind.API_VERSION, kind.PLURAL) is kind
        for name in (kind.PLURAL, kind.KIND, *kind.SHORT_NAMES):
            assert KINDS.find(name) is kind


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InvalidSpec, match="'deployments' is not a kind") as caught:
        KINDS.find("deployments")
    assert "workflows" in caught.value.allowed


@pytest.mark.parametrize(
    ("api_version", "kind", "path"),
    [
        ("argoproj.io/v1", "Workflow", "apiVersion"),
        ("argoproj.io/v1alpha1", "Workflo", "kind"),
        ("example.com/v1", "Workflow", "apiVersion"),
        ("", "Workflow", "kind"),
    ],
)
def test_an_unknown_manifest_is_refused_with_its_path(api_version: str, kind: str, path: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        KINDS.of_manifest(api_version, kind)
    assert caught.value.path == path
    assert caught.value.allowed


def test_an_unknown_path_is_none() -> None:
    assert KINDS.of_path("v1", "unheardof") is None
    assert KINDS.of_path("v2", "configmaps") is None


class Incident(Resource, frozen=True, kw_only=True):
    API_VERSION: ClassVar[str] = "example.dev/v1alpha1"
    KIND: ClassVar[str] = "Incident"
    PLURAL: ClassVar[str] = "incidents"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("cm",)


def test_registering_makes_a_larger_table() -> None:
    table = KINDS.register(Incident)
    assert table.find("incident") is Incident
    assert table.find("cm") is ConfigMap  # the earlier kind keeps the name
    with pytest.raises(InvalidSpec):
        KINDS.find("incident")


def test_two_kinds_of_one_name_are_a_bug() -> None:
    class Again(Incident, frozen=True, kw_only=True):
        pass

    with pytest.raises(InvariantViolation):
        KindTable(Incident, Again)


def test_groups() -> None:
    assert group_of("v1") == ""
    assert group_of("argoproj.io/v1alpha1") == "argoproj.io"


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "Service"),
        ("serving.knative.dev/v1", "Service"),
        ("kubeflow.org/v1", "PyTorchJob"),
        ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ],
)
def test_kinds_that_are_served_and_not_run_are_told_apart(api_version: str, kind: str) -> None:
    assert kind == SERVED.of_manifest(api_version, kind).KIND
    with pytest.raises(InvalidSpec):
        KINDS.of_manifest(api_version, kind)
