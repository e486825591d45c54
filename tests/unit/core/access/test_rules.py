"""Which rule allows what; who is a subject; what cluster roles are made of; what nobody may give away."""

from __future__ import annotations

import pytest

from setpoint.apis.core import PolicyRule, Role, RoleBinding, RoleRef, Subject
from setpoint.apis.errors import Forbidden
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.rbac import GROUP, AggregationRule, ClusterRole, ClusterRoleBinding
from setpoint.core.access import (
    LOCAL_ADMIN,
    Policy,
    RequestInfo,
    User,
    check_binding,
    check_role,
    default_cluster_bindings,
    default_cluster_roles,
    read_request,
    rule_allows,
    service_account_user,
    uncovered,
)

ANNA = User(name="anna", groups=("team", "system:authenticated"))


def rule(verbs: str, resources: str, group: str = "", names: str = "") -> PolicyRule:
    return PolicyRule(
        verbs=tuple(verbs.split()),
        resources=tuple(resources.split()),
        api_groups=(group,),
        resource_names=tuple(names.split()),
    )


def ask(verb: str, resource: str, namespace: str = "a", name: str = "", group: str = "") -> RequestInfo:
    resource, _, subresource = resource.partition("/")
    return RequestInfo(
        verb=verb, resource=resource, subresource=subresource, namespace=namespace, name=name, group=group
    )


@pytest.mark.parametrize(
    ("given", "asked", "allowed"),
    [
        (rule("get list", "pods"), ask("get", "pods"), True),
        (rule("get list", "pods"), ask("watch", "pods"), False),
        (rule("*", "pods"), ask("deletecollection", "pods"), True),
        (rule("get", "*"), ask("get", "secrets"), True),
        (rule("get", "*"), ask("get", "pods/log"), True),
        (rule("get", "pods"), ask("get", "pods/log"), False),
        (rule("get", "pods/log"), ask("get", "pods/log"), True),
        (rule("get", "pods/log"), ask("get", "pods"), False),
        (rule("get", "*/log"), ask("get", "pods/log"), True),
        (rule("get", "*/log"), ask("get", "pods/exec"), False),
        (rule("get", "pods", group="apps"), ask("get", "pods"), False),
        (rule("get", "pods", group="*"), ask("get", "pods", group="apps"), True),
        (rule("get", "pods", names="p q"), ask("get", "pods", name="p"), True),
        (rule("get", "pods", names="p q"), ask("get", "pods", name="r"), False),
        (rule("list", "pods", names="p"), ask("list", "pods"), False),
        (rule("get", "pods"), read_request("GET", "/healthz", {}), False),
        (PolicyRule(verbs=("get",), non_resource_urls=("/apis/*",)), read_request("GET", "/apis/batch", {}), True),
        (PolicyRule(verbs=("get",), non_resource_urls=("/apis/*",)), read_request("GET", "/api", {}), False),
        (PolicyRule(verbs=("get",), non_resource_urls=("*",)), read_request("GET", "/metrics", {}), True),
        (PolicyRule(verbs=("get",), non_resource_urls=("*",)), ask("get", "pods"), False),
    ],
)
def test_a_rule_allows_what_it_names_and_nothing_else(given: PolicyRule, asked: RequestInfo, allowed: bool) -> None:
    assert rule_allows(given, asked) is allowed


def bound(subject: Subject, role: str = "view", kind: str = "ClusterRole", namespace: str = "a") -> RoleBinding:
    meta = ObjectMeta(name="b", namespace=namespace)
    return RoleBinding(metadata=meta, role_ref=RoleRef(kind=kind, name=role), subjects=(subject,))


def policy(*bindings: RoleBinding, roles: tuple[Role, ...] = (), extra: tuple[ClusterRole, ...] = ()) -> Policy:
    return Policy(
        roles=roles,
        bindings=bindings,
        cluster_roles=(*default_cluster_roles(), *extra),
        cluster_bindings=default_cluster_bindings(),
    )


