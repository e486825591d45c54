"""Http templates: the request that one stands for, and what its reply means. Pure: secrets are handed in.

Source: SEMANTICS sections 12 and 13 (http); argo-workflows `executeHTTPTemplate`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from setpoint.apis.argo import HTTP, NodePhase, SecretKeySelector
from setpoint.apis.errors import InvalidSpec
from setpoint.apis.http import HttpReply, HttpRequest
from setpoint.core.expr import Ambient, ExpressionError, evaluate


def secret_of(value_from: dict[str, Any] | None) -> SecretKeySelector | None:
    """The secret that a header's `valueFrom` names, None without one."""
    ref = (value_from or {}).get("secretKeyRef")
    return SecretKeySelector(name=str(ref.get("name", "")), key=str(ref.get("key", ""))) if ref else None


def body_of(http: HTTP) -> bytes:
    """The body: the bytes of `bodyFrom`, given as base64, else the text. Raises: InvalidSpec."""
    if http.body_from is None:
        return http.body.encode()
    try:
        return base64.b64decode(str(http.body_from.get("bytes") or ""), validate=True)
    except binascii.Error as error:
        raise InvalidSpec(f"http.bodyFrom.bytes is no base64: {error}", path="http.bodyFrom.bytes") from error


def make_request(http: HTTP, secret: Callable[[SecretKeySelector], str]) -> HttpRequest:
    """The request; `secret` gives the value of a key of a secret.

    Raises: InvalidSpec; what `secret` raises.
    """
    headers = tuple(
        (item.name, secret(ref) if (ref := secret_of(item.value_from)) is not None else item.value)
        for item in http.headers
    )
    return HttpRequest(
        method=http.method or "GET",
        url=http.url,
        headers=headers,
        body=body_of(http),
        timeout_seconds=http.timeout_seconds,
        insecure_skip_verify=http.insecure_skip_verify,
    )


def judge_reply(http: HTTP, reply: HttpReply, ambient: Ambient | None = None) -> tuple[NodePhase, str]:
    """Phase and message of the node.

    Raises: ExpressionError for a successCondition that cannot be evaluated or is not boolean.
    """
    if not http.success_condition:
        if 200 <= reply.status < 300:
            return NodePhase.SUCCEEDED, ""
        return NodePhase.FAILED, f"received non-2xx response code: {reply.status}"
    value = evaluate(http.success_condition, _environment(http, reply), argo=False, ambient=ambient)
    if not isinstance(value, bool):
        raise ExpressionError(f"unable to cast expression result '{value}' to bool", text=http.success_condition)
    if value:
        return NodePhase.SUCCEEDED, ""
    return NodePhase.FAILED, f"successCondition '{http.success_condition}' evaluated false"


def _environment(http: HTTP, reply: HttpReply) -> dict[str, Any]:
    """What the condition sees; of headers from secrets only the name."""
    headers: dict[str, list[str]] = {}
    for item in http.headers:
        headers.setdefault(item.name, []).append(item.value)
    return {
        "request": {
            "method": http.method,
            "url": http.url,
            "body": http.body,
            "bodyBytes": list(body_of(http)) if http.body_from is not None else [],
            "headers": headers,
        },
        "response": {"statusCode": reply.status, "body": reply.text, "headers": reply.headers},
    }
