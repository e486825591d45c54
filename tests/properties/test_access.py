"""Laws of access that hold for any rules and any request."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from setpoint.apis.core import PolicyRule, Role, RoleBinding, RoleRef, Subject
from setpoint.apis.meta import ObjectMeta
from setpoint.core.access import (
    Bucket,
    Policy,
    RequestInfo,
    TokenClaims,
    User,
    read_argo_request,
    read_request,
    rule_allows,
    sign,
    uncovered,
    verify,
)

VERBS = st.sampled_from(["get", "list", "watch", "create", "patch", "delete"])
GROUPS = st.sampled_from(["", "apps", "argoproj.io"])
RESOURCES = st.sampled_from(["pods", "secrets", "workflows"])
SUBRESOURCES = st.sampled_from(["", "log", "status"])
NAMES = st.sampled_from(["", "p", "q"])
PATHS = st.sampled_from(["/metrics", "/healthz", "/apis/batch"])
NAMESPACES = st.sampled_from(["a", "b"])


def some(items: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(items, max_size=3).map(tuple)


@st.composite
def requests(draw: st.DrawFn) -> RequestInfo:
    if draw(st.booleans()):
        return RequestInfo(verb=draw(VERBS), path=draw(PATHS), is_resource=False)
    return RequestInfo(
        verb=draw(VERBS),
        group=draw(GROUPS),
        resource=draw(RESOURCES),
        subresource=draw(SUBRESOURCES),
        namespace=draw(NAMESPACES),
        name=draw(NAMES),
    )


WRITTEN = st.one_of(RESOURCES, st.sampled_from(["*", "pods/log", "*/log", "secrets/status"]))
RULES = st.builds(
    PolicyRule,
    verbs=some(VERBS | st.just("*")),
    api_groups=some(GROUPS | st.just("*")),
    resources=some(WRITTEN),
    resource_names=some(st.sampled_from(["p", "q"])),
    non_resource_urls=some(PATHS | st.sampled_from(["*", "/apis/*"])),
)
ANNA = User(name="anna", groups=("team",))


def policy(rules: tuple[PolicyRule, ...], namespace: str, subject: Subject) -> Policy:
    meta = ObjectMeta(name="r", namespace=namespace)
    binding = RoleBinding(metadata=meta, role_ref=RoleRef(kind="Role", name="r"), subjects=(subject,))
    return Policy(roles=[Role(metadata=meta, rules=rules)], bindings=[binding])


@given(st.lists(RULES, max_size=4).map(tuple), requests(), NAMESPACES)
def test_nothing_is_allowed_that_no_rule_names(
    rules: tuple[PolicyRule, ...], asked: RequestInfo, namespace: str
) -> None:
    decision = policy(rules, namespace, Subject(kind="User", name="anna")).authorize(ANNA, asked)
    named = any(rule_allows(rule, asked) for rule in rules)
    assert decision.allowed == (named and asked.is_resource and asked.namespace == namespace)


@given(st.lists(RULES, max_size=4).map(tuple), requests())
def test_nobody_has_what_another_was_given(rules: tuple[PolicyRule, ...], asked: RequestInfo) -> None:
    assert not policy(rules, "a", Subject(kind="User", name="bert")).authorize(ANNA, asked).allowed


@given(RULES, requests())
def test_wildcards_only_add(rule: PolicyRule, asked: RequestInfo) -> None:
    if rule_allows(rule, asked):
        for wider in (
            rule.replace(verbs=("*",)),
            rule.replace(api_groups=("*",), resources=("*",), non_resource_urls=("*",)),
            rule.replace(resource_names=()),
        ):
            assert rule_allows(wider, asked)


@given(RULES, requests())
def test_a_rule_about_paths_says_nothing_of_resources_and_the_other_way(rule: PolicyRule, asked: RequestInfo) -> None:
    if asked.is_resource:
        assert not rule_allows(rule.replace(resources=()), asked)
    else:
        assert not rule_allows(rule.replace(non_resource_urls=()), asked)


@given(st.lists(RULES, max_size=3), RULES, requests())
def test_what_is_covered_gives_nothing_new(have: list[PolicyRule], wanted: PolicyRule, asked: RequestInfo) -> None:
    if not uncovered(have, [wanted]) and rule_allows(wanted, asked):
        assert any(rule_allows(rule, asked) for rule in have)


@given(st.lists(RULES, max_size=3))
def test_everybody_covers_himself(rules: list[PolicyRule]) -> None:
    assert uncovered(rules, rules) == ()


PARTS = st.lists(
    st.sampled_from(
        ["api", "apis", "v1", "namespaces", "a", "pods", "log", "watch", "proxy", "workflows", "", "..", "*"]
    ),
    max_size=9,
)


@given(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "BREW"]), PARTS)
def test_every_path_can_be_read(method: str, parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    asked = read_request(method, path, {})
    if asked.is_resource:
        assert asked.resource
    assert asked.verb or method == "BREW"
    assert read_argo_request(method, path, {})


@given(st.floats(0.5, 50), st.floats(1, 100), st.lists(st.floats(0, 2), max_size=200))
def test_a_bucket_lets_no_more_through_than_rate_and_burst(rate: float, burst: float, pauses: list[float]) -> None:
    bucket, now, passed = Bucket(rate=rate, burst=burst, level=burst, at=0.0), 0.0, 0
    for pause in pauses:
        now += pause
        passed += bucket.take(now) == 0.0
    assert passed <= burst + rate * now + 1e-6


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 2**31), st.integers(1, 10_000), st.binary(min_size=1))
def test_a_token_is_read_as_it_was_written(name: str, uid: str, at: int, seconds: int, key: bytes) -> None:
    claims = TokenClaims(namespace="n", account=name, account_uid=uid, issued_at=at, expires_at=at + seconds)
    token = sign(claims, key)
    assert verify(token, key, at) == claims
    assert verify(token, key, at + seconds) is None
    assert verify(token, key + b"x", at) is None
    assert sign(replace(claims, account=name + "x"), key) != token
