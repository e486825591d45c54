"""Reviews: what may I do, what may he do, who am I."""

from __future__ import annotations

import json
from typing import Any

import pytest

from setpoint.apis.core import RoleBinding, RoleRef, Subject
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import ObjectMeta
from setpoint.core.access import LOCAL_ADMIN, Policy, User, default_cluster_roles, review

ANNA = User(name="anna", uid="1", groups=("team",), extra={"k": ("v",)})
POLICY = Policy(
    cluster_roles=default_cluster_roles(),
    bindings=[
        RoleBinding(
            metadata=ObjectMeta(name="b", namespace="a"),
            role_ref=RoleRef(kind="ClusterRole", name="view"),
            subjects=(Subject(kind="Group", name="team"),),
        )
    ],
)


def asked(kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}


@pytest.mark.parametrize(("namespace", "allowed"), [("a", True), ("b", False)])
def test_one_asks_what_he_may(namespace: str, allowed: bool) -> None:
    attributes = {"verb": "list", "resource": "pods", "namespace": namespace}
    answer = review(asked("SelfSubjectAccessReview", resourceAttributes=attributes), ANNA, POLICY)
    assert answer["status"]["allowed"] is allowed
    assert answer["spec"]["resourceAttributes"] == attributes


def test_one_asks_what_another_may() -> None:
    attributes = {"verb": "list", "resource": "pods", "namespace": "a"}
    document = asked("SubjectAccessReview", user="bert", groups=["team"], resourceAttributes=attributes)
    assert review(document, LOCAL_ADMIN, POLICY)["status"]["allowed"]
    document = asked("SubjectAccessReview", user="bert", resourceAttributes=attributes)
    assert not review(document, LOCAL_ADMIN, POLICY)["status"]["allowed"]
    document = asked("LocalSubjectAccessReview", user="bert", resourceAttributes=attributes)
    with pytest.raises(InvalidSpec, match="must be 'b'"):
        review(document, LOCAL_ADMIN, POLICY, namespace="b")


def test_paths_can_be_asked_about() -> None:
    document = asked("SelfSubjectAccessReview", nonResourceAttributes={"verb": "get", "path": "/metrics"})
    assert review(document, LOCAL_ADMIN, POLICY)["status"]["allowed"]
    assert not review(document, ANNA, POLICY)["status"]["allowed"]


def test_all_rules_of_a_namespace_are_listed() -> None:
    answer = review(asked("SelfSubjectRulesReview", namespace="a"), ANNA, POLICY)
    status = json.loads(json.dumps(answer))["status"]  # as it comes over the wire
    assert {"verbs": ["get", "list", "watch"], "apiGroups": ["batch"], "resources": ["cronjobs", "jobs"]} in status[
        "resourceRules"
    ]
    assert status["incomplete"] is False
    nothing = review(asked("SelfSubjectRulesReview", namespace="b"), ANNA, POLICY)["status"]
    assert nothing["resourceRules"] == []


def test_who_am_i() -> None:
    answer = review({"kind": "SelfSubjectReview"}, ANNA, POLICY)
    assert answer["status"]["userInfo"] == {"username": "anna", "uid": "1", "groups": ["team"], "extra": {"k": ["v"]}}


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Pod"},
        asked("SelfSubjectAccessReview"),
        asked("SelfSubjectAccessReview", resourceAttributes={}, nonResourceAttributes={}),
        asked("SelfSubjectAccessReview", resourceAttributes={"verb": 1}),
        asked("SubjectAccessReview", resourceAttributes={}),
        asked("SelfSubjectRulesReview"),
        {"kind": "SelfSubjectAccessReview", "spec": []},
        {"kind": "SelfSubjectAccessReview", "spec": "x"},
    ],
)
def test_what_cannot_be_answered_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec):
        review(document, ANNA, POLICY)
