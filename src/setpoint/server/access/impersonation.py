"""`kubectl --as`: a user who may impersonate another acts as that one.

Source: Kubernetes documentation, "User Impersonation". Impersonate-Uid and Impersonate-Extra are refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from setpoint.core.access import AUTHENTICATED, Policy, RequestInfo, User, service_account_user, split_account
from setpoint.server.access.refusals import Refusal

_PREFIX = b"impersonate-"


def impersonated(headers: Iterable[tuple[bytes, bytes]], user: User, policy: Policy) -> User:
    """The user that is meant, `user` himself if the headers name no other. Raises: Refusal 403 or 400."""
    name, groups = "", []
    for key, value in headers:
        if not key.startswith(_PREFIX):
            continue
        text = value.decode("latin-1")
        if key == b"impersonate-user":
            name = text
        elif key == b"impersonate-group":
            groups.append(text)
        else:
            raise Refusal(400, "BadRequest", f"{key.decode('latin-1')} is not supported")
    if not name and not groups:
        return user
    if not name:
        raise Refusal(400, "BadRequest", "Impersonate-Group needs Impersonate-User")
    account = split_account(name)
    if account is not None:
        _check(policy, user, "serviceaccounts", account[1], account[0])
    else:
        _check(policy, user, "users", name)
    for group in groups:
        _check(policy, user, "groups", group)
    if account is not None and not groups:
        return service_account_user(*account)
    return User(name=name, groups=(*groups, *(() if AUTHENTICATED in groups else (AUTHENTICATED,))))


def _check(policy: Policy, user: User, resource: str, name: str, namespace: str = "") -> None:
    info = RequestInfo(verb="impersonate", resource=resource, name=name, namespace=namespace)
    if not policy.authorize(user, info).allowed:
        raise Refusal(403, "Forbidden", info.forbidden(user.name))
