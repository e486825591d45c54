"""Who asks: a user as Kubernetes knows one, and the names that service accounts have as users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MASTERS = "system:masters"
"""Group whose members may do everything."""

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
SERVICE_ACCOUNTS = "system:serviceaccounts"
_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A name, an id that no later user of that name has, groups, and what else was learnt on the way."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_master(self) -> bool:
        """Whether no rule is asked."""
        return MASTERS in self.groups

    def to_wire(self) -> dict[str, Any]:
        """`authentication.k8s.io/v1` UserInfo."""
        wire: dict[str, Any] = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            wire["uid"] = self.uid
        if self.extra:
            wire["extra"] = {key: list(values) for key, values in self.extra.items()}
        return wire


LOCAL_ADMIN = User(name="setpoint:admin", groups=(MASTERS, AUTHENTICATED))
"""Whoever has the state directory: the command line, the own token, and loopback without one."""

ANONYMOUS = User(name="system:anonymous", groups=(UNAUTHENTICATED,))


def service_account_user(
    namespace: str, name: str, uid: str = "", extra: Mapping[str, tuple[str, ...]] | None = None
) -> User:
    """The user that a service account is."""
    groups = (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}", AUTHENTICATED)
    return User(name=account_user_name(namespace, name), uid=uid, groups=groups, extra=extra or {})


def account_user_name(namespace: str, name: str) -> str:
    """`system:serviceaccount:NAMESPACE:NAME`."""
    return f"{_PREFIX}{namespace}:{name}"


def split_account(user_name: str) -> tuple[str, str] | None:
    """Namespace and name of the service account that the user is; None if it is none."""
    if not user_name.startswith(_PREFIX):
        return None
    namespace, _, name = user_name.removeprefix(_PREFIX).partition(":")
    return (namespace, name) if namespace and name else None
