"""Method, path and query as the attributes that rules are asked about."""

from __future__ import annotations

import pytest

from setpoint.core.access import RequestInfo, read_request

ROWS = [
    # method, path, query, verb, group, resource, subresource, namespace, name
    ("GET", "/api/v1/pods", {}, "list", "", "pods", "", "", ""),
    ("GET", "/api/v1/namespaces/a/pods", {}, "list", "", "pods", "", "a", ""),
    ("GET", "/api/v1/namespaces/a/pods", {"watch": "true"}, "watch", "", "pods", "", "a", ""),
    ("GET", "/api/v1/namespaces/a/pods", {"watch": "1"}, "watch", "", "pods", "", "a", ""),
    ("GET", "/api/v1/namespaces/a/pods", {"watch": "false"}, "list", "", "pods", "", "a", ""),
    ("GET", "/api/v1/watch/namespaces/a/pods", {}, "watch", "", "pods", "", "a", ""),
    ("GET", "/api/v1/namespaces/a/pods", {"fieldSelector": "metadata.name=p"}, "list", "", "pods", "", "a", "p"),
    ("GET", "/api/v1/namespaces/a/pods", {"fieldSelector": "metadata.name!=p"}, "list", "", "pods", "", "a", ""),
    ("GET", "/api/v1/namespaces/a/pods", {"fieldSelector": "x=y,metadata.name==p"}, "list", "", "pods", "", "a", "p"),
    ("HEAD", "/api/v1/namespaces/a/pods/p", {}, "get", "", "pods", "", "a", "p"),
    ("GET", "/api/v1/namespaces/a/pods/p", {"watch": "true"}, "get", "", "pods", "", "a", "p"),
    ("GET", "/api/v1/namespaces/a/pods/p/log", {}, "get", "", "pods", "log", "a", "p"),
    ("POST", "/api/v1/namespaces/a/pods", {}, "create", "", "pods", "", "a", ""),
    ("POST", "/api/v1/namespaces/a/serviceaccounts/s/token", {}, "create", "", "serviceaccounts", "token", "a", "s"),
    ("PUT", "/api/v1/namespaces/a/pods/p", {}, "update", "", "pods", "", "a", "p"),
    ("PATCH", "/api/v1/namespaces/a/pods/p/status", {}, "patch", "", "pods", "status", "a", "p"),
    ("DELETE", "/api/v1/namespaces/a/pods/p", {}, "delete", "", "pods", "", "a", "p"),
    ("DELETE", "/api/v1/namespaces/a/pods", {}, "deletecollection", "", "pods", "", "a", ""),
    ("GET", "/api/v1/namespaces", {}, "list", "", "namespaces", "", "", ""),
    ("GET", "/api/v1/namespaces/a", {}, "get", "", "namespaces", "", "a", "a"),
    ("PUT", "/api/v1/namespaces/a/finalize", {}, "update", "", "namespaces", "finalize", "a", "a"),
    ("PATCH", "/api/v1/namespaces/a/status", {}, "patch", "", "namespaces", "status", "a", "a"),
    ("GET", "/apis/argoproj.io/v1alpha1/workflows", {}, "list", "argoproj.io", "workflows", "", "", ""),
    ("GET", "/apis/argoproj.io/v1alpha1/namespaces/a/workflows/w", {}, "get", "argoproj.io", "workflows", "", "a", "w"),
    ("PUT", "/apis/apps/v1/namespaces/a/deployments/d/scale", {}, "update", "apps", "deployments", "scale", "a", "d"),
    ("DELETE", "/apis/g/v1/things", {}, "deletecollection", "g", "things", "", "", ""),
]


@pytest.mark.parametrize("row", ROWS)
def test_a_path_of_a_resource_has_its_attributes(
    row: tuple[str, str, dict[str, str], str, str, str, str, str, str],
) -> None:
    method, path, query, *wanted = row
    found = read_request(method, path, query)
    assert found.is_resource
    assert [found.verb, found.group, found.resource, found.subresource, found.namespace, found.name] == wanted


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/api", "/api/v1", "/apis", "/apis/batch", "/apis/batch/v1", "/openapi/v3", "/metrics",
     "/api/v1//namespaces/a/secrets", "/api/v1/watch"],
)  # fmt: skip
def test_other_paths_are_about_no_resource(path: str) -> None:
    found = read_request("GET", path, {})
    assert (found.is_resource, found.verb, found.path) == (False, "get", path)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (
            RequestInfo(verb="list", resource="pods", namespace="default"),
            'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"',
        ),
        (
            RequestInfo(verb="get", resource="pods", subresource="log", namespace="a", name="p"),
            'pods "p" is forbidden: User "x" cannot get resource "pods/log" in API group "" in the namespace "a"',
        ),
        (
            RequestInfo(verb="create", group="argoproj.io", resource="clusterworkflowtemplates"),
            'clusterworkflowtemplates.argoproj.io is forbidden: User "x" cannot create resource '
            '"clusterworkflowtemplates" in API group "argoproj.io" at the cluster scope',
        ),
        (RequestInfo(verb="get", path="/metrics", is_resource=False), 'forbidden: User "x" cannot get path "/metrics"'),
    ],
)
def test_a_refusal_is_told_in_the_words_of_kubernetes(info: RequestInfo, message: str) -> None:
    assert info.forbidden("x") == message
