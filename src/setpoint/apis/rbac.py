"""rbac.authorization.k8s.io/v1 kinds of the whole cluster; Role and RoleBinding are in `apis.core`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from setpoint.apis.core import PolicyRule, RoleRef, Subject
from setpoint.apis.meta import Resource, Wire
from setpoint.apis.references import LabelSelector
from setpoint.apis.shapes import shape

GROUP = "rbac.authorization.k8s.io"


class AggregationRule(Wire, frozen=True, kw_only=True):
    """A cluster role takes the rules of all cluster roles that one of the label selectors names."""

    cluster_role_selectors: tuple[Annotated[dict[str, Any], shape(LabelSelector)], ...] = ()


class ClusterRole(Resource, frozen=True, kw_only=True):
    """rbac/v1 ClusterRole; cluster-scoped."""

    API_VERSION: ClassVar[str] = "rbac.authorization.k8s.io/v1"
    KIND: ClassVar[str] = "ClusterRole"
    PLURAL: ClassVar[str] = "clusterroles"
    NAMESPACED: ClassVar[bool] = False

    rules: tuple[PolicyRule, ...] = ()
    aggregation_rule: AggregationRule | None = None


class ClusterRoleBinding(Resource, frozen=True, kw_only=True):
    """rbac/v1 ClusterRoleBinding; cluster-scoped."""

    API_VERSION: ClassVar[str] = "rbac.authorization.k8s.io/v1"
    KIND: ClassVar[str] = "ClusterRoleBinding"
    PLURAL: ClassVar[str] = "clusterrolebindings"
    NAMESPACED: ClassVar[bool] = False

    role_ref: RoleRef
    subjects: tuple[Subject, ...] = ()
