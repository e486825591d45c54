"""Tokens of service accounts: signed, in time, for the API server, and of one form only."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from setpoint.core.access import TokenClaims, sign, verify

KEY = b"k" * 32
CLAIMS = TokenClaims(namespace="a", account="s", account_uid="u", issued_at=1000, expires_at=2000, pod=("p", "pu"))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_was_signed_is_read_again() -> None:
    token = sign(CLAIMS, KEY)
    assert verify(token, KEY, 1500) == CLAIMS
    head, payload, _ = token.split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "HS256", "typ": "JWT"}
    body = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert body["sub"] == "system:serviceaccount:a:s"
    assert body["kubernetes.io"]["pod"] == {"name": "p", "uid": "pu"}
    user = CLAIMS.user()
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated")
    assert user.extra["authentication.kubernetes.io/pod-name"] == ("p",)


@pytest.mark.parametrize("now", [989, 2000, 9999])
def test_before_and_after_its_time_it_is_worth_nothing(now: int) -> None:
    assert verify(sign(CLAIMS, KEY), KEY, now) is None


def test_another_key_another_audience_and_every_changed_letter_are_refused() -> None:
    token = sign(CLAIMS, KEY)
    assert verify(token, b"x" * 32, 1500) is None
    assert verify(sign(replace(CLAIMS, audiences=("vault",)), KEY), KEY, 1500) is None
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        assert verify(token[:place] + other + token[place + 1 :], KEY, 1500) is None


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.b.c", "a" * 10_000 + "..", "a.b.c.d"])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert verify(token, KEY, 1500) is None


def test_a_token_without_signature_is_none_whatever_its_head_says() -> None:
    _, payload, _ = sign(CLAIMS, KEY).split(".")
    for head in ({"alg": "none", "typ": "JWT"}, {"alg": "none"}, {}):
        assert verify(f"{part(head)}.{payload}.", KEY, 1500) is None
