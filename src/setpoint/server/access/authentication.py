"""Who asks: by bearer token, or, on a loopback that is trusted, by being there.

Client certificates are not asked for. Tokens are compared by their hashes, so that time tells nothing of them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.access import LOCAL_ADMIN, User, verify
from setpoint.ports.access import People, PolicySource
from setpoint.ports.clock import Clock
from setpoint.server.access.refusals import Refusal

_CHALLENGE = {"www-authenticate": "Bearer"}
Trusts = Callable[[Mapping[str, Any]], bool]
"""Whether the other end of a connection (an ASGI scope) is a process of the user whose control plane this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """The ways to have a name.

    Args:
        own_token: That of the control plane itself; whoever has it is the local admin.
        key: What tokens of service accounts are signed with; None: there are none yet.
        people: Tokens of people.
        source: Knows which service accounts there are.
        trusts: None: a token is always needed.
        clock: For the time of tokens.
    """

    own_token: str
    key: Callable[[], bytes | None]
    people: People
    source: PolicySource
    trusts: Trusts | None
    clock: Clock

    async def user(self, scope: Mapping[str, Any], authorization: str) -> User:
        """Who asks. Raises: Refusal 401."""
        if not authorization:
            if self.trusts is not None and self.trusts(scope):
                return LOCAL_ADMIN
            raise Refusal(401, "Unauthorized", "Unauthorized: a bearer token is needed", _CHALLENGE)
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        found = await self._known(token) if scheme.lower() == "bearer" and token else None
        if found is None:
            raise Refusal(401, "Unauthorized", "Unauthorized: the credentials are not known", _CHALLENGE)
        return found

    async def _known(self, token: str) -> User | None:
        digest = hashlib.sha256(token.encode(errors="replace")).hexdigest()
        if hmac.compare_digest(digest, hashlib.sha256(self.own_token.encode()).hexdigest()):
            return LOCAL_ADMIN
        if token.count(".") == 2:
            return await self._account(token)
        return self.people.find(digest)

    async def _account(self, token: str) -> User | None:
        key = self.key()
        claims = verify(token, key, int(self.clock.now().timestamp())) if key is not None else None
        if claims is None or claims.account_uid != await self.source.account_uid(claims.namespace, claims.account):
            return None
        if claims.pod is not None and not await self.source.has_pod(claims.namespace, *claims.pod):
            return None
        return claims.user()