@pytest.mark.parametrize(
    ("subject", "user", "allowed"),
    [
        (Subject(kind="User", name="anna"), ANNA, True),
        (Subject(kind="User", name="bert"), ANNA, False),
        (Subject(kind="Group", name="team"), ANNA, True),
        (Subject(kind="Group", name="anna"), ANNA, False),
        (Subject(kind="ServiceAccount", name="s"), service_account_user("a", "s"), True),
        (Subject(kind="ServiceAccount", name="s", namespace="b"), service_account_user("b", "s"), True),
        (Subject(kind="ServiceAccount", name="s", namespace="b"), service_account_user("a", "s"), False),
        (Subject(kind="Group", name="system:serviceaccounts:b"), service_account_user("b", "s"), True),
        (Subject(kind="Group", name="system:serviceaccounts"), service_account_user("b", "s"), True),
        (Subject(kind="Group", name="system:authenticated"), ANNA, True),
        (Subject(kind="Robot", name="anna"), ANNA, False),
    ],
)
def test_a_binding_gives_to_its_subjects_in_its_namespace(subject: Subject, user: User, allowed: bool) -> None:
    rules = policy(bound(subject))
    assert rules.authorize(user, ask("list", "pods", "a")).allowed is allowed
    assert not rules.authorize(user, ask("list", "pods", "other")).allowed
    assert not rules.authorize(user, ask("list", "pods", "")).allowed


def test_the_reason_names_the_binding() -> None:
    decision = policy(bound(Subject(kind="User", name="anna"))).authorize(ANNA, ask("list", "pods"))
    assert decision.reason == 'RBAC: allowed by RoleBinding "b/a" of ClusterRole "view" to User "anna"'


@pytest.mark.parametrize(
    ("role", "verb", "resource", "group", "allowed"),
    [
        ("view", "get", "configmaps", "", True),
        ("view", "get", "secrets", "", False),
        ("view", "create", "workflows", "argoproj.io", False),
        ("view", "watch", "workflows", "argoproj.io", True),
        ("view", "get", "pods/log", "", True),
        ("view", "get", "roles", GROUP, False),
        ("edit", "get", "secrets", "", True),
        ("edit", "create", "workflows", "argoproj.io", True),
        ("edit", "patch", "inferenceservices", "serving.kserve.io", True),
        ("edit", "create", "rolebindings", GROUP, False),
        ("admin", "create", "rolebindings", GROUP, True),
        ("admin", "get", "secrets", "", True),
        ("admin", "list", "pods", "", True),
        ("admin", "create", "clusterroles", GROUP, False),
        ("cluster-admin", "escalate", "clusterroles", GROUP, True),
    ],
)
def test_the_built_in_roles(role: str, verb: str, resource: str, group: str, allowed: bool) -> None:
    rules = policy(bound(Subject(kind="User", name="anna"), role))
    assert rules.authorize(ANNA, ask(verb, resource, group=group)).allowed is allowed


def test_roles_of_others_are_taken_into_view_and_so_into_edit_and_admin() -> None:
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    more = ClusterRole(metadata=ObjectMeta(name="more", labels=labels), rules=(rule("get", "valves", "plant"),))
    for role in ("view", "edit", "admin"):
        rules = policy(bound(Subject(kind="User", name="anna"), role), extra=(more,))
        assert rules.authorize(ANNA, ask("get", "valves", group="plant")).allowed


def test_aggregation_in_a_circle_ends() -> None:
    every = AggregationRule(cluster_role_selectors=({},))
    roles = [ClusterRole(metadata=ObjectMeta(name=name), aggregation_rule=every) for name in "xyz"]
    own = ClusterRole(metadata=ObjectMeta(name="own"), rules=(rule("get", "pods"),))
    binding = ClusterRoleBinding(
        metadata=ObjectMeta(name="b"),
        role_ref=RoleRef(kind="ClusterRole", name="x"),
        subjects=(Subject(kind="User", name="anna"),),
    )
    rules = Policy(cluster_roles=[*roles, own], cluster_bindings=[binding])
    assert rules.authorize(ANNA, ask("get", "pods")).allowed
    assert not rules.authorize(ANNA, ask("list", "pods")).allowed


