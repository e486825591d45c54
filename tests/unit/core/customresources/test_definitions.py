"""What is served for a CustomResourceDefinition."""

from __future__ import annotations

from datetime import UTC, datetime

from setpoint.apis.definitions import Catalog, Column, ResourceDefinition, Scale
from setpoint.core.customresources import crd_status, definitions_of, deprecations_of, is_established
from tests.unit.core.customresources.crds import SCHEMA, crontab_crd, version

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)


def other(plural: str, kind: str, **names: object) -> ResourceDefinition:
    return ResourceDefinition(group="stable.example.com", version="v1", kind=kind, plural=plural, **names)  # type: ignore[arg-type]


def test_each_served_version_is_a_definition_the_preferred_first() -> None:
    versions = [
        version("v1alpha1", storage=False),
        version("v1", storage=True),
        version("v2", storage=False, served=False),
        version("v1beta1", storage=False),
    ]
    found = definitions_of(crontab_crd(versions=versions))
    assert [(item.version, item.storage) for item in found] == [("v1", True), ("v1beta1", False), ("v1alpha1", False)]


def test_a_definition_has_what_the_custom_resource_definition_says() -> None:
    full = version(
        subresources={
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        additionalPrinterColumns=[
            {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec", "priority": 1, "description": "when"}
        ],
        selectableFields=[{"jsonPath": ".spec.color"}],
    )
    names = {"plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"], "categories": ["all"]}
    (found,) = definitions_of(crontab_crd(versions=[full], names=names, scope="Cluster"))
    assert found == ResourceDefinition(
        group="stable.example.com",
        version="v1",
        kind="CronTab",
        plural="crontabs",
        singular="crontab",
        list_kind="CronTabList",
        short_names=("ct",),
        categories=("all",),
        namespaced=False,
        has_status=True,
        scale=Scale(spec_replicas=".spec.replicas", status_replicas=".status.replicas"),
        columns=(Column(name="Spec", path=".spec.cronSpec", priority=1, description="when"),),
        fields=("spec.color",),
        schema=SCHEMA,
    )


def test_without_a_status_subresource_there_is_none() -> None:
    (found,) = definitions_of(crontab_crd())
    assert not found.has_status
    assert found.scale is None
    assert found.columns is None


def test_a_deprecated_version_has_its_warning() -> None:
    versions = [
        version("v1"),
        version("v1beta1", storage=False, deprecated=True),
        version("v1alpha1", storage=False, deprecated=True, deprecationWarning="use v1"),
    ]
    assert deprecations_of(crontab_crd(versions=versions)) == {
        "v1beta1": "stable.example.com/v1beta1 CronTab is deprecated",
        "v1alpha1": "use v1",
    }


def test_names_that_are_free_are_accepted_and_the_kind_is_established() -> None:
    crd = crontab_crd()
    status = crd_status(crd, Catalog([]), NOW)
    assert status == {
        "acceptedNames": {
            "plural": "crontabs",
            "singular": "crontab",
            "kind": "CronTab",
            "listKind": "CronTabList",
            "shortNames": ["ct"],
        },
        "conditions": [
            {
                "type": "NamesAccepted",
                "status": "True",
                "reason": "NoConflicts",
                "message": "no conflicts found",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
            },
            {
                "type": "Established",
                "status": "True",
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
            },
        ],
        "storedVersions": ["v1"],
    }
    assert is_established(crd | {"status": status})


def test_a_status_that_stands_keeps_its_times() -> None:
    crd = crontab_crd()
    crd["status"] = crd_status(crd, Catalog([]), NOW)
    taken = Catalog(definitions_of(crd))
    assert crd_status(crd, taken, LATER) == crd["status"]


def test_a_kind_that_another_definition_has_is_a_conflict() -> None:
    crd = crontab_crd()
    status = crd_status(crd, Catalog([other("others", "CronTab", list_kind="Others")]), NOW)
    names, established = status["conditions"]
    assert (names["status"], names["reason"], names["message"]) == (
        "False",
        "KindConflict",
        '"CronTab" is already in use',
    )
    assert (established["status"], established["reason"]) == ("False", "NotAccepted")
    assert "kind" not in status["acceptedNames"]
    assert not is_established(crd | {"status": status})


def test_a_short_name_that_another_definition_has_is_a_conflict() -> None:
    status = crd_status(crontab_crd(), Catalog([other("cats", "Cat", short_names=("ct",))]), NOW)
    assert status["conditions"][0]["reason"] == "ShortNamesConflict"
    assert "shortNames" not in status["acceptedNames"]


def test_a_definition_of_another_group_is_no_conflict() -> None:
    foreign = ResourceDefinition(group="x.example.com", version="v1", kind="CronTab", plural="others")
    assert crd_status(crontab_crd(), Catalog([foreign]), NOW)["conditions"][0]["status"] == "True"


def test_an_established_kind_stays_so_when_a_later_name_is_taken() -> None:
    crd = crontab_crd()
    crd["status"] = crd_status(crd, Catalog([]), NOW)
    crd["spec"]["names"]["shortNames"] = ["cat"]
    status = crd_status(crd, Catalog([other("cats", "Cat", short_names=("cat",))]), LATER)
    assert [item["status"] for item in status["conditions"]] == ["False", "True"]
    assert status["conditions"][0]["lastTransitionTime"] == "2026-01-02T04:00:00Z"
    assert status["acceptedNames"]["shortNames"] == ["ct"]


def test_a_new_storage_version_is_added_to_the_stored_ones() -> None:
    crd = crontab_crd(versions=[version("v1", storage=False), version("v2")])
    crd["status"] = {"storedVersions": ["v1"]}
    assert crd_status(crd, Catalog([]), NOW)["storedVersions"] == ["v1", "v2"]
