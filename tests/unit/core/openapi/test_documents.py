"""OpenAPI documents: complete in themselves, and with what kubectl looks for in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from setpoint.apis.apiextensions import CustomResourceDefinition
from setpoint.apis.catalog import CATALOG, MEASURED, REVIEWS, define
from setpoint.apis.definitions import Catalog, ResourceDefinition, Scale
from setpoint.apis.reviews import TokenRequest
from setpoint.apis.structure import Structure
from setpoint.core.openapi import document, structure_schema, swagger

PUMP = ResourceDefinition(
    group="plant.example.com",
    version="v1",
    kind="Pump",
    plural="pumps",
    scale=Scale(spec_replicas=".spec.n", status_replicas=".status.n"),
    schema={"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}},
)
ALL = Catalog((*CATALOG, define(CustomResourceDefinition), *REVIEWS, *MEASURED, PUMP))
VERSIONS = sorted({item.api_version for item in ALL})
PATCHES = {"application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"}
METHODS = ("get", "put", "post", "patch", "delete")


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {version: document(ALL, version) for version in VERSIONS}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_reference_leads_somewhere(documents: dict[str, Any], version: str) -> None:
    found = documents[version]
    known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert set(references(found)) <= known
    assert msgspec.json.encode(found)


def operations(found: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in found["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_operation_names_the_kind_and_what_it_answers(documents: dict[str, Any], version: str) -> None:
    kinds = {(item.group, item.version, item.kind) for item in (*ALL, define(TokenRequest))}
    for path, method, operation in operations(documents[version]):
        gvk = operation["x-kubernetes-group-version-kind"]
        assert (gvk["group"], gvk["version"], gvk["kind"]) in kinds, path
        assert operation["x-kubernetes-action"], path
        assert {"200", "401", "403", "404"} <= operation["responses"].keys(), (path, method)


def names_of(operation: dict[str, Any]) -> set[str]:
    return {item["name"] for item in operation["parameters"]}


def test_kubectl_finds_that_fields_are_validated_here(documents: dict[str, Any]) -> None:
    for version in VERSIONS:
        for path, method, operation in operations(documents[version]):
            if method in ("post", "put", "patch"):
                assert {"fieldManager", "fieldValidation", "dryRun"} <= names_of(operation), path
            if method == "patch":
                assert "force" in names_of(operation)
                gvk = operation["x-kubernetes-group-version-kind"]
                strategic = "." not in gvk["group"] or gvk["group"].endswith(".k8s.io")  # as on a cluster
                taken = set(operation["requestBody"]["content"])
                assert taken == PATCHES | ({"application/strategic-merge-patch+json"} if strategic else set()), path


def test_lists_take_selectors_and_pages(documents: dict[str, Any]) -> None:
    listing = documents["v1"]["paths"]["/api/v1/namespaces/{namespace}/pods"]["get"]
    assert {
        "labelSelector",
        "fieldSelector",
        "limit",
        "continue",
        "resourceVersion",
        "resourceVersionMatch",
        "watch",
        "allowWatchBookmarks",
        "timeoutSeconds",
    } <= names_of(listing)


@pytest.mark.parametrize(
    ("version", "path", "methods"),
    [
        ("v1", "/api/v1/pods", {"get"}),
        ("v1", "/api/v1/namespaces/{namespace}/pods", {"get", "post", "delete"}),
        ("v1", "/api/v1/namespaces/{namespace}/pods/{name}", {"get", "put", "patch", "delete"}),
        ("v1", "/api/v1/namespaces/{namespace}/pods/{name}/status", {"get", "put", "patch"}),
        ("v1", "/api/v1/namespaces/{namespace}/pods/{name}/log", {"get"}),
        ("v1", "/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", {"post"}),
        ("v1", "/api/v1/namespaces/{name}/finalize", {"put"}),
        ("v1", "/api/v1/nodes/{name}", {"get", "put", "patch", "delete"}),
        (
            "plant.example.com/v1",
            "/apis/plant.example.com/v1/namespaces/{namespace}/pumps/{name}/scale",
            {"get", "put"},
        ),
        ("metrics.k8s.io/v1beta1", "/apis/metrics.k8s.io/v1beta1/nodes", {"get"}),
        ("authorization.k8s.io/v1", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"post"}),
    ],
)
def test_paths_have_their_verbs(documents: dict[str, Any], version: str, path: str, methods: set[str]) -> None:
    found = {name for name in documents[version]["paths"][path] if name in METHODS}
    assert methods <= found
    if version.startswith(("metrics", "authorization")):
        assert found == methods


def test_measured_kinds_and_reviews_have_no_more_paths(documents: dict[str, Any]) -> None:
    assert not any(path.endswith("/{name}") for path in documents["authorization.k8s.io/v1"]["paths"])
    metrics = documents["metrics.k8s.io/v1beta1"]
    assert {method for _, method, _ in operations(metrics)} == {"get"}


def test_components_are_called_as_on_a_cluster(documents: dict[str, Any]) -> None:
    names = {name for found in documents.values() for name in found["components"]["schemas"]}
    assert {
        "io.k8s.api.core.v1.Pod",
        "io.k8s.api.core.v1.PodSpec",
        "io.k8s.api.core.v1.PodTemplateSpec",
        "io.k8s.api.core.v1.Container",
        "io.k8s.api.batch.v1.CronJob",
        "io.k8s.api.batch.v1.JobTemplateSpec",
        "io.k8s.api.rbac.v1.ClusterRole",
        "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
        "io.k8s.api.authentication.v1.SelfSubjectReview",
        "io.k8s.apimachinery.pkg.api.resource.Quantity",
        "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector",
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
        "io.argoproj.workflow.v1alpha1.Workflow",
        "com.example.plant.v1.Pump",
    } <= names
    assert not any(name.startswith("dev.setpoint") or name.endswith("_") for name in names)


def structure(key: str, *path: str) -> Structure:
    definition = next(item for item in ALL if item.key == key)
    found = Structure.of(*structure_schema(definition))
    for name in path:
        found = found.items() if name == "[]" else found.field(name)
    return found


@pytest.mark.parametrize(
    ("key", "path", "keys"),
    [
        ("Pod", ("spec", "containers"), ("name",)),
        ("Pod", ("spec", "containers", "[]", "ports"), ("containerPort", "protocol")),
        ("Pod", ("spec", "containers", "[]", "env"), ("name",)),
        ("Pod", ("spec", "containers", "[]", "volumeMounts"), ("mountPath",)),
        ("Job.batch", ("spec", "template", "spec", "volumes"), ("name",)),
        ("Service", ("spec", "ports"), ("port", "protocol")),
        ("Workflow.argoproj.io", ("spec", "templates", "[]", "container", "env"), ("name",)),
        ("Workflow.argoproj.io", ("spec", "templates"), ()),
        ("Pod", ("spec", "tolerations"), ()),
        ("TrainJob.trainer.kubeflow.org", ("spec", "runtimePatches"), ("manager",)),
    ],
)
def test_lists_are_merged_by_their_keys(key: str, path: tuple[str, ...], keys: tuple[str, ...]) -> None:
    assert structure(key, *path).map_keys == keys


def test_the_protocol_of_a_port_is_tcp_where_it_is_not_said() -> None:
    assert structure("Pod", "spec", "containers", "[]", "ports").default_of("protocol") == "TCP"
    assert structure("Service", "spec", "ports").default_of("protocol") == "TCP"


def test_strategic_merge_keeps_volumes_apart() -> None:
    volumes = structure("Pod", "spec", "volumes")
    assert (volumes.patch_key, sorted(volumes.patch_strategies)) == ("name", ["merge", "retainKeys"])


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("Pod", ("spec", "nodeSelector")),
        ("Service", ("spec", "selector")),
        ("Job.batch", ("spec", "selector")),
        ("Pod", ("spec", "containers", "[]", "env", "[]", "valueFrom", "secretKeyRef")),
        ("RoleBinding.rbac.authorization.k8s.io", ("roleRef",)),
    ],
)
def test_selectors_and_references_are_replaced_as_a_whole(key: str, path: tuple[str, ...]) -> None:
    assert structure(key, *path).atomic


def test_what_a_job_keeps_as_plain_json_is_described_in_full() -> None:
    _, components = structure_schema(next(item for item in ALL if item.key == "Job.batch"))
    assert "httpGet" in components["io.k8s.api.core.v1.Probe"]["properties"]
    assert "x-kubernetes-preserve-unknown-fields" not in components["io.k8s.api.core.v1.PodSpec"]


def test_the_older_document_has_all_groups_and_knows_no_alternatives() -> None:
    older = swagger(ALL)
    assert older["swagger"] == "2.0"
    assert set(references(older)) <= {f"#/definitions/{name}" for name in older["definitions"]}
    assert not {"oneOf", "anyOf"} & set(keywords(older["definitions"]))
    assert {path.split("/")[2] for path in older["paths"] if path.startswith("/apis/")} >= {"batch", "argoproj.io"}
    pods = older["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" in pods["consumes"]
    assert any(one["in"] == "body" for one in pods["parameters"])
    assert older["definitions"]["io.k8s.apimachinery.pkg.api.resource.Quantity"] == {"type": "string"}


def test_the_older_document_of_nothing_is_empty() -> None:
    assert swagger(Catalog(()))["paths"] == {}


def keywords(schemas: Any) -> Iterator[str]:
    """Words of schemas, and none of the names of their fields."""
    for schema in schemas.values():
        yield from schema
        yield from keywords(schema.get("properties", {}))
        for name in ("items", "additionalProperties"):
            if isinstance(schema.get(name), dict):
                yield from keywords({"": schema[name]})


def test_explain_says_a_thing_once(documents: dict[str, Any]) -> None:
    schemas = documents["v1"]["components"]["schemas"]
    pod = schemas["io.k8s.api.core.v1.Pod"]
    assert pod["description"]
    assert all(field["description"] for field in pod["properties"].values())
    spec = schemas["io.k8s.api.core.v1.PodSpec"]
    assert "description" not in spec
    assert spec["properties"]["containers"]["description"] == "A process of a pod, from an image."
