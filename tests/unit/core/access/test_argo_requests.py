"""Paths of the Argo Server as accesses to resources."""

from __future__ import annotations

import pytest

from setpoint.core.access import is_long_running, read_argo_request

ROWS = [
    ("GET", "/api/v1/workflows/a", "", ["list workflows a "]),
    ("GET", "/api/v1/workflows/", "", ["list workflows  "]),
    ("GET", "/api/v1/workflows/a/w", "", ["get workflows a w"]),
    ("POST", "/api/v1/workflows/a", "", ["create workflows a "]),
    ("POST", "/api/v1/workflows/a/submit", "", ["create workflows a ", "get workflowtemplates a "]),
    ("POST", "/api/v1/workflows/a/lint", "", ["create workflows a "]),
    ("DELETE", "/api/v1/workflows/a/w", "", ["delete workflows a w"]),
    ("PUT", "/api/v1/workflows/a/w/stop", "", ["patch workflows a w"]),
    ("PUT", "/api/v1/workflows/a/w/resubmit", "", ["get workflows a w", "create workflows a "]),
    ("GET", "/api/v1/workflows/a/w/log", "", ["get workflows a w", "get pods/log a "]),
    ("GET", "/api/v1/workflows/a/w/p/log", "", ["get workflows a w", "get pods/log a "]),
    ("GET", "/api/v1/workflows/a/w/outputs/artifacts/o", "", ["get workflows a w"]),
    ("GET", "/api/v1/workflow-events/a", "", ["watch workflows a "]),
    ("GET", "/api/v1/stream/events/a", "", ["watch events a "]),
    ("POST", "/api/v1/workflow-templates/a", "", ["create workflowtemplates a "]),
    ("PUT", "/api/v1/workflow-templates/a/t", "", ["update workflowtemplates a t"]),
    ("GET", "/api/v1/cluster-workflow-templates", "", ["list clusterworkflowtemplates  "]),
    ("DELETE", "/api/v1/cluster-workflow-templates/t", "", ["delete clusterworkflowtemplates  t"]),
    ("PUT", "/api/v1/cron-workflows/a/c/suspend", "", ["patch cronworkflows a c"]),
    ("POST", "/api/v1/events/a/d", "", [
        "list workfloweventbindings a ", "get workflowtemplates a ", "create workflows a "]),
    ("GET", "/api/v1/archived-workflows", "", ["list workflows  "]),
    ("GET", "/api/v1/archived-workflows", "a", ["list workflows a "]),
    ("DELETE", "/api/v1/archived-workflows/u", "a", ["delete workflows a "]),
    ("PUT", "/api/v1/archived-workflows/u/retry", "a", ["get workflows  ", "create workflows  "]),
    ("GET", "/artifacts/a/w/n/o", "", ["get workflows a w"]),
    ("GET", "/artifacts-by-uid/u/n/o", "", ["get workflows  "]),
    ("GET", "/artifact-files/a/workflows/w/n/outputs/o", "", ["get workflows a w"]),
    ("GET", "/artifact-files/a/archived-workflows/u/n/outputs/o", "", ["get workflows a "]),
    ("POST", "/upload-artifacts/a/t/i", "", ["create workflows a ", "get workflowtemplates a "]),
    ("GET", "/api/v1/sync/a/k", "", ["get configmaps a "]),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "namespace", "wanted"), ROWS)
def test_an_action_needs_these_rights(method: str, path: str, namespace: str, wanted: list[str]) -> None:
    found = read_argo_request(method, path, {"namespace": namespace} if namespace else {})
    assert [f"{item.verb} {item.full_resource} {item.namespace} {item.name}" for item in found] == wanted
    assert {item.group for item in found} <= {"", "argoproj.io"}


@pytest.mark.parametrize("path", ["/", "/api/v1/info", "/api/v1/workflows//a/w", "/api/v1/nothing/a"])
def test_what_is_about_no_object_is_a_path(path: str) -> None:
    (found,) = read_argo_request("GET", path, {})
    assert (found.is_resource, found.path) == (False, path)


def test_two_namespaces_in_one_query_are_none() -> None:
    query = {"namespace": "mine", "listOptions.fieldSelector": "metadata.namespace=other"}
    (found,) = read_argo_request("GET", "/api/v1/archived-workflows", query)
    assert found.namespace == ""


@pytest.mark.parametrize(
    ("path", "streams"),
    [
        ("/api/v1/workflow-events/a", True),
        ("/api/v1/stream/events/a", True),
        ("/api/v1/workflows/a/w/log", True),
        ("/artifacts/a/w/n/o", True),
        ("/api/v1/workflows/a", False),
        ("/api/v1/workflows/a/w", False),
        ("/", False),
    ],
)
def test_streams_and_artifacts_take_as_long_as_they_take(path: str, streams: bool) -> None:
    assert is_long_running(path, {}) is streams
