"""Who may do what: the rules that an object of RBAC holds, and the evaluation of all of them for one request.

Nothing is allowed that no rule names. Rules are searched by subject first, so that what strangers may do costs nothing.
Source: Kubernetes documentation, "Using RBAC Authorization".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from setpoint.apis.core import PolicyRule, Role, RoleBinding, RoleRef, Subject
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.rbac import GROUP, ClusterRole, ClusterRoleBinding
from setpoint.apis.selectors import selector_from_spec
from setpoint.core.access.request_info import RequestInfo
from setpoint.core.access.users import User, account_user_name

ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether it is allowed; `reason` names the binding that allows it."""

    allowed: bool
    reason: str = ""


MASTER_RULES = (
    PolicyRule(verbs=(ALL,), api_groups=(ALL,), resources=(ALL,)),
    PolicyRule(verbs=(ALL,), non_resource_urls=(ALL,)),
)


def rule_allows(rule: PolicyRule, info: RequestInfo) -> bool:
    """Whether this one rule allows the request."""
    if not (ALL in rule.verbs or info.verb in rule.verbs):
        return False
    if not info.is_resource:
        return any(path_matches(pattern, info.path) for pattern in rule.non_resource_urls)
    return (
        (ALL in rule.api_groups or info.group in rule.api_groups)
        and _names_resource(rule, info)
        and (not rule.resource_names or info.name in rule.resource_names)
    )


def _names_resource(rule: PolicyRule, info: RequestInfo) -> bool:
    if ALL in rule.resources or info.full_resource in rule.resources:
        return True
    return bool(info.subresource) and f"{ALL}/{info.subresource}" in rule.resources


def path_matches(pattern: str, path: str) -> bool:
    """`*` alone, or at the end, stands for anything.

    >>> path_matches("/apis/*", "/apis/batch"), path_matches("/apis", "/apis/batch")
    (True, False)
    """
    return pattern in (ALL, path) or (pattern.endswith(ALL) and path.startswith(pattern[:-1]))


def subject_matches(subject: Subject, user: User, namespace: str) -> bool:
    """Whether the subject of a binding, which lies in `namespace` ("" for the cluster), is the user."""
    match subject.kind:
        case "User":
            return subject.name == user.name
        case "Group":
            return subject.name in user.groups
        case "ServiceAccount":
            where = subject.namespace or namespace
            return bool(where) and account_user_name(where, subject.name) == user.name
    return False


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a binding gives to whom; `namespace` None is everywhere."""

    namespace: str | None
    binding: str
    role: RoleRef
    subjects: tuple[Subject, ...]


class Policy:
    """All RBAC objects at one instant.

    Args:
        roles: Of all namespaces.
        bindings: Of all namespaces.
        cluster_roles: Aggregated ones have the rules of those that their selectors name beside their own.
        cluster_bindings: Of the cluster.
    """

    def __init__(
        self,
        *,
        roles: Iterable[Role] = (),
        bindings: Iterable[RoleBinding] = (),
        cluster_roles: Iterable[ClusterRole] = (),
        cluster_bindings: Iterable[ClusterRoleBinding] = (),
    ) -> None:
        self._roles = {(item.metadata.namespace, item.metadata.name): item.rules for item in roles}
        self._cluster_roles = _with_aggregated({item.metadata.name: item for item in cluster_roles})
        self._grants = [
            *(_grant(None, "ClusterRoleBinding", item.metadata.name, item) for item in cluster_bindings),
            *(
                _grant(item.metadata.namespace, "RoleBinding", f"{item.metadata.name}/{item.metadata.namespace}", item)
                for item in bindings
            ),
        ]

    def authorize(self, user: User, info: RequestInfo) -> Decision:
        """The decision on one request."""
        if user.is_master:
            return Decision(allowed=True)
        for grant, subject in self._of(user, info.namespace if info.is_resource else ""):
            if any(rule_allows(rule, info) for rule in self.rules_of(grant.role, grant.namespace)):
                role = f"{grant.role.kind} {_quoted(grant.role.name)}"
                who = f"{subject.kind} {_quoted(_subject_name(subject))}"
                reason = f"RBAC: allowed by {grant.binding} of {role} to {who}"
                return Decision(allowed=True, reason=reason)
        return Decision(allowed=False)

    def rules_for(self, user: User, namespace: str) -> tuple[PolicyRule, ...]:
        """All rules that the user has in the namespace, those of the cluster among them; "" for those alone."""
        if user.is_master:
            return MASTER_RULES
        return tuple(
            rule for grant, _ in self._of(user, namespace) for rule in self.rules_of(grant.role, grant.namespace)
        )

    def rules_of(self, role: RoleRef, namespace: str | None) -> tuple[PolicyRule, ...]:
        """The rules of a role that a binding of the namespace (None: of the cluster) refers to; none if it is gone."""
        if role.api_group != GROUP:
            return ()
        if role.kind == "ClusterRole":
            return self._cluster_roles.get(role.name, ())
        if role.kind == "Role" and namespace is not None:
            return self._roles.get((namespace, role.name), ())
        return ()

    def _of(self, user: User, namespace: str) -> Iterator[tuple[_Grant, Subject]]:
        for grant in self._grants:
            if grant.namespace is None or (namespace and grant.namespace == namespace):
                for subject in grant.subjects:
                    if subject_matches(subject, user, grant.namespace or ""):
                        yield grant, subject
                        break


def _grant(namespace: str | None, kind: str, name: str, item: RoleBinding | ClusterRoleBinding) -> _Grant:
    return _Grant(namespace, f"{kind} {_quoted(name)}", item.role_ref, item.subjects)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _subject_name(subject: Subject) -> str:
    return f"{subject.name}/{subject.namespace}" if subject.kind == "ServiceAccount" else subject.name


def _with_aggregated(roles: dict[str, ClusterRole]) -> dict[str, tuple[PolicyRule, ...]]:
    """Rules by role. Aggregation goes through: edit takes what view has taken."""
    return {name: tuple(dict.fromkeys(_collected(role, roles, frozenset({name})))) for name, role in roles.items()}


def _collected(role: ClusterRole, roles: dict[str, ClusterRole], seen: frozenset[str]) -> Iterator[PolicyRule]:
    yield from role.rules
    if role.aggregation_rule is None:
        return
    for spec in role.aggregation_rule.cluster_role_selectors:
        for name, other in roles.items():
            if name not in seen and _selects(spec, other):
                yield from _collected(other, roles, seen | {name})


def _selects(spec: dict[str, Any], role: ClusterRole) -> bool:
    """A selector that cannot be read selects nothing."""
    try:
        return selector_from_spec(spec).matches(role.metadata.labels)
    except InvalidSpec:
        return False
