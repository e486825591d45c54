"""Access as the API server's own resources: reviews, tokens of service accounts, and what roles and bindings demand.

Each is a function of documents and the user who asks, so that a server may call it wherever it has these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from setpoint.apis.core import PolicyRule, Role, RoleBinding, RoleRef
from setpoint.apis.definitions import ResourceDefinition
from setpoint.apis.errors import Forbidden, InvalidSpec, NotFound
from setpoint.apis.meta import ObjectMeta
from setpoint.apis.rbac import GROUP, AggregationRule, ClusterRole, ClusterRoleBinding
from setpoint.core.access import (
    AUDIENCE,
    LOCAL_ADMIN,
    REVIEWS,
    Policy,
    RequestInfo,
    User,
    check_binding,
    check_role,
    review,
)
from setpoint.ports.access import PolicySource, TokenIssuer

Json = dict[str, Any]
Grant = Role | ClusterRole | RoleBinding | ClusterRoleBinding
GRANTS = {
    "Role": "roles",
    "ClusterRole": "clusterroles",
    "RoleBinding": "rolebindings",
    "ClusterRoleBinding": "clusterrolebindings",
}
_HOUR = 3600


class AccessHooks:
    """What a Kubernetes API server calls. A user of None is the local admin."""

    def __init__(self, source: PolicySource, issuer: TokenIssuer) -> None:
        self._source, self._issuer = source, issuer

    def reviews(self) -> Mapping[str, Callable[[Json, str, User | None], Awaitable[Json]]]:
        """`Kind.group` to `(document, namespace, user) -> document`."""
        return {f"{kind}.{version.partition('/')[0]}": self.review for version, kind in REVIEWS.values()}

    def subcreates(self) -> Mapping[str, Callable[[str, str, Json, User | None], Awaitable[Json]]]:
        """`Kind/subresource` to `(namespace, name, document, user) -> document`."""
        return {"ServiceAccount/token": self.token}

    def admitters(self) -> Mapping[str, Callable[[Json, Json | None, User | None], Awaitable[Json]]]:
        """`Kind.group` to `(new, old, user) -> document`."""
        return {f"{kind}.{GROUP}": self.admit for kind in GRANTS}

    async def review(self, document: Json, namespace: str, user: User | None) -> Json:
        """Answer a review. Raises: InvalidSpec."""
        return review(document, user or LOCAL_ADMIN, await self._source.policy(), namespace=namespace)

    async def token(self, namespace: str, name: str, document: Json, user: User | None) -> Json:
        """Answer a TokenRequest. Raises: InvalidSpec."""
        spec = document.get("spec") or {}
        seconds = spec.get("expirationSeconds") or _HOUR
        bound = spec.get("boundObjectRef") or {}
        audiences = spec.get("audiences") or [AUDIENCE]
        if AUDIENCE not in audiences:
            raise InvalidSpec("tokens are for the API server only", path="spec.audiences", allowed=(AUDIENCE,))
        if not isinstance(seconds, int):
            raise InvalidSpec("must be a whole number", path="spec.expirationSeconds")
        if bound and bound.get("kind") != "Pod":
            raise InvalidSpec("only pods can be bound to", path="spec.boundObjectRef.kind", allowed=("Pod",))
        pod = (str(bound.get("name", "")), str(bound.get("uid", ""))) if bound else None
        if pod is not None and not await self._source.has_pod(namespace, *pod):
            raise NotFound("Pod", pod[0], namespace)
        if name != "default" and not await self._source.has_account(namespace, name):
            raise NotFound("ServiceAccount", name, namespace)
        issued = await self._issuer.issue(namespace, name, seconds, pod=pod)
        expires = datetime.fromtimestamp(issued.claims.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {**spec, "audiences": list(issued.claims.audiences), "expirationSeconds": seconds},
            "status": {"token": issued.token, "expirationTimestamp": expires},
        }

    async def may_create(self, kind: ResourceDefinition, namespace: str, name: str, user: User | None) -> None:
        """Who applies an object that is not there creates it, and needs both rights. Raises: Forbidden."""
        if user is None or user.is_master:
            return
        info = RequestInfo(
            verb="create",
            group=kind.group,
            version=kind.version,
            resource=kind.plural,
            namespace=namespace,
            name=name,
        )
        if not (await self._source.policy()).authorize(user, info).allowed:
            raise Forbidden(info.forbidden(user.name))

    async def admit(self, new: Json, old: Json | None, user: User | None) -> Json:
        """The document as it is, if its writer has all that it gives. Raises: Forbidden; InvalidSpec: unreadable."""
        if user is None or user.is_master or (old is not None and _gives(new) == _gives(old)):
            return new
        try:
            grant = read_grant(GRANTS[new.get("kind", "")], new)
        except (msgspec.ValidationError, KeyError) as error:
            raise InvalidSpec(f"the rules cannot be read: {error}") from error
        check_grant(grant, user, await self._source.policy())
        return new


def _gives(document: Json) -> tuple[Any, ...]:
    """What of a role or a binding decides who may do what."""
    return tuple(document.get(key) or None for key in ("rules", "aggregationRule", "roleRef", "subjects"))


def read_grant(plural: str, document: Json) -> Grant:
    """What the document gives; all else of the object does not matter here. Raises: msgspec.ValidationError."""
    about = document.get("metadata") or {}
    metadata = ObjectMeta(name=str(about.get("name", "")), namespace=str(about.get("namespace", "")))
    if plural.endswith("bindings"):
        role = msgspec.convert(document.get("roleRef"), RoleRef)
        if plural == "rolebindings":
            return RoleBinding(metadata=metadata, role_ref=role)
        return ClusterRoleBinding(metadata=metadata, role_ref=role)
    rules = msgspec.convert(document.get("rules") or [], tuple[PolicyRule, ...])
    if plural == "roles":
        return Role(metadata=metadata, rules=rules)
    whole = AggregationRule() if document.get("aggregationRule") else None
    return ClusterRole(metadata=metadata, rules=rules, aggregation_rule=whole)


def check_grant(grant: Grant, user: User, policy: Policy) -> None:
    """Raises: Forbidden: The user has not all that it gives."""
    if isinstance(grant, Role | ClusterRole):
        check_role(policy, user, grant)
    else:
        check_binding(policy, user, grant)
