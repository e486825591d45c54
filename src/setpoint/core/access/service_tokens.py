"""Tokens of service accounts: signed claims in the form of JSON Web Tokens, HS256.

Pure: key and time are arguments. One key of the state directory signs and checks; nobody else needs to check them.
Source: RFC 7519, RFC 7515, RFC 7518 section 3.2; Kubernetes documentation, "Managing Service Accounts" (claims).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from setpoint.core.access.users import User, account_user_name, service_account_user

ISSUER = "https://kubernetes.default.svc"
AUDIENCE = ISSUER
SHORTEST_SECONDS = 600
"""Kubernetes gives no token for less."""

_HEADER = {"alg": "HS256", "typ": "JWT"}
_LONGEST = 8192
_LEEWAY_SECONDS = 10  # between the clocks of one machine there is none, but the clock may be set back a little


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """What a token says; times in whole seconds since 1970. `pod` is name and uid of the pod that it is bound to."""

    namespace: str
    account: str
    account_uid: str
    issued_at: int
    expires_at: int
    pod: tuple[str, str] | None = None
    audiences: tuple[str, ...] = (AUDIENCE,)

    def user(self) -> User:
        """Who has the token."""
        extra = {}
        if self.pod is not None:
            extra = {
                "authentication.kubernetes.io/pod-name": (self.pod[0],),
                "authentication.kubernetes.io/pod-uid": (self.pod[1],),
            }
        return service_account_user(self.namespace, self.account, self.account_uid, extra)


def sign(claims: TokenClaims, key: bytes) -> str:
    """The token: header, claims and signature, joined by dots."""
    about: dict[str, Any] = {
        "namespace": claims.namespace,
        "serviceaccount": {"name": claims.account, "uid": claims.account_uid},
    }
    if claims.pod is not None:
        about["pod"] = {"name": claims.pod[0], "uid": claims.pod[1]}
    payload = {
        "iss": ISSUER,
        "sub": account_user_name(claims.namespace, claims.account),
        "aud": list(claims.audiences),
        "iat": claims.issued_at,
        "nbf": claims.issued_at,
        "exp": claims.expires_at,
        "kubernetes.io": about,
    }
    signed = f"{_encoded(_HEADER)}.{_encoded(payload)}"
    return f"{signed}.{_text(_signature(signed, key))}"


def verify(token: str, key: bytes, now: int) -> TokenClaims | None:
    """What the token says if it was signed with the key, is for the API server and is in its time; else None."""
    signed, _, signature = token.rpartition(".")
    header, dot, payload = signed.partition(".")
    if len(token) > _LONGEST or not dot or not token.isascii():
        return None
    if not hmac.compare_digest(signature.encode(), _text(_signature(signed, key)).encode()):
        return None
    try:
        if _decoded(header) != _HEADER:  # a token that names another method was not made here
            return None
        found = _claims(_decoded(payload))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None
    in_time = found.issued_at - _LEEWAY_SECONDS <= now < found.expires_at
    return found if in_time and AUDIENCE in found.audiences else None


def _claims(payload: dict[str, Any]) -> TokenClaims:
    about = payload["kubernetes.io"]
    account, pod = about["serviceaccount"], about.get("pod")
    if payload["iss"] != ISSUER or payload["sub"] != account_user_name(about["namespace"], account["name"]):
        raise ValueError("issuer or subject is another")
    return TokenClaims(
        namespace=about["namespace"],
        account=account["name"],
        account_uid=account["uid"],
        issued_at=int(payload["iat"]),
        expires_at=int(payload["exp"]),
        pod=(pod["name"], pod["uid"]) if pod else None,
        audiences=tuple(payload["aud"]),
    )


def _signature(signed: str, key: bytes) -> bytes:
    return hmac.new(key, signed.encode(), hashlib.sha256).digest()


def _encoded(value: dict[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> dict[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(value, dict):
        raise TypeError("is no object")
    return value
