"""Whoever writes roles and bindings over HTTP gives nothing that he has not; see `core.access.escalation`.

A whole object is judged as it comes. What a patch would make of an object is not known here, so patches are for those
who may escalate (roles) or bind (bindings) whatever comes of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from setpoint.apis.core import PolicyRule, Role, RoleBinding, RoleRef
from setpoint.apis.errors import Forbidden
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.rbac import GROUP, AggregationRule, ClusterRole, ClusterRoleBinding
from setpoint.core.access import Policy, RequestInfo, User, check_binding, check_role
from setpoint.server.access.refusals import Refusal

_KINDS = frozenset({"roles", "clusterroles", "rolebindings", "clusterrolebindings"})


def writes_grants(info: RequestInfo) -> bool:
    """Whether rights are given by the request."""
    return info.group == GROUP and info.resource in _KINDS and info.verb in ("create", "update", "patch")


def check_grants(info: RequestInfo, media: str, body: bytes, user: User, policy: Policy) -> None:
    """Raises: Refusal 403: More would be given than the user has; 415: the body cannot be read here."""
    if user.is_master:
        return
    if info.verb == "patch":
        verb = "bind" if info.resource.endswith("bindings") else "escalate"
        wanted = RequestInfo(
            verb=verb, group=GROUP, version=info.version, resource=info.resource, namespace=info.namespace
        )
        if not policy.authorize(user, wanted).allowed:
            text = f"{info.forbidden(user.name)}: a patch needs the verb {verb!r}; replace the object instead"
            raise Refusal(403, "Forbidden", text)
        return
    if media.partition(";")[0].strip().lower() not in ("", "application/json"):
        raise Refusal(415, "UnsupportedMediaType", "roles and bindings are taken as application/json only")
    try:
        _check(_written(info, body), user, policy)
    except (msgspec.DecodeError, AttributeError):  # what cannot be judged is not let through
        raise Refusal(400, "BadRequest", f"the {info.resource} of the body cannot be read") from None
    except Forbidden as error:
        raise Refusal(403, "Forbidden", str(error)) from None


def _check(written: Role | ClusterRole | RoleBinding | ClusterRoleBinding, user: User, policy: Policy) -> None:
    if isinstance(written, Role | ClusterRole):
        check_role(policy, user, written)
    else:
        check_binding(policy, user, written)


def _written(info: RequestInfo, body: bytes) -> Role | ClusterRole | RoleBinding | ClusterRoleBinding:
    """What the body gives, in the namespace of the path; all else of the object does not matter here."""
    document = msgspec.json.decode(body, type=dict[str, Any])
    name = info.name or str((document.get("metadata") or {}).get("name", ""))
    metadata = ObjectMeta(name=name, namespace=info.namespace)
    if info.resource.endswith("bindings"):
        role = msgspec.convert(document.get("roleRef"), RoleRef)
        if info.resource == "rolebindings":
            return RoleBinding(metadata=metadata, role_ref=role)
        return ClusterRoleBinding(metadata=metadata, role_ref=role)
    rules = msgspec.convert(document.get("rules") or [], tuple[PolicyRule, ...])
    if info.resource == "roles":
        return Role(metadata=metadata, rules=rules)
    whole = AggregationRule() if document.get("aggregationRule") else None
    return ClusterRole(metadata=metadata, rules=rules, aggregation_rule=whole)
