"""Nobody gives what he has not: checks for whoever writes roles and bindings.

A role may hold only rules that its writer has, unless he may `escalate` it; a binding may refer only to a role all of
whose rules its writer has, unless he may `bind` it. Source: Kubernetes documentation, "Using RBAC Authorization",
privilege escalation prevention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from setpoint.apis.core import PolicyRule, Role, RoleBinding
from setpoint.apis.errors import Forbidden
from setpoint.apis.rbac import GROUP, ClusterRole, ClusterRoleBinding
from setpoint.core.access.request_info import RequestInfo
from setpoint.core.access.rules import ALL, Policy, path_matches
from setpoint.core.access.users import User

_KINDS = {"Role": "roles", "ClusterRole": "clusterroles"}


def uncovered(have: Iterable[PolicyRule], wanted: Iterable[PolicyRule]) -> tuple[PolicyRule, ...]:
    """What is wanted and not had, in rules of one verb and one resource each."""
    owned = tuple(have)
    return tuple(one for rule in wanted for one in _single(rule) if not any(_covers(own, one) for own in owned))


def check_role(policy: Policy, user: User, role: Role | ClusterRole) -> None:
    """Whether the user may write the role as it is here.

    Raises: Forbidden: It holds a rule that the user has not; the message names those.
    """
    namespace = role.metadata.namespace if isinstance(role, Role) else ""
    rules = role.rules
    if isinstance(role, ClusterRole) and role.aggregation_rule is not None:
        rules = (*rules, PolicyRule(verbs=(ALL,), api_groups=(ALL,), resources=(ALL,)))  # whatever others put in
    missing = uncovered(policy.rules_for(user, namespace), rules)
    if missing and not _may(policy, user, "escalate", role.KIND, namespace, role.metadata.name):
        raise Forbidden(_refusal(role.PLURAL, role.metadata.name, user, missing))


def check_binding(policy: Policy, user: User, binding: RoleBinding | ClusterRoleBinding) -> None:
    """Whether the user may write the binding as it is here.

    Raises: Forbidden: It gives a rule that the user has not.
    """
    namespace = binding.metadata.namespace if isinstance(binding, RoleBinding) else None
    ref = binding.role_ref
    missing = uncovered(policy.rules_for(user, namespace or ""), policy.rules_of(ref, namespace))
    if missing and not _may(policy, user, "bind", ref.kind, namespace or "", ref.name):
        raise Forbidden(_refusal(binding.PLURAL, binding.metadata.name, user, missing))


def _may(policy: Policy, user: User, verb: str, kind: str, namespace: str, name: str) -> bool:
    info = RequestInfo(verb=verb, group=GROUP, resource=_KINDS.get(kind, ""), namespace=namespace, name=name)
    return policy.authorize(user, replace(info, version="v1")).allowed


def _refusal(plural: str, name: str, user: User, missing: tuple[PolicyRule, ...]) -> str:
    groups = list(user.groups)
    rules = "\n".join(_shown(rule) for rule in missing)
    return (
        f'{plural}.{GROUP} "{name}" is forbidden: user "{user.name}" (groups={groups}) '
        f"is attempting to grant RBAC permissions not currently held:\n{rules}"
    )


def _shown(rule: PolicyRule) -> str:
    parts = {
        "APIGroups": rule.api_groups,
        "Resources": rule.resources,
        "ResourceNames": rule.resource_names,
        "NonResourceURLs": rule.non_resource_urls,
        "Verbs": rule.verbs,
    }
    return "{" + ", ".join(f"{key}:{list(values)}" for key, values in parts.items() if values) + "}"


def _single(rule: PolicyRule) -> Iterator[PolicyRule]:
    """The rule in pieces, each of which one rule of another must cover as a whole."""
    for verb in rule.verbs:
        for group, resource in product(rule.api_groups, rule.resources):
            for name in rule.resource_names or ("",):
                yield PolicyRule(
                    verbs=(verb,),
                    api_groups=(group,),
                    resources=(resource,),
                    resource_names=(name,) if rule.resource_names else (),
                )
        for url in rule.non_resource_urls:
            yield PolicyRule(verbs=(verb,), non_resource_urls=(url,))


def _covers(own: PolicyRule, one: PolicyRule) -> bool:
    if not (ALL in own.verbs or one.verbs[0] in own.verbs):
        return False
    if one.non_resource_urls:
        return any(path_matches(pattern, one.non_resource_urls[0]) for pattern in own.non_resource_urls)
    group, resource = one.api_groups[0], one.resources[0]
    named = not own.resource_names or (bool(one.resource_names) and one.resource_names[0] in own.resource_names)
    _, slash, subresource = resource.partition("/")
    by_subresource = bool(slash) and f"{ALL}/{subresource}" in own.resources
    return (
        named
        and (ALL in own.api_groups or group in own.api_groups)
        and (ALL in own.resources or resource in own.resources or by_subresource)
    )
