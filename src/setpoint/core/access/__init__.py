"""Access, pure: what a request wants, who asks, and whether the rules allow it."""

from setpoint.core.access.argo_requests import UPLOADS, is_long_running, read_argo_request
from setpoint.core.access.buckets import Bucket
from setpoint.core.access.builtin import default_cluster_bindings, default_cluster_roles
from setpoint.core.access.escalation import check_binding, check_role, uncovered
from setpoint.core.access.request_info import RequestInfo, read_request
from setpoint.core.access.reviews import REVIEWS, review
from setpoint.core.access.rules import Decision, Policy, rule_allows
from setpoint.core.access.service_tokens import AUDIENCE, SHORTEST_SECONDS, TokenClaims, sign, verify
from setpoint.core.access.users import (
    ANONYMOUS,
    AUTHENTICATED,
    LOCAL_ADMIN,
    MASTERS,
    User,
    service_account_user,
    split_account,
)

__all__ = [
    "ANONYMOUS",
    "AUDIENCE",
    "AUTHENTICATED",
    "LOCAL_ADMIN",
    "MASTERS",
    "REVIEWS",
    "SHORTEST_SECONDS",
    "UPLOADS",
    "Bucket",
    "Decision",
    "Policy",
    "RequestInfo",
    "TokenClaims",
    "User",
    "check_binding",
    "check_role",
    "default_cluster_bindings",
    "default_cluster_roles",
    "is_long_running",
    "read_argo_request",
    "read_request",
    "review",
    "rule_allows",
    "service_account_user",
    "sign",
    "split_account",
    "uncovered",
    "verify",
]