def test_everybody_whose_name_is_known_may_discover_and_ask_what_he_may() -> None:
    rules = policy()
    assert rules.authorize(ANNA, read_request("GET", "/apis/batch/v1", {})).allowed
    assert rules.authorize(ANNA, ask("create", "selfsubjectaccessreviews", "", group="authorization.k8s.io")).allowed
    assert not rules.authorize(ANNA, read_request("GET", "/metrics", {})).allowed
    assert not rules.authorize(User(name="nobody"), read_request("GET", "/apis", {})).allowed


def test_a_binding_to_a_role_that_is_gone_gives_nothing() -> None:
    rules = policy(bound(Subject(kind="User", name="anna"), "gone", "Role"))
    assert not rules.authorize(ANNA, ask("get", "pods")).allowed


def test_an_admin_of_a_namespace_gives_no_more_than_he_has() -> None:
    rules = policy(bound(Subject(kind="User", name="anna"), "admin"))
    meta = ObjectMeta(name="r", namespace="a")
    check_role(rules, ANNA, Role(metadata=meta, rules=(rule("get list", "secrets"),)))
    check_binding(rules, ANNA, bound(Subject(kind="User", name="bert"), "edit"))
    with pytest.raises(Forbidden, match="attempting to grant RBAC permissions not currently held"):
        check_role(rules, ANNA, Role(metadata=meta, rules=(rule("get", "nodes"),)))
    with pytest.raises(Forbidden, match="not currently held"):
        check_role(rules, ANNA, Role(metadata=ObjectMeta(name="r", namespace="b"), rules=(rule("get", "pods"),)))
    with pytest.raises(Forbidden, match="not currently held"):
        check_binding(rules, ANNA, bound(Subject(kind="User", name="anna"), "cluster-admin"))
    check_binding(rules, LOCAL_ADMIN, bound(Subject(kind="User", name="anna"), "cluster-admin"))


def test_escalate_and_bind_are_rights_of_their_own() -> None:
    meta = ObjectMeta(name="r", namespace="a")
    mine = Role(metadata=meta, rules=(rule("escalate", "roles", GROUP), rule("bind", "clusterroles", GROUP, "view")))
    rules = policy(bound(Subject(kind="User", name="anna"), "r", "Role"), roles=(mine,))
    check_role(rules, ANNA, Role(metadata=meta, rules=(rule("*", "*"),)))
    check_binding(rules, ANNA, bound(Subject(kind="User", name="bert"), "view"))
    with pytest.raises(Forbidden):
        check_binding(rules, ANNA, bound(Subject(kind="User", name="bert"), "edit"))


def test_an_aggregated_role_is_for_those_who_may_everything() -> None:
    rules = policy(bound(Subject(kind="User", name="anna"), "admin"))
    role = ClusterRole(metadata=ObjectMeta(name="x"), aggregation_rule=AggregationRule())
    with pytest.raises(Forbidden):
        check_role(rules, ANNA, role)


@pytest.mark.parametrize(
    ("have", "wanted", "missing"),
    [
        ([rule("get list", "pods secrets")], rule("get", "pods"), 0),
        ([rule("get", "pods"), rule("list", "pods")], rule("get list", "pods"), 0),
        ([rule("get", "pods")], rule("get list", "pods secrets"), 3),
        ([rule("*", "*")], rule("get", "pods/log"), 0),
        ([rule("get", "pods")], rule("*", "pods"), 1),
        ([rule("get", "pods", names="p")], rule("get", "pods"), 1),
        ([rule("get", "pods", names="p")], rule("get", "pods", names="p q"), 1),
        ([rule("get", "pods")], rule("get", "pods", names="p q"), 0),
    ],
)
def test_what_is_not_covered_is_told_in_pieces(have: list[PolicyRule], wanted: PolicyRule, missing: int) -> None:
    assert len(uncovered(have, [wanted])) == missing
