"""The reviews of access, by which anybody asks what he, or another, may do: a document in, the same with status out.

Source: Kubernetes API reference, authorization.k8s.io/v1 and authentication.k8s.io/v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.apis.errors import InvalidSpec
from setpoint.apis.meta import to_wire
from setpoint.core.access.request_info import RequestInfo
from setpoint.core.access.rules import Policy
from setpoint.core.access.users import User

AUTHORIZATION, AUTHENTICATION = "authorization.k8s.io/v1", "authentication.k8s.io/v1"
REVIEWS = {
    "selfsubjectaccessreviews": (AUTHORIZATION, "SelfSubjectAccessReview"),
    "subjectaccessreviews": (AUTHORIZATION, "SubjectAccessReview"),
    "localsubjectaccessreviews": (AUTHORIZATION, "LocalSubjectAccessReview"),
    "selfsubjectrulesreviews": (AUTHORIZATION, "SelfSubjectRulesReview"),
    "selfsubjectreviews": (AUTHENTICATION, "SelfSubjectReview"),
}
"""Plural to apiVersion and kind; each is created and never stored."""


def review(document: Mapping[str, Any], user: User, policy: Policy, *, namespace: str = "") -> dict[str, Any]:
    """Answer a review.

    Args:
        document: As it was sent: `kind` says which review it is.
        user: Who asks.
        policy: The rules in force.
        namespace: Of the path, for a LocalSubjectAccessReview.

    Raises:
        InvalidSpec: It is no review, or its spec says nothing that could be answered.
    """
    spec = document.get("spec") or {}
    if not isinstance(spec, Mapping):
        raise InvalidSpec("must be an object", path="spec")
    match document.get("kind"):
        case "SelfSubjectAccessReview":
            status = _access(policy, user, spec)
        case "SubjectAccessReview":
            status = _access(policy, _subject(spec), spec)
        case "LocalSubjectAccessReview":
            attributes = spec.get("resourceAttributes") or {}
            if namespace and attributes.get("namespace") != namespace:
                raise InvalidSpec(f"must be {namespace!r}", path="spec.resourceAttributes.namespace")
            status = _access(policy, _subject(spec), spec)
        case "SelfSubjectRulesReview":
            status = _rules(policy, user, str(spec.get("namespace") or ""))
        case "SelfSubjectReview":
            status = {"userInfo": user.to_wire()}
        case kind:
            allowed = tuple(name for _, name in REVIEWS.values())
            raise InvalidSpec(f"{kind!r} is no review", path="kind", allowed=allowed)
    return {"metadata": {}} | {key: value for key, value in document.items() if key != "status"} | {"status": status}


def _access(policy: Policy, user: User, spec: Mapping[str, Any]) -> dict[str, Any]:
    decision = policy.authorize(user, _info(spec))
    return {"allowed": decision.allowed} | ({"reason": decision.reason} if decision.reason else {})


def _info(spec: Mapping[str, Any]) -> RequestInfo:
    about, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (about is None) == (path is None):
        raise InvalidSpec("exactly one of resourceAttributes and nonResourceAttributes is needed", path="spec")
    if path is not None:
        return RequestInfo(verb=_text(path, "verb"), path=_text(path, "path"), is_resource=False)
    return RequestInfo(
        verb=_text(about, "verb"),
        group=_text(about, "group"),
        version=_text(about, "version"),
        resource=_text(about, "resource"),
        subresource=_text(about, "subresource"),
        namespace=_text(about, "namespace"),
        name=_text(about, "name"),
    )


def _text(attributes: Any, key: str) -> str:
    value = attributes.get(key, "") if isinstance(attributes, Mapping) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidSpec("must be text", path=f"spec.{key}")
    return value


def _subject(spec: Mapping[str, Any]) -> User:
    name, groups = spec.get("user") or "", spec.get("groups") or ()
    if not name and not groups:
        raise InvalidSpec("at least one of user and groups is needed", path="spec")
    return User(name=str(name), uid=str(spec.get("uid") or ""), groups=tuple(str(group) for group in groups))


def _rules(policy: Policy, user: User, namespace: str) -> dict[str, Any]:
    if not namespace:
        raise InvalidSpec("no namespace on request", path="spec.namespace")
    resource, other = [], []
    for rule in policy.rules_for(user, namespace):
        wire = {"apiGroups": [], "resources": []} | to_wire(rule)
        if rule.non_resource_urls:
            other.append({"verbs": wire["verbs"], "nonResourceURLs": list(rule.non_resource_urls)})
        else:
            resource.append(wire)
    return {"resourceRules": resource, "nonResourceRules": other, "incomplete": False}
