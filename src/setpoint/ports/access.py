"""What the servers ask to know who asks and what he may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from setpoint.core.access import Policy, TokenClaims, User


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A new token of a service account; the repr shows no token."""

    token: str
    claims: TokenClaims

    def __repr__(self) -> str:
        """Whose it is, and for how long."""
        claims = self.claims
        return f"IssuedToken({claims.namespace}/{claims.account}, expires_at={claims.expires_at})"


class PolicySource(Protocol):
    """The RBAC objects and service accounts, as last heard of."""

    async def policy(self) -> Policy:
        """The rules in force; waits for the first list only."""
        ...

    async def account_uid(self, namespace: str, name: str) -> str:
        """Uid of a service account; one that no object stands for has a uid that follows from its name."""
        ...

    async def has_account(self, namespace: str, name: str) -> bool:
        """Whether an object stands for the service account."""
        ...

    async def has_pod(self, namespace: str, name: str, uid: str) -> bool:
        """Whether the pod that a token is bound to is there still."""
        ...


class People(Protocol):
    """Tokens of people."""

    def find(self, digest: str) -> User | None:
        """Who has the token of that SHA-256 (hex); None if nobody has."""
        ...


class AuditSink(Protocol):
    """Where audit events go; it must not wait, and never fails its caller."""

    def record(self, event: Mapping[str, Any]) -> None:
        """Keep one event of audit.k8s.io/v1."""
        ...


class TokenIssuer(Protocol):
    """Makes tokens of service accounts."""

    async def issue(
        self, namespace: str, name: str, seconds: int = 3600, *, pod: tuple[str, str] | None = None
    ) -> IssuedToken:
        """A token for so many seconds. `pod` is name and uid of the pod it is bound to.

        Raises: InvalidSpec: The time is shorter than Kubernetes allows, or longer than a day.
        """
        ...
